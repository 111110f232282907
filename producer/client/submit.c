/* SPDX-License-Identifier: Apache-2.0
 *
 * Submissions on their way to the broker and their results on the way back.
 */
#include <errno.h>

#include "common/clock.h"
#include "producer/client/client.h"
#include "proto/tagset.h"

/* Beyond this the outbox takes no more: the rest waits where it is, in one copy. */
enum { OUTBOX_BYTES_MAX = 4 << 20, BUSY_MS = 100, WORKERS_BACK_MS = 5000, ACKS_MS = 20 };

static int options_check(struct reeve_client *c, const struct reeve_job_options *o)
{
    if (o->priority > PRIORITY_MAX || o->priority < -PRIORITY_MAX)
        return client_fail(c, ERR_INVALID, "priority %d is not in -100..100", o->priority);
    if (o->retries < 0)
        return client_fail(c, ERR_INVALID, "retries are not negative");
    if (o->key && strlen(o->key) > KEY_BYTES_MAX)
        return client_fail(c, ERR_INVALID, "a key has at most %d bytes", KEY_BYTES_MAX);
    const char *wrong = tagset_read(&c->tags, bytes_text(o->tags));
    if (wrong)
        return client_fail(c, ERR_INVALID, "%s: %s", o->tags, wrong);
    return 0;
}

/* Mostly it is the method of the submission before. */
static bool method_valid(struct reeve_client *c, struct bytes method)
{
    if (method.size && bytes_equal(method, buf_bytes(&c->method)))
        return true;
    if (!queue_name_valid(method))
        return false;
    buf_clear(&c->method);
    buf_put(&c->method, method.data, method.size);
    return true;
}

static int args_check(struct reeve_client *c, struct bytes method, struct bytes args)
{
    struct cursor at = cursor_of(args);
    if (!method_valid(c, method))
        return client_fail(c, ERR_INVALID, "%.*s: not a name like handler.method",
                           BYTES_ARG(method));
    if (args.size > VALUE_BYTES_MAX)
        return client_fail(c, ERR_TOO_LARGE, "arguments of %zu bytes, at most %d are taken",
                           args.size, VALUE_BYTES_MAX);
    if (cursor_peek(&at) != PACK_ARRAY || !pack_valid(args))
        return client_fail(c, ERR_INVALID, "arguments are not one msgpack array");
    return 0;
}

static void record_fill(struct msg_submit *m, const struct reeve_job_options *o)
{
    m->priority = o->priority;
    m->flags |= o->wait_for_handler ? SUBMIT_WAIT_FOR_HANDLER : 0;
    m->flags |= o->kind == REEVE_SESSION ? SUBMIT_SESSION : 0;
    m->delay_ms = o->delay_ms;
    m->deadline_ms = o->deadline_ms;
    m->timeout_ms = o->timeout_ms;
    m->retries = (uint64_t)o->retries;
    m->key = bytes_text(o->key);
    m->durability = o->durability;
    m->together = o->together != 0;
}

int reeve_submit(struct reeve_client *c, const char *method, const void *args, size_t size,
                 const struct reeve_job_options *options, reeve_on_accepted *accepted,
                 reeve_on_result *result, void *user, uint64_t *number)
{
    struct msg_submit m = {.queue = bytes_text(method), .args = bytes_of(args, size)};
    int rc = args_check(c, m.queue, m.args);
    if (rc == 0 && options)
        rc = options_check(c, options);
    if (rc)
        return rc;
    m.flags = accepted ? 0 : SUBMIT_ACCEPT_LAZILY;
    if (options) {
        record_fill(&m, options);
        m.tags = buf_bytes(&c->tags);
    }
    struct submission s = {.told = ++c->told, .accepted = accepted, .result = result, .user = user};
    s.impatient = options && options->refuse_busy;
    if (number)
        *number = s.told;
    if (c->unsent_bytes == 0)
        wire_wake(&c->wire, true);
    c->unsent_bytes += pending_record(&c->pending, pending_add(&c->pending, &s, &m)).size;
    if (c->unsent_bytes >= CONN_PART_BYTES)
        client_send(c, false);
    return 0;
}

size_t reeve_pending(const struct reeve_client *c)
{
    return c->pending.count;
}

/* --- out ------------------------------------------------------------------------------------- */

static void acks_send(struct reeve_client *c)
{
    if (!c->acks.count)
        return;
    buf_clear(&c->record);
    acks_put(&c->acks, c->pending.floor, &c->record);
    outbox_put(&c->wire.out, buf_bytes(&c->record));
}

static void acknowledge(struct reeve_client *c, uint64_t number)
{
    if (!c->acks.count)
        c->acks_ms = c->now_ms + ACKS_MS;
    if (acks_add(&c->acks, number))
        return;
    acks_send(c);
    must(acks_add(&c->acks, number));
}

int64_t submit_deadline(const struct reeve_client *c)
{
    return c->acks.count ? c->acks_ms : INT64_MAX;
}

void submit_pump(struct reeve_client *c, bool all)
{
    if (!c->session.up)
        return;
    /* Nobody waits for them: they leave with what somebody may wait for, or many at once. */
    if (all || !outbox_empty(&c->wire.out) || c->pending.sent < c->pending.next ||
        c->now_ms >= submit_deadline(c))
        acks_send(c);
    while (c->now_ms >= c->busy_ms && c->wire.out.bytes < OUTBOX_BYTES_MAX) {
        struct bytes record = pending_send(&c->pending);
        if (!record.size)
            break;
        wire_put_bytes(&c->wire, record);
    }
}

void submit_resume(struct reeve_client *c, uint64_t last_number, bool new_life)
{
    pending_resume(&c->pending, last_number);
    c->busy_ms = 0;
    if (new_life)
        c->settled_ms = c->now_ms + WORKERS_BACK_MS;
    /* Acknowledgements may have been lost with the connection: said again for all that is settled.
     */
    c->acks.count = 0;
    uint64_t settled = 1;
    for (uint64_t n; settled < c->pending.next; settled = n + 1) {
        n = pending_above(&c->pending, settled);
        struct record r = {
            .type = REC_ack,
            .ack = {.number = settled, .count = n - settled, .floor = c->pending.floor}};
        if (n > settled)
            wire_put(&c->wire, &r);
    }
}

/* --- back ------------------------------------------------------------------------------------ */

static void tell_accepted(struct reeve_client *c, struct submission *s, uint64_t id)
{
    uint64_t told = s->told;
    bool first = s->id == 0;
    s->state = SUBMISSION_ACCEPTED;
    s->taken = true;
    s->id = id;
    if (first && s->accepted && !c->closing)
        s->accepted(s->user, told, id);
}

void submit_accepted(struct reeve_client *c, const struct msg_accepted *m)
{
    uint64_t count = m->count ? m->count : 1;
    if (m->number >= c->pending.next)
        return;
    uint64_t end = count < c->pending.next - m->number ? m->number + count : c->pending.next;
    for (uint64_t n = m->number; n < end; n++) {
        struct submission *s = pending_find(&c->pending, n);
        if (!s)
            continue;
        s->received = m->durability == CLASS_RECEIVED;
        tell_accepted(c, s, m->id + (n - m->number));
    }
}

/* The strings are taken along: the callback may make calls that need some of their own. */
static struct result_strings *strings_take(struct reeve_client *c)
{
    struct result_strings *taken = c->strings ? c->strings : must_alloc(sizeof *taken);
    c->strings = NULL;
    return taken;
}

static void strings_give(struct reeve_client *c, struct result_strings *strings)
{
    if (c->strings) {
        result_strings_fini(strings);
        free(strings);
    } else {
        c->strings = strings;
    }
}

static void tell_result(struct reeve_client *c, const struct submission *s,
                        struct reeve_result *result)
{
    result->number = s->told;
    if (s->result && !c->closing)
        s->result(s->user, result);
}

void submit_ended(struct reeve_client *c, const struct msg_ended *m)
{
    struct submission s, *open = pending_find(&c->pending, m->number);
    if (!open) {
        if (m->number && m->number < c->pending.next)
            acknowledge(c, m->number); /* its first acknowledgement was lost */
        return;
    }
    tell_accepted(c, open, m->id);
    /* The callback may have been a call that took this result already. */
    if (!pending_settle(&c->pending, m->number, &s))
        return;
    acknowledge(c, m->number);
    struct reeve_result result;
    struct result_strings *strings = strings_take(c);
    result_ended(&result, strings, m);
    tell_result(c, &s, &result);
    strings_give(c, strings);
}

/* Tried again under a new number once the time the broker asks for has passed. */
static void put_off(struct reeve_client *c, const struct msg_error *m)
{
    pending_again(&c->pending, m->number, 0);
    int64_t until = c->now_ms + (m->retry_ms ? (int64_t)m->retry_ms : BUSY_MS);
    if (until > c->busy_ms)
        c->busy_ms = until;
}

/* True when the refusal is not for the caller to see. */
static bool tried_again(struct reeve_client *c, const struct msg_error *m)
{
    const struct submission *s = pending_find(&c->pending, m->number);
    switch (m->code) {
    case ERR_UNEXPECTED: /* a hole in what arrived: the next welcome says where */
        session_lose(&c->session, c->now_ms);
        return true;
    case ERR_BUSY:
    case ERR_DISK_FULL:
    case ERR_QUOTA:
        if ((s && s->impatient) || (m->code == ERR_QUOTA && !m->retry_ms)) /* nor ever will be */
            return false;
        put_off(c, m);
        return true;
    case ERR_FORGOTTEN: /* lost with the broker that had it, as its class says: once more, as new */
        if (!s || !s->received)
            return false;
        pending_again(&c->pending, m->number, 0);
        return true;
    case ERR_UNKNOWN_HANDLER:
        /* Accepted once, so it is not refused for a handler that has not come back since the
         * broker lost its memory: it waits, as it did. */
        if (s && s->taken)
            pending_again(&c->pending, m->number, SUBMIT_WAIT_FOR_HANDLER);
        else if (c->now_ms < c->settled_ms)
            put_off(c, m);
        else
            return false;
        return true;
    default: return false;
    }
}

void submit_refused(struct reeve_client *c, const struct msg_error *m)
{
    struct submission s;
    if (tried_again(c, m))
        return;
    if (!pending_settle(&c->pending, m->number, &s))
        return;
    struct reeve_result result;
    struct result_strings *strings = strings_take(c);
    result_refused(&result, strings, m);
    tell_result(c, &s, &result);
    strings_give(c, strings);
}

/* --- the blocking call ----------------------------------------------------------------------- */

/* On the heap: when the caller has given up, the result may still come. */
struct call {
    struct link link; /* reeve_client::calls */
    struct reeve_client *client;
    struct reeve_result result;
    bool done, abandoned;
};

static void call_free(struct call *call)
{
    link_take(&call->link);
    free(call);
}

void submit_fini(struct reeve_client *c)
{
    list_each_safe(l, &c->calls) call_free(container_of(l, struct call, link));
}

static void call_result(void *user, const struct reeve_result *result)
{
    struct call *call = user;
    if (call->abandoned) {
        call_free(call);
        return;
    }
    result_keep(&call->result, &call->client->kept, result);
    call->done = true;
}

static bool call_done(const void *what)
{
    return ((const struct call *)what)->done;
}

int reeve_call(struct reeve_client *c, const char *method, const void *args, size_t size,
               const struct reeve_job_options *options, int timeout_ms, struct reeve_result *result)
{
    struct call *call = must_alloc(sizeof *call);
    call->client = c;
    list_append(&c->calls, &call->link);
    int rc = reeve_submit(c, method, args, size, options, NULL, call_result, call, NULL);
    if (rc) {
        call_free(call);
        return rc;
    }
    rc = client_until(c, call_done, call, timeout_ms);
    if (rc) {
        call->abandoned = true;
        return rc;
    }
    *result = call->result;
    call_free(call);
    if (result->code)
        return client_fail(c, (enum err)result->code, "%s", result->text);
    return 0;
}

int reeve_call_json(struct reeve_client *c, const char *method, const char *args_json,
                    int timeout_ms, struct reeve_result *result)
{
    char why[256];
    struct reeve_value *args = reeve_value_new();
    int rc;
    if (reeve_put_json(args, args_json, strlen(args_json), why, sizeof why))
        rc = client_fail(c, ERR_INVALID, "arguments: %s", why);
    else
        rc = reeve_call(c, method, reeve_value_data(args), reeve_value_size(args), NULL, timeout_ms,
                        result);
    reeve_value_free(args);
    return rc;
}
