/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox over real sockets on a loopback port that the system chooses.
 */
#include "common/conn.h"

#include <errno.h>
#include <zmq.h>

#include "common/random.h"
#include "tests/unit/check.h"

struct pair {
    void *context, *router, *dealer;
    char address[64];
    struct buf route; /* the dealer's, as the router knows it */
};

static void pair_open(struct pair *p)
{
    struct conn_options options = {0};
    size_t size = sizeof p->address;
    int wait_ms = 10000; /* far beyond any delay: a test that would hang ends */
    *p = (struct pair){.context = conn_context()};
    p->router = conn_open(p->context, CONN_ROUTER, "tcp://127.0.0.1:*", &options);
    CHECK(p->router != NULL);
    CHECK_EQ(zmq_getsockopt(p->router, ZMQ_LAST_ENDPOINT, p->address, &size), 0);
    p->dealer = conn_open(p->context, CONN_DEALER, p->address, &options);
    CHECK(p->dealer != NULL);
    zmq_setsockopt(p->router, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    zmq_setsockopt(p->dealer, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    zmq_setsockopt(p->dealer, ZMQ_SNDTIMEO, &wait_ms, sizeof wait_ms);
    CHECK_EQ(zmq_send(p->dealer, "hi", 2, 0), 2);
    unsigned char id[256], body[16];
    int id_size = zmq_recv(p->router, id, sizeof id, 0);
    CHECK(id_size > 0);
    CHECK_EQ(zmq_recv(p->router, body, sizeof body, 0), 2);
    buf_put(&p->route, id, (size_t)id_size);
}

static void pair_close(struct pair *p)
{
    zmq_close(p->dealer);
    zmq_close(p->router);
    zmq_ctx_term(p->context);
    buf_fini(&p->route);
}

/* Flushes until all is gone, waiting for room when the peer is full. */
static void flush_all(struct outbox *o, void *socket, struct bytes route)
{
    int rc;
    while ((rc = outbox_flush(o, socket, route)) == EAGAIN) {
        zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLOUT};
        CHECK(zmq_poll(&item, 1, 10000) >= 0);
    }
    CHECK_EQ(rc, 0);
    CHECK(outbox_empty(o));
}

static void put_row(struct outbox *o, const char *whole, const char *brief, size_t behind,
                    uint32_t mark, uint32_t last_mark)
{
    struct outbox_row row = {.whole = bytes_text(whole),
                             .brief = bytes_text(brief),
                             .behind = behind,
                             .mark = mark,
                             .last_mark = last_mark};
    outbox_put_row(o, &row);
}

TEST(a_short_form_is_put_right_behind_the_record_before)
{
    struct outbox o = {0};
    put_row(&o, "one ", "1", 0, 1, 1); /* nothing stands before it */
    put_row(&o, "two ", "2", 0, 2, 2);
    put_row(&o, "four ", "4", 0, 4, 4); /* another one does */
    put_row(&o, "five 67", "5", 2, 5, 7);
    put_row(&o, "eight 9", "8", 1, 8, 9);
    CHECK_BYTES(buf_bytes(&o.open), bytes_text("one 2four 56789"));
    outbox_put(&o, bytes_text("x"));
    put_row(&o, "ten ", "A", 0, 10, 10);
    put_row(&o, "new ", "", 0, 11, 11); /* it has none */
    CHECK_BYTES(buf_bytes(&o.open), bytes_text("one 2four 56789xten new "));
    CHECK_EQ(o.bytes, o.open.size);
    outbox_fini(&o);
    put_row(&o, "in a new one ", "B", 0, 12, 12);
    CHECK_BYTES(buf_bytes(&o.open), bytes_text("in a new one "));
    outbox_fini(&o);
}

TEST(a_frame_begins_with_a_whole_record)
{
    static char filler[CONN_FRAME_BYTES - 5];
    struct outbox o = {0};
    memset(filler, 'f', sizeof filler);
    struct outbox_row row = {.whole = bytes_of(filler, sizeof filler), .mark = 1, .last_mark = 1};
    outbox_put_row(&o, &row);
    put_row(&o, "whole", "w", 0, 2, 2);
    CHECK_EQ(o.open.size, sizeof filler + 1);
    put_row(&o, "whole", "w", 0, 3, 3);
    CHECK_BYTES(buf_bytes(&o.open), bytes_text("whole"));
    put_row(&o, "whole", "w", 0, 4, 4);
    CHECK_BYTES(buf_bytes(&o.open), bytes_text("wholew"));
    outbox_fini(&o);
}

TEST(records_of_one_turn_travel_in_one_frame)
{
    struct pair p;
    struct outbox o = {0};
    char body[64];
    pair_open(&p);
    outbox_put(&o, bytes_text("one "));
    outbox_put(&o, bytes_text("two "));
    outbox_put(&o, bytes_text("three"));
    CHECK_EQ(o.bytes, 13);
    CHECK(!outbox_empty(&o));
    flush_all(&o, p.dealer, bytes_of(NULL, 0));
    CHECK(zmq_recv(p.router, body, sizeof body, 0) > 0);
    int size = zmq_recv(p.router, body, sizeof body, 0);
    CHECK_BYTES(bytes_of(body, (size_t)size), bytes_text("one two three"));
    CHECK_EQ(outbox_flush(&o, p.dealer, bytes_of(NULL, 0)), 0); /* nothing waits: nothing sent */
    outbox_fini(&o);
    pair_close(&p);
}

/* Both ways, records of many sizes: same bytes in the same order, and no frame beyond the limit
 * unless it is one record. */
static void check_stream(struct pair *p, void *from, void *to, struct bytes route)
{
    struct random r = {.state = 21};
    struct outbox o = {0};
    struct buf sent = {0}, got = {0}, record = {0};
    for (int i = 0; i < 200; i++) {
        size_t size = 1 + random_below(&r, i % 20 == 0 ? 200000 : 4000);
        buf_clear(&record);
        memset(buf_extend(&record, size), 'a' + i % 26, size);
        outbox_put(&o, buf_bytes(&record));
        buf_put(&sent, record.data, size);
    }
    CHECK_EQ(o.bytes, sent.size);
    zmq_msg_t msg;
    CHECK_EQ(zmq_msg_init(&msg), 0);
    while (got.size < sent.size) {
        int rc = outbox_flush(&o, from, route);
        CHECK(rc == 0 || rc == EAGAIN);
        do
            CHECK(zmq_msg_recv(&msg, to, 0) >= 0);
        while (zmq_msg_more(&msg)); /* the routing id, at a ROUTER */
        struct bytes frame = bytes_of(zmq_msg_data(&msg), zmq_msg_size(&msg));
        CHECK(frame.size > 0);
        if (frame.size > CONN_FRAME_BYTES) {
            const char *at = frame.data;
            CHECK(at[0] == at[frame.size - 1]);
        }
        buf_put(&got, frame.data, frame.size);
    }
    zmq_msg_close(&msg);
    CHECK(bytes_equal(buf_bytes(&got), buf_bytes(&sent)));
    CHECK(outbox_empty(&o));
    outbox_fini(&o);
    buf_fini(&sent);
    buf_fini(&got);
    buf_fini(&record);
    (void)p;
}

TEST(frames_are_split_at_their_limit_and_stay_in_order)
{
    struct pair p;
    pair_open(&p);
    check_stream(&p, p.dealer, p.router, bytes_of(NULL, 0));
    check_stream(&p, p.router, p.dealer, buf_bytes(&p.route));
    pair_close(&p);
}

TEST(a_full_peer_keeps_what_waits)
{
    struct pair p;
    struct outbox o = {0};
    static char record[CONN_FRAME_BYTES];
    pair_open(&p);
    int rc = 0;
    size_t put = 0;
    while (rc == 0) { /* until neither socket nor kernel takes more */
        memset(record, 'a' + (int)(put % 26), sizeof record);
        outbox_put(&o, bytes_of(record, sizeof record));
        put++;
        rc = outbox_flush(&o, p.router, buf_bytes(&p.route));
        CHECK(put < 100000);
    }
    CHECK_EQ(rc, EAGAIN);
    CHECK_EQ(o.bytes, sizeof record);
    zmq_msg_t msg;
    CHECK_EQ(zmq_msg_init(&msg), 0);
    for (size_t i = 0; i < put; i++) {
        CHECK_EQ(zmq_msg_recv(&msg, p.dealer, 0), (int)sizeof record);
        CHECK_EQ(*(char *)zmq_msg_data(&msg), 'a' + (int)(i % 26));
        if (!outbox_empty(&o)) {
            rc = outbox_flush(&o, p.router, buf_bytes(&p.route));
            CHECK(rc == 0 || rc == EAGAIN);
        }
    }
    zmq_msg_close(&msg);
    CHECK(outbox_empty(&o));
    outbox_fini(&o);
    pair_close(&p);
}

TEST(a_peer_that_is_not_there_is_told_of)
{
    struct pair p;
    struct outbox o = {0};
    pair_open(&p);
    outbox_put(&o, bytes_text("for nobody"));
    CHECK_EQ(outbox_flush(&o, p.router, bytes_text("no such peer")), EHOSTUNREACH);
    CHECK_EQ(o.bytes, 10);
    outbox_fini(&o);
    CHECK(outbox_empty(&o));
    pair_close(&p);
}

TEST(addresses_that_cannot_be_had)
{
    struct conn_options options = {0};
    void *context = conn_context();
    static const char *const wrong[] = {"",
                                        "127.0.0.1:5",
                                        "udp://127.0.0.1:5",
                                        "inproc://x",
                                        "tcp://",
                                        "tcp://127.0.0.1",
                                        "tcp://127.0.0.1:99999",
                                        "tcp://127.0.0.1:",
                                        "tcp://127.0.0.1:80x",
                                        "ipc://"};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        CHECK(conn_open(context, CONN_ROUTER, wrong[i], &options) == NULL);
        CHECK_EQ(errno, EINVAL);
    }
    void *first = conn_open(context, CONN_ROUTER, "tcp://127.0.0.1:*", &options);
    char address[64];
    size_t size = sizeof address;
    CHECK(first != NULL);
    CHECK_EQ(zmq_getsockopt(first, ZMQ_LAST_ENDPOINT, address, &size), 0);
    CHECK(conn_open(context, CONN_XPUB, address, &options) == NULL);
    CHECK_EQ(errno, EADDRINUSE);
    zmq_close(first);
    zmq_ctx_term(context);
}

TEST(sockets_carry_the_limits)
{
    struct pair p;
    int64_t frame_max;
    int value;
    size_t size = sizeof frame_max;
    pair_open(&p);
    CHECK_EQ(zmq_getsockopt(p.router, ZMQ_MAXMSGSIZE, &frame_max, &size), 0);
    CHECK_EQ(frame_max, CONN_FRAME_BYTES_MAX);
    size = sizeof value;
    CHECK_EQ(zmq_getsockopt(p.dealer, ZMQ_LINGER, &value, &size), 0);
    CHECK_EQ(value, 0);
    CHECK_EQ(zmq_getsockopt(p.dealer, ZMQ_IMMEDIATE, &value, &size), 0);
    CHECK_EQ(value, 1);
    pair_close(&p);
}
