/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/api/call.h"

#include <stdlib.h>

#include "producer/gateway/api/waits.h"

/* What an answer comes to. The client frees it with the last one; the call may be gone by then, or
 * ask something else. */
struct question {
    struct calls *calls;
    uint64_t number;
};

/* --- all of them ---------------------------------------------------------------------------- */

struct calls *calls_new(struct reeve_client *client, struct timers *timers)
{
    struct calls *calls = must_alloc(sizeof *calls);
    *calls = (struct calls){.client = client, .timers = timers};
    link_init(&calls->open);
    calls->waits = waits_new(calls);
    return calls;
}

void calls_free(struct calls *calls)
{
    if (!calls)
        return;
    list_each_safe(l, &calls->open)
        call_fail(container_of(l, struct call, link), ERR_UNREACHABLE,
                  bytes_text("the gateway ends; what was asked may still come to pass"));
    waits_free(calls->waits);
    idmap_fini(&calls->handed);
    idmap_fini(&calls->asking);
    free(calls);
}

/* --- from beginning to end ------------------------------------------------------------------ */

static void forget_question(struct call *c)
{
    if (c->question)
        idmap_take(&c->calls->asking, c->question);
    c->question = 0;
}

/* The request is the caller's to answer. */
static struct request *call_close(struct call *c)
{
    struct request *r = c->request;
    forget_question(c);
    waits_leave(c);
    if (c->number)
        idmap_take(&c->calls->handed, c->number);
    if (c->fini)
        c->fini(c);
    view_rows_fini(&c->rows);
    timer_stop(c->calls->timers, &c->timer);
    link_take(&c->link);
    c->calls->count--;
    free(c);
    return r;
}

static void answer_late(struct call *c)
{
    if (!c->request) {
        call_fail(c, ERR_TIMEOUT, bytes_text(err_text(ERR_TIMEOUT)));
        return;
    }
    struct pairs p = {.count = 0}, error = {.count = 0};
    pairs_text(&error, "code", err_name(ERR_TIMEOUT));
    pairs_text(&error, "message", "the time to wait has passed; it goes on");
    if (c->id)
        call_pairs_id(c, &error);
    pairs_close(&error, pairs_key(&p, "error"));
    call_pairs(c, answer_status(ERR_TIMEOUT), &p);
}

static void on_timer(struct timer *t)
{
    struct call *c = container_of(t, struct call, timer);
    if (c->patient)
        answer_late(c);
    else
        call_fail(c, ERR_UNREACHABLE,
                  bytes_text("the broker does not answer; what was asked may still come to pass"));
}

static struct call *call_new(struct gateway *g, size_t size)
{
    struct call *c = must_alloc(size);
    memset(c, 0, size);
    c->calls = g->calls;
    c->timer.fire = on_timer;
    link_init(&c->wait_link);
    list_append(&g->calls->open, &c->link);
    g->calls->count++;
    timer_start(g->calls->timers, &c->timer, CALL_ANSWER_MS);
    return c;
}

struct call *call_open(struct request *r, size_t size)
{
    struct gateway *g = gateway_of(r);
    if (!g->calls) {
        answer_error(r, ERR_UNREACHABLE, "the gateway ends");
        return NULL;
    }
    if (!gateway_client(r))
        return NULL;
    if (g->calls->count >= CALLS_MAX) {
        answer_error(r, ERR_BUSY, "too many requests are under way");
        return NULL;
    }
    struct call *c = call_new(g, size);
    c->request = r;
    return c;
}

struct call *call_open_bare(struct gateway *g, size_t size, enum err *err)
{
    *err = !g->calls || !reeve_connected(g->client) ? ERR_UNREACHABLE
           : g->calls->count >= CALLS_MAX           ? ERR_BUSY
                                                    : OK;
    return *err ? NULL : call_new(g, size);
}

void call_drop(struct call *c)
{
    (void)call_close(c);
}

void call_may_take(struct call *c, int64_t ms)
{
    c->patient = true;
    timer_start(c->calls->timers, &c->timer, ms);
}

/* --- asking --------------------------------------------------------------------------------- */

static void fail(struct call *c, unsigned err, struct bytes text)
{
    if (c->failed)
        c->failed(c, err, text);
    else
        call_fail(c, err, text);
}

static void begin_anew(struct call *c)
{
    view_rows_fini(&c->rows);
    if (c->again)
        c->again(c);
}

static void on_answer(void *user, const struct record *answer)
{
    const struct question *q = user;
    struct call *c = idmap_find(&q->calls->asking, q->number);
    if (!c)
        return;
    if (answer->type == REC_NONE)
        begin_anew(c);
    else if (answer->type == REC_error)
        fail(c, (unsigned)answer->error.code, answer->error.text);
    else
        c->take(c, answer);
}

void call_ask(struct call *c, struct record *question, call_take *take)
{
    forget_question(c);
    view_rows_fini(&c->rows);
    struct question *q = must_alloc(sizeof *q);
    *q = (struct question){.calls = c->calls, .number = ++c->calls->asked};
    c->question = q->number;
    c->take = take;
    idmap_put(&c->calls->asking, q->number, c);
    client_ask_start(c->calls->client, question, on_answer, q);
}

static struct call *taken(struct calls *calls, uint64_t number)
{
    struct call *c = idmap_take(&calls->handed, number);
    if (c)
        c->number = 0;
    return c;
}

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    struct call *c = taken(user, number);
    if (!c)
        return;
    c->id = id;
    c->accepted(c, id);
}

/* Of a job that was taken its end is not looked at here: who wants it waits for it by its id, and
 * may do so any time. That the library has got it tells the broker that it has been fetched. */
static void on_result(void *user, const struct reeve_result *result)
{
    struct call *c = result->code == REEVE_OK ? NULL : taken(user, result->number);
    if (c)
        fail(c, (unsigned)result->code, bytes_of(result->text, result->text_size));
}

void call_submit(struct call *c, const char *method, struct bytes args,
                 const struct reeve_job_options *options,
                 void (*accepted)(struct call *c, uint64_t id))
{
    struct reeve_job_options impatient = *options;
    impatient.refuse_busy = true;
    c->accepted = accepted;
    int code = reeve_submit(c->calls->client, method, args.data, args.size, &impatient, on_accepted,
                            on_result, c->calls, &c->number);
    if (code) {
        c->number = 0;
        fail(c, (unsigned)code, bytes_text(reeve_error(c->calls->client)));
        return;
    }
    idmap_put(&c->calls->handed, c->number, c);
}

/* --- answering ------------------------------------------------------------------------------ */

void call_json(struct call *c, unsigned status, const struct buf *value)
{
    answer_json(call_close(c), status, buf_bytes(value));
}

void call_pairs(struct call *c, unsigned status, struct pairs *pairs)
{
    struct buf b = {0};
    pairs_close(pairs, &b);
    call_json(c, status, &b);
    buf_fini(&b);
}

void call_rows(struct call *c, const char *name)
{
    struct buf b = {0};
    pack_map(&b, 1);
    view_rows_put(&b, name, &c->rows);
    call_json(c, 200, &b);
    buf_fini(&b);
}

void call_page(struct call *c, const char *name, struct bytes next)
{
    struct buf b = {0};
    pack_map(&b, 2);
    view_rows_put(&b, name, &c->rows);
    view_text(&b, "next", next);
    call_json(c, 200, &b);
    buf_fini(&b);
}

void call_empty(struct call *c)
{
    answer_empty(call_close(c), 204);
}

void call_text(struct call *c, unsigned status, const char *type, struct bytes text)
{
    request_answer(call_close(c), status, type, text);
}

void call_fail(struct call *c, unsigned err, struct bytes text)
{
    if (!c->request) {
        must(c->failed);
        c->failed(c, err, text);
        return;
    }
    /* The text may be the call's own. */
    struct buf kept = {0};
    buf_put(&kept, text.data, text.size);
    answer_error_bytes(call_close(c), err, buf_bytes(&kept));
    buf_fini(&kept);
}

void call_locate(struct call *c, const char *where)
{
    char id[JOB_ID_TEXT], path[64];
    snprintf(path, sizeof path, "/v1/%s/%s", where, job_id_text(c->id, id));
    request_header_put(c->request, "Location", path);
}

void call_pairs_id(const struct call *c, struct pairs *p)
{
    char id[JOB_ID_TEXT];
    pairs_text(p, "id", job_id_text(c->id, id));
}

void call_done(struct call *c, const struct record *answer)
{
    (void)answer;
    call_empty(c);
}
