/* SPDX-License-Identifier: Apache-2.0
 *
 * What the broker sends, and hello: who gets which record.
 */
#include <unistd.h>

#include "producer/client/client.h"

enum { BUSY_MS = 1000, REFUSED_MS = 2000 };

void body_hello(struct reeve_client *c)
{
    char host[NAME_BYTES_MAX + 1] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = 0;
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = PROTOCOL_VERSION,
                                 .version_max = PROTOCOL_VERSION,
                                 .role = ROLE_CLIENT,
                                 .peer_id = bytes_of(c->session.peer_id, PEER_ID_BYTES),
                                 .last_number = c->pending.next - 1,
                                 .host = bytes_text(host),
                                 .pid = (uint64_t)getpid(),
                                 .incarnation = c->session.incarnation,
                                 .knows = KNOWS_ALL}};
    int rc = c->wire.over ? wire_reopen(&c->wire) : 0;
    if (rc)
        client_fault(c, ERR_IO, bytes_text(strerror(rc)));
    outbox_fini(&c->wire.out);
    wire_put(&c->wire, &r);
}

void body_lost(struct reeve_client *c)
{
    outbox_fini(&c->wire.out);
}

void body_refused(struct reeve_client *c, struct bytes why)
{
    char text[400];
    snprintf(text, sizeof text, "%s: %.*s", c->wire.address, BYTES_ARG(why));
    client_fault(c, ERR_DENIED, bytes_text(text));
    session_lose(&c->session, c->now_ms);
    c->session.hello_ms = c->now_ms + REFUSED_MS;
    c->wire.over = true;
    body_lost(c);
}

static void welcome_keep(struct reeve_client *c, const struct msg_welcome *m)
{
    c->welcome = *m;
    buf_clear(&c->welcome_name);
    buf_clear(&c->welcome_release);
    buf_put(&c->welcome_name, m->name.data, m->name.size);
    buf_put(&c->welcome_release, m->release.data, m->release.size);
    c->welcome.name = buf_bytes(&c->welcome_name);
    c->welcome.release = buf_bytes(&c->welcome_release);
}

static void welcomed(struct reeve_client *c, const struct msg_welcome *m)
{
    if (c->session.up)
        return; /* the answer to a hello said twice */
    if (pending_gapped(&c->pending, m->last_number) && !c->renewed) {
        /* Numbers will mean something else from here on, and answers to the old ones may still
         * lie in this connection: it ends here. */
        int rc = wire_reopen(&c->wire);
        if (rc)
            client_fault(c, ERR_IO, bytes_text(strerror(rc)));
        c->renewed = true;
        c->session.hello_ms = c->now_ms;
        return;
    }
    c->renewed = false;
    wire_welcomed(&c->wire, m->knows);
    welcome_keep(c, m);
    bool new_life = c->session.met && m->incarnation != c->session.incarnation;
    session_welcome(&c->session, m->incarnation, c->now_ms);
    submit_resume(c, m->last_number, new_life);
    ask_resume(c);
    subscribe_resume(c);
}

/* An error about no request of ours: about hello, or about a body that could not be read. */
static void told_off(struct reeve_client *c, const struct msg_error *m)
{
    if (c->session.up || m->code == ERR_MALFORMED) {
        client_fault(c, m->code == ERR_MALFORMED ? ERR_IO : (enum err)m->code, m->text);
    } else if (m->code == ERR_BUSY) {
        c->session.hello_ms = c->now_ms + (m->retry_ms ? (int64_t)m->retry_ms : BUSY_MS);
    } else if (m->code == ERR_DENIED) {
        body_refused(c, m->text);
    } else {
        client_fault(c, (enum err)m->code, m->text);
        c->refused = c->fault;
    }
}

/* --- records --------------------------------------------------------------------------------- */

static void error_take(struct reeve_client *c, const struct record *r)
{
    uint64_t number = r->error.number;
    if (number == 0)
        told_off(c, &r->error);
    else if (number >= WATCH_NUMBERS)
        subscribe_record(c, r);
    else if (number >= ASK_NUMBERS)
        ask_record(c, number, r);
    else
        submit_refused(c, &r->error);
}

static void record_take(struct reeve_client *c, const struct record *r)
{
    switch (r->type) {
    case REC_welcome: welcomed(c, &r->welcome); break;
    case REC_hello_wanted: session_lose(&c->session, c->now_ms); break;
    case REC_error: error_take(c, r); break;
    case REC_ping:
        if (c->session.up)
            wire_put(&c->wire, &(struct record){.type = REC_pong});
        break;
    case REC_goodbye: session_lose(&c->session, c->now_ms); break;
    case REC_accepted:
        if (r->accepted.number < ASK_NUMBERS)
            submit_accepted(c, &r->accepted);
        else
            ask_record(c, r->accepted.number, r);
        break;
    case REC_ended:
        if (r->ended.number < ASK_NUMBERS)
            submit_ended(c, &r->ended);
        else
            ask_record(c, r->ended.number, r);
        break;
    case REC_update:
    case REC_lost:
    case REC_snapshot:
        /* Each begins with its number. */
        if (r->update.number >= WATCH_NUMBERS)
            subscribe_record(c, r);
        else
            ask_record(c, r->update.number, r);
        break;
    case REC_done:
    case REC_end:
    case REC_job:
    case REC_queue:
    case REC_worker:
    case REC_slot:
    case REC_attempt:
    case REC_explanation:
    case REC_session:
    case REC_histogram:
    case REC_counter:
    case REC_task:
    case REC_feed:
    case REC_status: ask_record(c, r->done.number, r); break;
    default: break; /* a newer broker knows more */
    }
}

void body_take(struct reeve_client *c, struct bytes body)
{
    struct cursor at = cursor_of(body);
    struct record r;
    bool was_up = c->session.up;
    r.type = REC_NONE;
    c->session.heard_ms = c->now_ms;
    while (!cursor_done(&at)) {
        if (record_next(&at, &r) != OK) {
            client_fault(c, ERR_IO, bytes_text("the broker sent what does not decode"));
            break;
        }
        record_take(c, &r);
    }
    if (c->strings)
        result_over(c->strings);
    if (was_up && !c->session.up)
        body_lost(c);
}
