/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC on one connection: clients that are wrong, rude or silent. Each is answered where the
 * protocol allows, and holds a bounded amount.
 */
#include "tests/unit/check.h"
#include "tests/unit/grpc_kit.h"

static const char settings_frame[] = "\0\0\0\4\0\0\0\0"; /* empty; ends in the 0 of the text */

/* The answer to a body that is sent raw. */
static const char *answer_to(const char *path, struct bytes body)
{
    static char text[400];
    struct kit *k = kit_new();
    int32_t stream = kit_ask(k, path, body, true, NULL, 0);
    kit_pump(k);
    snprintf(text, sizeof text, "%s", kit_said(k, stream));
    kit_free(k);
    return text;
}

static const char *answer_to_headers(const struct kit_header *headers, size_t count)
{
    static char text[400];
    struct kit *k = kit_new();
    int32_t stream = kit_ask(k, "/t.T/Echo", bytes_of("\0\0\0\0\0", 5), true, headers, count);
    kit_pump(k);
    snprintf(text, sizeof text, "%s", kit_said(k, stream));
    CHECK_TEXT(kit_trace(k), "");
    kit_free(k);
    return text;
}

/* --- requests ------------------------------------------------------------------------------- */

TEST(what_is_no_grpc_is_told_by_http)
{
    CHECK_TEXT(answer_to_headers(&(struct kit_header){":method", "GET"}, 1), "405 allow POST");
    CHECK_TEXT(answer_to_headers(&(struct kit_header){"content-type", NULL}, 1), "415 allow POST");
    CHECK_TEXT(answer_to_headers(&(struct kit_header){"content-type", "application/json"}, 1),
               "415 allow POST");
}

TEST(a_method_that_is_not_there)
{
    static const char wanted[] =
        "200 application/grpc grpc-status 12 grpc-message unknown method %s";
    static const char *const paths[] = {"/t.T/None", "/", "/t.T", "/t.T/Echo/", "/t.T/echo"};
    for (size_t i = 0; i < LENGTH(paths); i++) {
        char want[200];
        snprintf(want, sizeof want, wanted, paths[i]);
        CHECK_TEXT(answer_to(paths[i], bytes_of("\0\0\0\0\0", 5)), want);
    }
}

TEST(a_timeout_that_is_none)
{
    CHECK_TEXT(answer_to_headers(&(struct kit_header){"grpc-timeout", "soon"}, 1),
               "200 application/grpc grpc-status 13 grpc-message malformed grpc-timeout");
}

TEST(messages_that_are_none)
{
    static const struct {
        const char *path;
        struct bytes body;
        const char *said;
    } rows[] = {
        {"/t.T/Echo", {"", 0}, "12 grpc-message this method takes exactly one message"},
        {"/t.T/Echo",
         {"\0\0\0\0\0\0\0\0\0\0", 10},
         "12 grpc-message this method takes exactly one message"},
        {"/t.T/Echo", {"\0\0\0\0\0x", 6}, "12 grpc-message this method takes exactly one message"},
        {"/t.T/Echo", {"\0\0\0", 3}, "13 grpc-message the last message is cut off"},
        {"/t.T/Echo", {"\0\0\0\0\2x", 6}, "13 grpc-message the last message is cut off"},
        {"/t.T/Echo",
         {"\2\0\0\0\1x", 6},
         "13 grpc-message a message begins with a flag that is none"},
        {"/t.T/Echo", {"\0\0\x40\0\1x", 6}, "8 grpc-message a message has 4 MiB at most"},
        {"/t.T/Echo", {"\0\xff\xff\xff\xff", 5}, "8 grpc-message a message has 4 MiB at most"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        char want[200];
        snprintf(want, sizeof want, "200 application/grpc grpc-status %s", rows[i].said);
        CHECK_TEXT(answer_to(rows[i].path, rows[i].body), want);
    }
}

TEST(who_compresses_is_told_what_is_taken)
{
    CHECK_TEXT(answer_to("/t.T/Echo", bytes_of("\1\0\0\0\1x", 6)),
               "200 application/grpc grpc-accept-encoding identity; grpc-status 12 grpc-message "
               "compressed messages are not taken");
}

TEST(a_chat_that_is_cut_off_is_an_error)
{
    struct kit *k = kit_new();
    int32_t stream = kit_ask(k, "/t.T/Chat", bytes_of("\0\0\0\0\1a\0\0", 8), true, NULL, 0);
    kit_pump(k);
    CHECK_TEXT(kit_trace(k), "begin message:1 gone:13");
    CHECK_TEXT(kit_said(k, stream),
               "200 application/grpc; grpc-status 13 grpc-message the last message is cut off");
    kit_free(k);
}

TEST(five_mib_are_refused_before_they_have_come)
{
    struct kit *k = kit_new();
    struct buf body = {0};
    buf_put(&body, "\0\0\x50\0\0", 5);
    memset(buf_extend(&body, 5 << 20), 'x', 5 << 20);
    int32_t stream = kit_ask(k, "/t.T/Echo", buf_bytes(&body), true, NULL, 0);
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc grpc-status 8 grpc-message a message has "
                                    "4 MiB at most");
    CHECK(kit_reply(k, stream)->body_at <= 3 * 65535);
    CHECK_EQ(kit_reply(k, stream)->error, NGHTTP2_NO_ERROR);
    CHECK_EQ(k->budget.held_bytes, 0);
    buf_fini(&body);
    kit_free(k);
}

TEST(an_answer_that_is_too_large_is_an_error)
{
    struct kit *k = kit_new();
    int32_t stream = kit_call(k, "/t.T/Later", "a");
    kit_pump(k);
    struct buf large = {0};
    memset(buf_extend(&large, (4 << 20) + 1), 'x', (4 << 20) + 1);
    grpc_call_answer(k->call, buf_bytes(&large));
    kit_pump(k);
    CHECK_TEXT(kit_said(k, stream), "200 application/grpc grpc-status 8 grpc-message the answer is "
                                    "too large");
    CHECK_TEXT(kit_trace(k), "begin message:1");
    buf_fini(&large);
    kit_free(k);
}

TEST(headers_have_a_limit)
{
    char value[GRPC_HEADER_BYTES_MAX / 4];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    const struct kit_header headers[] = {{"a", value}, {"b", value}, {"c", value}, {"d", value}};
    CHECK_TEXT(answer_to_headers(headers, LENGTH(headers)),
               "200 application/grpc grpc-status 8 grpc-message the headers are too large");
}

/* --- what a connection may hold ------------------------------------------------------------- */

TEST(a_hundred_calls_at_once)
{
    struct kit *k = kit_new();
    for (unsigned i = 0; i < GRPC_CALLS_MAX + 20; i++)
        kit_ask(k, "/t.T/Hold", bytes_text(""), false, NULL, 0);
    kit_pump(k);
    CHECK_EQ(grpc_calls(k->server), GRPC_CALLS_MAX);
    kit_free(k);
}

TEST(large_messages_share_what_a_connection_may_hold)
{
    struct kit *k = kit_new();
    struct buf body = {0};
    int32_t streams[6];
    unsigned refused = 0;
    buf_put(&body, "\0\0\x40\0\0", 5);
    memset(buf_extend(&body, 4 << 20), 'x', (4 << 20) - 1); /* a byte is missing: they stay */
    body.size--;
    for (size_t i = 0; i < LENGTH(streams); i++)
        streams[i] = kit_ask(k, "/t.T/Echo", buf_bytes(&body), false, NULL, 0);
    kit_pump(k);
    CHECK(k->budget.held_bytes <= GRPC_CONNECTION_BYTES_MAX);
    for (size_t i = 0; i < LENGTH(streams); i++)
        refused += strstr(kit_said(k, streams[i]), "grpc-status 8") != NULL;
    CHECK(refused >= 1 && refused <= 3);
    buf_fini(&body);
    kit_free(k);
}

TEST(all_connections_share_a_budget)
{
    struct kit *k = kit_new();
    k->budget.most_bytes = 1000;
    k->fill_left = 10;
    k->fill_bytes = 400;
    int32_t stream = kit_call(k, "/t.T/Fill", "");
    kit_pump(k);
    CHECK_TEXT(kit_trace(k), "begin message:0 gone:8");
    CHECK(strstr(kit_said(k, stream), "grpc-status 8 grpc-message too much is under way"));
    kit_free(k);
}

TEST(what_has_ended_and_is_never_read_is_reset)
{
    struct kit *k = kit_new();
    k->deaf = true;
    k->fill_left = 2;
    k->fill_bytes = 50000;
    int32_t stream = kit_call(k, "/t.T/Fill", "");
    kit_pump(k);
    CHECK_EQ(k->fill_left, 0);
    kit_pass(k, GRPC_LEAVE_MS - 1);
    CHECK(!kit_reply(k, stream)->closed && k->budget.held_bytes);
    kit_pass(k, 1);
    CHECK_EQ(kit_reply(k, stream)->error, NGHTTP2_CANCEL);
    CHECK_EQ(k->budget.held_bytes, 0);
    kit_free(k);
}

/* --- floods --------------------------------------------------------------------------------- */

/* A call of /t.T/Hold, and its reset, as bytes. */
static void put_reset_call(struct buf *out, uint32_t stream)
{
    static const char fields[] = "\x83\x86\x04\x09/t.T/Hold\x0f\x10\x10"
                                 "application/grpc";
    unsigned char id[] = {(unsigned char)(stream >> 24), (unsigned char)(stream >> 16),
                          (unsigned char)(stream >> 8), (unsigned char)stream};
    unsigned char size[] = {0, 0, sizeof fields - 1};
    buf_put(out, size, sizeof size);
    buf_put(out, "\x01\x04", 2); /* HEADERS, all of them */
    buf_put(out, id, sizeof id);
    buf_put(out, fields, sizeof fields - 1);
    buf_put(out, "\0\0\4\3\0", 5); /* RST_STREAM */
    buf_put(out, id, sizeof id);
    buf_put(out, "\0\0\0\x08", 4);
}

TEST(rapid_resets_end_the_connection)
{
    struct kit *k = kit_new();
    struct buf in = {0};
    unsigned sent = 0;
    kit_raw(k, bytes_text(NGHTTP2_CLIENT_MAGIC));
    kit_raw(k, bytes_of(settings_frame, sizeof settings_frame));
    while (!grpc_done(k->server) && sent < 2 * GRPC_RESETS_MAX) {
        buf_clear(&in);
        put_reset_call(&in, 2 * sent++ + 1);
        kit_raw(k, buf_bytes(&in));
    }
    CHECK(sent > GRPC_RESETS_MAX && sent < 2 * GRPC_RESETS_MAX);
    CHECK_EQ(k->budget.held_bytes, 0);
    CHECK_TEXT(kit_trace(k), ""); /* none was ever seen: each came with its reset */
    buf_fini(&in);
    kit_free(k);
}

TEST(pings_without_end_are_too_many)
{
    struct kit *k = kit_new();
    kit_pump(k);
    for (unsigned i = 0; i < 2 * GRPC_NOISE_MAX && k->goaway == UINT32_MAX; i++) {
        nghttp2_submit_ping(k->client, NGHTTP2_FLAG_NONE, NULL);
        kit_pump(k);
    }
    CHECK_EQ(k->goaway, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_TEXT(k->goaway_text, "too_many_pings");
    CHECK(k->pings_answered >= GRPC_NOISE_MAX - 2);
    CHECK(grpc_done(k->server));
    kit_free(k);
}

TEST(pings_now_and_then_are_fine)
{
    struct kit *k = kit_new();
    kit_pump(k);
    for (unsigned i = 0; i < 10 * GRPC_NOISE_MAX; i++) {
        nghttp2_submit_ping(k->client, NGHTTP2_FLAG_NONE, NULL);
        if (i % 2)
            kit_pass(k, 2 * 1000 / GRPC_NOISE_PER_S); /* time forgives */
        kit_pump(k);
    }
    for (unsigned i = 0; i < GRPC_NOISE_MAX / 2; i++) { /* and so do calls, as those that measure */
        for (unsigned j = 0; j < 10; j++)
            nghttp2_submit_ping(k->client, NGHTTP2_FLAG_NONE, NULL);
        kit_call(k, "/t.T/Echo", "");
        kit_pump(k);
    }
    CHECK_EQ(k->goaway, UINT32_MAX);
    kit_free(k);
}

TEST(settings_without_end_are_too_many)
{
    struct kit *k = kit_new();
    kit_pump(k);
    for (unsigned i = 0; i < 2 * GRPC_NOISE_MAX && k->goaway == UINT32_MAX; i++) {
        nghttp2_submit_settings(k->client, NGHTTP2_FLAG_NONE, NULL, 0);
        kit_pump(k);
    }
    CHECK_EQ(k->goaway, NGHTTP2_ENHANCE_YOUR_CALM);
    kit_free(k);
}

/* --- other words, and none ------------------------------------------------------------------ */

TEST(an_older_http_is_answered_in_its_words)
{
    static const char *const words[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "POST / HTTP/1.0\r\n\r\n", "PRI * HTTP/1.1\r\n\r\n"};
    for (size_t i = 0; i < LENGTH(words); i++) {
        struct kit *k = kit_new();
        struct bytes said = kit_raw(k, bytes_text(words[i]));
        CHECK(bytes_starts(said, bytes_text("HTTP/1.1 505 HTTP Version Not Supported\r\n")) ||
              words[i][0] == 'P');
        CHECK(grpc_done(k->server));
        CHECK_EQ(kit_raw(k, bytes_text("more")).size, 0);
        kit_free(k);
    }
}

TEST(garbage_is_not_answered)
{
    struct kit *k = kit_new();
    CHECK_EQ(kit_raw(k, bytes_of("\x16\x03\x01\x02\x00", 5)).size, 0); /* TLS says hello */
    CHECK(grpc_done(k->server));
    kit_free(k);
}

TEST(nothing_is_said_before_the_client_has_shown_what_it_is)
{
    struct kit *k = kit_new();
    CHECK_EQ(kit_raw(k, bytes_text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r")).size, 0);
    CHECK(!grpc_done(k->server));
    CHECK(kit_raw(k, bytes_text("\n")).size > 9); /* settings */
    kit_free(k);
}

TEST(garbage_behind_the_preface_ends_the_connection)
{
    struct kit *k = kit_new();
    kit_raw(k, bytes_text(NGHTTP2_CLIENT_MAGIC));
    kit_raw(k, bytes_of("\x00\x00\x05\x00\x00\x00\x00\x00\x00hello", 14));
    CHECK(grpc_done(k->server));
    kit_free(k);
}

TEST(who_never_says_a_first_word_is_left)
{
    struct kit *k = kit_new();
    CHECK_EQ(grpc_deadline_ms(k->server), k->now_ms + GRPC_HANDSHAKE_MS);
    kit_raw(k, bytes_text("PRI"));
    k->now_ms += GRPC_HANDSHAKE_MS;
    grpc_tick(k->server, k->now_ms);
    CHECK(grpc_done(k->server));
    kit_free(k);
}

TEST(a_message_does_not_take_for_ever)
{
    static const struct bytes half = {.data = "\0\0\0\0\5ab", .size = 7};
    static const char *const paths[] = {"/t.T/Echo", "/t.T/Chat"};
    for (size_t i = 0; i < LENGTH(paths); i++) {
        struct kit *k = kit_new();
        int32_t stream = kit_ask(k, paths[i], bytes_text(""), false, NULL, 0);
        kit_pump(k);
        kit_pass(k, GRPC_WHOLE_MS); /* before it begins it may take its time */
        kit_say(k, stream, half, false);
        kit_pump(k);
        kit_pass(k, GRPC_WHOLE_MS / 2);
        kit_say(k, stream, bytes_text("c"), false);
        kit_pass(k, GRPC_WHOLE_MS / 2 - 1);
        CHECK(!kit_reply(k, stream)->closed);
        kit_pass(k, 1);
        CHECK(kit_reply(k, stream)->closed);
        CHECK(
            strstr(kit_said(k, stream), "grpc-status 4 grpc-message the message comes too slowly"));
        CHECK_EQ(k->budget.held_bytes, 0);
        kit_free(k);
    }
}

TEST(each_message_has_its_own_time)
{
    struct kit *k = kit_new();
    int32_t stream = kit_ask(k, "/t.T/Chat", bytes_text(""), false, NULL, 0);
    kit_pump(k);
    for (unsigned i = 0; i < 4; i++) { /* the end of one, and the beginning of the next */
        kit_say(k, stream, i ? bytes_of("c\0\0\0\0\2b", 7) : bytes_of("\0\0\0\0\2b", 6), false);
        kit_pump(k);
        kit_pass(k, GRPC_WHOLE_MS - 1);
    }
    CHECK_TEXT(kit_data(k, stream), "[bc][bc][bc]");
    kit_pass(k, 1);
    CHECK(kit_reply(k, stream)->closed);
    kit_free(k);
}

/* POST, http, /t.T/Hold, x, application/grpc. */
static const char hold_block[] = "\x83\x86\x04\x09/t.T/Hold\x41\x01x\x0f\x10\x10"
                                 "application/grpc";

static void put_frame(struct buf *out, unsigned type, unsigned flags, size_t size)
{
    const unsigned char head[] = {(unsigned char)(size >> 16),
                                  (unsigned char)(size >> 8),
                                  (unsigned char)size,
                                  (unsigned char)type,
                                  (unsigned char)flags,
                                  0,
                                  0,
                                  0,
                                  1};
    buf_put(out, head, sizeof head);
}

/* A client that begins; what it sends on stream 1 is up to it. */
static struct kit *kit_of_frames(void)
{
    struct kit *k = kit_new();
    kit_raw(k, bytes_text(NGHTTP2_CLIENT_MAGIC));
    kit_raw(k, bytes_of(settings_frame, sizeof settings_frame));
    return k;
}

TEST(headers_do_not_take_for_ever)
{
    struct kit *k = kit_of_frames();
    struct buf in = {0};
    put_frame(&in, NGHTTP2_HEADERS, 0, sizeof hold_block - 1);
    buf_put(&in, hold_block, sizeof hold_block - 1);
    kit_raw(k, buf_bytes(&in)); /* not their end */
    CHECK_EQ(grpc_deadline_ms(k->server), k->now_ms + GRPC_WHOLE_MS);
    k->now_ms += GRPC_WHOLE_MS;
    grpc_tick(k->server, k->now_ms);
    struct bytes said = kit_raw(k, bytes_of("\0", 1));
    CHECK(said.size == 13 && bytes_starts(said, bytes_of("\0\0\4\3", 4))); /* RST_STREAM */
    CHECK_TEXT(kit_trace(k), "");
    buf_fini(&in);
    kit_free(k);
}

TEST(more_than_a_window_takes_is_refused)
{
    enum { PIECE = 16384 };
    static const char piece[PIECE];
    struct kit *k = kit_of_frames();
    struct buf in = {0};
    put_frame(&in, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, sizeof hold_block - 1);
    buf_put(&in, hold_block, sizeof hold_block - 1);
    for (unsigned i = 0; i < 4; i++) { /* a byte more than there is */
        put_frame(&in, NGHTTP2_DATA, 0, PIECE);
        buf_put(&in, piece, PIECE);
    }
    struct bytes said = kit_raw(k, buf_bytes(&in));
    CHECK(said.size >= 13 && bytes_equal(bytes_of((const char *)said.data + said.size - 4, 4),
                                         bytes_of("\0\0\0\3", 4))); /* FLOW_CONTROL_ERROR */
    buf_fini(&in);
    kit_free(k);
}

TEST(who_calls_nothing_is_said_goodbye)
{
    struct kit *k = kit_new();
    kit_call(k, "/t.T/Echo", "");
    kit_pump(k);
    kit_pass(k, GRPC_IDLE_MS - 1);
    CHECK(!grpc_done(k->server) && k->goaway == UINT32_MAX);
    kit_pass(k, 1);
    CHECK_EQ(k->goaway, NGHTTP2_NO_ERROR);
    CHECK(grpc_done(k->server));
    kit_free(k);
}

TEST(who_is_silent_is_asked_for_a_sign)
{
    struct kit *k = kit_new();
    kit_ask(k, "/t.T/Hold", bytes_text(""), false, NULL, 0);
    kit_pump(k);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQ(grpc_deadline_ms(k->server), k->now_ms + GRPC_SILENCE_MS);
        kit_pass(k, GRPC_SILENCE_MS); /* the client answers the ping */
    }
    k->now_ms += GRPC_SILENCE_MS;
    grpc_tick(k->server, k->now_ms); /* and now it does not */
    CHECK_EQ(grpc_deadline_ms(k->server), k->now_ms + GRPC_SIGN_MS);
    k->now_ms += GRPC_SIGN_MS;
    grpc_tick(k->server, k->now_ms);
    CHECK(grpc_done(k->server));
    kit_trace(k);
    kit_cut(k);
    CHECK_TEXT(kit_trace(k), "gone:14");
    kit_free(k);
}

TEST(a_client_that_never_leaves_is_left)
{
    struct kit *k = kit_new();
    k->deaf = true;
    k->fill_left = 2;
    k->fill_bytes = 50000;
    kit_call(k, "/t.T/Fill", "");
    kit_pump(k);
    grpc_drain(k->server, k->now_ms);
    kit_pass(k, GRPC_DRAIN_MS);
    CHECK(!grpc_done(k->server));
    kit_pass(k, GRPC_FAREWELL_MS);
    CHECK(grpc_done(k->server));
    kit_free(k);
}
