/* SPDX-License-Identifier: Apache-2.0
 *
 * conn: ZeroMQ sockets with the settings that make them safe (mandatory routing, limits,
 * heartbeats, no lingering), and the outbox that gathers what waits for a peer into frames.
 * One thread owns a socket. Knows nothing of what the bytes mean.
 */
#ifndef COMMON_CONN_H
#define COMMON_CONN_H

#include "common/buf.h"
#include "common/identity.h"
#include "common/must.h"

enum {
    /* Of a frame that is sent before there is nothing more to say. libzmq writes and reads the
     * first 8 KiB of a frame and then all the rest at once, so one of 16 KiB costs what two of half
     * that do, and one of 32 half of what four do. More would keep the next in line waiting. */
    CONN_PART_BYTES = (32 << 10) - 512,
    CONN_FRAME_BYTES = 64 << 10,
    CONN_FRAME_BYTES_MAX = 17 << 20
};

/* The process's one ZeroMQ context, seeded so that no peer can guess routing ids. Fork what must
 * be forked before. */
void *conn_context(void);

enum conn_kind { CONN_ROUTER, CONN_XPUB, CONN_DEALER, CONN_SUB };
struct conn_options {
    int send_high_water, receive_high_water; /* messages; 0: 256 */
    int reconnect_max_ms;                    /* dealers; 0: 10000 */
    int linger_ms;
    /* inproc://... of a PAIR that hears what becomes of connections, for conn_event; to be read in
     * the same loop. NULL: none. */
    const char *monitor;
    /* There: CURVE. Both sides prove who they are, and all between them is sealed; the one that
     * connects meets only the broker of its identity. Not there, or NULL: anybody, in the clear. */
    const struct identity *identity;
    /* bound with an identity: what the ZAP handler is asked for, which has to be there first;
     * without one nobody is let in */
    const char *domain;
    /* dealers: somewhere up to so much more before each new try, drawn for this socket, so that
     * hundreds that lost one peer do not come back at once */
    int reconnect_spread_ms;
};

/* A socket bound (ROUTER, XPUB) or connected (DEALER, SUB) to address: tcp:// or ipc://. NULL and
 * errno (EADDRINUSE, EINVAL for an address that is none, ...) when it cannot be. Close with
 * zmq_close. */
void *conn_open(void *context, enum conn_kind kind, const char *address,
                const struct conn_options *options);

/* What a monitor tells. After CONN_REFUSED and CONN_MISMATCH libzmq tries no more: a socket that is
 * to go on is closed and opened again. */
enum conn_event {
    CONN_QUIET,   /* nothing more, for now */
    CONN_OTHER,   /* something that changes nothing */
    CONN_UP,      /* a connection stands */
    CONN_DOWN,    /* it is gone */
    CONN_BROKEN,  /* the other side hung up in the handshake: it may have another key, or no time */
    CONN_REFUSED, /* it does not let our key in */
    CONN_MISMATCH, /* one side has a key and the other asks for none, or the other way round */
};

enum conn_event conn_event(void *monitor);

/* Ends what options.monitor began and closes who read it; before the socket is closed. The other
 * way round libzmq's thread may wait for ever with an event for a reader that has gone, and all of
 * the context with it. Either may be NULL. */
void conn_monitor_end(void *socket, void *monitor);

/* What a monitor has told since a connection last stood, as far as it says why there is none.
 * {0} to begin with. */
struct conn_refusal {
    enum conn_event last; /* CONN_QUIET: nothing yet; to be set by who opens another socket */
    unsigned broken;      /* how often it hung up in the handshake, over all sockets */
};

/* True: refused, and nothing more comes of this socket. */
bool conn_refused(struct conn_refusal *r, enum conn_event event);
/* Why, as a sentence that stands for ever; NULL: it is not known. key: had we one to show? */
const char *conn_refusal(const struct conn_refusal *r, bool key);

/* For a loop that polls descriptors itself, which costs far fewer system calls than zmq_poll. The
 * descriptor becomes readable when something has changed, once; any call on the socket may notice
 * the change and make it unreadable again. So: before blocking, ask conn_readable of every socket
 * that was sent to, or read from and not to its end (EAGAIN). */
int conn_fd(void *socket);
bool conn_readable(void *socket);

/* Records gathered for one peer. Frames of up to CONN_FRAME_BYTES, larger only for a record that is
 * larger by itself. */
struct outbox {
    struct buf open;      /* the frame being filled */
    struct outbox_frame { /* full ones, oldest first */
        struct outbox_frame *next;
        struct buf buf;
    } * first, *last;
    size_t bytes;  /* all that waits */
    uint32_t mark; /* of the record at the end of the open frame; 0: it has none */
};

void outbox_put(struct outbox *o, struct bytes record);
/* A record that has a short form, which is put in its place where the record with the mark before
 * stands right before it in the same frame. More records, which are not to be parted from it, may
 * lie behind it. */
struct outbox_row {
    struct bytes whole; /* the record, with what lies behind it */
    struct bytes brief; /* its short form, or empty */
    size_t behind;      /* bytes */
    uint32_t mark, last_mark;
};
void outbox_put_row(struct outbox *o, const struct outbox_row *row);
void outbox_fini(struct outbox *o);

/* Is there enough to be sent before the turn ends? Who makes records one after the other sends them
 * in parts, so that the next in line works on the first while the rest is being made. */
static inline bool outbox_ripe(const struct outbox *o)
{
    return o->bytes >= CONN_PART_BYTES;
}

/* How many bytes would stand right behind the record that was put last. */
static inline size_t outbox_room(const struct outbox *o)
{
    return o->open.size && o->open.size < CONN_FRAME_BYTES ? CONN_FRAME_BYTES - o->open.size : 0;
}

static inline bool outbox_empty(const struct outbox *o)
{
    return o->bytes == 0;
}

/* Sends what waits without blocking, route first when the socket is a ROUTER (route.size > 0).
 * Returns 0: all gone; EAGAIN: the peer is full, the rest waits; EHOSTUNREACH: the peer is gone
 * (the rest stays until outbox_fini); another errno: the socket failed. */
int outbox_flush(struct outbox *o, void *socket, struct bytes route);

#endif
