/* SPDX-License-Identifier: Apache-2.0
 *
 * The durable store when it cannot write for now: on a full disk (flaky.h), which it waits for and
 * makes what room it can, and behind somebody else's lock.
 */
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/states.h"
#include "tests/unit/flaky.h"
#include "tests/unit/store_kit.h"

static void flood(struct kit *k)
{
    for (uint64_t id = 1; id <= 50; id++)
        kit_put_job(k, id, "a.b", 0);
}

TEST(a_full_disk_is_waited_for)
{
    struct kit k;
    kit_init(&k, "full");
    flaky_install();
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    CHECK(access(kit_file(&k, "ballast"), F_OK) == 0);
    kit_put_ended(&k, 100, "a.b", JOB_OK, false);
    CHECK(kit_wait(&k));
    flaky_fail(FLAKY_WRITE, 1, SQLITE_FULL, true);
    flood(&k);
    kit_wait_condition(&k, STORE_DISK_FULL);
    CHECK_EQ(k.done, 1);
    unsigned tries = flaky_count(FLAKY_WRITE);
    while (flaky_count(FLAKY_WRITE) < tries + 2) /* it tries again, and again */
        kit_flush(&k);
    CHECK(access(kit_file(&k, "ballast"), F_OK) < 0);
    CHECK(!k.broken);
    flaky_calm();
    kit_wait_condition(&k, STORE_OPEN);
    CHECK(kit_wait(&k));
    CHECK(access(kit_file(&k, "ballast"), F_OK) == 0); /* the real disk has room */
    kit_close(&k);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 51);
    kit_fini(&k);
    flaky_forget();
}

/* The caller did not get it done: the thread goes on with it. */
TEST(a_full_disk_is_not_waited_for_by_the_caller)
{
    struct kit k;
    kit_init(&k, "full-here");
    k.here = true;
    flaky_install();
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    kit_put_ended(&k, 100, "a.b", JOB_OK, false);
    CHECK(kit_wait(&k));
    flaky_fail(FLAKY_WRITE, 1, SQLITE_FULL, true);
    flood(&k);
    kit_wait_condition(&k, STORE_DISK_FULL);
    CHECK_EQ(k.done, 1);
    flood(&k);
    CHECK(!store_flush(k.store, 0, true)); /* the thread is at it */
    flaky_calm();
    CHECK(kit_wait(&k));
    kit_wait_condition(&k, STORE_OPEN);
    kit_close(&k);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 51);
    kit_fini(&k);
    flaky_forget();
}

/* The file may have room inside when the disk has none: the log starts anew when it has been
 * brought into it, and need not grow. */
TEST(on_a_full_disk_the_log_is_emptied)
{
    struct kit k;
    struct buf b = {0};
    struct stat before, after;
    struct row_key key = {.kind = ROW_JOB, .id = 1};
    kit_init(&k, "full-log");
    flaky_install();
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    store_put(k.store, ++k.seq, &key, kit_row(&b, 1, "a.b", 0, 100000), 0, false);
    CHECK(kit_wait(&k));
    CHECK(stat(kit_file(&k, "reeve.db"), &before) == 0);
    flaky_fail(FLAKY_WRITE, 1, SQLITE_FULL, false);
    kit_put_job(&k, 2, "a.b", 0);
    CHECK(kit_wait(&k));
    CHECK(flaky_has_failed());
    CHECK(stat(kit_file(&k, "reeve.db"), &after) == 0);
    CHECK(after.st_size > before.st_size);
    CHECK(access(kit_file(&k, "ballast"), F_OK) == 0); /* there was no need to throw it off */
    kit_fini(&k);
    buf_fini(&b);
    flaky_forget();
}

/* Nothing is handed over: what goes by itself finds no room to go. */
TEST(a_disk_that_is_full_while_the_store_rests_is_waited_for)
{
    struct kit k;
    kit_init(&k, "full-rest");
    k.limits.results_ms = 1;
    flaky_install();
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    kit_put_ended(&k, 100, "a.b", JOB_OK, false);
    CHECK(kit_wait(&k));
    flaky_fail(FLAKY_WRITE, 1, SQLITE_FULL, true);
    kit_wait_condition(&k, STORE_DISK_FULL);
    flood(&k);
    kit_flush(&k);
    flaky_calm();
    CHECK(kit_wait(&k));
    kit_wait_condition(&k, STORE_OPEN);
    kit_close(&k);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 50);
    kit_fini(&k);
    flaky_forget();
}

/* Then the ballast is thrown off: what is accepted can be finished. */
TEST(a_start_on_a_full_disk_makes_room)
{
    struct kit k;
    kit_init(&k, "full-start");
    flaky_install();
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    flood(&k);
    kit_close(&k);
    CHECK(access(kit_file(&k, "ballast"), F_OK) == 0);
    flaky_fail(FLAKY_WRITE, 1, SQLITE_FULL, false);
    CHECK(kit_open(&k, NULL));
    CHECK(flaky_has_failed());
    CHECK_EQ(k.loaded, 50);
    kit_close(&k);
    CHECK(unlink(kit_file(&k, "ballast")) == 0);
    flaky_fail(FLAKY_WRITE, 1, SQLITE_FULL, false);
    CHECK(!kit_open(&k, NULL));
    flaky_calm();
    kit_fini(&k);
    flaky_forget();
}

TEST(closing_on_a_full_disk_gives_up_what_was_not_told)
{
    struct kit k;
    kit_init(&k, "full-close");
    flaky_install();
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    kit_put_ended(&k, 100, "a.b", JOB_OK, false);
    CHECK(kit_wait(&k));
    flaky_fail(FLAKY_WRITE, 1, SQLITE_FULL, true);
    flood(&k);
    kit_wait_condition(&k, STORE_DISK_FULL);
    kit_put_job(&k, 60, "a.b", 0); /* another lot behind it */
    kit_flush(&k);
    kit_close(&k);
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 1);
    kit_fini(&k);
    flaky_forget();
}

/* Somebody looks into the file with another program and holds a lock. */
TEST(a_lock_of_somebody_else_is_waited_for)
{
    struct kit k;
    sqlite3 *db;
    kit_init(&k, "busy");
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(sqlite3_open(kit_file(&k, "reeve.db"), &db), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    flood(&k);
    kit_wait_condition(&k, STORE_DISK_FULL);
    CHECK_EQ(k.done, 0);
    CHECK_EQ(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    CHECK(kit_wait(&k));
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    kit_fini(&k);
}
