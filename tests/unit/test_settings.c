/* SPDX-License-Identifier: Apache-2.0
 *
 * settings: which of the places that say something counts, and what is said of a setting that
 * cannot be taken.
 */
#include "common/settings.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/must.h"
#include "tests/unit/check.h"

static const struct option rows[] = {
    {"slots", OPTION_NUMBER, "M", "slots", 1, 64, "TEST_SLOTS"},
    {"handler", OPTION_TEXT, "PROGRAM", "a handler", .environment = "TEST_HANDLER"},
    {"delay", OPTION_SECONDS, "S", "delay"},
    {"shell", OPTION_FLAG, NULL, "shell"},
    {"progress", OPTION_SWITCH, NULL, "progress"},
    {"ready-fd", OPTION_NUMBER, "N", "ready", .line_only = true},
    {"secret", OPTION_FLAG, NULL, NULL},
    {"help", OPTION_FLAG, NULL, "help", .line_only = true},
    {0},
};

static struct options o;

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* A home of our own with what the user's file says, and the named file with what that says. */
static void start(const char *user, const char *named)
{
    char folder[] = "settings-XXXXXX", home[1000];
    options_fini(&o);
    o = (struct options){0};
    must(unsetenv("TEST_SLOTS") == 0 && unsetenv("TEST_HANDLER") == 0 &&
         unsetenv("REEVE_CONFIG") == 0);
    CHECK(mkdtemp(folder) && chdir(folder) == 0 && getcwd(home, sizeof home));
    CHECK(setenv("XDG_CONFIG_HOME", home, 1) == 0 && mkdir("reeve", 0700) == 0);
    put_file("reeve/reeve.conf", user);
    put_file("named.conf", named);
    options_add(&o, rows);
}

static void end(void)
{
    CHECK(unlink("reeve/reeve.conf") == 0 && unlink("named.conf") == 0 && rmdir("reeve") == 0);
    CHECK(chdir("..") == 0 && rmdir(getenv("XDG_CONFIG_HOME")) == 0);
    options_fini(&o);
}

/* The words end with NULL. The exit code, -1 when the program goes on. */
static int read_words(char **words)
{
    int count = 0, code;
    while (words[count])
        count++;
    return settings_read(&o, "worker", count, words, &code) ? -1 : code;
}

#define READ(...) read_words((char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void check_wrong(const char *user, const char *error)
{
    char wanted[1200];
    start(user, "");
    CHECK_EQ(READ(), SETTINGS_WRONG);
    snprintf(wanted, sizeof wanted, "%s/reeve/reeve.conf%s", getenv("XDG_CONFIG_HOME"), error);
    CHECK_TEXT(o.error, wanted);
    end();
}

TEST(each_place_gives_way_to_those_before_it)
{
    start("worker\n    slots = 2\n    delay = 2s\n    shell = true\n    progress = false\n"
          "broker\n    slots = none of ours\n",
          "worker\n    slots = 3\n    delay = 3s\n");
    must(setenv("TEST_SLOTS", "4", 1) == 0);
    CHECK_EQ(READ("--slots", "5", "--config", "named.conf"), -1);
    CHECK_EQ(options_number(&o, "slots", 1), 5);
    CHECK_EQ(options_ms(&o, "delay", 1), 3000);
    CHECK(options_flag(&o, "shell", false));
    CHECK(!options_flag(&o, "progress", true));
    CHECK_TEXT(options_use(&o, "delay")->origin, "named.conf:3");
    end();
    start("worker\n    slots = 2\n", "worker\n    slots = 3\n");
    must(setenv("TEST_SLOTS", "4", 1) == 0 && setenv("REEVE_CONFIG", "named.conf", 1) == 0);
    CHECK_EQ(READ(), -1);
    CHECK_EQ(options_number(&o, "slots", 1), 4);
    CHECK_TEXT(options_use(&o, "slots")->origin, "$TEST_SLOTS");
    end();
    start("worker\n    slots = 2\n", "worker\n    slots = 3\n");
    must(setenv("TEST_SLOTS", "", 1) == 0); /* empty: not set */
    CHECK_EQ(READ("--config=none"), -1);
    CHECK(!options_given(&o, "slots"));
    end();
}

TEST(a_list_is_that_of_the_first_place_that_has_one)
{
    size_t at = 0;
    start("worker\n    handler = a\n", "worker\n    handler = b\n    handler = c\n");
    CHECK_EQ(READ("--config", "named.conf"), -1);
    CHECK_TEXT(options_next(&o, "handler", &at), "b");
    CHECK_TEXT(options_next(&o, "handler", &at), "c");
    CHECK(options_next(&o, "handler", &at) == NULL);
    CHECK_TEXT(options_text(&o, "handler", NULL), "c");
    end();
    at = 0;
    start("worker\n    handler = a\n", "");
    CHECK_EQ(READ("--handler", "d", "--handler", "e"), -1);
    CHECK_TEXT(options_next(&o, "handler", &at), "d");
    CHECK_TEXT(options_next(&o, "handler", &at), "e");
    CHECK(options_next(&o, "handler", &at) == NULL);
    end();
}

TEST(a_setting_is_checked_as_an_option_is_and_even_where_it_does_not_count)
{
    check_wrong("worker\n    slots = 99\n",
                ":2: slots wants a whole number from 1 to 64, not \"99\"");
    check_wrong("worker\n    shell = yes\n", ":2: shell wants true or false, not \"yes\"");
    check_wrong("worker\n    delay = soon\n",
                ":2: delay wants a time such as 10, 0.5, 300ms or 1h30m, not \"soon\"");
    check_wrong("worker\n    sluts = 4\n", ":2: unknown setting sluts; did you mean slots?");
    check_wrong("worker\n    ready-fd = 4\n", ":2: unknown setting ready-fd");
    check_wrong("worker\n    secret = true\n", ":2: unknown setting secret");
    check_wrong("worker\n    no-progress = true\n",
                ":2: unknown setting no-progress; did you mean progress?");
    check_wrong("worker\n    config = x\n", ":2: unknown setting config");
    check_wrong("workr\n    slots = 4\n", ":1: unknown section workr; did you mean worker?");
    check_wrong("worker\n  slots = 4\n", ":2: lines are indented by four blanks");
    start("", "worker\n    slots = 0\n");
    CHECK_EQ(READ("--slots", "3", "--config", "named.conf"), SETTINGS_WRONG);
    end();
    start("", "");
    must(setenv("TEST_SLOTS", "many", 1) == 0);
    CHECK_EQ(READ(), SETTINGS_WRONG);
    CHECK_TEXT(o.error, "$TEST_SLOTS: slots wants a whole number from 1 to 64, not \"many\"");
    end();
}

TEST(a_file_that_was_named_must_be_there)
{
    start("", "");
    CHECK_EQ(READ("--config", "other.conf"), SETTINGS_WRONG);
    CHECK_TEXT(o.error, "other.conf: No such file or directory");
    end();
    start("", "");
    CHECK(unlink("reeve/reeve.conf") == 0);
    CHECK_EQ(READ(), -1); /* that of the user need not */
    put_file("reeve/reeve.conf", "");
    end();
}

TEST(help_is_given_whatever_files_say)
{
    start("nonsense = 1\n", "");
    CHECK_EQ(READ("--help"), -1);
    CHECK_EQ(READ("--slots", "none"), SETTINGS_USAGE);
    CHECK_TEXT(o.error, "--slots wants a whole number from 1 to 64, not \"none\"");
    end();
}

TEST(a_value_that_its_reader_refuses_is_told_as_others_are)
{
    start("worker\n    handler = a\n", "");
    CHECK_EQ(READ(), -1);
    CHECK_EQ(settings_refuse(&o, "handler", "a program"), SETTINGS_WRONG);
    CHECK(strstr(o.error, "reeve.conf:2: handler wants a program, not \"a\""));
    end();
    start("", "");
    CHECK_EQ(READ("--handler=b"), -1);
    CHECK_EQ(settings_refuse(&o, "handler", "a program"), SETTINGS_USAGE);
    CHECK_TEXT(o.error, "--handler wants a program, not \"b\"");
    end();
}

TEST(rows_tell_each_value_and_its_origin)
{
    struct buf b = {0};
    struct settings_row row;
    start("", "worker\n    handler = a\n    handler = b\n    slots = 2\n    slots = 3\n");
    CHECK_EQ(READ("--config", "named.conf", "--shell"), -1);
    settings_rows(&o, &b);
    struct bytes left = buf_bytes(&b);
    CHECK(settings_next(&left, &row));
    CHECK_TEXT(row.name, "slots");
    CHECK_TEXT(row.unit, "M");
    CHECK_TEXT(row.help, "slots");
    CHECK_TEXT(row.value, "3");
    CHECK_TEXT(row.origin, "named.conf:5");
    CHECK(settings_next(&left, &row));
    CHECK_TEXT(row.value, "a");
    CHECK(settings_next(&left, &row));
    CHECK_TEXT(row.value, "b");
    CHECK(settings_next(&left, &row));
    CHECK_TEXT(row.name, "delay");
    CHECK_TEXT(row.origin, "");
    CHECK(settings_next(&left, &row));
    CHECK_TEXT(row.unit, "true|false");
    CHECK_TEXT(row.value, "true");
    CHECK_TEXT(row.origin, "the command line");
    CHECK(settings_next(&left, &row));
    CHECK_TEXT(row.name, "progress");
    CHECK(!settings_next(&left, &row)); /* neither ready-fd nor help nor what is hidden */
    left = bytes_of(b.data, b.size - 1);
    for (int i = 0; i < 5; i++)
        CHECK(settings_next(&left, &row));
    CHECK(!settings_next(&left, &row)); /* the last one is not whole */
    buf_fini(&b);
    end();
}
