/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/session.h"

void session_lose(struct session *s, int64_t now_ms)
{
    if (!s->up)
        return;
    s->up = false;
    s->hello_ms = now_ms;
}

void session_welcome(struct session *s, uint64_t incarnation, int64_t now_ms)
{
    s->up = true;
    s->met = true;
    s->incarnation = incarnation;
    s->heard_ms = now_ms;
}

bool session_silent(struct session *s, int64_t now_ms)
{
    if (!s->up || now_ms - s->heard_ms < SILENCE_MS)
        return false;
    session_lose(s, now_ms);
    return true;
}

static int64_t probe_ms(const struct session *s)
{
    return (s->probed_ms > s->heard_ms ? s->probed_ms : s->heard_ms) + PROBE_MS;
}

bool session_probe_due(struct session *s, int64_t now_ms)
{
    if (!s->up || now_ms < probe_ms(s))
        return false;
    s->probed_ms = now_ms;
    return true;
}

bool session_hello_due(struct session *s, int64_t now_ms)
{
    if (s->up || now_ms < s->hello_ms)
        return false;
    s->hello_ms = now_ms + HELLO_EVERY_MS;
    return true;
}

int64_t session_deadline(const struct session *s)
{
    int64_t lost_ms = s->heard_ms + SILENCE_MS;
    if (!s->up)
        return s->hello_ms;
    return probe_ms(s) < lost_ms ? probe_ms(s) : lost_ms;
}
