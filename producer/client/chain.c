/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/chain.h"

#include "producer/client/client.h"

void chain_strings_fini(struct chain_strings *s)
{
    buf_fini(&s->view);
    buf_fini(&s->value);
    buf_fini(&s->text);
    buf_fini(&s->queue);
}

const char *reeve_session_state_name(enum reeve_session_state state)
{
    return session_state_name((unsigned)state);
}

/* --- what is answered ------------------------------------------------------------------------ */

static const char *refusal(const struct msg_error *m, struct buf *scratch)
{
    struct bytes text = m->text.size ? m->text : bytes_text(err_text((unsigned)m->code));
    buf_put(scratch, text.data, text.size);
    return buf_text(scratch);
}

static int code_of(const struct record *answer)
{
    if (answer->type != REC_error)
        return REEVE_OK;
    return answer->error.code ? (int)answer->error.code : REEVE_EIO;
}

static struct bytes keep(struct buf *to, struct bytes from)
{
    buf_clear(to);
    buf_put(to, from.data, from.size);
    return buf_bytes(to);
}

/* Everything is copied into s. */
static void session_read(struct reeve_session *out, struct chain_strings *s,
                         const struct msg_session *m)
{
    struct bytes view = keep(&s->view, m->view), value = keep(&s->value, m->value);
    s->reason[0] = 0;
    if (m->reason != REASON_NONE)
        reason_text((unsigned)m->reason, (unsigned)m->detail, s->reason);
    keep(&s->queue, m->queue);
    buf_clear(&s->text);
    if (job_ended((enum job_state)m->job_state))
        result_text(&s->text, m->value, (unsigned)m->job_state, s->reason);
    *out = (struct reeve_session){.id = m->id,
                                  .code = REEVE_OK,
                                  .state = (enum reeve_session_state)m->state,
                                  .job_state = (enum reeve_state)m->job_state,
                                  .iteration = m->iteration,
                                  .queue = buf_text(&s->queue),
                                  .view = view.data,
                                  .view_size = view.size,
                                  .value = value.data,
                                  .size = value.size,
                                  .text = buf_text(&s->text),
                                  .reason = s->reason,
                                  .submitted_ms = m->submitted_ms,
                                  .ended_ms = m->ended_ms};
}

/* --- without waiting ------------------------------------------------------------------------- */

/* Whom to call back. */
struct told {
    uint64_t id;
    reeve_on_done *done;
    reeve_on_session *session;
    void *user;
};

static void answered(void *user, const struct record *answer)
{
    const struct told *told = user;
    struct buf scratch = {0};
    if (told->done && answer->type != REC_NONE)
        told->done(told->user, code_of(answer),
                   answer->type == REC_error ? refusal(&answer->error, &scratch) : "");
    buf_fini(&scratch);
}

static void session_answered(void *user, const struct record *answer)
{
    const struct told *told = user;
    struct chain_strings strings = {0};
    struct reeve_session session = {
        .id = told->id, .code = code_of(answer), .queue = "", .text = "", .reason = ""};
    if (answer->type == REC_session)
        session_read(&session, &strings, &answer->session);
    else if (answer->type == REC_error)
        session.text = refusal(&answer->error, &strings.text);
    if (told->session && answer->type != REC_NONE)
        told->session(told->user, &session);
    chain_strings_fini(&strings);
}

static void ask_later(struct reeve_client *c, struct record *request, ask_answer *answer,
                      const struct told *whom)
{
    struct told *told = must_alloc(sizeof *told);
    *told = *whom;
    client_ask_start(c, request, answer, told);
}

static int word_check(struct reeve_client *c, struct bytes value)
{
    if (value.size > STATE_BYTES_MAX)
        return client_fail(c, ERR_TOO_LARGE, "a word of %zu bytes, at most %d are taken",
                           value.size, STATE_BYTES_MAX);
    if (value.size && !pack_valid(value))
        return client_fail(c, ERR_INVALID, "the word is not one msgpack value");
    return 0;
}

static struct record tell_of(uint64_t id, uint64_t iteration, struct bytes value)
{
    return (struct record){.type = REC_tell,
                           .tell = {.id = id, .iteration = iteration, .value = value}};
}

int reeve_tell(struct reeve_client *c, uint64_t id, uint64_t iteration, const void *value,
               size_t size, reeve_on_done *done, void *user)
{
    struct record r = tell_of(id, iteration, bytes_of(value, size));
    int rc = word_check(c, r.tell.value);
    if (rc == 0)
        ask_later(c, &r, answered, &(struct told){.id = id, .done = done, .user = user});
    return rc;
}

void reeve_pause(struct reeve_client *c, uint64_t id, reeve_on_done *done, void *user)
{
    struct record r = {.type = REC_pause, .pause = {.id = id}};
    ask_later(c, &r, answered, &(struct told){.id = id, .done = done, .user = user});
}

void reeve_resume(struct reeve_client *c, uint64_t id, reeve_on_done *done, void *user)
{
    struct record r = {.type = REC_resume, .resume = {.id = id}};
    ask_later(c, &r, answered, &(struct told){.id = id, .done = done, .user = user});
}

void reeve_drop(struct reeve_client *c, uint64_t id, reeve_on_done *done, void *user)
{
    struct record r = {.type = REC_drop, .drop = {.id = id}};
    ask_later(c, &r, answered, &(struct told){.id = id, .done = done, .user = user});
}

void reeve_get_session(struct reeve_client *c, uint64_t id, reeve_on_session *session, void *user)
{
    struct record r = {.type = REC_get_session, .get_session = {.id = id}};
    ask_later(c, &r, session_answered, &(struct told){.id = id, .session = session, .user = user});
}

/* --- with waiting ---------------------------------------------------------------------------- */

int reeve_tell_wait(struct reeve_client *c, uint64_t id, uint64_t iteration, const void *value,
                    size_t size, int timeout_ms)
{
    struct record r = tell_of(id, iteration, bytes_of(value, size));
    int rc = word_check(c, r.tell.value);
    return rc ? rc : client_ask(c, &r, NULL, NULL, timeout_ms);
}

int reeve_pause_wait(struct reeve_client *c, uint64_t id, int timeout_ms)
{
    struct record r = {.type = REC_pause, .pause = {.id = id}};
    return client_ask(c, &r, NULL, NULL, timeout_ms);
}

int reeve_resume_wait(struct reeve_client *c, uint64_t id, int timeout_ms)
{
    struct record r = {.type = REC_resume, .resume = {.id = id}};
    return client_ask(c, &r, NULL, NULL, timeout_ms);
}

int reeve_drop_wait(struct reeve_client *c, uint64_t id, int timeout_ms)
{
    struct record r = {.type = REC_drop, .drop = {.id = id}};
    return client_ask(c, &r, NULL, NULL, timeout_ms);
}

struct waited_session {
    struct reeve_client *client;
    struct reeve_session *session;
};

static void session_waited(void *user, const struct record *answer)
{
    const struct waited_session *waited = user;
    if (answer->type == REC_session)
        session_read(waited->session, &waited->client->chain_kept, &answer->session);
}

int reeve_get_session_wait(struct reeve_client *c, uint64_t id, int timeout_ms,
                           struct reeve_session *session)
{
    struct record r = {.type = REC_get_session, .get_session = {.id = id}};
    struct waited_session waited = {.client = c, .session = session};
    return client_ask(c, &r, session_waited, &waited, timeout_ms);
}
