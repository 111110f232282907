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
    case REC_explanation: return false;
    case REC_job: return request == REC_get_job;
    default: return true;
    }
}

void ask_record(struct reeve_client *c, uint64_t number, const struct record *r)
{
    struct ask *ask = ask_find(c, number);
    if (!ask || ask->over)
        return;
    ask->over = is_last(ask->type, r->type);
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
}

void ask_resume(struct reeve_client *c)
{
    list_each(l, &c->asks)
    {
        const struct ask *ask = container_of(l, struct ask, link);
        if (!ask->over)
            outbox_put(&c->wire.out, buf_bytes(&ask->record));
    }
}

static bool ask_over(const void *what)
{
    return ((const struct ask *)what)->over;
}

int client_ask(struct reeve_client *c, struct record *request, ask_answer *answer, void *user,
               int timeout_ms)
{
    struct ask ask = {
        .number = ASK_NUMBERS + ++c->asked, .type = request->type, .answer = answer, .user = user};
    request->wait.number = ask.number; /* every request begins with its number */
    record_put(&ask.record, request);
    list_append(&c->asks, &ask.link);
    if (c->session.up)
        outbox_put(&c->wire.out, buf_bytes(&ask.record));
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
    struct reeve_client *c = waited->client;
    struct reeve_result result;
    if (answer->type != REC_ended)
        return;
    result_ended(&result, &c->strings, &answer->ended);
    result_keep(waited->result, &c->kept, &result);
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
