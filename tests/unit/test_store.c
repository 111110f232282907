/* SPDX-License-Identifier: Apache-2.0
 *
 * What store.h says, of both backends: what was put is found, listed newest first, forgotten in the
 * right order; a store without room says so. And of the durable one: what was kept is there after
 * the next start.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "producer/store/store.h"
#include "proto/record.h"
#include "tests/unit/store_kit.h"

/* A test of both: name(k) with an open store. */
#define BOTH(name)                                                                                 \
    static void both_##name(struct kit *k);                                                        \
    TEST(name##_in_memory)                                                                         \
    {                                                                                              \
        run("memory", false, both_##name);                                                         \
    }                                                                                              \
    TEST(name##_on_disk)                                                                           \
    {                                                                                              \
        run("both", false, both_##name);                                                           \
    }                                                                                              \
    TEST(name##_kept_by_the_caller)                                                                \
    {                                                                                              \
        run("both", true, both_##name);                                                            \
    }                                                                                              \
    static void both_##name(struct kit *k)

static void run(const char *where, bool here, void (*test)(struct kit *k))
{
    struct kit k;
    kit_init(&k, where);
    k.here = here;
    CHECK(kit_open(&k, NULL));
    test(&k);
    kit_fini(&k);
}

/* Opens again with other limits. */
static void limit(struct kit *k, struct store_limits limits)
{
    kit_close(k);
    k->limits = limits;
    CHECK(kit_open(k, NULL));
}

static bool durable(const struct kit *k)
{
    return store_durable(k->store);
}

static void check_found(struct kit *k, uint64_t id, const char *queue)
{
    struct buf b = {0};
    kit_find(k, id);
    CHECK_BYTES(buf_bytes(&k->rows), kit_row(&b, id, queue, 0, 100));
    buf_fini(&b);
}

static void check_not_found(struct kit *k, uint64_t id)
{
    kit_find(k, id);
    CHECK_EQ(k->rows.size, 0);
}

BOTH(what_ended_is_found)
{
    kit_put_job(k, 7, "a.b", 0);
    kit_put_ended(k, 7, "a.b", JOB_OK, false);
    kit_put_job(k, 8, "a.b", 0);
    check_found(k, 7, "a.b");
    CHECK_EQ(k->done, 3); /* an answer comes after what was before it */
    check_not_found(k, 8);
    check_not_found(k, 9);
    check_not_found(k, 7 + 64);
    CHECK(kit_wait(k));
    CHECK_EQ(k->state.kept, 1);
    CHECK_EQ(k->state.condition, STORE_OPEN);
}

BOTH(putting_again_replaces)
{
    struct buf b = {0};
    struct row_key key = {.kind = ROW_ENDED, .id = 5};
    for (unsigned version = 1; version <= 3; version++) {
        store_put(k->store, ++k->seq, &key, kit_row(&b, 5, "a.b", version, 50), JOB_OK, false);
        if (version != 2)
            CHECK(kit_wait(k));
    }
    kit_find(k, 5);
    CHECK_BYTES(buf_bytes(&k->rows), kit_row(&b, 5, "a.b", 3, 50));
    CHECK_EQ(k->state.kept, 1);
    buf_fini(&b);
}

BOTH(what_was_dropped_is_gone)
{
    for (uint64_t id = 1; id <= 3; id++)
        kit_put_ended(k, id, "a.b", JOB_DEAD, false);
    kit_drop(k, ROW_ENDED, 3, "");
    CHECK(kit_wait(k));
    kit_drop(k, ROW_ENDED, 1, "");
    kit_drop(k, ROW_ENDED, 4, ""); /* nothing to drop */
    check_not_found(k, 1);
    check_found(k, 2, "a.b");
    check_not_found(k, 3);
    CHECK_EQ(k->state.kept, 1);
}

BOTH(lists_are_newest_first_and_go_on_where_they_stopped)
{
    for (uint64_t id = 1; id <= 6; id++)
        kit_put_ended(k, id, id % 2 ? "odd.x" : "even.x", id == 3 ? JOB_FAILED : JOB_OK, false);
    kit_list(k, 0, "", 0, 4);
    CHECK_TEXT(kit_ids(k), "6 5 4 3");
    CHECK_EQ(k->next, 3);
    kit_list(k, 0, "", k->next, 4);
    CHECK_TEXT(kit_ids(k), "2 1");
    CHECK_EQ(k->next, 0);
    kit_list(k, 0, "", 0, 6); /* just all */
    CHECK_TEXT(kit_ids(k), "6 5 4 3 2 1");
    CHECK_EQ(k->next, 0);
    kit_list(k, 0, "odd.x", 0, 10);
    CHECK_TEXT(kit_ids(k), "5 3 1");
    kit_list(k, JOB_FAILED, "", 0, 10);
    CHECK_TEXT(kit_ids(k), "3");
    kit_list(k, JOB_FAILED, "even.x", 0, 10);
    CHECK_TEXT(kit_ids(k), "");
}

BOTH(numbers_that_no_job_can_have_are_fine_to_ask_for)
{
    static const uint64_t numbers[] = {(uint64_t)INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    for (uint64_t id = 1; id <= 3; id++)
        kit_put_ended(k, id, "a.b", JOB_OK, false);
    for (size_t i = 0; i < LENGTH(numbers); i++) {
        check_not_found(k, numbers[i]);
        kit_list(k, 0, "", numbers[i], 10);
        CHECK_TEXT(kit_ids(k), "3 2 1");
    }
}

BOTH(long_lists_come_in_parts_without_gap_or_double)
{
    uint64_t after = 0, want = 1000;
    for (uint64_t id = 1; id <= 1000; id++) {
        kit_put_ended(k, id, id % 3 ? "a.b" : "c.d", JOB_OK, false);
        if (id % 37 == 0)
            kit_flush(k);
    }
    do {
        kit_list(k, 0, "a.b", after, 71);
        struct cursor c = cursor_of(buf_bytes(&k->rows));
        struct record r;
        while (!cursor_done(&c)) {
            CHECK_EQ(record_get(&c, &r), OK);
            if (r.type != REC_job)
                continue;
            want -= want % 3 == 0;
            CHECK_EQ(r.job.id, want);
            want--;
        }
        after = k->next;
    } while (after);
    CHECK_EQ(want, 0);
}

BOTH(a_list_has_a_limit_of_bytes_too)
{
    struct buf b = {0};
    for (uint64_t id = 1; id <= 3; id++) {
        struct row_key key = {.kind = ROW_ENDED, .id = id};
        store_put(k->store, ++k->seq, &key, kit_row(&b, id, "a.b", 0, 2 << 20), JOB_OK, false);
    }
    kit_list(k, 0, "", 0, 10);
    CHECK_TEXT(kit_ids(k), "3");
    CHECK_EQ(k->next, 3);
    kit_list(k, 0, "", k->next, 10);
    CHECK_TEXT(kit_ids(k), "2");
    kit_find(k, 1);
    CHECK_BYTES(buf_bytes(&k->rows), kit_row(&b, 1, "a.b", 0, 2 << 20));
    buf_fini(&b);
}

BOTH(fetched_results_go_first_when_room_is_short)
{
    limit(k, (struct store_limits){.history_rows_max = 2, .results_rows_max = 3});
    for (uint64_t id = 1; id <= 5; id++)
        kit_put_ended(k, id, "a.b", JOB_OK, false);
    kit_settle(k, 1, 3); /* 1, 2, 3 fetched: 1 is one too many */
    CHECK(kit_wait(k));
    kit_put_job(k, 6, "a.b", 0); /* what is put and settled at once may go with the next commit */
    kit_list(k, 0, "", 0, 10);
    CHECK_TEXT(kit_ids(k), "5 4 3 2");
    kit_settle(k, 5, 1);
    CHECK(kit_wait(k));
    kit_list(k, 0, "", 0, 10);
    CHECK_TEXT(kit_ids(k), "5 4 3");
    CHECK_EQ(k->state.kept, 3);
}

BOTH(history_has_a_limit_of_bytes)
{
    struct buf b = {0};
    size_t row = kit_row(&b, 1, "a.b", 0, 100).size;
    limit(k, (struct store_limits){.history_bytes_max = row * 20});
    for (uint64_t id = 1; id <= 64; id++)
        kit_put_ended(k, id, "a.b", JOB_OK, true);
    kit_put_ended(k, 65, "a.b", JOB_OK, false);
    CHECK(kit_wait(k));
    kit_put_job(k, 66, "a.b", 0);
    CHECK(kit_wait(k));
    CHECK(k->state.kept >= 16 && k->state.kept <= 21); /* a row has a few bytes around it */
    check_found(k, 65, "a.b");
    check_found(k, 64, "a.b");
    check_not_found(k, 40);
    buf_fini(&b);
}

BOTH(what_is_put_as_settled_is_history)
{
    limit(k, (struct store_limits){.history_rows_max = 1});
    kit_put_ended(k, 1, "a.b", JOB_OK, true);
    kit_put_ended(k, 2, "a.b", JOB_OK, true);
    kit_put_ended(k, 3, "a.b", JOB_OK, false);
    CHECK(kit_wait(k));
    kit_put_job(k, 4, "a.b", 0);
    kit_list(k, 0, "", 0, 10);
    CHECK_TEXT(kit_ids(k), "3 2");
}

BOTH(old_results_go)
{
    limit(k, (struct store_limits){.results_ms = 1, .history_ms = 3600000});
    kit_put_ended(k, 1, "a.b", JOB_OK, false);
    kit_put_ended(k, 2, "a.b", JOB_OK, true);
    CHECK(kit_wait(k));
    while (k->state.kept != 1) { /* within a rest or two */
        kit_put_job(k, 9, "a.b", 0);
        CHECK(kit_wait(k));
    }
    check_not_found(k, 1);
    check_found(k, 2, "a.b");
}

BOTH(old_history_goes)
{
    limit(k, (struct store_limits){.history_ms = 1, .results_ms = 3600000});
    kit_put_ended(k, 1, "a.b", JOB_OK, false);
    kit_put_ended(k, 2, "a.b", JOB_OK, true);
    CHECK(kit_wait(k));
    while (k->state.kept != 1) {
        kit_put_job(k, 9, "a.b", 0);
        CHECK(kit_wait(k));
    }
    check_found(k, 1, "a.b");
    check_not_found(k, 2);
}

BOTH(a_store_full_of_unfetched_results_says_so_and_recovers)
{
    limit(k, (struct store_limits){.results_rows_max = 2});
    for (uint64_t id = 1; id <= 3; id++)
        kit_put_ended(k, id, "a.b", JOB_OK, false);
    kit_wait_condition(k, STORE_CROWDED);
    CHECK_EQ(k->state.kept, 3);
    kit_settle(k, 2, 1000000); /* a run that reaches far beyond what there is */
    kit_wait_condition(k, STORE_OPEN);
    CHECK_EQ(k->state.kept, 3);
}

BOTH(a_disk_below_the_watermark_is_told)
{
    if (!durable(k))
        return; /* it has no disk */
    limit(k, (struct store_limits){.free_bytes_min = UINT64_MAX / 2});
    kit_wait_condition(k, STORE_DISK_LOW);
    kit_put_job(k, 1, "a.b", 0);
    CHECK(kit_wait(k)); /* what it has is finished */
    CHECK_EQ(k->state.condition, STORE_DISK_LOW);
}

BOTH(settling_runs_cut_blocks_anywhere)
{
    limit(k, (struct store_limits){.history_rows_max = 1});
    for (uint64_t id = 1; id <= 300; id++)
        kit_put_ended(k, id, "a.b", JOB_OK, false);
    CHECK(kit_wait(k));
    kit_settle(k, 60, 10);
    kit_settle(k, 127, 66);
    kit_settle(k, 256, 1);
    kit_settle(k, 299, 1);
    kit_settle(k, 0, 0);
    kit_settle(k, 1, 1);
    CHECK(kit_wait(k));
    kit_put_job(k, 301, "a.b", 0);
    CHECK(kit_wait(k));
    /* 79 were fetched, one of them stays. */
    CHECK_EQ(k->state.kept, 300 - 78);
    check_found(k, 59, "a.b");
    check_not_found(k, 60);
    check_not_found(k, 69);
    check_found(k, 70, "a.b");
    check_found(k, 126, "a.b");
    check_not_found(k, 127);
    check_not_found(k, 192);
    check_found(k, 193, "a.b");
    check_found(k, 255, "a.b");
    check_not_found(k, 256);
    check_found(k, 300, "a.b");
}

BOTH(closing_works_off_what_was_handed_over)
{
    struct buf text = {0};
    for (uint64_t id = 1; id <= 1000; id++)
        kit_put_ended(k, id, "a.b", JOB_OK, false);
    kit_close(k); /* leaks and races would show under the sanitizers */
    CHECK(kit_open(k, &text));
    CHECK_EQ(k->loaded, durable(k) ? 1000 : 0);
    buf_fini(&text);
}

BOTH(numbers_of_starts_grow)
{
    uint32_t first = k->found.incarnation;
    CHECK_EQ(first, (1790000000000 - 1735689600000) / 100);
    kit_close(k);
    k->wall_ms += 1000;
    CHECK(kit_open(k, NULL));
    CHECK_EQ(k->found.incarnation, first + 10);
    if (!durable(k))
        return;
    kit_close(k);
    k->wall_ms = 0; /* a clock that went back, or was never set */
    CHECK(kit_open(k, NULL));
    CHECK_EQ(k->found.incarnation, first + 11);
    kit_close(k);
    CHECK(kit_open(k, NULL));
    CHECK_EQ(k->found.incarnation, first + 12);
}

/* --- on disk: what a start gets --------------------------------------------------------------- */

static void check_rows(struct kit *k, struct buf *text, unsigned count)
{
    unsigned lines = 0;
    for (size_t i = 0; i < text->size; i++)
        lines += text->data[i] == '\n';
    CHECK_EQ(lines, count);
    CHECK_EQ(k->loaded, count);
}

/* The lines without sizes and sums. */
static const char *keys_of(struct buf *text)
{
    static struct buf keys;
    buf_clear(&keys);
    for (char *line = (char *)(uintptr_t)buf_text(text); *line;) {
        size_t size = strcspn(line, "\n"), words = size;
        for (int spaces = 0; spaces < 2; words--)
            spaces += line[words - 1] == ' ';
        buf_printf(&keys, "%.*s\n", (int)words, line);
        line += size + 1;
    }
    return buf_text(&keys);
}

TEST(a_start_gets_what_was_kept_in_order)
{
    struct kit k;
    struct buf text = {0};
    kit_init(&k, "start");
    CHECK(kit_open(&k, NULL));
    CHECK(store_durable(k.store));
    CHECK_EQ(k.found.last_id, 0);
    kit_put_job(&k, 70, "a.b", 0);
    kit_put_job(&k, 3, "a.b", 0);
    kit_put_name(&k, ROW_QUEUE, "a.b", "held");
    kit_put_name(&k, ROW_KEY, "mine", "key");
    kit_put_name(&k, ROW_CLIENT, "zoe", "1");
    kit_put_name(&k, ROW_CLIENT, "abe", "1");
    kit_put_name(&k, ROW_WORKER, "w1", "1");
    kit_put_name(&k, ROW_WORKER, "w2", "1");
    kit_put_name(&k, ROW_MARK, "", "12");
    CHECK(kit_wait(&k));
    kit_put_job(&k, 4, "a.b", 0);
    kit_put_ended(&k, 3, "a.b", JOB_OK, false);
    kit_put_ended(&k, 5, "a.b", JOB_OK, true);
    kit_put_ended(&k, 6, "a.b", JOB_OK, false);
    kit_put_ended(&k, 2, "a.b", JOB_OK, false);
    kit_put_name(&k, ROW_CLIENT, "zoe", "2");
    kit_put_name(&k, ROW_CLIENT, "zoe", "3");
    kit_drop(&k, ROW_WORKER, 0, "w1");
    CHECK(kit_wait(&k));
    kit_settle(&k, 6, 1);
    kit_close(&k);

    CHECK(kit_open(&k, &text));
    CHECK_EQ(k.damaged, 0);
    CHECK_TEXT(keys_of(&text), "mark\nworker w2\nclient abe\nclient zoe\nkey mine\nqueue a.b\n"
                               "job 4\njob 70\nended 2\nended 3\n");
    check_rows(&k, &text, 10);
    CHECK_EQ(k.found.last_id, 70);
    kit_list(&k, 0, "", 0, 10);
    CHECK_TEXT(kit_ids(&k), "6 5 3 2");
    kit_fini(&k);
    buf_fini(&text);
}

static bool take_two(void *user, const struct row_key *key, struct bytes row)
{
    (void)key, (void)row;
    return ++*(unsigned *)user <= 2;
}

TEST(a_load_stops_when_told)
{
    struct kit k;
    unsigned taken = 0;
    kit_init(&k, "stops");
    CHECK(kit_open(&k, NULL));
    kit_put_name(&k, ROW_MARK, "", "1");
    for (uint64_t id = 1; id <= 9; id++)
        kit_put_job(&k, id, "a.b", 0);
    kit_close(&k);
    struct store *s =
        store_open(k.where, NULL, &k.limits, k.wall_ms, &k.found, k.why, sizeof k.why);
    CHECK(s);
    CHECK_EQ(store_load(s, take_two, &taken, &k.damaged, k.why, sizeof k.why), 2);
    CHECK_EQ(taken, 3);
    store_close(s);
    kit_fini(&k);
}

TEST(no_id_is_forgotten_with_its_row)
{
    struct kit k;
    kit_init(&k, "ids");
    k.limits.history_rows_max = 1;
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 100; id++)
        kit_put_job(&k, id, "a.b", 0);
    CHECK(kit_wait(&k));
    for (uint64_t id = 1; id <= 100; id++)
        kit_drop(&k, ROW_JOB, id, "");
    kit_close(&k);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 0);
    CHECK_EQ(k.found.last_id, 100);
    kit_put_ended(&k, 205, "a.b", JOB_OK, true); /* an old job that ended early goes last */
    kit_put_ended(&k, 101, "a.b", JOB_OK, true);
    CHECK(kit_wait(&k));
    kit_put_ended(&k, 102, "a.b", JOB_OK, true);
    kit_put_ended(&k, 103, "a.b", JOB_OK, true);
    CHECK(kit_wait(&k));
    kit_put_ended(&k, 104, "a.b", JOB_OK, true);
    CHECK(kit_wait(&k));
    CHECK_EQ(k.state.kept, 1);
    kit_close(&k);
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.found.last_id, 205);
    kit_fini(&k);
}

TEST(a_job_that_comes_and_ends_in_one_lot_is_its_end)
{
    struct kit k;
    struct buf text = {0};
    kit_init(&k, "merge");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 200; id++) {
        kit_put_job(&k, id, "a.b", 0);
        if (id % 2)
            kit_put_ended(&k, id, "a.b", JOB_OK, false);
    }
    kit_settle(&k, 1, 10);
    kit_put_ended(&k, 3, "a.b", JOB_OK, false); /* put again: not settled any more */
    kit_close(&k);
    CHECK(kit_open(&k, &text));
    check_rows(&k, &text, 100 + 100 - 4); /* 1, 5, 7, 9 are settled */
    kit_fini(&k);
    buf_fini(&text);
}

TEST(the_folder_is_ours_alone)
{
    struct kit k;
    struct stat file;
    kit_init(&k, "modes");
    CHECK(kit_open(&k, NULL));
    kit_put_job(&k, 1, "a.b", 0);
    CHECK(kit_wait(&k));
    CHECK(stat(k.where, &file) == 0);
    CHECK_EQ(file.st_mode & 0777, 0700);
    static const char *const files[] = {"reeve.db", "reeve.db-wal", "reeve.db-shm", "lock",
                                        "ballast"};
    for (size_t i = 0; i < LENGTH(files); i++) {
        CHECK(stat(kit_file(&k, files[i]), &file) == 0);
        CHECK_EQ(file.st_mode & 0777, 0600);
    }
    kit_fini(&k);
}

TEST(what_cannot_be_opened_says_why)
{
    struct kit k, second;
    kit_init(&k, "locked");
    CHECK(kit_open(&k, NULL));
    second = (struct kit){.wall_ms = k.wall_ms};
    snprintf(second.where, sizeof second.where, "%s", k.where);
    CHECK(!kit_open(&second, NULL));
    char want[100];
    snprintf(want, sizeof want, "locked is in use by another broker (pid %d)", (int)getpid());
    CHECK_TEXT(second.why, want);
    kit_fini(&k);
    snprintf(second.where, sizeof second.where, "no-such/folder");
    CHECK(!kit_open(&second, NULL));
    CHECK_TEXT(second.why, "cannot make the folder no-such/folder: No such file or directory");
    snprintf(second.where, sizeof second.where, "%s", "");
    CHECK(!kit_open(&second, NULL));
    CHECK_TEXT(second.why, "not a path of a folder: ");
}

/* How often of 100 times a job was the caller's to keep; the thread may be at something now and
 * then. */
static unsigned kept_at_once(struct kit *k, size_t size, bool idle)
{
    unsigned count = 0;
    struct buf b = {0};
    struct store_answer a;
    for (uint64_t id = 1; id <= 100; id++) {
        struct row_key key = {.kind = ROW_JOB, .id = id};
        store_put(k->store, ++k->seq, &key, kit_row(&b, id, "a.b", 0, size), 0, false);
        if (store_flush(k->store, 0, idle)) {
            store_keep(k->store);
            CHECK(store_next(k->store, &a));
            CHECK_EQ(a.type, STORE_DONE);
            CHECK_EQ(a.seq, k->seq);
            k->done = k->seq;
            count++;
        }
        CHECK(kit_wait(k));
    }
    buf_fini(&b);
    return count;
}

TEST(an_idle_caller_keeps_a_little_itself)
{
    struct kit k;
    kit_init(&k, "here");
    k.here = true;
    CHECK(kit_open(&k, NULL));
    CHECK(kept_at_once(&k, 100, true) > 50);
    CHECK_EQ(kept_at_once(&k, 100, false), 0);
    CHECK_EQ(kept_at_once(&k, 20000, true), 0);
    kit_fini(&k);
}

/* Ends and drops in any order, so that pieces are left with holes, marks and stragglers. */
TEST(stragglers_of_many_jobs_survive_the_rest)
{
    struct kit k;
    struct buf text = {0};
    unsigned left = 0;
    kit_init(&k, "stragglers");
    CHECK(kit_open(&k, NULL));
    for (uint64_t id = 1; id <= 5000; id++)
        kit_put_job(&k, id, "a.b", 0);
    CHECK(kit_wait(&k));
    for (uint64_t step = 0; step < 7; step++) {
        for (uint64_t id = 1 + step; id <= 5000; id += 7)
            if (id % 50 != 0)
                kit_put_ended(&k, id, "a.b", JOB_OK, id % 31 != 0);
        CHECK(kit_wait(&k));
    }
    for (uint64_t id = 100; id <= 5000; id += 100)
        kit_put_job(&k, id, "a.b", 1); /* another attempt */
    CHECK(kit_wait(&k));
    CHECK_EQ(k.state.kept, 4900);
    kit_close(&k);
    CHECK(kit_open(&k, &text));
    for (uint64_t id = 1; id <= 5000; id++)
        left += id % 50 == 0 || id % 31 == 0;
    check_rows(&k, &text, left);
    CHECK_EQ(k.damaged, 0);
    kit_fini(&k);
    buf_fini(&text);
}
