/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of the durable store: pieces are read as they were written or not at all, a batch
 * is what was said last, a shelf counts what it holds and can take a transaction back.
 */
#include "common/must.h"
#include "common/random.h"
#include "producer/store/batch.h"
#include "producer/store/purge.h"
#include "producer/store/shelf.h"
#include "tests/unit/check.h"

/* --- pieces ----------------------------------------------------------------------------------- */

static struct piece some_piece(unsigned count)
{
    static const char text[] = "a row, and another, and one more, each with its own length";
    struct piece p = {.at_ms = 1790000000123, .count = count};
    for (unsigned i = 0; i < count; i++)
        p.rows[i] = (struct piece_row){.slot = (uint8_t)(i * 64 / count),
                                       .state = (uint8_t)(i % 11),
                                       .row = bytes_of(text, i % sizeof text)};
    return p;
}

TEST(a_piece_is_read_as_it_was_written)
{
    struct buf blob = {0};
    for (unsigned count = 1; count <= BLOCK_IDS; count++) {
        struct piece in = some_piece(count), out;
        buf_clear(&blob);
        piece_write(&blob, 'o', 1ull << 46, &in);
        CHECK(piece_read(buf_bytes(&blob), 'o', 1ull << 46, &out));
        CHECK_EQ(out.at_ms, in.at_ms);
        CHECK_EQ(out.count, count);
        for (unsigned i = 0; i < count; i++) {
            CHECK_EQ(out.rows[i].slot, in.rows[i].slot);
            CHECK_EQ(out.rows[i].state, in.rows[i].state);
            CHECK(out.rows[i].sound);
            CHECK_BYTES(out.rows[i].row, in.rows[i].row);
        }
    }
    buf_fini(&blob);
}

TEST(a_piece_belongs_to_its_table_and_its_block)
{
    struct buf blob = {0};
    struct piece in = some_piece(9), out;
    piece_write(&blob, 'o', 7, &in);
    CHECK(!piece_read(buf_bytes(&blob), 'e', 7, &out));
    CHECK(!piece_read(buf_bytes(&blob), 'o', 8, &out));
    buf_fini(&blob);
}

TEST(part_of_a_piece_gives_no_row_that_is_not_whole)
{
    struct buf blob = {0};
    struct piece in = some_piece(20), out;
    piece_write(&blob, 'o', 7, &in);
    for (size_t size = 0; size < blob.size; size++) {
        bool readable = piece_read(bytes_of(blob.data, size), 'o', 7, &out);
        CHECK_EQ(readable, size >= 16 + 20 * 12);
        for (unsigned i = 0; i < out.count; i++)
            if (out.rows[i].sound)
                CHECK_BYTES(out.rows[i].row, in.rows[i].row);
    }
    CHECK(!piece_read(bytes_of(NULL, 0), 'o', 7, &out));
    buf_fini(&blob);
}

/* --- batches ---------------------------------------------------------------------------------- */

static void put(struct batch *b, enum row_kind kind, uint64_t id, const char *name, const char *row)
{
    batch_put(b, &(struct row_key){kind, id, bytes_text(name)}, bytes_text(row), 6, false);
}

static void drop(struct batch *b, enum row_kind kind, uint64_t id, const char *name)
{
    batch_drop(b, &(struct row_key){kind, id, bytes_text(name)});
}

TEST(of_what_is_said_twice_the_last_counts)
{
    struct batch b = {0};
    CHECK(batch_empty(&b));
    put(&b, ROW_JOB, 9, "", "first");
    put(&b, ROW_JOB, 3, "", "three");
    put(&b, ROW_JOB, 9, "", "second");
    put(&b, ROW_CLIENT, 0, "zoe", "1");
    put(&b, ROW_CLIENT, 0, "abe", "1");
    put(&b, ROW_CLIENT, 0, "zoe", "2");
    put(&b, ROW_WORKER, 0, "zoe", "3");
    drop(&b, ROW_CLIENT, 0, "abe");
    put(&b, ROW_CLIENT, 0, "zo", "4");
    CHECK(!batch_empty(&b));
    batch_seal(&b);
    CHECK_EQ(b.jobs_count, 2);
    CHECK_EQ(b.jobs[0].id, 3);
    CHECK_EQ(b.jobs[0].open, FATE_PUT);
    CHECK_EQ(b.jobs[0].ended, FATE_LEAVE);
    CHECK_EQ(b.jobs[1].id, 9);
    CHECK_BYTES(b.jobs[1].open_row, bytes_text("second"));
    CHECK_EQ(b.names_count, 4);
    CHECK_EQ(b.names[0].fate, FATE_DROP); /* abe */
    CHECK_BYTES(b.names[1].name, bytes_text("zo"));
    CHECK_BYTES(b.names[2].row, bytes_text("2"));
    CHECK_EQ(b.names[3].kind, ROW_WORKER);
    batch_clear(&b);
    CHECK(batch_empty(&b));
    batch_fini(&b);
}

TEST(an_end_takes_its_job_away)
{
    struct batch b = {0};
    put(&b, ROW_JOB, 1, "", "open");
    put(&b, ROW_ENDED, 1, "", "end");
    put(&b, ROW_ENDED, 2, "", "end");
    put(&b, ROW_ENDED, 3, "", "end");
    drop(&b, ROW_ENDED, 3, "");
    put(&b, ROW_JOB, 4, "", "open");
    drop(&b, ROW_JOB, 4, "");
    batch_seal(&b);
    batch_seal(&b); /* as after a disk that was full */
    CHECK_EQ(b.jobs_count, 4);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(b.jobs[i].open, FATE_DROP);
        CHECK_EQ(b.jobs[i].ended, FATE_PUT);
        CHECK(!b.jobs[i].forgotten);
    }
    CHECK_EQ(b.jobs[2].ended, FATE_DROP);
    CHECK(b.jobs[2].forgotten);
    CHECK_EQ(b.jobs[3].open, FATE_DROP);
    CHECK(b.jobs[3].forgotten);
    batch_fini(&b);
}

static void check_lines(const struct batch *b, const struct batch_job *job, const char *want)
{
    struct buf text = {0};
    batch_lines(b, job, &text);
    CHECK_BYTES(buf_bytes(&text), bytes_text(want));
    buf_fini(&text);
}

TEST(lines_add_up)
{
    struct batch b = {0};
    put(&b, ROW_LINES, 7, "", "one\n");
    put(&b, ROW_JOB, 7, "", "open");
    put(&b, ROW_LINES, 8, "", "another\n");
    put(&b, ROW_LINES, 7, "", "two\n");
    put(&b, ROW_ENDED, 7, "", "end");
    put(&b, ROW_LINES, 7, "", "two\n");
    put(&b, ROW_ENDED, 8, "", "end");
    drop(&b, ROW_ENDED, 8, "");
    put(&b, ROW_LINES, 9, "", "before\n");
    drop(&b, ROW_ENDED, 9, "");
    put(&b, ROW_LINES, 9, "", "after\n");
    put(&b, ROW_JOB, 10, "", "open");
    batch_seal(&b);
    CHECK_EQ(b.jobs_count, 4);
    CHECK_EQ(b.names_count, 0);
    check_lines(&b, &b.jobs[0], "one\ntwo\ntwo\n");
    CHECK(!b.jobs[0].lines_dropped && b.jobs[0].ended == FATE_PUT);
    check_lines(&b, &b.jobs[1], "");
    CHECK(b.jobs[1].lines_dropped);
    check_lines(&b, &b.jobs[2], "after\n");
    CHECK(b.jobs[2].lines_dropped);
    check_lines(&b, &b.jobs[3], "");
    CHECK(!b.jobs[3].lines_dropped);
    batch_fini(&b);
}

TEST(what_ends_after_it_was_settled_is_not)
{
    struct batch b = {0};
    for (uint64_t id = 10; id < 20; id++)
        put(&b, ROW_ENDED, id, "", "end");
    batch_settle(&b, 12, 3);
    batch_settle(&b, 15, 1); /* they follow each other: one run */
    CHECK_EQ(b.ranges_count, 1);
    CHECK_EQ(b.ranges[0].count, 4);
    put(&b, ROW_ENDED, 13, "", "again");
    batch_settle(&b, 16, 1);
    batch_settle(&b, 100, UINT64_MAX);
    CHECK_EQ(b.ranges_count, 3);
    batch_seal(&b);
    for (size_t i = 0; i < b.jobs_count; i++) {
        uint64_t id = b.jobs[i].id;
        CHECK_EQ(b.jobs[i].settled, id >= 12 && id <= 16 && id != 13);
    }
    batch_fini(&b);
}

/* --- shelves ---------------------------------------------------------------------------------- */

enum { IDS = 1000 };

/* All that a shelf can be asked, put together: equal sums, equal shelves. */
static uint64_t sum_of(const struct shelf *s)
{
    uint64_t sum = s->counts.rows * 3 + s->counts.bytes * 5 + s->counts.settled_rows * 7 +
                   s->counts.settled_bytes * 11;
    for (uint64_t id = 0; id < IDS; id++) {
        const struct shelf_piece *p = shelf_find(s, id);
        if (p)
            sum = sum * 31 + p->key * 7 + (p->now.settled >> slot_of(id) & 1) + p->now.rows * 13 +
                  p->now.marked;
    }
    return sum;
}

static void check_shelf(const struct shelf *s)
{
    uint64_t rows = 0, settled = 0, listed = 0, waiting = 0, keys[IDS / BLOCK_IDS + 1] = {0};
    for (uint64_t id = 0; id < IDS; id++) {
        const struct shelf_piece *p = shelf_find(s, id);
        rows += p != NULL;
        settled += p && p->now.settled & slot_bit(id);
    }
    CHECK_EQ(s->counts.rows, rows);
    CHECK_EQ(s->counts.settled_rows, settled);
    list_each(l, &s->settled)
    {
        struct shelf_piece *p = container_of(l, struct shelf_piece, settled);
        listed += bits_count(p->now.settled);
        CHECK(p->now.settled);
    }
    list_each(l, &s->waiting)
    {
        struct shelf_piece *p = container_of(l, struct shelf_piece, waiting);
        waiting += bits_count(p->now.live & ~p->now.settled);
        CHECK(p->now.live & ~p->now.settled);
    }
    CHECK_EQ(listed, settled);
    CHECK_EQ(waiting, rows - settled);
    for (uint64_t block = 0; block <= IDS / BLOCK_IDS; block++)
        for (const struct shelf_piece *p = shelf_block(s, block); p; p = p->next)
            if (p->now.live) {
                CHECK_EQ(block_of(p->key), block);
                CHECK(!(keys[block] & slot_bit(p->key))); /* a key is one piece's */
                keys[block] |= slot_bit(p->key);
            }
}

static void drop_ids(struct shelf *s, uint64_t block, uint64_t bits)
{
    for (; bits; bits &= bits - 1) {
        uint64_t id = block * BLOCK_IDS + (uint64_t)__builtin_ctzll(bits);
        struct shelf_piece *p = shelf_find(s, id);
        if (!p)
            continue;
        struct shelf_state state = p->now;
        state.live &= ~slot_bit(id);
        state.settled &= state.live;
        shelf_set(s, p, &state);
    }
}

static void some_change(struct shelf *s, struct random *r)
{
    uint64_t block = random_below(r, IDS / BLOCK_IDS);
    uint64_t bits = random_next(r) & random_next(r) & (random_below(r, 2) ? UINT64_MAX : 0xffff);
    struct shelf_piece *p = shelf_block(s, block);
    switch (random_below(r, 3)) {
    case 0: drop_ids(s, block, bits); break;
    case 1:
        for (; p; p = p->next) {
            struct shelf_state state = p->now;
            state.settled |= bits & state.live;
            state.marked = true;
            shelf_set(s, p, &state);
        }
        break;
    case 2:
        if (!bits)
            break;
        drop_ids(s, block, bits);
        uint64_t key = shelf_free_key(s, block * BLOCK_IDS + (uint64_t)__builtin_ctzll(bits));
        shelf_make(
            s, key, (int64_t)random_below(r, 1000),
            &(struct shelf_state){.rows = bits, .live = bits, .bytes = bits_count(bits) * 100ull});
        break;
    }
}

TEST(a_shelf_takes_back_what_was_not_kept)
{
    struct random r = {.state = 5};
    for (int round = 0; round < 20; round++) {
        struct shelf s;
        shelf_init(&s);
        for (int transaction = 0; transaction < 60; transaction++) {
            uint64_t before = sum_of(&s);
            for (uint64_t changes = random_below(&r, 12); changes; changes--) {
                some_change(&s, &r);
                check_shelf(&s);
            }
            if (random_below(&r, 3) == 0) {
                shelf_undo(&s);
                CHECK(sum_of(&s) == before);
            } else {
                before = sum_of(&s);
                shelf_keep(&s);
                CHECK(sum_of(&s) == before);
            }
            check_shelf(&s);
            CHECK(list_empty(&s.tried));
        }
        shelf_fini(&s);
    }
}

static void check_order(const struct link *list, bool settled, const uint64_t *keys, size_t count)
{
    size_t at = 0;
    list_each(l, list)
    {
        CHECK(at < count);
        const struct shelf_piece *p = settled ? container_of(l, struct shelf_piece, settled)
                                              : container_of(l, struct shelf_piece, waiting);
        CHECK_EQ(p->key, keys[at++]);
    }
    CHECK_EQ(at, count);
}

/* The oldest goes first, also when it did not go the first time. */
TEST(a_shelf_takes_back_the_order_too)
{
    static const uint64_t keys[] = {0, 64, 128, 192};
    struct shelf s;
    shelf_init(&s);
    for (size_t i = 0; i < LENGTH(keys); i++)
        shelf_load(&s, keys[i], 1, &(struct shelf_state){.rows = 3, .live = 3, .settled = 1});
    drop_ids(&s, 0, 3);
    drop_ids(&s, 1, 3);
    check_order(&s.settled, true, &keys[2], 2);
    shelf_undo(&s);
    check_order(&s.settled, true, keys, 4);
    check_order(&s.waiting, false, keys, 4);
    shelf_fini(&s);
}

TEST(a_block_of_single_rows_has_a_key_for_each)
{
    struct shelf s;
    shelf_init(&s);
    for (uint64_t id = 64; id < 128; id++) {
        CHECK_EQ(shelf_free_key(&s, id), id);
        shelf_make(&s, id, 1, &(struct shelf_state){.rows = slot_bit(id), .live = slot_bit(id)});
    }
    drop_ids(&s, 1, slot_bit(100));
    CHECK_EQ(shelf_free_key(&s, 100), 100);
    CHECK_EQ(shelf_free_key(&s, 70), 100);
    shelf_undo(&s);
    CHECK_EQ(shelf_free_key(&s, 70), 70);
    shelf_fini(&s);
}

TEST(a_shelf_is_brought_into_the_order_of_coming)
{
    struct shelf s;
    int64_t last = 0;
    shelf_init(&s);
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t bit = slot_bit(i * 64);
        shelf_load(&s, i * 64, (int64_t)(1 + i * 37 % 100),
                   &(struct shelf_state){.rows = bit, .live = bit, .settled = i % 2 ? bit : 0});
    }
    shelf_sort(&s);
    list_each(l, &s.waiting)
    {
        struct shelf_piece *p = container_of(l, struct shelf_piece, waiting);
        CHECK(p->at_ms > last);
        last = p->at_ms;
    }
    shelf_fini(&s);
}

/* What is damaged may have no bytes at all. */
TEST(history_without_bytes_goes_too)
{
    struct db no_file = {.error = SQLITE_IOERR}; /* nothing is run */
    struct table t = {.db = &no_file};
    struct lines no_lines = {.db = &no_file};
    struct store_limits limits = {.history_rows_max = 0, .history_ms = 1000, .results_ms = 1000};
    shelf_init(&t.shelf);
    shelf_load(&t.shelf, 70, 1, &(struct shelf_state){.rows = 64, .live = 64, .settled = 64});
    CHECK_EQ(purge_ended(&t, &no_lines, &limits, 2, 10), 70);
    CHECK_EQ(t.shelf.counts.rows, 0);
    shelf_fini(&t.shelf);
}

TEST(the_lowest_bits)
{
    CHECK_EQ(bits_lowest(0xf0, 2), 0x30);
    CHECK_EQ(bits_lowest(0xf0, 0), 0);
    CHECK_EQ(bits_lowest(0, 5), 0);
    CHECK(bits_lowest(UINT64_MAX, 64) == UINT64_MAX);
    CHECK(bits_lowest(UINT64_MAX, UINT64_MAX) == UINT64_MAX);
}
