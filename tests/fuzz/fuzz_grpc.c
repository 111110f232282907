/* SPDX-License-Identifier: Apache-2.0
 *
 * A gRPC connection under bytes of any kind. The input is read as pieces: a letter, a length, and
 * that many bytes. 'r' raw bytes; 'h' a request of one of the methods, with the bytes as further
 * header block; 'd' the bytes as DATA on the last stream; 'f' any frame: type, flags and stream are
 * its first three bytes; 'e' half-closes; 't' time passes; 's' sends; 'a' the last call that waits
 * is answered; 'q' the server stops. Half of the inputs begin with a valid preface, so that what is
 * behind it is reached. Methods answer, refuse, wait and ask for more, by the bytes they are given;
 * what is held must be given back, whatever happens.
 */
#include "producer/gateway/grpc/message.h"
#include "rto.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_BYTES = 64 << 10, BUDGET_BYTES = 1 << 20, TURNS_MAX = 400, CALLS = 8 };

struct world {
    struct grpc_server *server;
    struct grpc_budget budget;
    struct grpc_call *waiting[CALLS];
    int64_t now_ms;
    uint32_t stream; /* the last that was opened */
};

/* --- methods -------------------------------------------------------------------------------- */

static void keep(struct grpc_call *c)
{
    struct world *w = grpc_call_context(c);
    for (unsigned i = 0; i < CALLS; i++)
        if (!w->waiting[i]) {
            w->waiting[i] = c;
            return;
        }
    grpc_call_end(c, GRPC_RESOURCE_EXHAUSTED, "no place");
}

static void forget(struct grpc_call *c)
{
    struct world *w = grpc_call_context(c);
    for (unsigned i = 0; i < CALLS; i++)
        if (w->waiting[i] == c)
            w->waiting[i] = NULL;
}

static void gone(struct grpc_call *c, enum grpc_status why)
{
    must(why != GRPC_OK);
    forget(c);
}

static void answer(struct grpc_call *c, struct bytes message)
{
    must(message.size <= GRPC_MESSAGE_BYTES_MAX);
    if (message.size % 3 == 0)
        keep(c);
    else if (message.size % 3 == 1)
        grpc_call_answer(c, message);
    else
        grpc_call_end(c, GRPC_NOT_FOUND, grpc_call_metadata(c, ":path"));
}

/* What can be read can be written. */
static void repeat(struct grpc_call *c, struct bytes message)
{
    void *m = grpc_message_read(c, &grpc__rto_api__start_request__descriptor, message);
    if (m)
        grpc_message_answer(c, m);
    grpc_message_free(m);
}

static void pour(struct grpc_call *c)
{
    static const char text[20000];
    for (unsigned i = 0; i < 40; i++)
        if (!grpc_call_message(c, bytes_of(text, sizeof text)))
            return;
    grpc_call_end(c, GRPC_OK, NULL);
}

static void pour_first(struct grpc_call *c, struct bytes message)
{
    (void)message;
    pour(c);
}

static void chat_begin(struct grpc_call *c)
{
    grpc_call_greet(c);
    grpc_call_next(c);
}

static void chat(struct grpc_call *c, struct bytes message)
{
    unsigned char first = message.size ? *(const unsigned char *)message.data : 0;
    if (first % 4 == 3)
        grpc_call_end(c, GRPC_ABORTED, "\xff\x01%");
    else if (first % 4 != 2 || grpc_call_message(c, message))
        grpc_call_next(c);
}

static void chat_end(struct grpc_call *c)
{
    grpc_call_end(c, GRPC_OK, NULL);
}

static const struct grpc_method methods[] = {
    {.path = "/a", .kind = GRPC_UNARY, .message = answer, .gone = gone},
    {.path = "/b", .kind = GRPC_STREAM, .message = pour_first, .room = pour, .gone = gone},
    {.path = "/c",
     .kind = GRPC_BIDI,
     .begin = chat_begin,
     .message = chat,
     .half_close = chat_end,
     .gone = gone},
    {.path = "/d", .kind = GRPC_UNARY, .message = repeat, .gone = gone},
    {0},
};

static const struct grpc_method *const tables[] = {methods, NULL};

/* --- the peer ------------------------------------------------------------------------------- */

static void receive(struct world *w, struct bytes in)
{
    grpc_receive(w->server, in, w->now_ms);
}

static void put_frame(struct buf *out, unsigned type, unsigned flags, uint32_t stream,
                      struct bytes body)
{
    unsigned char head[] = {(unsigned char)(body.size >> 16),
                            (unsigned char)(body.size >> 8),
                            (unsigned char)body.size,
                            (unsigned char)type,
                            (unsigned char)flags,
                            (unsigned char)(stream >> 24),
                            (unsigned char)(stream >> 16),
                            (unsigned char)(stream >> 8),
                            (unsigned char)stream};
    buf_put(out, head, sizeof head);
    buf_put(out, body.data, body.size);
}

static void frame(struct world *w, unsigned type, unsigned flags, uint32_t stream,
                  struct bytes body)
{
    struct buf out = {0};
    put_frame(&out, type, flags, stream, body);
    receive(w, buf_bytes(&out));
    buf_fini(&out);
}

/* POST, http, /a to /e (which is none), application/grpc; then whatever the input says. */
static void request(struct world *w, struct bytes more)
{
    static const char fields[] = "\x83\x86\x04\x02/a\x0f\x10\x10"
                                 "application/grpc";
    struct buf block = {0};
    unsigned char which = more.size ? *(const unsigned char *)more.data % 5 : 0;
    buf_put(&block, fields, sizeof fields - 1);
    block.data[5] = (unsigned char)('a' + which);
    if (more.size)
        buf_put(&block, (const char *)more.data + 1, more.size - 1);
    w->stream += 2;
    frame(w, 1, 4, w->stream, buf_bytes(&block));
    buf_fini(&block);
}

static void any_frame(struct world *w, struct bytes piece)
{
    const unsigned char *at = piece.data;
    if (piece.size >= 3)
        frame(w, at[0] % 12, at[1], at[2] % 8, bytes_of(at + 3, piece.size - 3));
}

static void settle(struct world *w)
{
    for (unsigned i = 0; i < CALLS; i++)
        if (w->waiting[i]) {
            struct grpc_call *c = w->waiting[i];
            w->waiting[i] = NULL;
            grpc_call_answer(c, bytes_text("late"));
            return;
        }
}

static void send_some(struct world *w)
{
    struct buf out = {0};
    grpc_send(w->server, &out, OUT_BYTES);
    must(out.size < 2 * OUT_BYTES);
    buf_fini(&out);
}

static void pass(struct world *w, struct bytes piece)
{
    static const int64_t steps_ms[] = {1, 50, 1000, 20000, 60000, 600000};
    unsigned char which = piece.size ? *(const unsigned char *)piece.data : 0;
    w->now_ms += steps_ms[which % LENGTH(steps_ms)];
    grpc_tick(w->server, w->now_ms);
    must(grpc_done(w->server) || grpc_deadline_ms(w->server) > w->now_ms);
}

static void play(struct world *w, char letter, struct bytes piece)
{
    switch (letter) {
    case 'h': request(w, piece); break;
    case 'd': frame(w, 0, 0, w->stream, piece); break;
    case 'e': frame(w, 0, 1, w->stream, piece); break;
    case 'f': any_frame(w, piece); break;
    case 't': pass(w, piece); break;
    case 's': send_some(w); break;
    case 'a': settle(w); break;
    case 'q': grpc_drain(w->server, w->now_ms); break;
    default: receive(w, piece);
    }
    must(w->budget.held_bytes <= w->budget.most_bytes);
}

static void wake(void *user)
{
    (void)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    struct world w = {.now_ms = 1, .stream = UINT32_MAX, .budget.most_bytes = BUDGET_BYTES};
    w.server = grpc_new(
        &(struct grpc_options){.methods = tables, .budget = &w.budget, .context = &w, .wake = wake},
        w.now_ms);
    size_t at = 0;
    if (size && data[at++] % 8)
        receive(&w, bytes_of(preface, sizeof preface));
    for (unsigned turn = 0; turn < TURNS_MAX && size - at >= 2; turn++) {
        char letter = (char)data[at];
        size_t length = data[at + 1];
        at += 2;
        if (length > size - at)
            length = size - at;
        play(&w, letter, bytes_of(data + at, length));
        at += length;
        if (grpc_done(w.server))
            break;
    }
    grpc_free(w.server);
    must(!w.budget.held_bytes);
    return 0;
}
