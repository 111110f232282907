/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/grpc/call.h"

#include <stdio.h>

#include "producer/gateway/grpc/header.h"

enum { PREFIX_BYTES = 5, TEXT_BYTES_MAX = 1024, HEADERS_MAX = 4 };

/* --- life ----------------------------------------------------------------------------------- */

static void timer_put(struct grpc_call *c, int64_t due_ms)
{
    struct grpc_server *s = c->server;
    heap_put(&s->timers, &c->timer, due_ms, ++s->timer_order);
}

static void timer_set(struct grpc_call *c, int64_t delay_ms)
{
    timer_put(c, c->server->now_ms + delay_ms);
}

/* Of a call that is OPEN. */
static void timer_plan(struct grpc_call *c)
{
    int64_t due_ms = c->deadline_ms < c->whole_ms ? c->deadline_ms : c->whole_ms;
    if (due_ms < INT64_MAX)
        timer_put(c, due_ms);
    else
        heap_take(&c->server->timers, &c->timer);
}

struct grpc_call *grpc_call_new(struct grpc_server *s, int32_t stream)
{
    struct grpc_call *c = must_alloc(sizeof *c);
    *c = (struct grpc_call){.server = s,
                            .stream = stream,
                            .timeout_ms = -1,
                            .deadline_ms = INT64_MAX,
                            .whole_ms = INT64_MAX};
    link_init(&c->pending);
    list_append(&s->calls, &c->link);
    timer_set(c, GRPC_WHOLE_MS);
    return c;
}

static void pend(struct grpc_call *c)
{
    if (!link_listed(&c->pending))
        list_append(&c->server->pending, &c->pending);
    c->server->options.wake(c->server->options.user);
}

/* What a connection and a process hold for calls is counted where it comes and goes. */
static bool hold(struct grpc_call *c, size_t size)
{
    struct grpc_server *s = c->server;
    struct grpc_budget *all = s->options.budget;
    if (s->held_bytes + size > GRPC_CONNECTION_BYTES_MAX ||
        all->held_bytes + size > all->most_bytes)
        return false;
    s->held_bytes += size;
    all->held_bytes += size;
    return true;
}

static void drop(struct grpc_call *c, struct tube *t, size_t size)
{
    c->server->held_bytes -= size;
    c->server->options.budget->held_bytes -= size;
    tube_drop(t, size);
}

static void drop_in(struct grpc_call *c)
{
    drop(c, &c->in, tube_bytes(&c->in).size);
    c->in_credited = 0;
}

void grpc_call_free(struct grpc_call *c)
{
    struct grpc_server *s = c->server;
    drop_in(c);
    drop(c, &c->out, tube_bytes(&c->out).size);
    link_take(&c->link);
    link_take(&c->pending);
    heap_take(&s->timers, &c->timer);
    buf_fini(&c->metadata);
    tube_fini(&c->in);
    tube_fini(&c->out);
    buf_fini(&c->text);
    free(c);
    grpc_server_count(s);
}

/* --- what leaves ---------------------------------------------------------------------------- */

static nghttp2_nv header(const char *name, const char *value, size_t value_size)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .namelen = strlen(name),
                        .value = (uint8_t *)(uintptr_t)value,
                        .valuelen = value_size};
}

static nghttp2_nv header_text(const char *name, const char *value)
{
    return header(name, value, strlen(value));
}

/* Appends grpc-status and grpc-message. */
static size_t status_put(const struct grpc_call *c, nghttp2_nv *at, char number[static 12])
{
    snprintf(number, 12, "%d", (int)c->status);
    at[0] = header_text("grpc-status", number);
    if (!c->text.size)
        return 1;
    at[1] = header("grpc-message", (const char *)c->text.data, c->text.size);
    return 2;
}

/* What is not sent because the stream or the memory is gone needs no answer: the stream closes. */
static void submit_trailers(struct grpc_call *c)
{
    char number[12];
    nghttp2_nv trailers[2];
    size_t count = status_put(c, trailers, number);
    (void)nghttp2_submit_trailer(c->server->session, c->stream, trailers, count);
}

/* How much of what is left belongs to the message that has begun to leave. */
static void pass(struct grpc_call *c, const unsigned char *at, size_t size)
{
    while (size) {
        if (!c->out_whole)
            c->out_whole = PREFIX_BYTES +
                           ((size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4]);
        size_t step = size < c->out_whole ? size : c->out_whole;
        c->out_whole -= step;
        size -= step;
        at += step;
    }
}

/* nghttp2 asks for what the stream's window takes; so what is not taken stays here, and is bounded.
 */
static ssize_t pull(nghttp2_session *session, int32_t stream, uint8_t *to, size_t most,
                    uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session, (void)stream, (void)user;
    struct grpc_call *c = source->ptr;
    struct bytes out = tube_bytes(&c->out);
    size_t size = out.size < most ? out.size : most;
    if (!size && c->state != CALL_ENDED)
        return NGHTTP2_ERR_DEFERRED;
    if (size) {
        memcpy(to, out.data, size);
        pass(c, out.data, size);
        drop(c, &c->out, size);
    }
    if (size == out.size && c->state == CALL_ENDED) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(c);
    } else if (c->refused && out.size - size <= GRPC_OUTBOX_BYTES_MAX / 2) {
        pend(c);
    }
    return (ssize_t)size;
}

static void submit_headers(struct grpc_call *c)
{
    nghttp2_nv headers[HEADERS_MAX] = {header_text(":status", "200"),
                                       header_text("content-type", "application/grpc")};
    nghttp2_data_provider provider = {.source.ptr = c, .read_callback = pull};
    size_t count = 2;
    if (c->compressed) /* so that it can be asked again without */
        headers[count++] = header_text("grpc-accept-encoding", "identity");
    c->greeted = true;
    (void)nghttp2_submit_response(c->server->session, c->stream, headers, count, &provider);
}

/* The status right after the headers, in one frame. */
static void submit_status_only(struct grpc_call *c)
{
    char number[12];
    nghttp2_nv headers[HEADERS_MAX] = {header_text(":status", "200"),
                                       header_text("content-type", "application/grpc")};
    size_t count = 2 + status_put(c, headers + 2, number);
    (void)nghttp2_submit_response(c->server->session, c->stream, headers, count, NULL);
}

/* What is not gRPC is answered as HTTP does it. */
static void submit_http(struct grpc_call *c, const char *status)
{
    nghttp2_nv headers[] = {header_text(":status", status), header_text("allow", "POST")};
    c->state = CALL_ENDED;
    timer_set(c, GRPC_LEAVE_MS);
    (void)nghttp2_submit_response(c->server->session, c->stream, headers, LENGTH(headers), NULL);
}

/* The call is not with its method any more. */
static void leave(struct grpc_call *c, enum grpc_status status, const char *text)
{
    if (c->state == CALL_OPEN)
        c->server->open--;
    c->state = CALL_ENDED;
    c->status = status;
    buf_clear(&c->text);
    if (text)
        grpc_header_percent(&c->text, bytes_of(text, strnlen(text, TEXT_BYTES_MAX)));
    timer_set(c, GRPC_LEAVE_MS);
    pend(c); /* what it has in its inbox goes when nobody reads it any more */
    if (c->closed)
        return;
    if (!c->greeted && !tube_bytes(&c->out).size)
        submit_status_only(c);
    else if (!c->greeted)
        submit_headers(c);
    else
        (void)nghttp2_session_resume_data(c->server->session, c->stream);
}

/* --- what comes ----------------------------------------------------------------------------- */

void grpc_call_headers(struct grpc_call *c)
{
    struct grpc_server *s = c->server;
    char text[300];
    if (c->header_bytes > GRPC_HEADER_BYTES_MAX) {
        leave(c, GRPC_RESOURCE_EXHAUSTED, "the headers are too large");
    } else if (!c->posted) {
        submit_http(c, "405");
    } else if (!c->is_grpc) {
        submit_http(c, "415");
    } else if (c->timeout_bad) {
        leave(c, GRPC_INTERNAL, "malformed grpc-timeout");
    } else if (!c->method) {
        snprintf(text, sizeof text, "unknown method %s", grpc_call_metadata(c, ":path"));
        leave(c, GRPC_UNIMPLEMENTED, text);
    } else {
        c->state = CALL_OPEN;
        s->open++;
        c->wants = c->method->kind != GRPC_BIDI;
        if (c->timeout_ms >= 0)
            c->deadline_ms = s->now_ms + c->timeout_ms;
        timer_plan(c);
        pend(c);
    }
}

static size_t message_bytes(struct bytes in)
{
    const unsigned char *at = in.data;
    return (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4];
}

/* Opens the stream's window by what is in of the message that is wanted, so that it can come whole;
 * what follows stays under the window. */
static void credit(struct grpc_call *c)
{
    struct bytes in = tube_bytes(&c->in);
    size_t due = PREFIX_BYTES;
    if (!c->wants)
        return;
    if (in.size >= PREFIX_BYTES)
        due += message_bytes(in);
    if (due > in.size)
        due = in.size;
    if (due <= c->in_credited)
        return;
    if (!c->closed)
        (void)nghttp2_session_consume_stream(c->server->session, c->stream, due - c->in_credited);
    c->in_credited = due;
}

/* Told in headers of its own: clients do not look for it in those that are a status as well. */
static void refuse_compressed(struct grpc_call *c)
{
    c->compressed = true;
    grpc_call_greet(c);
    grpc_call_doom(c, GRPC_UNIMPLEMENTED, "compressed messages are not taken");
}

/* The wanted message, when it is there whole; otherwise what is wrong with it dooms the call. */
static bool message_whole(struct grpc_call *c, struct bytes *message)
{
    struct bytes in = tube_bytes(&c->in);
    if (in.size >= PREFIX_BYTES) {
        unsigned char flag = *(const unsigned char *)in.data;
        size_t size = message_bytes(in);
        *message = bytes_of((const unsigned char *)in.data + PREFIX_BYTES, size);
        if (flag > 1)
            grpc_call_doom(c, GRPC_INTERNAL, "a message begins with a flag that is none");
        else if (flag)
            refuse_compressed(c);
        else if (size > GRPC_MESSAGE_BYTES_MAX)
            grpc_call_doom(c, GRPC_RESOURCE_EXHAUSTED, "a message has 4 MiB at most");
        else if (in.size - PREFIX_BYTES >= size)
            return true;
    }
    if (!c->doomed && c->half_closed && in.size)
        grpc_call_doom(c, GRPC_INTERNAL, "the last message is cut off");
    return false;
}

void grpc_call_data(struct grpc_call *c, struct bytes in)
{
    if (c->state != CALL_OPEN || c->doomed)
        return; /* its window stays shut */
    if (!hold(c, in.size)) {
        grpc_call_doom(c, GRPC_RESOURCE_EXHAUSTED, "too much is under way on this connection");
        return;
    }
    tube_put(&c->in, in);
    credit(c);
    pend(c);
}

void grpc_call_half_close(struct grpc_call *c)
{
    c->half_closed = true;
    if (c->state == CALL_OPEN)
        pend(c);
}

void grpc_call_close(struct grpc_call *c)
{
    c->closed = true;
    grpc_call_doom(c, GRPC_CANCELLED, NULL);
    pend(c);
}

void grpc_call_expire(struct grpc_call *c)
{
    if (c->state == CALL_OPEN)
        grpc_call_doom(c, GRPC_DEADLINE_EXCEEDED,
                       c->deadline_ms <= c->whole_ms ? "its time is up"
                                                     : "the message comes too slowly");
    else
        (void)nghttp2_submit_rst_stream(c->server->session, NGHTTP2_FLAG_NONE, c->stream,
                                        NGHTTP2_CANCEL);
}

/* --- telling the method --------------------------------------------------------------------- */

void grpc_call_doom(struct grpc_call *c, enum grpc_status status, const char *text)
{
    if (c->state != CALL_OPEN || c->doomed)
        return;
    c->doomed = true;
    c->status = status;
    buf_clear(&c->text);
    buf_put(&c->text, text, text ? strlen(text) + 1 : 0);
    pend(c);
}

/* Messages that have not begun to leave do not: who gives up wants the end. */
static void fall(struct grpc_call *c)
{
    char text[TEXT_BYTES_MAX] = "";
    enum grpc_status status = c->status;
    if (c->text.size)
        snprintf(text, sizeof text, "%s", (const char *)c->text.data);
    size_t keep = c->out.at + c->out_whole, excess = c->out.buf.size - keep;
    c->server->held_bytes -= excess;
    c->server->options.budget->held_bytes -= excess;
    c->out.buf.size = keep;
    leave(c, status, text);
    if (c->begun && c->method->gone)
        c->method->gone(c, status);
}

static void give_message(struct grpc_call *c, struct bytes message)
{
    c->wants = false;
    c->whole_ms = INT64_MAX;
    c->method->message(c, message);
    c->in_credited -= PREFIX_BYTES + message.size;
    drop(c, &c->in, PREFIX_BYTES + message.size);
    credit(c);
}

/* The one message is given when it is sure that it is the only one. */
static void give_single(struct grpc_call *c)
{
    struct bytes message;
    if (!c->wants)
        return;
    bool whole = message_whole(c, &message);
    if (c->doomed)
        return;
    if (whole ? tube_bytes(&c->in).size > PREFIX_BYTES + message.size : c->half_closed)
        grpc_call_doom(c, GRPC_UNIMPLEMENTED, "this method takes exactly one message");
    else if (whole && c->half_closed)
        give_message(c, message);
}

static void give_stream(struct grpc_call *c)
{
    struct bytes message;
    while (c->state == CALL_OPEN && !c->doomed && c->wants && message_whole(c, &message))
        give_message(c, message);
    if (c->state != CALL_OPEN || c->doomed || !c->wants || !c->half_closed || c->told_half_close ||
        tube_bytes(&c->in).size)
        return;
    c->told_half_close = true;
    c->method->half_close(c);
}

/* A message that has begun holds memory that others cannot have: it does not take for ever. */
static void time_message(struct grpc_call *c)
{
    bool comes = c->wants && tube_bytes(&c->in).size;
    if (comes && c->whole_ms == INT64_MAX)
        c->whole_ms = c->server->now_ms + GRPC_WHOLE_MS;
    timer_plan(c);
}

static void tell(struct grpc_call *c)
{
    if (!c->begun) {
        c->begun = true;
        if (c->method->begin)
            c->method->begin(c);
    }
    if (c->state == CALL_OPEN && !c->doomed) {
        if (c->method->kind == GRPC_BIDI)
            give_stream(c);
        else
            give_single(c);
    }
    if (c->state == CALL_OPEN && !c->doomed)
        time_message(c);
    if (c->state == CALL_OPEN && !c->doomed && c->refused &&
        tube_bytes(&c->out).size <= GRPC_OUTBOX_BYTES_MAX / 2) {
        c->refused = false;
        if (c->method->room)
            c->method->room(c);
    }
}

void grpc_call_turn(struct grpc_call *c)
{
    if (c->state == CALL_OPEN && !c->doomed)
        tell(c);
    if (c->state == CALL_OPEN && c->doomed)
        fall(c);
    if (c->state == CALL_ENDED)
        drop_in(c);
    if (c->closed)
        grpc_call_free(c);
}

/* --- what methods call ---------------------------------------------------------------------- */

void *grpc_call_context(const struct grpc_call *c)
{
    return c->server->options.context;
}

const char *grpc_call_metadata(const struct grpc_call *c, const char *name)
{
    const char *at = (const char *)c->metadata.data, *end = at + c->metadata.size;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

void grpc_call_user_set(struct grpc_call *c, void *user)
{
    c->user = user;
}

void *grpc_call_user(const struct grpc_call *c)
{
    return c->user;
}

void grpc_call_next(struct grpc_call *c)
{
    must(c->state == CALL_OPEN && c->method->kind == GRPC_BIDI);
    c->wants = true;
    credit(c);
    pend(c);
}

void grpc_call_greet(struct grpc_call *c)
{
    must(c->state == CALL_OPEN);
    if (c->greeted || c->closed)
        return;
    submit_headers(c);
    c->server->options.wake(c->server->options.user);
}

bool grpc_call_message(struct grpc_call *c, struct bytes message)
{
    must(c->state == CALL_OPEN);
    size_t waiting = tube_bytes(&c->out).size, size = PREFIX_BYTES + message.size;
    if (c->doomed)
        return false;
    if (message.size > GRPC_MESSAGE_BYTES_MAX) {
        grpc_call_doom(c, GRPC_RESOURCE_EXHAUSTED, "the answer has more than 4 MiB");
        return false;
    }
    if (waiting && waiting + size > GRPC_OUTBOX_BYTES_MAX) {
        c->refused = true;
        return false;
    }
    if (!hold(c, size)) {
        grpc_call_doom(c, GRPC_RESOURCE_EXHAUSTED, "too much is under way on this connection");
        return false;
    }
    unsigned char prefix[PREFIX_BYTES] = {
        0, (unsigned char)(message.size >> 24), (unsigned char)(message.size >> 16),
        (unsigned char)(message.size >> 8), (unsigned char)message.size};
    tube_put(&c->out, bytes_of(prefix, sizeof prefix));
    tube_put(&c->out, message);
    if (!c->closed) {
        if (c->greeted)
            (void)nghttp2_session_resume_data(c->server->session, c->stream);
        else
            submit_headers(c);
    }
    c->server->options.wake(c->server->options.user);
    return true;
}

void grpc_call_end(struct grpc_call *c, enum grpc_status status, const char *text)
{
    must(c->state == CALL_OPEN);
    leave(c, status, text);
}

void grpc_call_answer(struct grpc_call *c, struct bytes message)
{
    if (grpc_call_message(c, message))
        grpc_call_end(c, GRPC_OK, NULL);
    else
        grpc_call_end(c, GRPC_RESOURCE_EXHAUSTED, "the answer is too large");
}
