/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/grpc/server.h"

#include "producer/gateway/grpc/call.h"

static const char too_noisy[] = "too_many_pings"; /* clients know this one, and slow down */

/* Answers whoever speaks an older HTTP to this port. */
static const char not_here[] = "This port speaks gRPC: HTTP/2 from the first byte, without TLS.\n";

/* --- the end -------------------------------------------------------------------------------- */

/* What is written now leaves yet; nothing is read any more. */
static void wind_up(struct grpc_server *s)
{
    s->closing = true;
    s->leave_ms = s->now_ms + GRPC_FAREWELL_MS;
    s->options.wake(s->options.user);
}

static void say_goodbye(struct grpc_server *s)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(s->session);
    if (s->leave_ms || s->broken)
        return;
    s->due_ms = 0;
    s->leave_ms = s->now_ms + GRPC_FAREWELL_MS;
    (void)nghttp2_submit_goaway(s->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    list_each(l, &s->calls) grpc_call_doom(container_of(l, struct grpc_call, link),
                                           GRPC_UNAVAILABLE, "the server is stopping");
    s->options.wake(s->options.user);
}

bool grpc_done(const struct grpc_server *s)
{
    if (s->leave_ms && s->now_ms >= s->leave_ms)
        return true;
    if (s->words.size)
        return false;
    if (s->broken)
        return true;
    if (!s->preface)
        return false;
    bool writes = nghttp2_session_want_write(s->session);
    return !writes && (s->closing || !nghttp2_session_want_read(s->session));
}

/* --- noise ---------------------------------------------------------------------------------- */

void grpc_server_noise(struct grpc_server *s)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(s->session);
    int64_t forgiven = (s->now_ms - s->noise_ms) * GRPC_NOISE_PER_S / 1000;
    if (forgiven > 0) {
        s->noise = s->noise + forgiven > GRPC_NOISE_MAX ? GRPC_NOISE_MAX : s->noise + forgiven;
        s->noise_ms = s->now_ms;
    }
    if (s->noise-- > 0 || s->closing)
        return;
    (void)nghttp2_submit_goaway(s->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_ENHANCE_YOUR_CALM,
                                (const uint8_t *)too_noisy, sizeof too_noisy - 1);
    wind_up(s);
}

void grpc_server_quiet(struct grpc_server *s)
{
    s->noise = GRPC_NOISE_MAX;
    s->noise_ms = s->now_ms;
}

void grpc_server_count(struct grpc_server *s)
{
    if (!list_empty(&s->calls))
        return;
    s->idle_ms = s->now_ms;
    if (s->draining)
        say_goodbye(s);
}

/* --- life ----------------------------------------------------------------------------------- */

struct grpc_server *grpc_new(const struct grpc_options *options, int64_t now_ms)
{
    struct grpc_server *s = must_alloc(sizeof *s);
    *s = (struct grpc_server){.options = *options,
                              .now_ms = now_ms,
                              .heard_ms = now_ms,
                              .idle_ms = now_ms,
                              .due_ms = now_ms + GRPC_HANDSHAKE_MS,
                              .noise = GRPC_NOISE_MAX,
                              .noise_ms = now_ms};
    link_init(&s->calls);
    link_init(&s->pending);
    s->session = grpc_session_new(s);
    return s;
}

/* Methods may do to one call what wakes another: until none is left. */
static void turn(struct grpc_server *s)
{
    while (!list_empty(&s->pending)) {
        struct grpc_call *c = list_first(&s->pending, struct grpc_call, pending);
        link_take(&c->pending);
        grpc_call_turn(c);
    }
}

void grpc_free(struct grpc_server *s)
{
    s->broken = true;
    list_each(l, &s->calls)
    {
        struct grpc_call *c = container_of(l, struct grpc_call, link);
        grpc_call_doom(c, GRPC_UNAVAILABLE, NULL);
        grpc_call_close(c);
    }
    turn(s);
    must(list_empty(&s->calls) && !s->open && !s->held_bytes);
    nghttp2_session_del(s->session);
    heap_fini(&s->timers);
    buf_fini(&s->words);
    free(s);
}

size_t grpc_calls(const struct grpc_server *s)
{
    return s->open;
}

bool grpc_idle(const struct grpc_server *s)
{
    return list_empty(&s->calls) && !s->draining && !s->closing;
}

/* --- bytes ---------------------------------------------------------------------------------- */

static void answer_in_words(struct grpc_server *s)
{
    buf_printf(&s->words,
               "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Type: text/plain\r\n"
               "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
               sizeof not_here - 1, not_here);
}

/* An HTTP/2 client begins with words of its own. Who says others is answered when they look like an
 * older HTTP, and left alone otherwise (TLS, garbage). */
static bool preface_seen(struct grpc_server *s, struct bytes in)
{
    static const char magic[] = NGHTTP2_CLIENT_MAGIC;
    const char *at = in.data;
    for (size_t i = 0; i < in.size && s->preface < NGHTTP2_CLIENT_MAGIC_LEN; i++) {
        if (at[i] == magic[s->preface]) {
            s->preface++;
            continue;
        }
        s->broken = true;
        if (at[i] >= 'A' && at[i] <= 'Z')
            answer_in_words(s);
        wind_up(s);
        return false;
    }
    return true;
}

void grpc_receive(struct grpc_server *s, struct bytes in, int64_t now_ms)
{
    s->now_ms = s->heard_ms = now_ms;
    if (s->closing || !in.size || !preface_seen(s, in))
        return;
    if (nghttp2_session_mem_recv(s->session, in.data, in.size) < 0)
        s->broken = s->closing = true;
    if (s->greeted && !s->draining)
        s->due_ms = 0; /* the first words, or a sign: it was waited for */
    turn(s);
    s->options.wake(s->options.user);
}

void grpc_send(struct grpc_server *s, struct buf *out, size_t most)
{
    size_t before = out->size;
    buf_put(out, s->words.data, s->words.size);
    buf_clear(&s->words);
    turn(s);
    /* Not before the client has said its words: it may be none of ours. */
    while (!s->broken && s->preface == NGHTTP2_CLIENT_MAGIC_LEN && out->size - before < most) {
        const uint8_t *data;
        ssize_t size = nghttp2_session_mem_send(s->session, &data);
        if (size < 0)
            s->broken = s->closing = true;
        if (size > 0)
            buf_put(out, data, (size_t)size);
        if (size <= 0 && list_empty(&s->pending))
            break;
        turn(s);
    }
}

/* --- time ----------------------------------------------------------------------------------- */

/* What is due next when nothing is set: a goodbye to who calls nothing, or a sign of life. */
static int64_t rest_ms(const struct grpc_server *s)
{
    return list_empty(&s->calls) ? s->idle_ms + GRPC_IDLE_MS : s->heard_ms + GRPC_SILENCE_MS;
}

int64_t grpc_deadline_ms(const struct grpc_server *s)
{
    const struct heap_node *first = heap_first(&s->timers);
    int64_t next = s->leave_ms ? s->leave_ms : s->due_ms ? s->due_ms : rest_ms(s);
    return first && first->key < next ? first->key : next;
}

/* The client has not said its first words, has given no sign, or has had its time to leave. */
static void overdue(struct grpc_server *s)
{
    if (s->draining)
        say_goodbye(s);
    else
        s->broken = s->closing = true;
}

static void rest(struct grpc_server *s)
{
    if (list_empty(&s->calls)) {
        grpc_drain(s, s->now_ms);
    } else {
        (void)nghttp2_submit_ping(s->session, NGHTTP2_FLAG_NONE, NULL);
        s->due_ms = s->now_ms + GRPC_SIGN_MS;
        s->options.wake(s->options.user);
    }
}

void grpc_tick(struct grpc_server *s, int64_t now_ms)
{
    s->now_ms = now_ms;
    for (struct heap_node *n; (n = heap_first(&s->timers)) && n->key <= now_ms;) {
        heap_take(&s->timers, n);
        grpc_call_expire(container_of(n, struct grpc_call, timer));
    }
    if (!s->leave_ms && s->due_ms && now_ms >= s->due_ms)
        overdue(s);
    else if (!s->leave_ms && !s->due_ms && now_ms >= rest_ms(s))
        rest(s);
    turn(s);
    s->options.wake(s->options.user);
}

void grpc_drain(struct grpc_server *s, int64_t now_ms)
{
    s->now_ms = now_ms;
    if (s->draining || s->closing)
        return;
    s->draining = true;
    s->due_ms = now_ms + GRPC_DRAIN_MS;
    if (!s->greeted)
        s->broken = s->closing = true;
    else if (list_empty(&s->calls))
        say_goodbye(s);
    else
        (void)nghttp2_submit_shutdown_notice(s->session);
    s->options.wake(s->options.user);
}
