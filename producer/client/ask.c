/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: asked, asked again after a lost connection, over with their last answer.
 */
#include "producer/client/client.h"

static struct ask *ask_find(const struct reeve_client *c, uint64_t number)
{
    list_each(l, &c->asks)
    {
        struct ask *ask = container_of(l, struct ask, link);
        if (ask->number == number)
            return ask;
    }
    return NULL;
}

static bool is_last(enum record_type request, enum record_type answer)
{
    switch (answer) {
    case REC_queue:
    case REC_worker:
    case REC_slot:
    case REC_update:
    case REC_lost:
    case REC_attempt:
    case REC_explanation:
    case REC_histogram:
    case REC_counter:
    case REC_task:
    case REC_feed: return false;
    case REC_job: return request == REC_get_job;
    default: return true;
    }
}

static void ask_say(struct reeve_client *c, struct ask *ask)
{
    if (ask->said && ask->answer && !c->closing)
        ask->answer(ask->user, &(const struct record){.type = REC_NONE});
    outbox_put(&c->wire.out, buf_bytes(&ask->record));
    ask->again = ask->said;
    ask->said = true;
}

/* Asked again because its answer was lost with the connection, it meets what it has done itself. */
static bool holds_already(const struct ask *ask, uint64_t code)
{
    if (!ask->again)
        return false;
    switch (ask->type) {
    case REC_tell: return code == ERR_NOT_ASKING || code == ERR_ENDED;
    case REC_pause: return code == ERR_PAUSED;
    case REC_resume: return code == ERR_NOT_PAUSED;
    case REC_drop: return code == ERR_UNKNOWN_JOB;
    default: return false;
    }
}

static void ask_free(struct ask *ask)
{
    link_take(&ask->link);
    buf_fini(&ask->record);
    free(ask->user);
    free(ask);
}

void ask_record(struct reeve_client *c, uint64_t number, const struct record *r)
{
    struct ask *ask = ask_find(c, number);
    if (!ask || ask->over)
        return;
    ask->over = is_last(ask->type, r->type);
    const struct record done = {.type = REC_done, .done = {.number = number}};
    if (r->type == REC_error && holds_already(ask, r->error.code))
        r = &done;
    if (r->type == REC_error) {
        struct bytes text = r->error.text;
        ask->code = r->error.code ? (enum err)r->error.code : ERR_IO;
        if (text.size)
            client_fail(c, ask->code, "%.*s", BYTES_ARG(text));
        else
            client_fail(c, ask->code, "%s", err_text(ask->code));
    }
    if (ask->answer && !c->closing)
        ask->answer(ask->user, r);
    if (ask->over && ask->owned)
        ask_free(ask);
}

void ask_resume(struct reeve_client *c)
{
    list_each(l, &c->asks)
    {
        struct ask *ask = container_of(l, struct ask, link);
        if (!ask->over)
            ask_say(c, ask);
    }
}

bool ask_unsaid(const struct reeve_client *c)
{
    list_each(l, &c->asks)
    {
        const struct ask *ask = container_of(l, struct ask, link);
        if (ask->owned && !ask->said)
            return true;
    }
    return false;
}

void ask_fini(struct reeve_client *c)
{
    list_each_safe(l, &c->asks) ask_free(container_of(l, struct ask, link));
}

static bool ask_over(const void *what)
{
    return ((const struct ask *)what)->over;
}

static void ask_start(struct reeve_client *c, struct ask *ask, struct record *request)
{
    ask->number = ASK_NUMBERS + ++c->asked;
    ask->type = request->type;
    request->wait.number = ask->number; /* every request begins with its number */
    record_put(&ask->record, request);
    list_append(&c->asks, &ask->link);
    if (c->session.up)
        ask_say(c, ask);
}

void client_ask_start(struct reeve_client *c, struct record *request, ask_answer *answer,
                      void *user)
{
    struct ask *ask = must_alloc(sizeof *ask);
    *ask = (struct ask){.answer = answer, .user = user, .owned = true};
    ask_start(c, ask, request);
    wire_wake(&c->wire, true); /* it leaves with the next dispatch */
}

int client_ask(struct reeve_client *c, struct record *request, ask_answer *answer, void *user,
               int timeout_ms)
{
    struct ask ask = {.answer = answer, .user = user};
    ask_start(c, &ask, request);
    int rc = client_until(c, ask_over, &ask, timeout_ms);
    link_take(&ask.link);
    buf_fini(&ask.record);
    return rc ? rc : (int)ask.code;
}

struct waited {
    struct reeve_client *client;
    struct reeve_result *result;
};

static void wait_answer(void *user, const struct record *answer)
{
    const struct waited *waited = user;
    struct result_strings strings = {0};
    if (answer->type != REC_ended)
        return;
    result_keep(waited->result, &waited->client->kept, result_ended(&strings, &answer->ended));
    result_strings_fini(&strings);
}

int reeve_wait(struct reeve_client *c, uint64_t id, int timeout_ms, struct reeve_result *result)
{
    struct record r = {.type = REC_wait, .wait = {.id = id}};
    struct waited waited = {.client = c, .result = result};
    return client_ask(c, &r, wait_answer, &waited, timeout_ms);
}

int reeve_cancel(struct reeve_client *c, uint64_t id, int timeout_ms)
{
    struct record r = {.type = REC_cancel, .cancel = {.id = id}};
    return client_ask(c, &r, NULL, NULL, timeout_ms);
}
