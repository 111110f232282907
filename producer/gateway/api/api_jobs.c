/* SPDX-License-Identifier: Apache-2.0
 *
 * api_jobs: jobs: listed, handed in, looked at, cancelled, tried again, forgotten.
 */
#include "producer/gateway/api/api.h"
#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/call.h"
#include "producer/gateway/api/waits.h"
#include "producer/view/field.h"
#include "producer/view/history.h"
#include "proto/tagset.h"

/* --- a page of them ------------------------------------------------------------------------- */

static void take_listed(struct call *c, const struct record *answer)
{
    char next[JOB_ID_TEXT] = "";
    if (answer->type == REC_job) {
        c->rows.count++;
        view_job(&c->rows.buf, &answer->job);
        return;
    }
    if (answer->end.next)
        job_id_text(answer->end.next, next);
    call_page(c, "jobs", bytes_text(next));
}

static bool read_state(struct request *r, uint64_t *state)
{
    char name[32] = "";
    struct bytes text = request_query(r, "state");
    if (!text.data)
        return true;
    if (text.size < sizeof name)
        memcpy(name, text.data, text.size);
    *state = job_state_parse(name);
    if (!*state)
        answer_invalid(r, "state is none of a job's");
    return *state != 0;
}

static bool read_queue(struct request *r, struct bytes *queue)
{
    *queue = request_query(r, "queue");
    if (!queue->data || queue_name_valid(*queue))
        return true;
    answer_invalid(r, "queue is no name like handler.method");
    return false;
}

static void list(struct request *r)
{
    static const char *const names[] = {"state", "queue", "limit", "cursor", NULL};
    struct msg_list_jobs which = {.state = 0};
    if (!asked_query(r, names) || !read_state(r, &which.state) || !read_queue(r, &which.queue) ||
        !asked_limit(r, &which.limit) || !asked_cursor(r, &which.after))
        return;
    struct call *c = call_open(r, sizeof *c);
    struct record ask = {.type = REC_list_jobs, .list_jobs = which};
    if (c)
        call_ask(c, &ask, take_listed);
}

/* --- a result ------------------------------------------------------------------------------- */

static void take_ended(struct call *c, const struct record *answer)
{
    struct buf b = {0};
    view_ended(&b, &answer->ended);
    call_json(c, 200, &b);
    buf_fini(&b);
}

struct waiting {
    struct call call;
    int64_t wait_ms; /* -1: nobody waits for its end */
};

static void wait_for(struct call *c)
{
    call_may_take(c, container_of(c, struct waiting, call)->wait_ms);
    waits_end(c, c->id, take_ended);
}

static void take_job_of_result(struct call *c, const struct record *answer)
{
    struct record ask = {.type = REC_wait, .wait = {.id = c->id}};
    if (answer->type != REC_job)
        return;
    if (job_ended((enum job_state)answer->job.state))
        call_ask(c, &ask, take_ended); /* it is there */
    else if (container_of(c, struct waiting, call)->wait_ms >= 0)
        wait_for(c);
    else
        call_fail(c, ERR_NOT_ENDED, bytes_of(NULL, 0));
}

static void result(struct request *r)
{
    static const char *const names[] = {"wait", NULL};
    uint64_t id;
    int64_t wait_ms;
    if (!asked_query(r, names) || !asked_id(r, &id) || !asked_wait(r, &wait_ms))
        return;
    struct waiting *w = (struct waiting *)call_open(r, sizeof *w);
    struct record ask = {.type = REC_get_job, .get_job = {.id = id}};
    if (!w)
        return;
    w->call.id = id;
    w->wait_ms = wait_ms;
    call_ask(&w->call, &ask, take_job_of_result);
}

/* --- handing in ----------------------------------------------------------------------------- */

enum { RETRIES_MAX = 1000000 };
#define MS_MAX (1ll << 53)

static const struct shape_field job_shape[] = {
    {"method", SHAPE_TEXT, true, 1, QUEUE_NAME_MAX},
    {"args", SHAPE_ARRAY, false, 0, 0},
    {"priority", SHAPE_WHOLE, false, -PRIORITY_MAX, PRIORITY_MAX},
    {"delay_ms", SHAPE_WHOLE, false, 0, MS_MAX},
    {"deadline_ms", SHAPE_WHOLE, false, 0, MS_MAX},
    {"timeout_ms", SHAPE_WHOLE, false, 0, MS_MAX},
    {"retries", SHAPE_WHOLE, false, 0, RETRIES_MAX},
    {"durability", SHAPE_TEXT, false, 1, 20},
    {"tags", SHAPE_TEXT, false, 1, TAGSET_BYTES_MAX},
    {"session", SHAPE_TRUTH, false, 0, 0},
    {"wait_for_handler", SHAPE_TRUTH, false, 0, 0},
    {0},
};

static void on_accepted(struct call *c, uint64_t id)
{
    struct pairs p = {.count = 0};
    (void)id;
    if (container_of(c, struct waiting, call)->wait_ms >= 0) {
        wait_for(c);
        return;
    }
    call_locate(c, "jobs");
    call_pairs_id(c, &p);
    call_pairs(c, 202, &p);
}

static int64_t whole_of(struct bytes map, const char *key)
{
    struct cursor c = cursor_of(field_of(map, key));
    return cursor_peek(&c) == PACK_UINT || cursor_peek(&c) == PACK_INT ? cursor_int(&c) : 0;
}

static bool read_durability(struct request *r, struct bytes map, enum reeve_durability *out)
{
    struct bytes name = field_text(map, "durability");
    for (unsigned i = REEVE_DEFAULT; i <= REEVE_DURABLE; i++)
        if (name.size == 0 || bytes_equal(name, bytes_text(durability_name(i)))) {
            *out = (enum reeve_durability)i;
            return true;
        }
    answer_invalid(r, "\"durability\" is default, received or durable");
    return false;
}

static bool read_tags(struct request *r, struct bytes map, struct buf *tags)
{
    const char *wrong = tagset_read(tags, field_text(map, "tags"));
    if (wrong)
        answer_invalid(r, "\"tags\": %s", wrong);
    return !wrong;
}

static struct reeve_job_options options_of(struct bytes map)
{
    return (struct reeve_job_options){
        .priority = (int)whole_of(map, "priority"),
        .delay_ms = field_uint(map, "delay_ms"),
        .deadline_ms = field_uint(map, "deadline_ms"),
        .timeout_ms = field_uint(map, "timeout_ms"),
        .retries = field_of(map, "retries").size ? (int)whole_of(map, "retries") + 1 : 0,
        .kind = field_truth(map, "session") ? REEVE_SESSION : REEVE_ONCE,
        .wait_for_handler = field_truth(map, "wait_for_handler")};
}

static void hand_in(struct request *r, struct bytes map, const struct reeve_job_options *options,
                    int64_t wait_ms)
{
    struct buf method = {0}, none = {0};
    struct bytes name = field_text(map, "method"), args = field_of(map, "args");
    struct waiting *w = (struct waiting *)call_open(r, sizeof *w);
    if (!w)
        return;
    w->wait_ms = wait_ms;
    pack_array(&none, 0);
    buf_put(&method, name.data, name.size);
    call_submit(&w->call, buf_text(&method), args.size > 1 ? args : buf_bytes(&none), options,
                on_accepted);
    buf_fini(&method);
    buf_fini(&none);
}

static void submit(struct request *r)
{
    static const char *const names[] = {"wait", NULL};
    struct buf map = {0}, key = {0}, tags = {0};
    int64_t wait_ms;
    const char *key_text;
    enum reeve_durability durability;
    if (asked_query(r, names) && asked_wait(r, &wait_ms) && asked_key(r, &key, &key_text) &&
        asked_body(r, job_shape, false, &map) && read_durability(r, buf_bytes(&map), &durability) &&
        read_tags(r, buf_bytes(&map), &tags)) {
        struct reeve_job_options options = options_of(buf_bytes(&map));
        options.key = key_text;
        options.durability = durability;
        options.tags = buf_text(&tags);
        hand_in(r, buf_bytes(&map), &options, wait_ms);
    }
    buf_fini(&map);
    buf_fini(&key);
    buf_fini(&tags);
}

/* --- one of them ---------------------------------------------------------------------------- */

/* A call about the job in the path; NULL: answered. */
static struct call *open_job(struct request *r, size_t size)
{
    static const char *const none[] = {NULL};
    uint64_t id;
    if (!asked_query(r, none) || !asked_id(r, &id))
        return NULL;
    struct call *c = call_open(r, size);
    if (c)
        c->id = id;
    return c;
}

struct look {
    struct call call;
    struct history history;
};

static void look_fini(struct call *c)
{
    history_fini(&container_of(c, struct look, call)->history);
}

static void take_looked(struct call *c, const struct record *answer)
{
    struct look *look = container_of(c, struct look, call);
    struct buf b = {0};
    if (answer->type == REC_attempt)
        history_add(&look->history, &answer->attempt);
    if (answer->type != REC_job)
        return;
    history_close(&look->history, &answer->job);
    view_job_history(&b, &answer->job, &look->history);
    call_json(c, 200, &b);
    buf_fini(&b);
}

static void show(struct request *r)
{
    struct call *c = open_job(r, sizeof(struct look));
    if (!c)
        return;
    c->fini = look_fini;
    struct record ask = {.type = REC_get_job, .get_job = {.id = c->id}};
    call_ask(c, &ask, take_looked);
}

static void take_reason(struct call *c, const struct record *answer)
{
    struct buf b = {0};
    if (answer->type == REC_explanation) {
        c->rows.count++;
        view_reason(&c->rows.buf, why_name((unsigned)answer->explanation.code),
                    answer->explanation.text);
        return;
    }
    view_reasons(&b, c->id, &c->rows);
    call_json(c, 200, &b);
    buf_fini(&b);
}

static void explain(struct request *r)
{
    struct call *c = open_job(r, sizeof *c);
    if (!c)
        return;
    struct record ask = {.type = REC_explain, .explain = {.id = c->id}};
    call_ask(c, &ask, take_reason);
}

static void cancel(struct request *r)
{
    struct call *c = open_job(r, sizeof *c);
    if (!c)
        return;
    struct record ask = {.type = REC_cancel, .cancel = {.id = c->id}};
    call_ask(c, &ask, call_done);
}

static void drop(struct request *r)
{
    struct call *c = open_job(r, sizeof *c);
    if (!c)
        return;
    struct record ask = {.type = REC_drop, .drop = {.id = c->id}};
    call_ask(c, &ask, call_done);
}

static void take_retried(struct call *c, const struct record *answer)
{
    struct pairs p = {.count = 0};
    c->id = answer->accepted.id;
    call_locate(c, "jobs");
    call_pairs_id(c, &p);
    call_pairs(c, 202, &p);
}

static void retry(struct request *r)
{
    struct call *c = open_job(r, sizeof *c);
    if (!c)
        return;
    struct record ask = {.type = REC_retry, .retry = {.id = c->id}};
    call_ask(c, &ask, take_retried);
}

const struct route api_jobs_routes[] = {
    {"GET", "/v1/jobs", false, list},
    {"POST", "/v1/jobs", false, submit},
    {"GET", "/v1/jobs/{id}", false, show},
    {"DELETE", "/v1/jobs/{id}", false, drop},
    {"GET", "/v1/jobs/{id}/result", false, result},
    {"GET", "/v1/jobs/{id}/explain", false, explain},
    {"POST", "/v1/jobs/{id}/cancel", false, cancel},
    {"POST", "/v1/jobs/{id}/retry", false, retry},
    {0},
};
