/* SPDX-License-Identifier: Apache-2.0 */
#include "common/must.h"
#include "common/random.h"
#include "proto/record.h"
#include "tests/unit/check.h"

TEST(errors_have_a_text_a_word_and_an_exit_code)
{
    CHECK_TEXT(err_text(ERR_UNKNOWN_JOB), "no such job");
    CHECK_TEXT(err_name(ERR_UNKNOWN_JOB), "unknown-job");
    CHECK_EQ(err_exit_code(ERR_UNKNOWN_JOB), 3);
    CHECK_EQ(err_exit_code(ERR_UNREACHABLE), 4);
    CHECK_EQ(err_exit_code(ERR_TIMEOUT), 124);
    CHECK_TEXT(err_text(OK), "ok");
    CHECK_EQ(err_exit_code(OK), 0);
    CHECK_TEXT(err_text(9999), "unknown error");
    CHECK_TEXT(err_name(9999), "unknown");
    CHECK_EQ(err_exit_code(9999), 8);
}

/* Programs match on these words: no two errors share one. */
TEST(words_of_errors_are_unlike)
{
    static const unsigned all[] = {
#define X(name, number, exit_code, word, text) number,
        ERRORS(X)
#undef X
    };
    for (size_t i = 0; i < LENGTH(all); i++) {
        CHECK(strlen(err_text(all[i])) > 0);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(err_name(all[i]), err_name(all[k])) != 0);
    }
}

TEST(states_are_named_and_found_by_name)
{
    for (unsigned s = 1; s < JOB_STATES; s++)
        CHECK_EQ(job_state_parse(job_state_name(s)), s);
    CHECK_TEXT(job_state_name(JOB_RUNNING), "running");
    CHECK_TEXT(job_state_name(JOB_EXPIRED), "expired");
    CHECK_TEXT(job_state_name(0), "unknown");
    CHECK_TEXT(job_state_name(JOB_STATES), "unknown");
    CHECK_EQ(job_state_parse("unknown"), 0);
    CHECK_EQ(job_state_parse(""), 0);
}

TEST(exactly_the_last_five_states_are_ends)
{
    for (unsigned s = 1; s < JOB_STATES; s++) {
        const char *name = job_state_name(s);
        bool end = strstr("ok failed dead cancelled expired", name) != NULL;
        CHECK_EQ(job_ended((enum job_state)s), end);
    }
}

TEST(reasons_carry_their_detail)
{
    char text[48];
    CHECK_TEXT(reason_text(REASON_SIGNAL, 11, text), "signal 11");
    CHECK_TEXT(reason_text(REASON_EXIT, 3, text), "exit 3");
    CHECK_TEXT(reason_text(REASON_TIMEOUT, 3, text), "timeout");
    CHECK_TEXT(reason_text(REASON_NONE, 0, text), "");
    CHECK_TEXT(reason_text(REASON_SIGNAL, 4294967295u, text), "signal 4294967295");
    CHECK_TEXT(reason_text(REASON_COUNT, 0, text), "unknown");
    CHECK_TEXT(durability_name(CLASS_DURABLE), "durable");
    CHECK_TEXT(durability_name(3), "unknown");
}

TEST(states_of_workers_and_slots_are_named)
{
    CHECK_TEXT(worker_state_name(WORKER_SILENT), "silent");
    CHECK_TEXT(worker_state_name(0), "unknown");
    CHECK_TEXT(slot_state_name(SLOT_COOLING), "cooling");
    CHECK_TEXT(slot_state_name(99), "unknown");
}

TEST(ids_for_people_and_back)
{
    static const struct {
        uint64_t id;
        const char *text;
    } cases[] = {
        {1, "0000000000001"},          {31, "000000000000z"},
        {32, "0000000000010"},         {1ull << 52 | 1, "0040000000001"},
        {UINT64_MAX, "fzzzzzzzzzzzz"},
    };
    char text[JOB_ID_TEXT];
    for (size_t i = 0; i < LENGTH(cases); i++) {
        CHECK_TEXT(job_id_text(cases[i].id, text), cases[i].text);
        CHECK(job_id_parse(cases[i].text) == cases[i].id);
    }
    struct random r = {.state = 9};
    for (int i = 0; i < 10000; i++) {
        uint64_t id = random_next(&r);
        CHECK(job_id_parse(job_id_text(id, text)) == id);
    }
}

TEST(what_is_no_id_is_none)
{
    static const char *const wrong[] = {
        "",
        "1",
        "00000000000001",
        "000000000000",
        "g000000000000", /* beyond 64 bits */
        "000000000000u",
        "000000000000i",
        "000000000000-",
        "0000000 00001",
        "000000000000A",
    };
    for (size_t i = 0; i < LENGTH(wrong); i++)
        CHECK_EQ(job_id_parse(wrong[i]), 0);
}

TEST(names_of_queues)
{
    static const char *const good[] = {"a.b", "calculator.calculate", "A-1.b_2.c",
                                       "data_processing.calculate_cv"};
    static const char *const bad[] = {"",     ".",     "a",     "ab",    "abc",        ".a.b",
                                      "a.b.", "a b.c", "a.b/c", "a.b\n", "\xd0\xb0.b", "a.b,c"};
    for (size_t i = 0; i < LENGTH(good); i++)
        CHECK(queue_name_valid(bytes_text(good[i])));
    for (size_t i = 0; i < LENGTH(bad); i++)
        CHECK(!queue_name_valid(bytes_text(bad[i])));
    CHECK(!queue_name_valid(bytes_of("a.b\0c", 5)));
    char name[QUEUE_NAME_MAX + 2];
    memset(name, 'a', sizeof name);
    name[1] = '.';
    CHECK(queue_name_valid(bytes_of(name, QUEUE_NAME_MAX)));
    CHECK(!queue_name_valid(bytes_of(name, QUEUE_NAME_MAX + 1)));
}
