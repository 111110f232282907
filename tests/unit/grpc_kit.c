/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/grpc_kit.h"

#include "tests/unit/check.h"

enum { BUDGET_BYTES = 32 << 20, MOST_BYTES = 16 << 10 };

/* --- methods -------------------------------------------------------------------------------- */

static void note(struct grpc_call *c, const char *what)
{
    struct kit *k = grpc_call_context(c);
    buf_printf(&k->trace, "%s ", what);
}

static void begin(struct grpc_call *c)
{
    struct kit *k = grpc_call_context(c);
    k->call = c;
    note(c, "begin");
}

static void gone(struct grpc_call *c, enum grpc_status why)
{
    struct kit *k = grpc_call_context(c);
    if (k->call == c)
        k->call = NULL;
    buf_printf(&k->trace, "gone:%d ", (int)why);
}

static void note_message(struct grpc_call *c, struct bytes message)
{
    struct kit *k = grpc_call_context(c);
    buf_printf(&k->trace, "message:%zu ", message.size);
}

static void echo(struct grpc_call *c, struct bytes message)
{
    note_message(c, message);
    grpc_call_answer(c, message);
}

static void fill(struct grpc_call *c)
{
    struct kit *k = grpc_call_context(c);
    char *text = must_alloc(k->fill_bytes);
    memset(text, 'x', k->fill_bytes);
    while (k->fill_left && grpc_call_message(c, bytes_of(text, k->fill_bytes)))
        k->fill_left--;
    free(text);
    if (!k->fill_left)
        grpc_call_end(c, GRPC_OK, NULL);
}

static void fill_begin(struct grpc_call *c, struct bytes message)
{
    note_message(c, message);
    fill(c);
}

static void chat_begin(struct grpc_call *c)
{
    begin(c);
    grpc_call_greet(c);
    grpc_call_next(c);
}

static void chat(struct grpc_call *c, struct bytes message)
{
    note_message(c, message);
    if (bytes_equal(message, bytes_text("enough"))) {
        grpc_call_end(c, GRPC_ABORTED, "100% enough: \xd1\x8f");
        return;
    }
    CHECK(grpc_call_message(c, message));
    grpc_call_next(c);
}

static void chat_end(struct grpc_call *c)
{
    note(c, "half-close");
    grpc_call_end(c, GRPC_OK, NULL);
}

static void hold_end(struct grpc_call *c)
{
    note(c, "half-close");
}

static const struct grpc_method methods[] = {
    {.path = "/t.T/Echo", .kind = GRPC_UNARY, .message = echo, .gone = gone},
    {.path = "/t.T/Later",
     .kind = GRPC_UNARY,
     .begin = begin,
     .message = note_message,
     .gone = gone},
    {.path = "/t.T/Fill",
     .kind = GRPC_STREAM,
     .begin = begin,
     .message = fill_begin,
     .room = fill,
     .gone = gone},
    {.path = "/t.T/Chat",
     .kind = GRPC_BIDI,
     .begin = chat_begin,
     .message = chat,
     .half_close = chat_end,
     .gone = gone},
    {.path = "/t.T/Hold",
     .kind = GRPC_BIDI,
     .begin = begin,
     .message = note_message,
     .half_close = hold_end,
     .gone = gone},
    {0},
};

static const struct grpc_method *const tables[] = {methods, NULL};

/* --- the client ----------------------------------------------------------------------------- */

struct kit_reply *kit_reply(struct kit *k, int32_t stream)
{
    CHECK(stream > 0 && (stream - 1) / 2 < KIT_STREAMS_MAX);
    return &k->replies[(stream - 1) / 2];
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    (void)session, (void)flags;
    struct buf *said = &kit_reply(user, frame->hd.stream_id)->said;
    bool pseudo = name[0] == ':';
    if (said->size)
        buf_printf(said, pseudo ? "; " : " ");
    if (!pseudo && !(name_size == 12 && memcmp(name, "content-type", 12) == 0))
        buf_printf(said, "%.*s ", (int)name_size, (const char *)name);
    buf_printf(said, "%.*s", (int)value_size, (const char *)value);
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct buf *said = &kit_reply(user, frame->hd.stream_id)->said;
    if (said->size)
        buf_printf(said, ";");
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t size, void *user)
{
    (void)flags;
    struct kit *k = user;
    buf_put(&kit_reply(k, stream)->data, data, size);
    if (!k->deaf)
        must(nghttp2_session_consume(session, stream, size) == 0);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct kit *k = user;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        k->goaway = frame->goaway.error_code;
        snprintf(k->goaway_text, sizeof k->goaway_text, "%.*s", (int)frame->goaway.opaque_data_len,
                 (const char *)frame->goaway.opaque_data);
    }
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK))
        k->pings_answered++;
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
    (void)session;
    struct kit_reply *r = kit_reply(user, stream);
    r->closed = true;
    r->error = error;
    return 0;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream, uint8_t *to, size_t most,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session, (void)stream, (void)user;
    struct kit_reply *r = source->ptr;
    size_t left = r->body.size - r->body_at, size = left < most ? left : most;
    if (size)
        memcpy(to, r->body.data + r->body_at, size);
    r->body_at += size;
    if (size == left && r->half_closes)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (!size)
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)size;
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .namelen = strlen(name),
                        .value = (uint8_t *)(uintptr_t)value,
                        .valuelen = strlen(value)};
}

int32_t kit_ask(struct kit *k, const char *path, struct bytes body, bool half_closes,
                const struct kit_header *headers, size_t header_count)
{
    struct kit_header usual[] = {{":method", "POST"},
                                 {":scheme", "http"},
                                 {":path", path},
                                 {":authority", "t"},
                                 {"content-type", "application/grpc"},
                                 {"te", "trailers"}};
    nghttp2_nv nva[32];
    size_t count = 0;
    CHECK(header_count < 20);
    for (size_t i = 0; i < LENGTH(usual); i++) {
        for (size_t j = 0; j < header_count; j++)
            if (strcmp(usual[i].name, headers[j].name) == 0)
                usual[i].value = headers[j].value;
        if (usual[i].value)
            nva[count++] = nv(usual[i].name, usual[i].value);
    }
    for (size_t j = 0; j < header_count; j++) {
        bool known = false;
        for (size_t i = 0; i < LENGTH(usual); i++)
            known |= strcmp(usual[i].name, headers[j].name) == 0;
        if (!known)
            nva[count++] = nv(headers[j].name, headers[j].value);
    }
    struct kit_reply *r = kit_reply(k, (int32_t)nghttp2_session_get_next_stream_id(k->client));
    buf_put(&r->body, body.data, body.size);
    r->half_closes = half_closes;
    nghttp2_data_provider provider = {.source.ptr = r, .read_callback = read_body};
    int32_t stream = nghttp2_submit_request(k->client, NULL, nva, count, &provider, k);
    CHECK(stream > 0);
    return stream;
}

void kit_frame(struct buf *out, struct bytes message)
{
    unsigned char prefix[] = {0, (unsigned char)(message.size >> 24),
                              (unsigned char)(message.size >> 16),
                              (unsigned char)(message.size >> 8), (unsigned char)message.size};
    buf_put(out, prefix, sizeof prefix);
    buf_put(out, message.data, message.size);
}

int32_t kit_call(struct kit *k, const char *path, const char *message)
{
    struct buf body = {0};
    kit_frame(&body, bytes_text(message));
    int32_t stream = kit_ask(k, path, buf_bytes(&body), true, NULL, 0);
    buf_fini(&body);
    return stream;
}

void kit_say(struct kit *k, int32_t stream, struct bytes body, bool half_closes)
{
    struct kit_reply *r = kit_reply(k, stream);
    buf_put(&r->body, body.data, body.size);
    r->half_closes = half_closes;
    (void)nghttp2_session_resume_data(k->client, stream);
}

/* --- the wire ------------------------------------------------------------------------------- */

static bool carry_in(struct kit *k)
{
    const uint8_t *data;
    ssize_t size = nghttp2_session_mem_send(k->client, &data);
    CHECK(size >= 0);
    if (size > 0)
        grpc_receive(k->server, bytes_of(data, (size_t)size), k->now_ms);
    return size > 0;
}

static bool carry_out(struct kit *k)
{
    struct buf out = {0};
    grpc_send(k->server, &out, MOST_BYTES);
    CHECK(out.size < 3 * MOST_BYTES);
    bool any = out.size > 0;
    if (any)
        CHECK_EQ(nghttp2_session_mem_recv(k->client, out.data, out.size), out.size);
    buf_fini(&out);
    return any;
}

void kit_pump(struct kit *k)
{
    bool in, out;
    do {
        in = carry_in(k);
        out = carry_out(k);
    } while (in || out);
}

void kit_pass(struct kit *k, int64_t ms)
{
    k->now_ms += ms;
    grpc_tick(k->server, k->now_ms);
    kit_pump(k);
}

struct bytes kit_raw(struct kit *k, struct bytes in)
{
    struct buf *out = &k->replies[0].data;
    buf_clear(out);
    grpc_receive(k->server, in, k->now_ms);
    for (size_t before = SIZE_MAX; before != out->size;) {
        before = out->size;
        grpc_send(k->server, out, MOST_BYTES);
    }
    return buf_bytes(out);
}

const char *kit_said(struct kit *k, int32_t stream)
{
    return buf_text(&kit_reply(k, stream)->said);
}

const char *kit_data(struct kit *k, int32_t stream)
{
    static char text[4096];
    struct buf *data = &kit_reply(k, stream)->data;
    size_t length = 0;
    text[0] = 0;
    for (size_t at = 0; at < data->size;) {
        CHECK(data->size - at >= 5 && data->data[at] == 0 && data->data[at + 1] == 0);
        size_t size =
            (size_t)data->data[at + 2] << 16 | (size_t)data->data[at + 3] << 8 | data->data[at + 4];
        CHECK(data->size - at - 5 >= size && length + size + 3 < sizeof text);
        length += (size_t)snprintf(text + length, sizeof text - length, "[%.*s]", (int)size,
                                   (const char *)data->data + at + 5);
        at += 5 + size;
    }
    return text;
}

const char *kit_trace(struct kit *k)
{
    static char text[4096];
    size_t size = k->trace.size ? k->trace.size - 1 : 0;
    CHECK(size < sizeof text);
    bytes_copy(text, bytes_of(k->trace.data, size));
    text[size] = 0;
    buf_clear(&k->trace);
    return text;
}

/* --- life ----------------------------------------------------------------------------------- */

static void wake(void *user)
{
    (void)user;
}

static nghttp2_session *client_new(struct kit *k)
{
    nghttp2_session_callbacks *cb;
    nghttp2_session *client;
    nghttp2_option *option;
    must(nghttp2_session_callbacks_new(&cb) == 0 && nghttp2_option_new(&option) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_option_set_no_auto_window_update(option, 1);
    must(nghttp2_session_client_new2(&client, cb, k, option) == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
    must(nghttp2_submit_settings(client, NGHTTP2_FLAG_NONE, NULL, 0) == 0);
    return client;
}

struct kit *kit_new(void)
{
    struct kit *k = must_alloc(sizeof *k);
    k->now_ms = 1000;
    k->budget.most_bytes = BUDGET_BYTES;
    k->goaway = UINT32_MAX;
    k->client = client_new(k);
    k->server = grpc_new(
        &(struct grpc_options){.methods = tables, .budget = &k->budget, .context = k, .wake = wake},
        k->now_ms);
    return k;
}

void kit_cut(struct kit *k)
{
    grpc_free(k->server);
    k->server = NULL;
}

void kit_free(struct kit *k)
{
    if (k->server)
        grpc_free(k->server);
    CHECK_EQ(k->budget.held_bytes, 0);
    nghttp2_session_del(k->client);
    for (size_t i = 0; i < KIT_STREAMS_MAX; i++) {
        buf_fini(&k->replies[i].said);
        buf_fini(&k->replies[i].data);
        buf_fini(&k->replies[i].body);
    }
    buf_fini(&k->trace);
    free(k);
}
