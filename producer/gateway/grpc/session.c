/* SPDX-License-Identifier: Apache-2.0
 *
 * What HTTP/2 says to a gRPC connection: nghttp2's callbacks. They note what has come, and leave
 * the methods alone.
 */
#include "producer/gateway/grpc/call.h"
#include "producer/gateway/grpc/header.h"

enum { WINDOW_BYTES = 1 << 20 }; /* of the connection; a stream's is HTTP/2's 65535 */

static struct grpc_call *call_of(nghttp2_session *session, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(session, stream);
}

/* --- headers -------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_server *s = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct grpc_call *c = grpc_call_new(s, frame->hd.stream_id);
    s->last_stream = c->stream;
    must(nghttp2_session_set_stream_user_data(session, c->stream, c) == 0);
    return 0;
}

/* A stream below the last one can only be one that has been. What a client still sends on one that
 * we have ended is no fault of it, and nghttp2 lets it pass; but a call begun there would wait for
 * ever. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    const struct grpc_server *s = user;
    bool past = hd->stream_id <= s->last_stream && hd->stream_id % 2 == 1;
    if (hd->type != NGHTTP2_HEADERS || !past || nghttp2_session_find_stream(session, hd->stream_id))
        return 0;
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, hd->stream_id,
                                     NGHTTP2_STREAM_CLOSED)
               ? NGHTTP2_ERR_CALLBACK_FAILURE
               : 0;
}

static const struct grpc_method *find(const struct grpc_server *s, struct bytes path)
{
    for (const struct grpc_method *const *table = s->options.methods; *table; table++)
        for (const struct grpc_method *m = *table; m->path; m++)
            if (bytes_equal(path, bytes_text(m->path)))
                return m;
    return NULL;
}

static void keep(struct grpc_call *c, struct bytes name, struct bytes value)
{
    buf_put(&c->metadata, name.data, name.size);
    buf_put(&c->metadata, "", 1);
    buf_put(&c->metadata, value.data, value.size);
    buf_put(&c->metadata, "", 1);
}

static void take_header(struct grpc_call *c, struct bytes name, struct bytes value)
{
    if (bytes_equal(name, bytes_text(":path"))) {
        c->method = find(c->server, value);
        keep(c, name, value);
    } else if (bytes_equal(name, bytes_text(":method"))) {
        c->posted = bytes_equal(value, bytes_text("POST"));
    } else if (bytes_equal(name, bytes_text("content-type"))) {
        c->is_grpc = grpc_header_is_grpc(value);
    } else if (bytes_equal(name, bytes_text("grpc-timeout"))) {
        c->timeout_bad = !grpc_header_timeout(value, &c->timeout_ms);
    } else if (!bytes_starts(name, bytes_text(":")) && !bytes_starts(name, bytes_text("grpc-"))) {
        keep(c, name, value);
    }
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    (void)flags, (void)user;
    enum { ENTRY_BYTES = 32, PATIENCE = 4 };
    struct grpc_call *c = call_of(session, frame->hd.stream_id);
    if (!c || c->closed)
        return 0;
    c->header_bytes += name_size + value_size + ENTRY_BYTES;
    /* A few bytes on the wire can stand for very many: who goes on and on is not listened to. */
    if (c->header_bytes > (size_t)PATIENCE * GRPC_HEADER_BYTES_MAX)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (c->state == CALL_ASKED && c->header_bytes <= GRPC_HEADER_BYTES_MAX)
        take_header(c, bytes_of(name, name_size), bytes_of(value, value_size));
    return 0;
}

/* nghttp2 would leave it out, and the rest would be a call. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_size, const uint8_t *value,
                             size_t value_size, uint8_t flags, void *user)
{
    (void)session, (void)frame, (void)name, (void)name_size;
    (void)value, (void)value_size, (void)flags, (void)user;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* --- frames --------------------------------------------------------------------------------- */

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream,
                         const uint8_t *data, size_t size, void *user)
{
    (void)flags, (void)user;
    struct grpc_call *c = call_of(session, stream);
    /* The connection's window is never shut by one stream: each has its own, and they are few. */
    if (nghttp2_session_consume_connection(session, size) == NGHTTP2_ERR_NOMEM)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (c)
        grpc_call_data(c, bytes_of(data, size));
    return 0;
}

static bool is_noise(const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_PING:
    case NGHTTP2_SETTINGS: return !(frame->hd.flags & NGHTTP2_FLAG_ACK);
    case NGHTTP2_PRIORITY: return true;
    case NGHTTP2_DATA: return !frame->hd.length && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    default: return false;
    }
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct grpc_server *s = user;
    struct grpc_call *c = NULL;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        s->greeted = true;
    if (is_noise(frame))
        grpc_server_noise(s);
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
        c = call_of(session, frame->hd.stream_id);
    if (!c)
        return 0;
    if (c->state == CALL_ASKED)
        grpc_call_headers(c);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        grpc_call_half_close(c);
    return 0;
}

/* An answer that ends while the client still sends: it is told to stop. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    grpc_server_quiet(user);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
        nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) != 0)
        return 0;
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                     NGHTTP2_NO_ERROR)
               ? NGHTTP2_ERR_CALLBACK_FAILURE
               : 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
    (void)error, (void)user;
    struct grpc_call *c = call_of(session, stream);
    if (c)
        grpc_call_close(c);
    return 0;
}

/* --- the session ---------------------------------------------------------------------------- */

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *cb;
    must(nghttp2_session_callbacks_new(&cb) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame_recv);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    return cb;
}

nghttp2_session *grpc_session_new(struct grpc_server *s)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, GRPC_CALLS_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GRPC_HEADER_BYTES_MAX}};
    nghttp2_session_callbacks *cb = callbacks_new();
    nghttp2_session *session;
    nghttp2_option *option;
    must(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_stream_reset_rate_limit(option, GRPC_RESETS_MAX, GRPC_RESETS_PER_S);
    must(nghttp2_session_server_new2(&session, cb, s, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    must(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, LENGTH(settings)) == 0);
    must(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES) == 0);
    return session;
}
