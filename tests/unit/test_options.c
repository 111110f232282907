/* SPDX-License-Identifier: Apache-2.0
 *
 * options: what a command line is read as, and what is said of one that is wrong.
 */
#include "common/options.h"

#include <stdlib.h>

#include "common/must.h"
#include "tests/unit/check.h"

static const struct option rows[] = {
    {"slots", OPTION_NUMBER, "M", "slots", 1, 1024},
    {"priority", OPTION_NUMBER, "N", "priority", -100, 100},
    {"count", OPTION_NUMBER, "N", "count"},
    {"handler", OPTION_TEXT, "PROGRAM", "a handler"},
    {"delay", OPTION_SECONDS, "S", "delay"},
    {"odds", OPTION_REAL, "P", "odds", 0, 1},
    {"json", OPTION_FLAG, NULL, "json"},
    {"progress", OPTION_SWITCH, NULL, "progress"},
    {"secret", OPTION_FLAG, NULL, NULL},
    {"help", OPTION_FLAG, NULL, "help"},
    {0},
};

static struct options o;

/* Words end with NULL. */
static int parse(enum options_order order, char **words)
{
    int count = 0;
    while (words[count])
        count++;
    options_fini(&o);
    o = (struct options){0};
    options_add(&o, rows);
    return options_parse(&o, order, count, words);
}

#define PARSE(order, ...) parse(order, (char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

TEST(values_are_read_in_both_forms)
{
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--slots", "4", "--priority=-3", "--handler=a=b", "--json"), 0);
    CHECK_EQ(options_number(&o, "slots", 1), 4);
    CHECK_EQ(options_number(&o, "priority", 0), -3);
    CHECK_TEXT(options_text(&o, "handler", NULL), "a=b");
    CHECK(options_flag(&o, "json", false));
    CHECK_EQ(o.word_count, 0);
}

TEST(what_is_not_said_has_the_value_for_not_said)
{
    CHECK_EQ(PARSE(OPTIONS_FIRST), 0);
    CHECK_EQ(options_number(&o, "slots", 7), 7);
    CHECK_EQ(options_ms(&o, "delay", -1), -1);
    CHECK(options_text(&o, "handler", NULL) == NULL);
    CHECK(options_flag(&o, "progress", true));
    CHECK(!options_given(&o, "odds"));
}

TEST(the_first_word_ends_the_options)
{
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--json", "fib.calculate", "-1", "--slots", "x"), 0);
    CHECK_EQ(o.word_count, 4);
    CHECK_TEXT(o.words[0], "fib.calculate");
    CHECK_TEXT(o.words[1], "-1");
    CHECK_TEXT(o.words[2], "--slots");
    CHECK(!options_given(&o, "slots"));
}

TEST(options_may_follow_words_where_that_is_asked_for)
{
    CHECK_EQ(PARSE(OPTIONS_ANYWHERE, "job/x", "--json", "worker/", "--count", "3"), 0);
    CHECK_EQ(o.word_count, 2);
    CHECK_TEXT(o.words[1], "worker/");
    CHECK_EQ(options_number(&o, "count", 0), 3);
}

TEST(two_dashes_end_the_options_and_one_is_a_word)
{
    CHECK_EQ(PARSE(OPTIONS_ANYWHERE, "-", "--", "--json", "--"), 0);
    CHECK_EQ(o.word_count, 3);
    CHECK_TEXT(o.words[0], "-");
    CHECK_TEXT(o.words[1], "--json");
    CHECK_TEXT(o.words[2], "--");
}

TEST(the_last_one_said_holds_and_a_list_has_all)
{
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--handler", "a", "--slots=2", "--handler", "b", "--slots=3"), 0);
    CHECK_TEXT(options_text(&o, "handler", NULL), "b");
    CHECK_EQ(options_number(&o, "slots", 0), 3);
    size_t at = 0;
    CHECK_TEXT(options_next(&o, "handler", &at), "a");
    CHECK_TEXT(options_next(&o, "handler", &at), "b");
    CHECK(options_next(&o, "handler", &at) == NULL);
}

TEST(a_switch_has_two_names)
{
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--no-progress"), 0);
    CHECK(!options_flag(&o, "progress", true));
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--no-progress", "--progress"), 0);
    CHECK(options_flag(&o, "progress", false));
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--no-json"), -1);
}

TEST(mistakes_name_the_option_and_what_it_wants)
{
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--prioriy", "3"), -1);
    CHECK_TEXT(o.error, "unknown option --prioriy; did you mean --priority?");
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--zzz"), -1);
    CHECK_TEXT(o.error, "unknown option --zzz");
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--secre"), -1);
    CHECK_TEXT(o.error, "unknown option --secre");
    CHECK_EQ(PARSE(OPTIONS_FIRST, "-j"), -1);
    CHECK_TEXT(o.error, "unknown option -j");
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--slots"), -1);
    CHECK_TEXT(o.error, "--slots wants a value: --slots M");
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--json=1"), -1);
    CHECK_TEXT(o.error, "--json takes no value");
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--slots", "0"), -1);
    CHECK_TEXT(o.error, "--slots wants a whole number from 1 to 1024, not \"0\"");
}

TEST(numbers_are_whole_words)
{
    static char *wrong[] = {"", " 1", "1 ", "1x", "0x10", "1.0", "99999999999999999999", "-", "+"};
    for (size_t i = 0; i < LENGTH(wrong); i++)
        CHECK_EQ(PARSE(OPTIONS_FIRST, "--count", wrong[i]), -1);
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--count", "-1"), -1);
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--count", "9223372036854775807"), 0);
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--odds", "0.25"), 0);
    CHECK_EQ(options_real(&o, "odds", 0) * 4, 1);
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--odds", "1.5"), -1);
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--odds", "nan"), -1);
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--odds", ""), -1);
}

TEST(times_are_seconds_or_have_units)
{
    CHECK_EQ(options_duration("2"), 2000);
    CHECK_EQ(options_duration("0.5"), 500);
    CHECK_EQ(options_duration("300ms"), 300);
    CHECK_EQ(options_duration("1h30m"), 5400000);
    CHECK_EQ(options_duration("2d"), 172800000);
    CHECK_EQ(options_duration("0"), 0);
    CHECK_EQ(options_duration(""), -1);
    CHECK_EQ(options_duration("-1"), -1);
    CHECK_EQ(options_duration("1x"), -1);
    CHECK_EQ(options_duration("s"), -1);
    CHECK_EQ(options_duration("1..2"), -1);
    CHECK_EQ(options_duration("inf"), -1);
    CHECK_EQ(options_duration("1e9"), -1);
    CHECK_EQ(options_duration("99999999999999999999"), -1);
    CHECK_EQ(PARSE(OPTIONS_FIRST, "--delay", "soon"), -1);
    CHECK_TEXT(o.error, "--delay wants a time such as 10, 0.5, 300ms or 1h30m, not \"soon\"");
}

TEST(the_nearest_name_is_near)
{
    static const char *const names[] = {"submit", "status", "map", "watch"};
    CHECK_TEXT(options_nearest("sumbit", names, LENGTH(names)), "submit");
    CHECK_TEXT(options_nearest("sta", names, LENGTH(names)), "status");
    CHECK_TEXT(options_nearest("mapp", names, LENGTH(names)), "map");
    CHECK(options_nearest("frobnicate", names, LENGTH(names)) == NULL);
    CHECK(options_nearest("", names, LENGTH(names)) == NULL);
}

TEST(help_is_asked_for_by_its_short_name_too)
{
    CHECK_EQ(PARSE(OPTIONS_FIRST, "-h"), 0);
    CHECK(options_flag(&o, "help", false));
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    options_help(&o, out);
    fclose(out);
    CHECK(strstr(text, "  --slots M               slots\n"));
    CHECK(strstr(text, "  --[no-]progress         progress\n"));
    CHECK(!strstr(text, "secret"));
    free(text);
    options_fini(&o);
}
