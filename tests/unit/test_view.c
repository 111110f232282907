/* SPDX-License-Identifier: Apache-2.0
 *
 * What programs see: jobs' ends with values of any kind, sessions and what can be asked of them.
 */
#include "common/must.h"
#include "common/value.h"
#include "producer/view/field.h"
#include "producer/view/session_view.h"
#include "producer/view/view.h"
#include "tests/unit/check.h"

static struct buf out;

/* The JSON of what out holds; out is empty then. */
static const char *json(void)
{
    static struct buf text;
    buf_clear(&text);
    CHECK(value_json(&text, buf_bytes(&out)));
    buf_fini(&out);
    return buf_text(&text);
}

/* --- how a job ended ------------------------------------------------------------------------ */

static struct msg_ended ended_with(unsigned state, unsigned reason, struct bytes value)
{
    return (struct msg_ended){.id = 1,
                              .state = state,
                              .reason = reason,
                              .value = value,
                              .run_us = 5,
                              .worker = bytes_text("w")};
}

TEST(an_end_has_a_value_or_an_error)
{
    struct msg_ended ended = ended_with(JOB_OK, REASON_NONE, bytes_of("\x92\x01\xc0", 3));
    view_ended(&out, &ended);
    CHECK_TEXT(json(), "{\"id\":\"0000000000001\",\"state\":\"ok\",\"value\":[1,null],"
                       "\"error\":null,\"reason\":null,\"attempts\":1,\"run_us\":5,"
                       "\"worker\":\"w\"}");
    ended = ended_with(JOB_FAILED, REASON_ERROR,
                       bytes_of("\xa3"
                                "bad",
                                4));
    ended.attempts = 3;
    view_ended(&out, &ended);
    CHECK_TEXT(json(), "{\"id\":\"0000000000001\",\"state\":\"failed\",\"value\":null,"
                       "\"error\":\"bad\",\"reason\":\"error\",\"attempts\":3,\"run_us\":5,"
                       "\"worker\":\"w\"}");
}

static void check_error(unsigned state, unsigned reason, unsigned detail, const char *error)
{
    struct msg_ended ended = ended_with(state, reason, bytes_of(NULL, 0));
    struct buf text = {0};
    ended.detail = detail;
    view_ended(&out, &ended);
    struct bytes said = field_text(buf_bytes(&out), "error");
    buf_put(&text, said.data, said.size);
    CHECK_TEXT(buf_text(&text), error);
    buf_fini(&text);
    buf_fini(&out);
}

TEST(an_end_without_a_word_says_why)
{
    check_error(JOB_DEAD, REASON_SIGNAL, 11, "signal 11");
    check_error(JOB_CANCELLED, REASON_CANCELLED, 0, "cancelled");
    check_error(JOB_EXPIRED, REASON_NONE, 0, "expired");
}

TEST(a_value_that_cannot_be_shown_is_nil)
{
    unsigned char deep[PACK_DEPTH_MAX];
    memset(deep, 0x91, sizeof deep);
    deep[sizeof deep - 1] = 0xc0;
    const struct bytes bad[] = {bytes_of(deep, sizeof deep), bytes_of("\xc1", 1),
                                bytes_of("\xdd\xff\xff\xff\xff", 5), bytes_of("\x01\x02", 2)};
    CHECK(pack_valid(bad[0]));
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct msg_ended ended = ended_with(JOB_OK, REASON_NONE, bad[i]);
        view_ended(&out, &ended);
        CHECK(pack_valid(buf_bytes(&out)));
        CHECK_BYTES(field_of(buf_bytes(&out), "value"), bytes_of("\xc0", 1));
        buf_fini(&out);
    }
}

/* --- workers -------------------------------------------------------------------------------- */

TEST(slots_stand_in_their_worker)
{
    struct view_workers view = {.rows = {.count = 0}};
    struct msg_worker one = {.id = bytes_text("a")}, two = {.id = bytes_text("b")};
    struct msg_slot slot = {.index = 3};
    view_worker(&view, &one);
    view_slot(&view, &slot);
    view_slot(&view, &slot);
    view_worker(&view, &two);
    view_workers_close(&view);
    CHECK_EQ(view.rows.count, 2);
    struct cursor c = cursor_of(buf_bytes(&view.rows.buf));
    struct cursor slots = cursor_of(field_of(cursor_value(&c), "slots"));
    CHECK_EQ(cursor_array(&slots), 2);
    slots = cursor_of(field_of(cursor_value(&c), "slots"));
    CHECK_EQ(cursor_array(&slots), 0);
    CHECK(cursor_ok(&c) && cursor_done(&c));
    view_rows_fini(&view.rows);
}

/* --- sessions ------------------------------------------------------------------------------- */

static struct session_view session_with(enum reeve_session_state state, enum reeve_state job_state,
                                        bool proposed)
{
    struct session_view s = {.id = 1, .state = state, .job_state = job_state};
    struct pairs p = {.count = 0};
    if (proposed)
        pack_map(pairs_key(&p, "mvs"), 0);
    pairs_close(&p, &s.view);
    return s;
}

TEST(what_it_takes_to_let_a_session_optimise)
{
    static const struct {
        enum reeve_session_state state;
        enum reeve_state job_state;
        bool proposed;
        enum session_step step;
    } rows[] = {
        {REEVE_SESSION_CREATED, REEVE_RUNNING, false, STEP_WAIT},
        {REEVE_SESSION_CREATED, REEVE_ASKING, false, STEP_BEGIN},
        {REEVE_SESSION_RUNNING, REEVE_ASKING, false, STEP_BEGIN}, /* resumed before it began */
        {REEVE_SESSION_RUNNING, REEVE_ASKING, true, STEP_RUNNING},
        {REEVE_SESSION_RUNNING, REEVE_RUNNING, true, STEP_RUNNING},
        {REEVE_SESSION_PAUSED, REEVE_PAUSED, true, STEP_RESUME},
        {REEVE_SESSION_FINISHED, REEVE_JOB_OK, true, STEP_FINISHED},
        {REEVE_SESSION_STOPPED, REEVE_CANCELLED, true, STEP_OVER},
        {REEVE_SESSION_FAILED, REEVE_FAILED, false, STEP_OVER},
    };
    for (size_t i = 0; i < LENGTH(rows); i++) {
        struct session_view s = session_with(rows[i].state, rows[i].job_state, rows[i].proposed);
        CHECK_EQ(session_view_step(&s), rows[i].step);
        session_view_fini(&s);
    }
}

TEST(a_session_shows_its_view_beside_what_is_known_of_it)
{
    struct session_view s = {.id = 0};
    struct pairs p = {.count = 0};
    struct buf view = {0};
    pairs_text(&p, "model", "m");
    pairs_text(&p, "state", "of its own"); /* does not hide ours */
    pack_array(pairs_key(&p, "history"), 0);
    pairs_close(&p, &view);
    struct msg_session from = {.id = 1,
                               .queue = bytes_text("a.b"),
                               .state = SESSION_FAILED,
                               .job_state = JOB_FAILED,
                               .iteration = 2,
                               .view = buf_bytes(&view),
                               .submitted_ms = 3,
                               .ended_ms = 4,
                               .reason = REASON_ERROR,
                               .value = bytes_of("\xa2no", 3)};
    session_view_record(&s, &from);
    session_view_pairs(&s, &p, false);
    pairs_close(&p, &out);
    CHECK_TEXT(json(), "{\"id\":\"0000000000001\",\"queue\":\"a.b\",\"state\":\"failed\","
                       "\"job_state\":\"failed\",\"iteration\":2,\"best\":null,"
                       "\"reason\":\"error\",\"error\":\"no\",\"submitted_ms\":3,"
                       "\"ended_ms\":4,\"model\":\"m\"}");
    session_view_fini(&s);
    buf_fini(&view);
}

TEST(pairs_too_deep_to_be_shown_are_nil)
{
    unsigned char deep[PACK_DEPTH_MAX];
    struct pairs p = {.count = 0};
    memset(deep, 0x91, sizeof deep);
    deep[sizeof deep - 1] = 0xc0;
    pairs_value(&p, "all", bytes_of(deep, sizeof deep));
    pairs_value(&p, "less", bytes_of(deep + 4, sizeof deep - 4));
    pairs_close(&p, &out);
    CHECK_BYTES(field_of(buf_bytes(&out), "all"), bytes_of("\xc0", 1));
    CHECK_EQ(field_of(buf_bytes(&out), "less").size, sizeof deep - 4);
    buf_fini(&out);
}
