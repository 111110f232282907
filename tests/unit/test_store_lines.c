/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of sessions in the store and their files: added once and in order, bounded as history
 * and results are, gone with their session, and the files made right again whatever happened to
 * them.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/must.h"
#include "proto/states.h"
#include "tests/unit/flaky.h"
#include "tests/unit/store_kit.h"

enum { ID = 0x10000000000001, OTHER = ID + 1 };

/* --- the database by other means -------------------------------------------------------------- */

static long long ask(const struct kit *k, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    CHECK_EQ(sqlite3_open(kit_file(k, "reeve.db"), &db), SQLITE_OK);
    CHECK_EQ(sqlite3_busy_timeout(db, 20000), SQLITE_OK);
    CHECK_EQ(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    long long number = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    CHECK_EQ(sqlite3_finalize(s), SQLITE_OK);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    return number;
}

/* --- files by other means --------------------------------------------------------------------- */

static void put_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "we");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0);
}

static bool there(const char *folder, const char *name)
{
    char path[256];
    struct stat file;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return lstat(path, &file) == 0;
}

static void put_in(const char *folder, const char *name, const char *text, mode_t mode)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    put_file(path, text, mode);
}

static void begin(struct kit *k, const char *where)
{
    flaky_install(); /* no sync matters here */
    flaky_calm();
    kit_init(k, where);
    CHECK(kit_open(k, NULL));
}

static void end(struct kit *k)
{
    kit_fini(k);
    flaky_forget();
}

/* A session with lines, open. */
static void session(struct kit *k, uint64_t id, const char *lines)
{
    kit_put_job(k, id, "a.b", 0);
    kit_put_lines(k, id, lines);
    CHECK(kit_wait(k));
}

static void restart(struct kit *k)
{
    kit_close(k);
    CHECK(kit_open(k, NULL));
}

/* --- added ------------------------------------------------------------------------------------ */

TEST(lines_are_added_in_order_and_never_loaded)
{
    struct kit k;
    struct buf text = {0};
    begin(&k, "added");
    CHECK(access(k.sessions, F_OK) < 0); /* nothing to write yet */
    kit_put_job(&k, ID, "a.b", 0);
    kit_put_lines(&k, ID, "one\n");
    kit_put_lines(&k, OTHER, "first\nsecond\n");
    kit_put_lines(&k, ID, "two\nthree\n");
    kit_put_job(&k, OTHER, "a.b", 0);
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "one\ntwo\nthree\n");
    CHECK_TEXT(kit_session(&k, OTHER), "first\nsecond\n");
    kit_put_lines(&k, ID, "four\n");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "one\ntwo\nthree\nfour\n");
    CHECK_TEXT(kit_session_path(&k, ID), "added-sessions/session_0040000000001.txt");
    kit_close(&k);
    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.loaded, 2);
    CHECK(!strstr(buf_text(&text), "lines"));
    kit_put_lines(&k, ID, "five\n");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "one\ntwo\nthree\nfour\nfive\n");
    end(&k);
    buf_fini(&text);
}

/* A line is some writes of pages, whatever came before; the parts do not become one a line, and
 * together they are the file. */
TEST(a_line_costs_the_same_after_ten_thousand)
{
    enum { LINES = 10000, LOT = 8, MORE = 160 };
    struct kit k;
    struct buf all = {0};
    begin(&k, "many");
    session(&k, ID, "begun\n");
    buf_printf(&all, "begun\n");
    for (unsigned i = 1; i <= LINES + MORE; i++) {
        char line[120];
        snprintf(line, sizeof line, "%u: objective=%u.5 best=7 and some more of what there is\n", i,
                 i * 7);
        buf_printf(&all, "%s", line);
        kit_put_lines(&k, ID, line);
        if (i == LINES)
            flaky_calm();
        if (i > LINES || i % LOT == 0)
            CHECK(kit_wait(&k));
    }
    CHECK(flaky_count(FLAKY_WRITE) < MORE * 16); /* two a page */
    CHECK_TEXT(kit_session(&k, ID), buf_text(&all));
    restart(&k);
    CHECK_TEXT(kit_session(&k, ID), buf_text(&all));
    CHECK(unlink(kit_session_path(&k, ID)) == 0);
    restart(&k);
    CHECK_TEXT(kit_session(&k, ID), buf_text(&all));
    kit_close(&k);
    CHECK(ask(&k, "SELECT count(*) FROM lines") < 60);
    CHECK(ask(&k, "SELECT max(length(row)) FROM lines") < 300000);
    end(&k);
    buf_fini(&all);
}

TEST(many_sessions_get_their_own_lines)
{
    enum { SESSIONS = 50, ROUNDS = 40 };
    struct kit k;
    struct buf wanted = {0};
    begin(&k, "own");
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < SESSIONS; i++) {
            char line[40];
            snprintf(line, sizeof line, "%u of %u\n", round, i);
            if (!round)
                kit_put_job(&k, ID + i, "a.b", 0);
            kit_put_lines(&k, ID + i, line);
        }
        if (round == ROUNDS / 2)
            restart(&k);
        CHECK(kit_wait(&k));
    }
    for (unsigned i = 0; i < SESSIONS; i++) {
        buf_clear(&wanted);
        for (unsigned round = 0; round < ROUNDS; round++)
            buf_printf(&wanted, "%u of %u\n", round, i);
        CHECK_TEXT(kit_session(&k, ID + i), buf_text(&wanted));
    }
    end(&k);
    buf_fini(&wanted);
}

/* --- gone ------------------------------------------------------------------------------------- */

TEST(lines_go_with_their_session)
{
    struct kit k;
    begin(&k, "gone");
    session(&k, ID, "one\n");
    session(&k, OTHER, "another\n");
    kit_put_lines(&k, ID, "two\n");
    kit_put_ended(&k, ID, "a.b", JOB_OK, false);
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "one\ntwo\n");
    kit_put_lines(&k, OTHER, "and its end\n"); /* all in one lot */
    kit_put_ended(&k, OTHER, "a.b", JOB_CANCELLED, false);
    kit_drop(&k, ROW_ENDED, OTHER, "");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, OTHER), "-");
    kit_drop(&k, ROW_ENDED, ID, "");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "-");
    kit_close(&k);
    CHECK_EQ(ask(&k, "SELECT count(*) FROM lines"), 0);
    CHECK(kit_open(&k, NULL));
    kit_put_job(&k, ID + 9, "a.b", 0);
    CHECK(kit_wait(&k));
    kit_close(&k);
    CHECK_EQ(ask(&k, "SELECT count(*) FROM named WHERE kind = 102"), 0); /* forgotten, too */
    end(&k);
}

/* As a session that its client wanted in memory only: a start finds no row of it. */
TEST(lines_without_a_row_go_at_the_next_start)
{
    struct kit k;
    begin(&k, "orphan");
    kit_put_lines(&k, ID, "one\n");
    session(&k, OTHER, "another\n");
    CHECK_TEXT(kit_session(&k, ID), "one\n");
    restart(&k);
    CHECK_TEXT(kit_session(&k, ID), "-");
    CHECK_TEXT(kit_session(&k, OTHER), "another\n");
    CHECK_EQ(k.damaged, 0);
    end(&k);
}

static void long_session(struct kit *k, uint64_t id, bool settled)
{
    struct buf lines = {0};
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&lines, "line %4u of a session that had to say some\n", i);
    kit_put_lines(k, id, buf_text(&lines));
    kit_put_ended(k, id, "a.b", JOB_OK, settled);
    buf_fini(&lines);
}

static bool has_file(struct kit *k, uint64_t id)
{
    return access(kit_session_path(k, id), F_OK) == 0;
}

/* 43 KB a session: they count, and each that goes makes room for the others, though their rows lie
 * in one piece. */
static void check_bytes_of_lines(const char *where)
{
    struct kit k;
    flaky_install();
    kit_init(&k, where);
    k.limits.history_bytes_max = 100000;
    k.limits.results_bytes_max = 60000;
    CHECK(kit_open(&k, NULL));
    for (unsigned i = 0; i < 4; i++)
        long_session(&k, ID + i, true);
    CHECK(kit_wait(&k));
    CHECK(!has_file(&k, ID) && !has_file(&k, ID + 1));
    CHECK(has_file(&k, ID + 2) && has_file(&k, ID + 3));
    CHECK_EQ(k.state.kept, 2);
    long_session(&k, ID + 10, false);
    CHECK(kit_wait(&k));
    CHECK_EQ(k.state.condition, STORE_OPEN);
    long_session(&k, ID + 11, false);
    kit_wait_condition(&k, STORE_CROWDED);
    kit_settle(&k, ID + 10, 2);
    kit_wait_condition(&k, STORE_OPEN);
    CHECK(!has_file(&k, ID + 2) && !has_file(&k, ID + 3));
    CHECK(has_file(&k, ID + 10) && has_file(&k, ID + 11));
    end(&k);
}

TEST(lines_count_as_what_their_session_takes)
{
    check_bytes_of_lines("bytes");
    check_bytes_of_lines("memory");
}

TEST(after_a_start_lines_count_as_before)
{
    struct kit k;
    begin(&k, "count");
    for (unsigned i = 0; i < 4; i++)
        long_session(&k, ID + i, i != 1);
    CHECK(kit_wait(&k));
    kit_close(&k);
    k.limits.history_bytes_max = 60000;
    CHECK(kit_open(&k, NULL));
    CHECK(kit_wait(&k));
    kit_put_job(&k, ID + 20, "a.b", 0);
    CHECK(kit_wait(&k));
    CHECK(!has_file(&k, ID) && has_file(&k, ID + 1) && !has_file(&k, ID + 2));
    CHECK(has_file(&k, ID + 3));
    end(&k);
}

TEST(lines_go_when_they_are_old)
{
    static const char *const wheres[] = {"old", "memory"};
    for (size_t i = 0; i < LENGTH(wheres); i++) {
        struct kit k;
        kit_init(&k, wheres[i]);
        k.limits.results_ms = 1;
        CHECK(kit_open(&k, NULL));
        session(&k, ID, "one\n");
        kit_put_ended(&k, ID, "a.b", JOB_OK, false);
        while (has_file(&k, ID)) {
            kit_put_name(&k, ROW_CLIENT, "one", "what it said");
            CHECK(kit_wait(&k));
        }
        kit_fini(&k);
    }
}

/* --- made right ------------------------------------------------------------------------------- */

static const char three[] = "one\ntwo\nthree\n";

enum harm { GONE, SHORT, LONG, EDITED, EMPTY, LINK, PIPE, MARKED, HARMS };

static void do_harm(const struct kit *k, enum harm harm)
{
    const char *path = kit_session_path(k, ID);
    CHECK(unlink(path) == 0);
    switch (harm) {
    case SHORT: put_file(path, "one\ntw", 0600); break;
    case LONG: put_file(path, "one\ntwo\nthree\nfour\n", 0600); break;
    case EDITED: put_file(path, "one\nTWO\nthree\n", 0600); break;
    case EMPTY: put_file(path, "", 0600); break;
    case LINK:
        put_in(k->sessions, "elsewhere", "one\nTWO\nthree\n", 0600);
        CHECK(symlink("elsewhere", path) == 0);
        break;
    case PIPE: CHECK(mkfifo(path, 0600) == 0); break;
    case MARKED: put_file(path, three, S_ISVTX | 0600); break; /* by a broker without a store */
    case GONE:
    case HARMS: break;
    }
}

static void check_plain(const struct kit *k, const char *want)
{
    struct stat file;
    CHECK_TEXT(kit_session(k, ID), want);
    CHECK(lstat(kit_session_path(k, ID), &file) == 0 && S_ISREG(file.st_mode));
    CHECK_EQ(file.st_mode & 07777, 0600);
}

TEST(a_start_makes_files_right)
{
    struct kit k;
    begin(&k, "right");
    session(&k, ID, three);
    session(&k, OTHER, "another\n");
    for (enum harm harm = GONE; harm < HARMS; harm++) {
        kit_close(&k);
        do_harm(&k, harm);
        CHECK(kit_open(&k, NULL));
        check_plain(&k, three);
        CHECK_TEXT(kit_session(&k, OTHER), "another\n");
    }
    end(&k);
}

/* While it runs it sees by their size whether they are its own. */
TEST(the_next_line_makes_its_file_right)
{
    struct kit k;
    struct buf want = {0};
    begin(&k, "next");
    session(&k, ID, three);
    buf_printf(&want, three);
    for (enum harm harm = GONE; harm < HARMS; harm++) {
        if (harm == EDITED)
            continue;
        do_harm(&k, harm);
        kit_put_lines(&k, ID, "more\n");
        buf_printf(&want, "more\n");
        CHECK(kit_wait(&k));
        check_plain(&k, buf_text(&want));
    }
    CHECK(unlink(kit_session_path(&k, ID)) == 0); /* the link's end is in it, too */
    CHECK(!there(k.sessions, "elsewhere") || unlink("next-sessions/elsewhere") == 0);
    CHECK(rmdir(k.sessions) == 0);
    kit_put_lines(&k, ID, "last\n"); /* the first try finds that its folder is not there any more */
    buf_printf(&want, "last\n");
    CHECK(kit_wait(&k));
    while (!has_file(&k, ID))
        CHECK(kit_wait(&k));
    check_plain(&k, buf_text(&want));
    end(&k);
    buf_fini(&want);
}

TEST(files_of_others_are_left_alone)
{
    static const char *const others[] = {"notes.txt",
                                         "session_.txt",
                                         "session_1.txt",
                                         "session_0040000000001.TXT",
                                         "session_list.txt",
                                         "session_0040000000009.txt", /* as one of another store */
                                         "session_u040000000001.txt"};
    struct kit k;
    begin(&k, "others");
    session(&k, ID, "one\n");
    kit_close(&k);
    for (size_t i = 0; i < LENGTH(others); i++)
        put_in(k.sessions, others[i], "mine\n", i % 2 ? S_ISVTX | 0600 : 0600);
    put_in(k.sessions, "session_0040000000009.txt", "mine\n", 0600);
    put_in(k.sessions, "session_0040000000007.txt", "left\n", S_ISVTX | 0600);
    put_in(k.sessions, "session_0040000000001.txt.new", "half", 0600);
    CHECK(kit_open(&k, NULL));
    kit_put_lines(&k, ID, "two\n");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "one\ntwo\n");
    for (size_t i = 0; i < LENGTH(others); i++)
        CHECK(there(k.sessions, others[i]));
    CHECK(!there(k.sessions, "session_0040000000007.txt"));
    CHECK(!there(k.sessions, "session_0040000000001.txt.new"));
    end(&k);
}

TEST(damaged_lines_are_set_aside)
{
    struct kit k;
    begin(&k, "damaged");
    session(&k, ID, "one\n");
    kit_put_lines(&k, ID, "two\n");
    CHECK(kit_wait(&k));
    kit_put_lines(&k, ID, "three\n");
    CHECK(kit_wait(&k));
    session(&k, OTHER, "another\n");
    kit_close(&k);
    CHECK_EQ(ask(&k, "UPDATE lines SET row = replace(row, 'two', 'Two') WHERE n = 2"), -1);
    CHECK_EQ(ask(&k, "UPDATE lines SET id = id + 9 WHERE n = 4"), -1);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.damaged, 2);
    CHECK_TEXT(k.why, "damaged: lines of sessions: 2");
    CHECK_TEXT(kit_session(&k, ID), "one\nthree\n");
    kit_put_lines(&k, ID, "four\n");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "one\nthree\nfour\n");
    kit_close(&k);
    CHECK_EQ(ask(&k, "SELECT count(*) FROM aside WHERE origin = 'lines'"), 2);
    CHECK(kit_open(&k, NULL)); /* once is enough */
    CHECK_EQ(k.damaged, 0);
    end(&k);
}

/* It is joined with nothing, and costs none of those around it. */
TEST(lines_that_are_damaged_later_stay_until_the_next_start)
{
    struct kit k;
    struct buf want = {0};
    begin(&k, "later");
    session(&k, ID, "0\n");
    buf_printf(&want, "0\n");
    for (unsigned i = 1; i < 60; i++) {
        char line[12];
        snprintf(line, sizeof line, "%u\n", i);
        kit_put_lines(&k, ID, line);
        CHECK(kit_wait(&k));
        if (i == 5)
            CHECK_EQ(ask(&k, "UPDATE lines SET row = x'0000000030' WHERE n = 4"), -1);
        if (i != 3)
            buf_printf(&want, "%s", line);
    }
    CHECK(!k.broken);
    restart(&k);
    CHECK_EQ(k.damaged, 1);
    CHECK_TEXT(kit_session(&k, ID), buf_text(&want));
    end(&k);
    buf_fini(&want);
}

/* --- a file of format 1 ----------------------------------------------------------------------- */

static const char format_1[] =
    "CREATE TABLE aside (n INTEGER PRIMARY KEY, origin TEXT NOT NULL, id INTEGER, name BLOB,"
    " row BLOB);"
    "CREATE TABLE ended (id INTEGER PRIMARY KEY, rows BLOB NOT NULL);"
    "INSERT INTO ended VALUES(3,X'"
    "01020000912254FB066C50C4A0010000030600007C000000C40A8C4B040700007C0000008A3C9D1A941001A363"
    "2E64C4641516191E252E39465566798EA5BED9F61536597EA5CEF9265586B9EE255E99D6155699DE256EB90655"
    "A6F94EA5FE59B61576D93EA50E79E655C639AE259E19961596199E25AE39C655E6790EA53ED97615B659FEA54E"
    "F9A65506B96E25DE995615D6995E952800C4080000000000000003A006941001A3612E62C4641C1D20252C3540"
    "4D5C6D8095ACC5E0FD1C3D6085ACD5002D5C8DC0F52C65A0DD1C5DA0E52C75C00D5CAD0055AC0560BD1C7DE045"
    "AC1580ED5CCD40B52CA5209D1C9D20A52CB540CD5CED8015AC45E07D1CBD6005AC5500AD5C0DC0752CE5A05D1C"
    "DDA065952800C4080000000000000004A006"
    "');"
    "CREATE TABLE ended_mark (id INTEGER PRIMARY KEY, live INTEGER NOT NULL,"
    " settled INTEGER NOT NULL, sum INTEGER NOT NULL);"
    "INSERT INTO ended_mark VALUES(3,24,16,1663567402);"
    "CREATE TABLE named (kind INTEGER NOT NULL, name BLOB NOT NULL, row BLOB NOT NULL,"
    " PRIMARY KEY (kind, name)) WITHOUT ROWID;"
    "INSERT INTO named VALUES(2,X'6F6E65',X'9E5A8CF8776861742069742073616964');"
    "INSERT INTO named VALUES(100,X'',X'A31241A7001C5F2000000000');"
    "CREATE TABLE open (id INTEGER PRIMARY KEY, rows BLOB NOT NULL);"
    "INSERT INTO open VALUES(1,X'"
    "01020000257D2465066C50C4A00100000100000040000000D2FF461302000000400000008CFEFB99941001A361"
    "2E62C42807080B1017202B3847586B8097B0CBE807284B7097C0EB184778ABE017508BC807488BD01760ABF895"
    "2800C4080000000000000001A006941002A3612E62C4281B1C1F242B343F4C5B6C7F94ABC4DFFC1B3C5F84ABD4"
    "FF2C5B8CBFF42B649FDC1B5C9FE42B74BF0C952800C4080000000000000002A006"
    "');"
    "CREATE TABLE open_mark (id INTEGER PRIMARY KEY, live INTEGER NOT NULL,"
    " settled INTEGER NOT NULL, sum INTEGER NOT NULL);"
    "PRAGMA application_id=1382376822;"
    "PRAGMA user_version=1;";

TEST(a_file_of_format_1_is_taken_up)
{
    struct kit k;
    struct buf text = {0};
    sqlite3 *db;
    flaky_install();
    kit_init(&k, "format");
    CHECK(mkdir("format", 0700) == 0);
    CHECK_EQ(sqlite3_open(kit_file(&k, "reeve.db"), &db), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, format_1, NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.damaged, 0);
    CHECK_EQ(k.loaded, 4);
    CHECK_EQ(k.found.last_id, 4);
    CHECK(strstr(buf_text(&text), "client one 12 ") && strstr(buf_text(&text), "job 2 ") &&
          strstr(buf_text(&text), "ended 3 "));
    kit_put_lines(&k, 1, "one\n");
    CHECK(kit_wait(&k));
    restart(&k);
    CHECK_TEXT(kit_session(&k, 1), "one\n");
    kit_close(&k);
    CHECK_EQ(ask(&k, "PRAGMA user_version"), 2);
    end(&k);
    buf_fini(&text);
}

/* --- without a store, and with a neighbour ---------------------------------------------------- */

TEST(in_memory_files_go_with_their_session_or_the_process)
{
    struct kit k;
    begin(&k, "memory");
    session(&k, ID, "one\n");
    session(&k, OTHER, "another\n");
    kit_put_lines(&k, ID, "two\n");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "one\ntwo\n");
    kit_put_ended(&k, ID, "a.b", JOB_OK, false);
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "one\ntwo\n");
    kit_drop(&k, ROW_ENDED, ID, "");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, ID), "-");
    put_file(kit_session_path(&k, OTHER), "a", 0600); /* nobody knows what it was */
    kit_put_lines(&k, OTHER, "goes on\n");
    CHECK(kit_wait(&k));
    CHECK_TEXT(kit_session(&k, OTHER), "goes on\n");
    put_in(k.sessions, "session_0040000000005.txt", "of a store\n", 0600);
    put_in(k.sessions, "session_0040000000006.txt", "left by a crash\n", S_ISVTX | 0600);
    kit_close(&k);
    CHECK_TEXT(kit_session(&k, OTHER), "-");
    CHECK(kit_open(&k, NULL));
    CHECK(there(k.sessions, "session_0040000000005.txt"));
    CHECK(!there(k.sessions, "session_0040000000006.txt"));
    end(&k);
}

/* The same ids in both: whoever has the folder writes, and the other one makes it right later. */
TEST(the_folder_is_one_brokers_at_a_time)
{
    struct kit k, other;
    begin(&k, "first");
    begin(&other, "memory");
    snprintf(other.sessions, sizeof other.sessions, "%s", k.sessions);
    restart(&other);
    session(&k, ID, "kept\n");
    session(&other, ID, "passes\n");
    session(&other, OTHER, "waits\n");
    CHECK_TEXT(kit_session(&k, ID), "kept\n");
    CHECK(!has_file(&k, OTHER));
    kit_close(&k);
    while (!has_file(&k, OTHER)) { /* it tries again */
        kit_put_name(&other, ROW_CLIENT, "one", "what it said");
        CHECK(kit_wait(&other));
    }
    CHECK_TEXT(kit_session(&k, ID), "passes\n");
    CHECK_TEXT(kit_session(&k, OTHER), "waits\n");
    kit_close(&other);
    CHECK_TEXT(kit_session(&k, ID), "-");
    CHECK(kit_open(&k, NULL));
    CHECK_TEXT(kit_session(&k, ID), "kept\n");
    kit_fini(&other);
    CHECK_TEXT(kit_session(&k, ID), "-"); /* its folder was emptied */
    end(&k);
}
