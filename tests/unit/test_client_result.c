/* SPDX-License-Identifier: Apache-2.0
 *
 * Results as the public struct sees them, one after the other from the same strings.
 */
#include "producer/client/result.h"
#include "tests/unit/check.h"

static struct msg_ended ended(uint64_t number, struct bytes value, struct bytes worker)
{
    return (struct msg_ended){.number = number,
                              .id = 1000 + number,
                              .state = JOB_OK,
                              .value = value,
                              .worker = worker,
                              .run_us = number * 10,
                              .attempts = 1};
}

TEST(one_of_the_bytes_of_the_one_before_differs_in_id_and_time_only)
{
    struct result_strings s = {0};
    struct bytes value = bytes_of("\xa2"
                                  "ab",
                                  3),
                 worker = bytes_text("w1");
    for (uint64_t i = 1; i <= 3; i++) {
        struct msg_ended m = ended(i, value, worker);
        const struct reeve_result *r = result_ended(&s, &m);
        CHECK(r->id == 1000 + i && r->run_us == 10 * i && r->state == REEVE_JOB_OK);
        CHECK_TEXT(r->text, "ab");
        CHECK_TEXT(r->worker, "w1");
        CHECK_BYTES(bytes_of(r->value, r->size), value);
    }
    result_strings_fini(&s);
}

TEST(another_value_is_another_text)
{
    struct result_strings s = {0};
    struct bytes worker = bytes_text("w1");
    static const char *const values[] = {"\xc0", "\x07", "\xa1x"};
    static const char *const texts[] = {"null", "7", "x"};
    for (size_t i = 0; i < LENGTH(values); i++) {
        struct msg_ended m = ended(i, bytes_text(values[i]), worker);
        CHECK_TEXT(result_ended(&s, &m)->text, texts[i]);
    }
    result_strings_fini(&s);
}

/* What lies there when the next message comes may be anything. */
TEST(behind_the_end_of_a_message_nothing_is_taken_as_it_was)
{
    struct result_strings s = {0};
    unsigned char value = 1;
    char worker[] = "w1";
    struct msg_ended m = ended(1, bytes_of(&value, 1), bytes_of(worker, 2));
    CHECK_TEXT(result_ended(&s, &m)->text, "1");
    result_over(&s);
    value = 2;
    worker[1] = '2';
    m.state = JOB_FAILED;
    const struct reeve_result *r = result_ended(&s, &m);
    CHECK_TEXT(r->text, "2");
    CHECK_TEXT(r->worker, "w2");
    CHECK_EQ(r->state, REEVE_FAILED);
    result_strings_fini(&s);
}

TEST(a_refusal_between_two_results_leaves_nothing_of_itself)
{
    struct result_strings s = {0};
    struct msg_ended m = ended(1, bytes_of("\x01", 1), bytes_text("w1"));
    const struct msg_error error = {.number = 2, .code = ERR_BUSY};
    CHECK_EQ(result_ended(&s, &m)->code, REEVE_OK);
    CHECK_EQ(result_refused(&s, &error)->code, REEVE_EBUSY);
    CHECK_EQ(s.result.id, 0);
    const struct reeve_result *r = result_ended(&s, &m);
    CHECK(r->code == REEVE_OK && r->id == 1001);
    CHECK_TEXT(r->text, "1");
    CHECK_TEXT(r->worker, "w1");
    result_strings_fini(&s);
}
