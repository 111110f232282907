/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC on one connection: what a client that behaves gets. test_grpc_limits.c has the others.
 */
#include "producer/gateway/grpc/header.h"
#include "tests/unit/check.h"
#include "tests/unit/grpc_kit.h"

enum { MIB = 1 << 20 };

/* `size` bytes that tell where they are, framed. */
static struct buf framed(size_t size)
{
    struct buf text = {0}, out = {0};
    for (size_t i = 0; i < size; i++)
        *buf_extend(&text, 1) = (unsigned char)(i * 7 + i / 251);
    kit_frame(&out, buf_bytes(&text));
    buf_fini(&text);
    return out;
}

TEST(a_unary_call_is_answered)
{
    struct kit *k = kit_new();
    int32_t stream = kit_call(k, "/t.T/Echo", "hello");
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc; grpc-status 0");
    CHECK_TEXT(kit_data(k, stream), "[hello]");
    CHECK_TEXT(kit_trace(k), "message:5");
    CHECK(kit_reply(k, stream)->closed);
    CHECK_EQ(kit_reply(k, stream)->error, 0);
    CHECK_EQ(grpc_calls(k->server), 0);
    kit_free(k);
}

TEST(an_empty_message_is_one)
{
    struct kit *k = kit_new();
    int32_t stream = kit_call(k, "/t.T/Echo", "");
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc; grpc-status 0");
    CHECK_TEXT(kit_data(k, stream), "[]");
    kit_free(k);
}

TEST(a_call_is_answered_later)
{
    struct kit *k = kit_new();
    int32_t first = kit_call(k, "/t.T/Later", "a"), second = kit_call(k, "/t.T/Echo", "b");
    kit_pump(k);
    CHECK_TEXT(kit_trace(k), "begin message:1 message:1");
    CHECK_TEXT(kit_data(k, second), "[b]");
    CHECK_TEXT(kit_said(k, first), "");
    grpc_call_answer(k->call, bytes_text("later"));
    kit_pump(k);
    CHECK_TEXT(kit_said(k, first), "200 application/grpc; grpc-status 0");
    CHECK_TEXT(kit_data(k, first), "[later]");
    CHECK_TEXT(kit_trace(k), "");
    kit_free(k);
}

TEST(an_error_is_one_block_of_headers)
{
    struct kit *k = kit_new();
    int32_t stream = kit_call(k, "/t.T/Later", "a");
    kit_pump(k);
    grpc_call_end(k->call, GRPC_NOT_FOUND, "Task not found");
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream),
               "200 application/grpc grpc-status 5 grpc-message Task not found");
    kit_free(k);
}

TEST(both_sides_talk_until_the_client_has_done)
{
    struct kit *k = kit_new();
    struct buf a = {0}, b = {0};
    kit_frame(&a, bytes_text("one"));
    kit_frame(&b, bytes_text("two"));
    kit_frame(&b, bytes_text("three"));
    int32_t stream = kit_ask(k, "/t.T/Chat", bytes_text(""), false, NULL, 0);
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc"); /* greeted, with nothing said */
    kit_say(k, stream, buf_bytes(&a), false);
    kit_pump(k);
    CHECK_TEXT(kit_data(k, stream), "[one]");
    kit_say(k, stream, buf_bytes(&b), true);
    kit_pump(k);
    CHECK_TEXT(kit_data(k, stream), "[one][two][three]");
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc; grpc-status 0");
    CHECK_TEXT(kit_trace(k), "begin message:3 message:3 message:5 half-close");
    buf_fini(&a);
    buf_fini(&b);
    kit_free(k);
}

TEST(an_end_before_the_client_has_done_tells_it_to_stop)
{
    struct kit *k = kit_new();
    struct buf body = {0};
    kit_frame(&body, bytes_text("enough"));
    int32_t stream = kit_ask(k, "/t.T/Chat", buf_bytes(&body), false, NULL, 0);
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc; grpc-status 10 grpc-message 100%25 "
                                    "enough: %D1%8F");
    CHECK(kit_reply(k, stream)->closed);
    CHECK_EQ(kit_reply(k, stream)->error, NGHTTP2_NO_ERROR);
    CHECK_TEXT(kit_trace(k), "begin message:6");
    buf_fini(&body);
    kit_free(k);
}

TEST(a_message_may_come_byte_by_byte)
{
    struct kit *k = kit_new();
    struct buf body = {0};
    kit_frame(&body, bytes_text("slow"));
    kit_frame(&body, bytes_text("er"));
    int32_t stream = kit_ask(k, "/t.T/Chat", bytes_text(""), false, NULL, 0);
    for (size_t i = 0; i < body.size; i++) {
        kit_say(k, stream, bytes_of(body.data + i, 1), false);
        kit_pump(k);
    }
    CHECK_TEXT(kit_data(k, stream), "[slow][er]");
    buf_fini(&body);
    kit_free(k);
}

TEST(four_mib_go_through_both_ways)
{
    struct kit *k = kit_new();
    struct buf body = framed(4 * MIB);
    int32_t stream = kit_ask(k, "/t.T/Echo", buf_bytes(&body), true, NULL, 0);
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc; grpc-status 0");
    CHECK(bytes_equal(buf_bytes(&kit_reply(k, stream)->data), buf_bytes(&body)));
    CHECK_EQ(k->budget.held_bytes, 0);
    buf_fini(&body);
    kit_free(k);
}

/* --- flow control --------------------------------------------------------------------------- */

TEST(who_does_not_read_is_waited_for)
{
    struct kit *k = kit_new();
    k->deaf = true;
    k->fill_left = 1000;
    k->fill_bytes = 10000;
    int32_t stream = kit_call(k, "/t.T/Fill", "");
    kit_pump(k);
    CHECK_EQ(kit_reply(k, stream)->data.size,
             65535); /* the window of a stream, and not a byte more */
    CHECK(k->budget.held_bytes <= GRPC_OUTBOX_BYTES_MAX);
    CHECK(k->fill_left > 900);
    k->deaf = false;
    must(nghttp2_session_consume(k->client, stream, 65535) == 0);
    kit_pump(k);
    CHECK_EQ(k->fill_left, 0);
    CHECK_EQ(kit_reply(k, stream)->data.size, 1000 * 10005);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc; grpc-status 0");
    CHECK_TEXT(kit_trace(k), "begin message:0");
    kit_free(k);
}

TEST(what_nobody_asks_for_stays_with_the_client)
{
    struct kit *k = kit_new();
    struct buf body = {0};
    for (unsigned i = 0; i < 30; i++) {
        struct buf one = framed(9995);
        buf_put(&body, one.data, one.size);
        buf_fini(&one);
    }
    int32_t stream = kit_ask(k, "/t.T/Hold", buf_bytes(&body), true, NULL, 0);
    kit_pump(k);
    CHECK_EQ(kit_reply(k, stream)->body_at, 65535);
    CHECK_TEXT(kit_trace(k), "begin");
    for (unsigned i = 0; i < 30; i++) {
        grpc_call_next(k->call);
        kit_pump(k);
        CHECK_TEXT(kit_trace(k), "message:9995");
    }
    grpc_call_next(k->call);
    kit_pump(k);
    CHECK_TEXT(kit_trace(k), "half-close");
    grpc_call_end(k->call, GRPC_OK, NULL);
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc grpc-status 0");
    buf_fini(&body);
    kit_free(k);
}

TEST(a_stream_that_is_stuck_holds_up_no_other)
{
    struct kit *k = kit_new();
    struct buf body = framed(2 * MIB);
    for (unsigned i = 0; i < 30; i++) /* more than the connection's window */
        kit_ask(k, "/t.T/Hold", buf_bytes(&body), true, NULL, 0);
    kit_pump(k);
    int32_t stream = kit_call(k, "/t.T/Echo", "here");
    kit_pump(k);
    CHECK_TEXT(kit_data(k, stream), "[here]");
    CHECK(k->budget.held_bytes <= 30 * 65535);
    buf_fini(&body);
    kit_free(k);
}

/* --- ends ----------------------------------------------------------------------------------- */

TEST(a_cancelled_call_is_gone)
{
    struct kit *k = kit_new();
    int32_t stream = kit_call(k, "/t.T/Later", "a");
    kit_pump(k);
    nghttp2_submit_rst_stream(k->client, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    kit_pump(k);
    CHECK_TEXT(kit_trace(k), "begin message:1 gone:1");
    CHECK_EQ(grpc_calls(k->server), 0);
    kit_free(k);
}

TEST(a_call_that_is_cancelled_at_once_is_never_seen)
{
    struct kit *k = kit_new();
    const uint8_t *data;
    struct buf both = {0};
    int32_t stream = kit_call(k, "/t.T/Later", "a");
    for (unsigned i = 0; i < 3; i++) { /* its settings, the headers, the message */
        ssize_t size = nghttp2_session_mem_send(k->client, &data);
        buf_put(&both, data, size > 0 ? (size_t)size : 0);
    }
    nghttp2_submit_rst_stream(k->client, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    for (ssize_t size; (size = nghttp2_session_mem_send(k->client, &data)) > 0;)
        buf_put(&both, data, (size_t)size);
    grpc_receive(k->server, buf_bytes(&both), k->now_ms);
    CHECK_TEXT(kit_trace(k), "");
    buf_fini(&both);
    kit_free(k);
}

TEST(a_deadline_ends_the_call)
{
    struct kit *k = kit_new();
    const struct kit_header timeout[] = {{"grpc-timeout", "250m"}};
    struct buf body = {0};
    kit_frame(&body, bytes_text("a"));
    int32_t stream = kit_ask(k, "/t.T/Later", buf_bytes(&body), true, timeout, 1);
    kit_pump(k);
    CHECK_EQ(grpc_deadline_ms(k->server), k->now_ms + 250);
    kit_pass(k, 249);
    CHECK_TEXT(kit_trace(k), "begin message:1");
    kit_pass(k, 1);
    CHECK_TEXT(kit_trace(k), "gone:4");
    CHECK_TEXT(kit_said(k, stream),
               "200 application/grpc grpc-status 4 grpc-message its time is up");
    stream = kit_ask(k, "/t.T/Echo", buf_bytes(&body), true, timeout, 1);
    kit_pump(k);
    kit_pass(k, 1000);
    CHECK_TEXT(kit_trace(k), "message:1"); /* it was in time */
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc; grpc-status 0");
    buf_fini(&body);
    kit_free(k);
}

TEST(a_deadline_leaves_what_has_not_begun_to_leave)
{
    struct kit *k = kit_new();
    const struct kit_header timeout[] = {{"grpc-timeout", "1S"}};
    struct buf body = {0};
    kit_frame(&body, bytes_text(""));
    k->deaf = true;
    k->fill_left = 100;
    k->fill_bytes = 50000;
    int32_t stream = kit_ask(k, "/t.T/Fill", buf_bytes(&body), true, timeout, 1);
    kit_pump(k);
    kit_pass(k, 1000);
    CHECK_TEXT(kit_trace(k), "begin message:0 gone:4");
    must(nghttp2_session_consume(k->client, stream, 65535) == 0);
    kit_pump(k);
    CHECK_EQ(kit_reply(k, stream)->data.size, 2 * 50005); /* whole messages */
    CHECK_TEXT(kit_said(k, stream),
               "200 application/grpc; grpc-status 4 grpc-message its time is up");
    buf_fini(&body);
    kit_free(k);
}

TEST(a_lost_connection_takes_its_calls_along)
{
    struct kit *k = kit_new();
    kit_call(k, "/t.T/Later", "a");
    kit_ask(k, "/t.T/Hold", bytes_text("\0"), false, NULL, 0);
    kit_pump(k);
    kit_cut(k);
    CHECK_TEXT(kit_trace(k), "begin begin message:1 gone:14 gone:14");
    kit_free(k);
}

TEST(a_server_that_stops_lets_calls_finish)
{
    struct kit *k = kit_new();
    int32_t stays = kit_call(k, "/t.T/Later", "a"), leaves = kit_call(k, "/t.T/Later", "b");
    kit_pump(k);
    grpc_drain(k->server, k->now_ms);
    kit_pump(k);
    CHECK_EQ(k->goaway, NGHTTP2_NO_ERROR);
    grpc_call_answer(k->call, bytes_text("in time"));
    kit_pump(k);
    CHECK_TEXT(kit_data(k, leaves), "[in time]");
    CHECK(!grpc_done(k->server));
    kit_trace(k);
    kit_pass(k, GRPC_DRAIN_MS);
    CHECK_TEXT(kit_trace(k), "gone:14");
    CHECK_TEXT(kit_said(k, stays),
               "200 application/grpc grpc-status 14 grpc-message the server is stopping");
    CHECK(grpc_done(k->server));
    kit_free(k);
}

TEST(a_server_that_stops_while_nothing_goes_on_is_done_at_once)
{
    struct kit *k = kit_new();
    kit_call(k, "/t.T/Echo", "a");
    kit_pump(k);
    grpc_drain(k->server, k->now_ms);
    kit_pump(k);
    CHECK_EQ(k->goaway, NGHTTP2_NO_ERROR);
    CHECK(grpc_done(k->server));
    kit_free(k);
}

/* --- headers -------------------------------------------------------------------------------- */

TEST(a_method_sees_the_metadata)
{
    struct kit *k = kit_new();
    const struct kit_header headers[] = {
        {"authorization", "Bearer x"}, {"grpc-encoding", "identity"}, {"empty", ""}};
    kit_ask(k, "/t.T/Hold", bytes_text(""), false, headers, LENGTH(headers));
    kit_pump(k);
    CHECK_TEXT(grpc_call_metadata(k->call, "authorization"), "Bearer x");
    CHECK_TEXT(grpc_call_metadata(k->call, "empty"), "");
    CHECK_TEXT(grpc_call_metadata(k->call, ":path"), "/t.T/Hold");
    CHECK(!grpc_call_metadata(k->call, "grpc-encoding"));
    CHECK(!grpc_call_metadata(k->call, "Bearer x"));
    kit_free(k);
}

TEST(timeouts)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: it is none */
    } rows[] = {{"1H", 3600000},
                {"2M", 120000},
                {"3S", 3000},
                {"4m", 4},
                {"5u", 1},
                {"1000u", 1},
                {"1001u", 2},
                {"1n", 1},
                {"0n", 0},
                {"99999999n", 100},
                {"99999999H", 359999996400000},
                {"", -1},
                {"S", -1},
                {"1", -1},
                {"-1S", -1},
                {"1s", -1},
                {"123456789S", -1},
                {"1 S", -1},
                {"1.5S", -1}};
    for (size_t i = 0; i < LENGTH(rows); i++) {
        int64_t ms = -1;
        CHECK_EQ(grpc_header_timeout(bytes_text(rows[i].text), &ms), rows[i].ms >= 0);
        CHECK_EQ(ms, rows[i].ms);
    }
}

TEST(content_types)
{
    CHECK(grpc_header_is_grpc(bytes_text("application/grpc")));
    CHECK(grpc_header_is_grpc(bytes_text("application/grpc+proto")));
    CHECK(grpc_header_is_grpc(bytes_text("application/grpc;charset=utf-8")));
    CHECK(!grpc_header_is_grpc(bytes_text("application/grpc-web")));
    CHECK(!grpc_header_is_grpc(bytes_text("application/json")));
    CHECK(!grpc_header_is_grpc(bytes_text("")));
}
