/* SPDX-License-Identifier: Apache-2.0
 *
 * Submissions on their way to the broker and their results on the way back.
 */
#include <errno.h>

#include "common/clock.h"
#include "producer/client/client.h"

/* Beyond this the outbox takes no more: the rest waits where it is, in one copy. */
enum { OUTBOX_BYTES_MAX = 4 << 20, BUSY_MS = 100, WORKERS_BACK_MS = 5000, ACKS_MS = 20 };

static int args_check(struct reeve_client *c, struct bytes args)
{
    if (args.size > VALUE_BYTES_MAX)
        return client_fail(c, ERR_TOO_LARGE, "arguments of %zu bytes, at most %d are taken",
                           args.size, VALUE_BYTES_MAX);
    if (!pack_valid_array(args))
        return client_fail(c, ERR_INVALID, "arguments are not one msgpack array");
    return 0;
}

int reeve_submit(struct reeve_client *c, const char *method, const void *args, size_t size,
                 const struct reeve_job_options *options, reeve_on_accepted *accepted,
                 reeve_on_result *result, void *user, uint64_t *number)
{
    static const struct reeve_job_options plain = {0};
    const struct reeve_job_options *said = options ? options : &plain;
    const char *wrong = terms_set(&c->terms, &c->pending, method, said, !accepted);
    int rc = wrong ? client_fail(c, ERR_INVALID, "%s", wrong) : args_check(c, bytes_of(args, size));
    if (rc)
        return rc;
    if (c->pending.unsent_bytes == 0)
        wire_wake(&c->wire, true);
    struct submission *s = pending_add(&c->pending, bytes_of(args, size));
    s->told = ++c->told;
    s->accepted = accepted;
    s->result = result;
    s->user = user;
    s->impatient = said->refuse_busy;
    if (number)
        *number = s->told;
    if (c->pending.unsent_bytes >= CONN_PART_BYTES)
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
    acks_put(&c->acks, pending_floor(&c->pending), &c->record);
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
    struct sending at = {0};
    while (c->now_ms >= c->busy_ms && c->wire.out.bytes < OUTBOX_BYTES_MAX &&
           pending_send(&c->pending, &at)) {
        wire_put_submit(&c->wire, &at.submit);
        outbox_put(&c->wire.out, pending_send_again(&c->pending, wire_again_room(&c->wire)));
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
            .ack = {.number = settled, .count = n - settled, .floor = pending_floor(&c->pending)}};
        if (n > settled)
            wire_put(&c->wire, &r);
    }
}

/* --- back ------------------------------------------------------------------------------------ */

static void tell_accepted(const struct reeve_client *c, const struct submission *s, uint64_t id)
{
    if (s->accepted && !c->closing)
        s->accepted(s->user, s->told, id);
}

void submit_accepted(struct reeve_client *c, const struct msg_accepted *m)
{
    uint64_t count = m->count ? m->count : 1, n = m->number;
    if (n >= c->pending.next)
        return;
    uint64_t end = count < c->pending.next - n ? n + count : c->pending.next;
    bool received = m->durability == CLASS_RECEIVED;
    for (; (n = pending_accept(&c->pending, n, end, received)) < end; n++)
        tell_accepted(c, pending_find(&c->pending, n), m->id + (n - m->number));
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
    struct submission s;
    bool open = pending_settle(&c->pending, m->number, &s);
    if (open || (m->number && m->number < c->pending.next))
        acknowledge(c, m->number); /* of one that is over, the first was lost */
    if (!open)
        return;
    if (s.state == SUBMISSION_OPEN)
        tell_accepted(c, &s, m->id);
    struct result_strings *strings = strings_take(c);
    tell_result(c, &s, result_ended(strings, m));
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
    struct result_strings *strings = strings_take(c);
    tell_result(c, &s, result_refused(strings, m));
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
