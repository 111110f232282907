/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conn.h"

#include <errno.h>
#include <sys/random.h>
#include <zmq.h>

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93 /* zmq.h hides it, the library has it */
#endif

enum {
    COPY_BELOW = 4096, /* smaller frames are copied, larger ones given away */
    RECONNECT_MS = 200,
    EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
             ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
             ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
};

void *conn_context(void)
{
    /* libzmq draws routing ids and reconnect jitter from rand() and never seeds it: two processes
     * would draw alike, and a peer could guess the next id (and abort a ROUTER by claiming it). */
    unsigned seed;
    must(getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed);
    srandom(seed);
    void *context = zmq_ctx_new();
    must(context);
    return context;
}

struct setting {
    int option, value;
};

static int set_all(void *socket, const struct setting *settings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (zmq_setsockopt(socket, settings[i].option, &settings[i].value, sizeof(int)))
            return -1;
    return 0;
}

static int set_common(void *socket, const struct conn_options *o)
{
    const struct setting settings[] = {
        {ZMQ_LINGER, o->linger_ms},
        {ZMQ_SNDHWM, o->send_high_water ? o->send_high_water : 256},
        {ZMQ_RCVHWM, o->receive_high_water ? o->receive_high_water : 256},
        {ZMQ_HANDSHAKE_IVL, 3000},
        {ZMQ_HEARTBEAT_IVL, 2000},
        {ZMQ_HEARTBEAT_TIMEOUT, 6000},
        {ZMQ_HEARTBEAT_TTL, 6000},
        {ZMQ_TCP_MAXRT, 10000},
        {ZMQ_TCP_KEEPALIVE, 1},
        {ZMQ_TCP_KEEPALIVE_IDLE, 30},
        {ZMQ_TCP_KEEPALIVE_INTVL, 5},
        {ZMQ_TCP_KEEPALIVE_CNT, 3},
    };
    int64_t frame_max = CONN_FRAME_BYTES_MAX;
    if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max))
        return -1;
    return set_all(socket, settings, LENGTH(settings));
}

static int set_bound(void *socket, enum conn_kind kind)
{
    const struct setting settings[] = {{ZMQ_BACKLOG, 1024}, {ZMQ_ROUTER_MANDATORY, 1}};
    return set_all(socket, settings, kind == CONN_ROUTER ? 2 : 1);
}

/* Before each try libzmq waits for this and for up to as much again. */
static int reconnect_ms(const struct conn_options *o)
{
    return RECONNECT_MS +
           (o->reconnect_spread_ms > 0 ? (int)(random() % o->reconnect_spread_ms) : 0);
}

static int set_connected(void *socket, enum conn_kind kind, const struct conn_options *o)
{
    const struct setting settings[] = {
        {ZMQ_RECONNECT_IVL, reconnect_ms(o)},
        {ZMQ_RECONNECT_IVL_MAX, o->reconnect_max_ms ? o->reconnect_max_ms : 10000},
        {ZMQ_CONNECT_TIMEOUT, 5000},
        {ZMQ_IMMEDIATE, 1},
    };
    return set_all(socket, settings, kind == CONN_DEALER ? 4 : 3);
}

static int set_text(void *socket, int option, const char *text)
{
    return zmq_setsockopt(socket, option, text, strlen(text));
}

/* Without a handler libzmq lets every key in, unless a domain is both named and enforced. */
static int set_curve(void *socket, bool bound, const struct conn_options *o)
{
    const struct setting server[] = {{ZMQ_CURVE_SERVER, 1}, {ZMQ_ZAP_ENFORCE_DOMAIN, 1}};
    int rc = set_text(socket, ZMQ_CURVE_SECRETKEY, o->identity->secret_key);
    if (bound) {
        must(*o->domain);
        rc = rc ? rc : set_text(socket, ZMQ_ZAP_DOMAIN, o->domain);
        return rc ? rc : set_all(socket, server, LENGTH(server));
    }
    rc = rc ? rc : set_text(socket, ZMQ_CURVE_PUBLICKEY, o->identity->public_key);
    return rc ? rc : set_text(socket, ZMQ_CURVE_SERVERKEY, o->identity->server_key);
}

/* libzmq takes port 99999 for 34463; and of its many transports only these two are safe here. */
static bool address_valid(const char *address)
{
    if (strncmp(address, "ipc://", 6) == 0)
        return address[6] != 0;
    const char *port = strrchr(address, ':');
    if (strncmp(address, "tcp://", 6) != 0 || port < address + 6)
        return false;
    size_t digits = strspn(port + 1, "0123456789");
    if (strcmp(port, ":*") == 0)
        return true;
    return digits > 0 && digits <= 5 && port[1 + digits] == 0 && atoi(port + 1) <= 65535;
}

void *conn_open(void *context, enum conn_kind kind, const char *address,
                const struct conn_options *options)
{
    static const int types[] = {ZMQ_ROUTER, ZMQ_XPUB, ZMQ_DEALER, ZMQ_SUB};
    bool bound = kind == CONN_ROUTER || kind == CONN_XPUB;
    if (!address_valid(address)) {
        errno = EINVAL;
        return NULL;
    }
    void *socket = zmq_socket(context, types[kind]);
    if (!socket)
        return NULL;
    int rc = set_common(socket, options);
    if (rc == 0)
        rc = bound ? set_bound(socket, kind) : set_connected(socket, kind, options);
    if (rc == 0 && options->identity && identity_there(options->identity))
        rc = set_curve(socket, bound, options);
    if (rc == 0 && options->monitor) /* before the first connection can come */
        rc = zmq_socket_monitor(socket, options->monitor, EVENTS);
    if (rc == 0)
        rc = bound ? zmq_bind(socket, address) : zmq_connect(socket, address);
    if (rc) {
        int saved = errno;
        zmq_close(socket);
        errno = saved;
        return NULL;
    }
    return socket;
}

static enum conn_event event_of(uint16_t event, uint32_t value)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return CONN_UP;
    case ZMQ_EVENT_DISCONNECTED: return CONN_DOWN;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return CONN_BROKEN;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return CONN_REFUSED;
    default:
        return value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? CONN_MISMATCH : CONN_OTHER;
    }
}

enum conn_event conn_event(void *monitor)
{
    struct {
        uint16_t event;
        uint32_t value;
    } __attribute__((packed)) told;
    zmq_msg_t msg;
    enum conn_event event = CONN_OTHER;
    zmq_msg_init(&msg);
    int n = zmq_msg_recv(&msg, monitor, ZMQ_DONTWAIT);
    /* Two frames an event; the second is the address, which we know. */
    if (n < 0 && errno != EINTR) {
        event = CONN_QUIET;
    } else if (n >= (int)sizeof told && zmq_msg_more(&msg)) {
        memcpy(&told, zmq_msg_data(&msg), sizeof told);
        event = event_of(told.event, told.value);
    }
    zmq_msg_close(&msg);
    return event;
}

void conn_monitor_end(void *socket, void *monitor)
{
    if (socket)
        zmq_socket_monitor(socket, NULL, 0);
    if (monitor)
        zmq_close(monitor);
}

bool conn_refused(struct conn_refusal *r, enum conn_event event)
{
    bool refused = event == CONN_REFUSED || event == CONN_MISMATCH;
    if (event == CONN_UP)
        *r = (struct conn_refusal){0};
    /* Once may be a broker that has just died; and who was told why has not just been hung up on.
     */
    r->broken += event == CONN_BROKEN;
    if (refused || (r->broken > 1 && r->last == CONN_QUIET))
        r->last = refused ? event : CONN_BROKEN;
    return refused;
}

const char *conn_refusal(const struct conn_refusal *r, bool key)
{
    switch (r->last) {
    case CONN_REFUSED: return "the broker does not know this key, or not for this port";
    case CONN_MISMATCH:
        return key ? "the broker asks for no key, and here is one"
                   : "the broker asks for a key: --identity FILE, or REEVE_IDENTITY";
    case CONN_BROKEN:
        /* Its word that it asks for a key is lost when it closes faster than we read. */
        return key ? "the broker hung up: it may ask for no key, or not be the one of this identity"
                   : "the broker hung up: it may ask for a key: --identity FILE, or REEVE_IDENTITY";
    case CONN_QUIET:
    case CONN_OTHER:
    case CONN_UP:
    case CONN_DOWN: return NULL;
    }
    return NULL;
}

int conn_fd(void *socket)
{
    int fd;
    size_t size = sizeof fd;
    must(zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0);
    return fd;
}

bool conn_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0 || (events & ZMQ_POLLIN);
}

static void outbox_seal(struct outbox *o)
{
    struct outbox_frame *frame = must_alloc(sizeof *frame);
    frame->buf = o->open;
    o->open = (struct buf){0};
    o->mark = 0;
    if (o->last)
        o->last->next = frame;
    else
        o->first = frame;
    o->last = frame;
}

void outbox_put(struct outbox *o, struct bytes record)
{
    if (o->open.size && o->open.size + record.size > CONN_FRAME_BYTES)
        outbox_seal(o);
    bytes_copy(buf_extend(&o->open, record.size), record);
    o->bytes += record.size;
    o->mark = 0;
}

void outbox_put_row(struct outbox *o, const struct outbox_row *row)
{
    struct bytes whole = row->whole;
    if (row->brief.size && o->mark && row->mark == o->mark + 1 &&
        o->open.size + whole.size <= CONN_FRAME_BYTES) {
        outbox_put(o, row->brief);
        whole.data = (const char *)whole.data + (whole.size - row->behind);
        whole.size = row->behind;
    }
    if (whole.size)
        outbox_put(o, whole);
    o->mark = row->last_mark;
}

void outbox_fini(struct outbox *o)
{
    while (o->first) {
        struct outbox_frame *frame = o->first;
        o->first = frame->next;
        buf_fini(&frame->buf);
        free(frame);
    }
    buf_fini(&o->open);
    *o = (struct outbox){0};
}

static void give_away(void *data, void *hint)
{
    (void)hint;
    free(data);
}

/* Sends one frame; on success the buf is empty. Returns 0 or errno. */
static int frame_send(struct buf *b, void *socket, struct bytes route)
{
    if (route.size) {
        int rc = zmq_send(socket, route.data, route.size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        if (rc < 0)
            return errno;
    }
    zmq_msg_t msg;
    bool give = b->size >= COPY_BELOW;
    if (give) {
        must(zmq_msg_init_data(&msg, b->data, b->size, give_away, NULL) == 0);
    } else {
        must(zmq_msg_init_size(&msg, b->size) == 0);
        memcpy(zmq_msg_data(&msg), b->data, b->size);
    }
    size_t size = b->size, capacity = b->capacity;
    unsigned char *data = b->data;
    if (give)
        *b = (struct buf){0};
    if (zmq_msg_send(&msg, socket, ZMQ_DONTWAIT) < 0) {
        int saved = errno;
        if (give) { /* closing would free the bytes: keep a copy to send later */
            *b = (struct buf){.data = must_alloc(capacity), .capacity = capacity};
            memcpy(b->data, data, size);
            b->size = size;
        }
        zmq_msg_close(&msg);
        return saved;
    }
    b->size = 0;
    return 0;
}

int outbox_flush(struct outbox *o, void *socket, struct bytes route)
{
    while (o->first) {
        struct outbox_frame *frame = o->first;
        size_t size = frame->buf.size;
        int rc = frame_send(&frame->buf, socket, route);
        if (rc)
            return rc;
        o->bytes -= size;
        o->first = frame->next;
        if (!o->first)
            o->last = NULL;
        buf_fini(&frame->buf);
        free(frame);
    }
    if (o->open.size) {
        size_t size = o->open.size;
        int rc = frame_send(&o->open, socket, route);
        if (rc)
            return rc;
        o->bytes -= size;
        o->mark = 0;
    }
    return 0;
}
