/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of the durable store, looked at and harmed from outside: a flipped bit costs the row it
 * hit and no other, whoever wrote the file is told from us, and what goes by itself goes.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/record.h"
#include "tests/unit/flaky.h"
#include "tests/unit/store_kit.h"

/* --- the file by other means ------------------------------------------------------------------ */

static sqlite3 *open_file(const struct kit *k)
{
    sqlite3 *db;
    CHECK_EQ(sqlite3_open(kit_file(k, "reeve.db"), &db), SQLITE_OK);
    CHECK_EQ(sqlite3_busy_timeout(db, 20000), SQLITE_OK);
    return db;
}

static void change_file(const struct kit *k, const char *sql)
{
    sqlite3 *db = open_file(k);
    CHECK_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static long long number_in_file(const struct kit *k, const char *sql)
{
    sqlite3 *db = open_file(k);
    sqlite3_stmt *s;
    CHECK_EQ(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_step(s), SQLITE_ROW);
    long long number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    return number;
}

static void file_read(const struct kit *k, const char *name, struct buf *out)
{
    int fd = open(kit_file(k, name), O_RDONLY | O_CLOEXEC);
    struct stat file;
    CHECK(fd >= 0 && fstat(fd, &file) == 0);
    buf_clear(out);
    CHECK(read(fd, buf_extend(out, (size_t)file.st_size), (size_t)file.st_size) == file.st_size);
    close(fd);
}

/* Where the bytes stand in the file; they must be there once. */
static size_t place_of(const struct kit *k, struct bytes what)
{
    struct buf file = {0};
    file_read(k, "reeve.db", &file);
    unsigned char *at = memmem(file.data, file.size, what.data, what.size);
    CHECK(at);
    size_t place = (size_t)(at - file.data);
    CHECK(!memmem(at + 1, file.size - place - 1, what.data, what.size));
    buf_fini(&file);
    return place;
}

static void flip(const struct kit *k, size_t place, unsigned bit)
{
    unsigned char byte;
    int fd = open(kit_file(k, "reeve.db"), O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(pread(fd, &byte, 1, (off_t)place) == 1);
    byte = (unsigned char)(byte ^ 1u << bit);
    CHECK(pwrite(fd, &byte, 1, (off_t)place) == 1);
    close(fd);
}

static size_t place_of_row(const struct kit *k, uint64_t id, size_t size)
{
    struct buf row = {0};
    size_t place = place_of(k, kit_row(&row, id, "a.b", 0, size));
    buf_fini(&row);
    return place;
}

static bool has_line(struct buf *text, const char *start)
{
    const char *at = strstr(buf_text(text), start);
    return at && (at == buf_text(text) || at[-1] == '\n');
}

/* --- flipped bits ----------------------------------------------------------------------------- */

TEST(a_flipped_bit_costs_its_row_and_no_other)
{
    struct kit k;
    struct buf text = {0};
    kit_init(&k, "flip");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 200; id++)
        kit_put_job(&k, id, "a.b", 0);
    for (uint64_t id = 201; id <= 400; id++)
        kit_put_ended(&k, id, "a.b", JOB_OK, false);
    kit_put_ended(&k, 401, "a.b", JOB_OK, true);
    kit_close(&k);
    flip(&k, place_of_row(&k, 77, 40) + 20, 3);
    flip(&k, place_of_row(&k, 300, 100) + 99, 0);
    flip(&k, place_of_row(&k, 301, 100), 7);

    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.damaged, 3);
    CHECK_TEXT(k.why, "damaged: open job 77");
    CHECK_EQ(k.loaded, 397);
    CHECK(!has_line(&text, "job 77 ") && has_line(&text, "job 76 ") && has_line(&text, "job 78 "));
    CHECK(!has_line(&text, "ended 300 ") && !has_line(&text, "ended 301 "));
    CHECK(has_line(&text, "ended 299 ") && has_line(&text, "ended 302 "));
    kit_find(&k, 300);
    CHECK_EQ(k.rows.size, 0);
    kit_find(&k, 302);
    CHECK(k.rows.size > 0);
    CHECK_EQ(k.state.damaged, 3);
    CHECK_EQ(k.state.kept, 199);
    kit_close(&k);
    CHECK_EQ(number_in_file(&k, "SELECT count(*) FROM aside"), 3);
    CHECK_EQ(number_in_file(&k, "SELECT id FROM aside WHERE origin = 'open'"), 77);
    CHECK_EQ(number_in_file(&k, "SELECT sum(id) FROM aside WHERE origin = 'ended'"), 601);

    buf_clear(&text);
    CHECK(kit_open(&k, &text)); /* once is enough */
    CHECK_EQ(k.damaged, 0);
    CHECK_EQ(k.loaded, 397);
    CHECK_EQ(k.found.last_id, 401);
    kit_fini(&k);
    buf_fini(&text);
}

/* Every bit of a row and of what stands around it in its piece. */
TEST(any_flipped_bit_of_a_piece_is_found)
{
    struct kit k;
    struct buf row = {0}, text = {0};
    kit_init(&k, "every-bit");
    flaky_install(); /* hundreds of starts, and none of their syncs matters here */
    CHECK(kit_open(&k, NULL));
    struct row_key key = {.kind = ROW_JOB, .id = 5};
    store_put(k.store, 1, &key, kit_row(&row, 5, "a.b", 0, 10), 0, false);
    key.id = 6;
    store_put(k.store, 2, &key, kit_row(&row, 6, "a.b", 0, 10), 0, false);
    k.seq = 2;
    kit_close(&k);
    size_t end = place_of(&k, kit_row(&row, 6, "a.b", 0, 10)) + row.size;
    size_t start = place_of(&k, kit_row(&row, 5, "a.b", 0, 10)) - 16 - 2 * 12;
    for (size_t bit = start * 8; bit < end * 8; bit += 3) {
        flip(&k, bit / 8, bit % 8);
        struct buf before = {0};
        file_read(&k, "reeve.db", &before);
        buf_clear(&text);
        CHECK(kit_open(&k, &text));
        CHECK_EQ(k.damaged, 1);
        CHECK_EQ(k.loaded, bit / 8 < start + 40 ? 0 : 1); /* its directory; one of its rows */
        CHECK(k.found.last_id >= 6);
        kit_close(&k);
        int fd = open(kit_file(&k, "reeve.db"), O_WRONLY | O_TRUNC | O_CLOEXEC);
        CHECK(fd >= 0 && write(fd, before.data, before.size) == (ssize_t)before.size);
        close(fd);
        buf_fini(&before);
        flip(&k, bit / 8, bit % 8);
    }
    kit_fini(&k);
    buf_fini(&row);
    buf_fini(&text);
}

TEST(a_damaged_row_with_a_name_is_set_aside)
{
    struct kit k;
    struct buf text = {0};
    kit_init(&k, "names");
    CHECK(kit_open(&k, NULL));
    kit_put_name(&k, ROW_CLIENT, "one", "what the first is");
    kit_put_name(&k, ROW_CLIENT, "two", "what the second is");
    kit_close(&k);
    flip(&k, place_of(&k, bytes_text("the first")), 1);
    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.damaged, 1);
    CHECK(has_line(&text, "client two ") && !has_line(&text, "client one "));
    kit_close(&k);
    CHECK_EQ(number_in_file(&k, "SELECT count(*) FROM aside WHERE name = x'6f6e65'"), 1);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.damaged, 0);
    kit_fini(&k);
    buf_fini(&text);
}

/* The reader finds it later than the start: by a flip under a store that runs. What the writer has
 * in its memory is sound and is written again: or else the row is set aside. */
TEST(damage_found_while_reading_is_not_served)
{
    struct kit k;
    kit_init(&k, "reading");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 2000; id++)
        kit_put_ended(&k, id, "a.b", JOB_OK, false);
    kit_close(&k);
    CHECK(kit_open(&k, NULL));
    flip(&k, place_of_row(&k, 900, 100) + 50, 2);
    kit_find(&k, 900);
    CHECK_EQ(k.rows.size, 0);
    kit_find(&k, 901);
    CHECK(k.rows.size > 0);
    kit_put_job(&k, 3000, "a.b", 0); /* a commit, in which it is healed */
    CHECK(kit_wait(&k));
    kit_list(&k, 0, "", 910, 20);
    CHECK_TEXT(kit_ids(&k), "909 908 907 906 905 904 903 902 901 900 899 898 897 896 895 894 893 "
                            "892 891 890");
    kit_fini(&k);
}

/* A mark says that some of a piece's rows have ended. When it lies they must not run again. */
TEST(a_damaged_mark_brings_no_ended_job_back)
{
    struct kit k;
    struct buf text = {0};
    kit_init(&k, "mark");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 60; id++)
        kit_put_job(&k, id, "a.b", 0);
    CHECK(kit_wait(&k));
    for (uint64_t id = 1; id <= 30; id++)
        kit_put_ended(&k, id, "a.b", JOB_OK, false);
    kit_close(&k);
    change_file(&k, "UPDATE open_mark SET live = live | 15");
    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.damaged, 1);
    CHECK_EQ(k.loaded, 60);
    for (uint64_t id = 1; id <= 60; id++) {
        char line[30];
        snprintf(line, sizeof line, "%s %d ", id <= 30 ? "ended" : "job", (int)id);
        CHECK(has_line(&text, line));
    }
    kit_close(&k);
    buf_clear(&text);
    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.damaged, 0);
    CHECK_EQ(k.loaded, 60);
    kit_fini(&k);
    buf_fini(&text);
}

/* Nor the row of an earlier attempt, which another piece has replaced. */
TEST(a_damaged_mark_brings_no_replaced_row_back)
{
    struct kit k;
    struct buf text = {0}, want = {0};
    kit_init(&k, "replaced");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 60; id++)
        kit_put_job(&k, id, "a.b", 0);
    kit_close(&k);
    k.wall_ms += 1000;
    CHECK(kit_open(&k, NULL));
    kit_put_job(&k, 20, "a.b", 1);
    kit_put_job(&k, 1, "a.b", 1); /* in a piece that stands before the first */
    CHECK(kit_wait(&k));
    kit_put_job(&k, 20, "a.b", 2); /* and this one after it */
    kit_close(&k);
    CHECK(kit_open(&k, &want));
    kit_close(&k);
    change_file(&k, "UPDATE open_mark SET sum = sum + 1");
    CHECK(kit_open(&k, &text));
    CHECK(k.damaged > 0);
    CHECK_TEXT(buf_text(&text), buf_text(&want));
    kit_put_ended(&k, 1, "a.b", JOB_OK, false);
    kit_put_ended(&k, 20, "a.b", JOB_OK, false);
    kit_close(&k);
    buf_clear(&text);
    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.loaded, 60);
    CHECK(!has_line(&text, "job 1 ") && !has_line(&text, "job 20 "));
    kit_fini(&k);
    buf_fini(&text);
    buf_fini(&want);
}

/* A row that is set aside was one: its number is not given out again. */
TEST(no_id_is_forgotten_with_a_row_that_is_set_aside)
{
    struct kit k;
    kit_init(&k, "aside");
    CHECK(kit_open(&k, NULL));
    kit_put_ended(&k, 1, "a.b", JOB_OK, false);
    CHECK(kit_wait(&k));
    kit_put_ended(&k, 200, "a.b", JOB_OK, false);
    kit_close(&k);
    CHECK(kit_open(&k, NULL));
    change_file(&k, "UPDATE ended SET rows = (SELECT rows FROM ended WHERE id = 1) WHERE id = 200");
    kit_find(&k, 200);
    CHECK_EQ(k.rows.size, 0);
    while (!k.state.damaged) { /* the reader has told the writer by then, or soon has */
        kit_put_job(&k, 2, "a.b", 0);
        CHECK(kit_wait(&k));
    }
    kit_close(&k);
    CHECK_EQ(number_in_file(&k, "SELECT count(*) FROM aside"), 1);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.found.last_id, 200);
    kit_fini(&k);
}

/* --- whose file is it ------------------------------------------------------------------------- */

static void check_refused(struct kit *k, const char *why)
{
    CHECK(!kit_open(k, NULL));
    if (!strstr(k->why, why))
        CHECK_TEXT(k->why, why);
}

static void write_file(const struct kit *k, const char *name, const void *data, size_t size)
{
    int fd = open(kit_file(k, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

TEST(files_that_are_not_ours_are_refused)
{
    struct kit k;
    kit_init(&k, "foreign");
    CHECK(kit_open(&k, NULL));
    kit_close(&k);
    change_file(&k, "PRAGMA user_version = 3");
    check_refused(&k, "cannot open foreign/reeve.db: a newer release of Reeve wrote it (format 3, "
                      "ours is 2)");
    change_file(&k, "PRAGMA user_version = 0");
    check_refused(&k, "it has no format");
    change_file(&k, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    check_refused(&k, "cannot open foreign/reeve.db: it is not a store of Reeve");
    write_file(&k, "reeve.db", "", 0);
    check_refused(&k, "cannot open foreign/reeve.db: it is not a store of Reeve");
    static const char words[] = "these are the words of a song, and not at all a database of any "
                                "kind; there are a hundred bytes of them and more, however";
    write_file(&k, "reeve.db", words, sizeof words);
    check_refused(&k, "cannot open foreign/reeve.db: file is not a database");
    kit_fini(&k);
}

/* As VACUUM INTO leaves it. */
TEST(a_copy_without_a_log_is_taken_up)
{
    struct kit k;
    kit_init(&k, "copy");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 100; id++)
        kit_put_job(&k, id, "a.b", 0);
    kit_close(&k);
    change_file(&k, "VACUUM INTO 'copy/other.db'");
    CHECK(rename("copy/other.db", kit_file(&k, "reeve.db")) == 0);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 100);
    kit_fini(&k);
}

TEST(a_truncated_file_is_refused)
{
    struct kit k;
    struct buf file = {0};
    kit_init(&k, "truncated");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 3000; id++)
        kit_put_job(&k, id, "a.b", 0);
    kit_close(&k);
    file_read(&k, "reeve.db", &file);
    for (size_t part = 1; part < 8; part++) {
        write_file(&k, "reeve.db", file.data, file.size * part / 8);
        CHECK(!kit_open(&k, NULL));
        if (!strstr(k.why, "malformed") && !strstr(k.why, "not a store"))
            CHECK_TEXT(k.why, "(that it is malformed)");
    }
    write_file(&k, "reeve.db", file.data, file.size);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 3000);
    kit_fini(&k);
    buf_fini(&file);
}

/* Whole pages of rubbish: whatever is served is what was put, and it ends with a line. */
TEST(rubbish_in_the_file_is_refused_or_set_aside)
{
    struct kit k;
    struct buf file = {0}, text = {0}, want = {0};
    kit_init(&k, "rubbish");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 500; id++)
        kit_put_job(&k, id, "a.b", 0);
    kit_close(&k);
    CHECK(kit_open(&k, &want));
    kit_close(&k);
    file_read(&k, "reeve.db", &file);
    for (size_t at = 4096; at + 4096 <= file.size; at += 4096) {
        unsigned char old[4096];
        memcpy(old, file.data + at, sizeof old);
        for (size_t i = 0; i < sizeof old; i++)
            file.data[at + i] = (unsigned char)(i * i * 31 + at);
        write_file(&k, "reeve.db", file.data, file.size);
        memcpy(file.data + at, old, sizeof old);
        buf_clear(&text);
        if (!kit_open(&k, &text)) {
            CHECK(*k.why);
            continue;
        }
        CHECK(k.damaged > 0 || text.size == want.size);
        for (char *line = (char *)(uintptr_t)buf_text(&text); *line;) {
            size_t size = strcspn(line, "\n") + 1;
            CHECK(memmem(want.data, want.size, line, size));
            line += size;
        }
        kit_close(&k);
    }
    kit_fini(&k);
    buf_fini(&file);
    buf_fini(&text);
    buf_fini(&want);
}

/* A start that did not get as far as a whole file leaves nothing in the way of the next. */
TEST(an_unfinished_new_file_is_made_again)
{
    struct kit k;
    kit_init(&k, "unfinished");
    CHECK(kit_open(&k, NULL));
    kit_close(&k);
    CHECK(unlink(kit_file(&k, "reeve.db")) == 0);
    write_file(&k, "reeve.db.new", "half", 4);
    write_file(&k, "reeve.db.new-wal", "more", 4);
    CHECK(kit_open(&k, NULL));
    CHECK(access(kit_file(&k, "reeve.db.new"), F_OK) < 0);
    kit_fini(&k);
}

/* The file is elsewhere, on a disk that is not there now: that is no new store. */
TEST(a_link_that_leads_nowhere_is_refused)
{
    struct kit k;
    char to[8];
    kit_init(&k, "link");
    CHECK(kit_open(&k, NULL));
    kit_close(&k);
    CHECK(unlink(kit_file(&k, "reeve.db")) == 0);
    CHECK(symlink("nowhere", kit_file(&k, "reeve.db")) == 0);
    check_refused(&k, "cannot open link/reeve.db: ");
    CHECK_EQ(readlink(kit_file(&k, "reeve.db"), to, sizeof to), 7);
    kit_fini(&k);
}

/* SQLite would play the log of the lost file into a new one. */
TEST(a_log_without_its_file_is_refused)
{
    struct kit k;
    struct buf log = {0};
    kit_init(&k, "log");
    CHECK(kit_open(&k, NULL));
    kit_put_job(&k, 1, "a.b", 0);
    CHECK(kit_wait(&k));
    file_read(&k, "reeve.db-wal", &log);
    kit_close(&k);
    CHECK(unlink(kit_file(&k, "reeve.db")) == 0);
    write_file(&k, "reeve.db-wal", log.data, log.size);
    check_refused(&k, "log/reeve.db is not there, but its log is: ");
    CHECK(access(kit_file(&k, "reeve.db"), F_OK) < 0);
    CHECK(access(kit_file(&k, "reeve.db-wal"), F_OK) == 0);
    kit_fini(&k);
    buf_fini(&log);
}

/* --- what goes by itself ---------------------------------------------------------------------- */

/* A key is kept as long as its row says, and one without a time as long as nobody drops it. */
TEST(keys_go_when_their_time_is_over)
{
    struct kit k;
    struct buf text = {0}, row = {0};
    kit_init(&k, "keys");
    CHECK(kit_open(&k, NULL));
    for (uint64_t i = 0; i < 1200; i++) {
        char name[20];
        snprintf(name, sizeof name, "k%06d", (int)i);
        struct record r = {.type = REC_key_row, .key_row = {.id = i + 1}};
        r.key_row.expires_ms = i % 3 == 0 ? 0 : (uint64_t)k.wall_ms + (i % 3) * 3600000;
        buf_clear(&row);
        record_put(&row, &r);
        struct row_key key = {.kind = ROW_KEY, .name = bytes_text(name)};
        store_put(k.store, ++k.seq, &key, buf_bytes(&row), 0, false);
    }
    kit_close(&k);
    k.wall_ms += 5400000;
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 1200);
    while (number_in_file(&k, "SELECT count(*) FROM named WHERE kind = 3") > 800) {
        kit_put_job(&k, 1, "a.b", 0); /* a commit now and then takes some along */
        CHECK(kit_wait(&k));
    }
    kit_close(&k);
    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.loaded, 801);
    CHECK(has_line(&text, "key k000000 ") && has_line(&text, "key k000002 "));
    CHECK(has_line(&text, "key k001199 ") && !has_line(&text, "key k000001 "));
    kit_fini(&k);
    buf_fini(&text);
    buf_fini(&row);
}

/* A start whose clock was ahead, and then one whose clock is right: rows of the future would else
 * keep all that came after them from going. */
TEST(a_clock_that_was_ahead_keeps_nothing_for_ever)
{
    struct kit k;
    kit_init(&k, "ahead");
    CHECK(kit_open(&k, NULL));
    k.wall_ms += 365 * 24 * 3600000ll;
    kit_close(&k);
    CHECK(kit_open(&k, NULL));
    kit_put_ended(&k, 1, "a.b", JOB_OK, false);
    kit_close(&k);
    k.wall_ms -= 365 * 24 * 3600000ll;
    k.limits.results_ms = 1;
    CHECK(kit_open(&k, NULL));
    for (int commits = 0; commits < 200; commits++) {
        kit_put_job(&k, 9, "a.b", 0);
        CHECK(kit_wait(&k));
    }
    CHECK_EQ(k.state.kept, 0);
    kit_fini(&k);
}

/* The log does not grow for ever, and the file's room is used again. */
TEST(files_stay_in_proportion)
{
    struct kit k;
    struct stat file;
    kit_init(&k, "proportion");
    k.limits.history_rows_max = 1000;
    CHECK(kit_open(&k, NULL));
    uint64_t id = 0;
    for (unsigned lot = 0; lot < 300; lot++) {
        for (unsigned i = 0; i < 500; i++)
            kit_put_job(&k, ++id, "a.b", 0);
        for (unsigned i = 0; i < 500; i++)
            kit_put_ended(&k, id - i, "a.b", JOB_OK, true);
        CHECK(kit_wait(&k));
    }
    CHECK(stat(kit_file(&k, "reeve.db-wal"), &file) == 0);
    CHECK(file.st_size < 24 << 20);
    CHECK_EQ(k.state.kept <= 2000, 1);
    kit_close(&k);
    CHECK(stat(kit_file(&k, "reeve.db"), &file) == 0);
    CHECK(file.st_size < 4 << 20);
    CHECK(access(kit_file(&k, "reeve.db-wal"), F_OK) < 0);
    CHECK_EQ(number_in_file(&k, "SELECT count(*) FROM open") +
                 number_in_file(&k, "SELECT count(*) FROM open_mark"),
             0);
    kit_fini(&k);
}
