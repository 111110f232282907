/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/api/session_call.h"

#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/waits.h"

static struct session_call *of(struct call *c)
{
    return container_of(c, struct session_call, call);
}

void session_call_fini(struct call *c)
{
    session_view_fini(&of(c)->now);
    buf_fini(&of(c)->given);
}

struct session_call *session_call_open_new(struct request *r, size_t size)
{
    struct call *c = call_open(r, size);
    if (!c)
        return NULL;
    c->fini = session_call_fini;
    return of(c);
}

struct session_call *session_call_open(struct request *r, size_t size)
{
    uint64_t id;
    struct session_call *s = asked_id(r, &id) ? session_call_open_new(r, size) : NULL;
    if (s)
        s->call.id = id;
    return s;
}

/* --- looking -------------------------------------------------------------------------------- */

static void take_session(struct call *c, const struct record *answer)
{
    struct session_call *s = of(c);
    session_view_record(&s->now, &answer->session);
    s->seen(s);
}

/* The service's own word for it, under the error's own code. */
static void not_found(struct call *c, unsigned err, struct bytes text)
{
    bool unknown = err == ERR_UNKNOWN_JOB || err == ERR_NO_SESSION;
    call_fail(c, unknown ? ERR_UNKNOWN_JOB : err, unknown ? bytes_text(SAID_UNKNOWN) : text);
}

void session_call_look(struct session_call *s, void (*seen)(struct session_call *s))
{
    struct record ask = {.type = REC_get_session, .get_session = {.id = s->call.id}};
    s->seen = seen;
    if (!s->call.failed)
        s->call.failed = not_found;
    call_ask(&s->call, &ask, take_session);
}

static void look_again(struct session_call *s);

/* Changes that came meanwhile are one more look, however many they are. */
static void followed(struct session_call *s)
{
    s->looking = false;
    if (!s->until(s) && s->stale)
        look_again(s);
}

static void look_again(struct session_call *s)
{
    s->stale = false;
    s->looking = true;
    session_call_look(s, followed);
}

static void changed(struct call *c)
{
    struct session_call *s = of(c);
    s->stale = true;
    if (!s->looking)
        look_again(s);
}

void session_call_follow(struct session_call *s, bool (*until)(struct session_call *s))
{
    s->until = until;
    if (waits_session(&s->call, s->call.id, changed))
        look_again(s);
}

/* --- saying --------------------------------------------------------------------------------- */

void session_call_say(struct session_call *s, const char *message)
{
    struct pairs p = {.count = 0};
    call_pairs_id(&s->call, &p);
    pairs_text(&p, "message", message);
    call_pairs(&s->call, 200, &p);
}

void session_call_refuse(struct session_call *s, unsigned err, const char *message)
{
    struct buf text = {0};
    buf_printf(&text, "%s: the session is %s", message, session_state_name((unsigned)s->now.state));
    call_fail(&s->call, err, buf_bytes(&text));
    buf_fini(&text);
}

void session_call_over(struct session_call *s)
{
    if (s->now.state == REEVE_SESSION_STOPPED)
        call_fail(&s->call, ERR_ENDED, bytes_text(SAID_STOPPED));
    else
        call_fail(&s->call, ERR_ENDED, buf_bytes(&s->now.text));
}
