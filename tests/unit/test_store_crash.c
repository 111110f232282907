/* SPDX-License-Identifier: Apache-2.0
 *
 * The durable store on a disk that fails (flaky.h). After a crash at any write or sync, whatever
 * the disk did to what was not synced, a start finds exactly what was there after some change: none
 * that was told kept is missing, none is there without those before it. And when the nth call of
 * the disk fails, for each n until all pass: what was told is there, a full disk is waited for,
 * anything else is told and never tried again.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/must.h"
#include "common/random.h"
#include "proto/states.h"
#include "tests/unit/flaky.h"
#include "tests/unit/store_kit.h"

/* --- the model -------------------------------------------------------------------------------- */

enum { IDS = 400, NAMES = 6, CHANGES = 400 };

struct said {
    enum { SAY_PUT, SAY_DROP, SAY_SETTLE } what;
    enum row_kind kind;
    uint64_t id, count;
    unsigned name, version;
    size_t size;
    bool settled;
};

struct script {
    struct said said[CHANGES];
    unsigned count;
    uint64_t last_id;
};

static const char *const names[NAMES] = {"", "a", "bb", "ccc", "dd", "e"};

static struct bytes row_of(struct buf *b, const struct said *s)
{
    return kit_row(b, s->id + s->name, s->version % 2 ? "a.b" : "c.d", s->version, s->size);
}

static void say(struct kit *k, const struct said *s)
{
    struct buf b = {0};
    struct row_key key = {.kind = s->kind, .id = s->id};
    if (!s->id)
        key.name = bytes_text(names[s->name]);
    switch (s->what) {
    case SAY_PUT: store_put(k->store, ++k->seq, &key, row_of(&b, s), JOB_OK, s->settled); break;
    case SAY_DROP: store_drop(k->store, ++k->seq, &key); break;
    case SAY_SETTLE: store_settle(k->store, ++k->seq, s->id, s->count); break;
    }
    buf_fini(&b);
}

struct model {
    const struct said *open[IDS + 1], *ended[IDS + 1], *names[ROW_KINDS][NAMES];
    bool settled[IDS + 1];
};

static void model_take(struct model *m, const struct said *s)
{
    bool put = s->what == SAY_PUT;
    if (s->what == SAY_SETTLE) {
        for (uint64_t id = s->id; id < s->id + s->count && id <= IDS; id++)
            m->settled[id] = m->ended[id];
    } else if (s->kind == ROW_JOB) {
        m->open[s->id] = put ? s : NULL;
    } else if (s->kind == ROW_ENDED) {
        m->ended[s->id] = put ? s : NULL;
        m->settled[s->id] = put && s->settled;
        if (put)
            m->open[s->id] = NULL;
    } else {
        m->names[s->kind][s->name] = put ? s : NULL;
    }
}

static void line(struct buf *text, const char *kind, uint64_t id, const char *name,
                 const struct said *s)
{
    struct buf b = {0};
    struct bytes row = row_of(&b, s);
    buf_printf(text, "%s", kind);
    if (id)
        buf_printf(text, " %llu", (unsigned long long)id);
    if (*name)
        buf_printf(text, " %s", name);
    buf_printf(text, " %zu %016llx\n", row.size, (unsigned long long)bytes_hash(row, 0));
    buf_fini(&b);
}

/* As kit_open tells what it loaded. */
static void model_text(const struct model *m, struct buf *text)
{
    static const struct {
        enum row_kind kind;
        const char *name;
    } kinds[] = {{ROW_MARK, "mark"},    {ROW_WORKER, "worker"}, {ROW_CLIENT, "client"},
                 {ROW_KEY, "key"},      {ROW_QUEUE, "queue"},   {ROW_TASK, "task"},
                 {ROW_JOINED, "joined"}};
    buf_clear(text);
    for (size_t i = 0; i < LENGTH(kinds); i++)
        for (unsigned n = 0; n < NAMES; n++)
            if (m->names[kinds[i].kind][n])
                line(text, kinds[i].name, 0, names[n], m->names[kinds[i].kind][n]);
    for (uint64_t id = 1; id <= IDS; id++)
        if (m->open[id])
            line(text, "job", id, "", m->open[id]);
    for (uint64_t id = 1; id <= IDS; id++)
        if (m->ended[id] && !m->settled[id])
            line(text, "ended", id, "", m->ended[id]);
}

/* The rows of all ended jobs, as a list gives them. */
static void model_list(const struct model *m, struct buf *rows)
{
    struct buf b = {0};
    buf_clear(rows);
    for (uint64_t id = IDS; id > 0; id--)
        if (m->ended[id]) {
            struct bytes row = row_of(&b, m->ended[id]);
            buf_put(rows, row.data, row.size);
        }
    buf_fini(&b);
}

/* --- scripts ---------------------------------------------------------------------------------- */

static size_t some_size(struct random *r)
{
    switch (random_below(r, 20)) {
    case 0: return 40000; /* more than a piece takes */
    case 1: return random_below(r, 6000);
    default: return random_below(r, 150);
    }
}

static struct said some_change(struct random *r, struct script *script)
{
    static const enum row_kind kinds[] = {ROW_CLIENT, ROW_KEY,    ROW_WORKER, ROW_QUEUE,
                                          ROW_TASK,   ROW_JOINED, ROW_MARK};
    uint64_t old = script->last_id ? 1 + random_below(r, script->last_id) : 1;
    struct said s = {.version = (unsigned)random_below(r, 1000), .size = some_size(r)};
    switch (random_below(r, 16)) {
    case 0:
    case 1: /* something with a name */
        s.what = random_below(r, 4) ? SAY_PUT : SAY_DROP;
        s.kind = kinds[random_below(r, LENGTH(kinds))];
        s.name = s.kind == ROW_MARK ? 0 : 1 + (unsigned)random_below(r, NAMES - 1);
        break;
    case 2: /* a run */
        s.what = SAY_SETTLE;
        s.kind = ROW_ENDED;
        s.id = old;
        s.count = 1 + random_below(r, random_below(r, 4) ? 5 : 100);
        break;
    case 3: /* a job that is given up, or whose end is */
        s.what = SAY_DROP;
        s.kind = random_below(r, 2) ? ROW_JOB : ROW_ENDED;
        s.id = old;
        break;
    case 4: /* another attempt */
        s.kind = ROW_JOB;
        s.id = old;
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9: /* an end */
        s.kind = ROW_ENDED;
        s.id = old;
        s.settled = random_below(r, 4) == 0;
        break;
    default: /* a new job; there are gaps */
        s.kind = ROW_JOB;
        if (script->last_id + 4 < IDS)
            script->last_id += 1 + (random_below(r, 10) == 0) * random_below(r, 4);
        s.id = script->last_id;
    }
    script->last_id = s.id && s.what == SAY_PUT && s.id > script->last_id ? s.id : script->last_id;
    return s;
}

static void write_script(struct script *script, struct random *r, unsigned count)
{
    script->count = 0;
    script->last_id = 0;
    while (script->count < count)
        script->said[script->count++] = some_change(r, script);
}

/* Says it from there on, lot by lot, each kept before the next; returns how far it came. */
static unsigned say_on(struct kit *k, const struct script *script, unsigned from, struct random *r)
{
    while (from < script->count) {
        unsigned lot = 1 + (unsigned)random_below(r, 40);
        for (; lot && from < script->count; lot--)
            say(k, &script->said[from++]);
        if (!kit_wait(k))
            break;
    }
    return from;
}

/* What a start found is what was there after some change from the first on, and of none after the
 * last. Returns which, or dies. */
static unsigned which(const struct script *script, unsigned first, unsigned last,
                      const struct buf *found, struct kit *k)
{
    static struct model m;
    struct buf text = {0}, rows = {0};
    m = (struct model){0};
    for (unsigned i = 0; i < first; i++)
        model_take(&m, &script->said[i]);
    for (unsigned at = first;; at++) {
        model_text(&m, &text);
        if (bytes_equal(buf_bytes(&text), buf_bytes(found))) {
            model_list(&m, &rows);
            kit_list(k, 0, "", 0, IDS);
            if (k->broken || bytes_equal(buf_bytes(&rows), buf_bytes(&k->rows))) {
                buf_fini(&text);
                buf_fini(&rows);
                return at;
            }
        }
        if (at == last)
            break;
        model_take(&m, &script->said[at]);
    }
    printf("found\n%swhile after the last change there would be\n%s",
           buf_text((struct buf *)(uintptr_t)found), buf_text(&text));
    check_failed(__FILE__, __LINE__, "what a start found was never there");
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* One life: as far as the crash lets it. *kept: what was told. */
static unsigned live(struct kit *k, const struct script *script, unsigned from, unsigned *kept,
                     struct random *r)
{
    unsigned start = from;
    from = say_on(k, script, from, r);
    *kept = start + (unsigned)k->done;
    return from;
}

/* Lives and crashes, until the script is through. */
static void crash_run(uint64_t seed)
{
    static struct script script;
    struct random r = {.state = seed};
    struct kit k;
    struct buf found = {0};
    unsigned at = 0, kept = 0;
    uint32_t incarnation = 0;
    kit_init(&k, "crash");
    k.here = seed % 2;
    write_script(&script, &r, 60 + (unsigned)random_below(&r, CHANGES - 60));
    for (unsigned life = 0;; life++) {
        bool crashes = life < 6;
        if (crashes)
            flaky_crash_at(1 + (unsigned)random_below(&r, random_below(&r, 3) ? 200 : 20));
        k.wall_ms = 0; /* the clock is no help: the numbers of starts must be kept */
        buf_clear(&found);
        bool open = kit_open(&k, &found);
        if (open && !flaky_crashed()) {
            CHECK_EQ(k.damaged, 0);
            CHECK(k.found.incarnation > incarnation);
            incarnation = k.found.incarnation;
            at = which(&script, kept, at, &found, &k);
            kept = at; /* what a start has given is told */
            at = live(&k, &script, at, &kept, &r);
        }
        if (!crashes && open)
            break;
        CHECK(crashes);
        kit_close(&k);
        flaky_restart(random_next(&r));
    }
    CHECK_EQ(at, script.count);
    CHECK_EQ(kept, script.count);
    kit_fini(&k);
    flaky_calm();
    flaky_forget();
    buf_fini(&found);
}

TEST(after_a_crash_there_is_all_that_was_told_and_nothing_out_of_turn)
{
    flaky_install();
    const char *seeds = getenv("REEVE_CRASH_SEEDS"); /* for more than the tests have time for */
    uint64_t count = seeds ? strtoull(seeds, NULL, 10) : 150;
    for (uint64_t seed = 1; seed <= count; seed++) {
        crash_run(seed);
    }
}

/* --- the nth call fails ----------------------------------------------------------------------- */

/* What is being tried. */
struct trial {
    unsigned calls, nth;
    int code;
    bool afresh;      /* the store is new; else it has half of the script */
    bool failed;      /* the nth call came, before the store was closed */
    bool failed_late; /* or then */
    bool refused;     /* the store did not open */
    bool full_told, broken;
};

static struct script trial_script;
enum { TRIAL_CHANGES = 50 };

static void check_found(struct kit *k, unsigned kept)
{
    struct buf found = {0};
    CHECK(kit_open(k, &found));
    CHECK_EQ(k->damaged, 0);
    which(&trial_script, kept, TRIAL_CHANGES, &found, k);
    buf_fini(&found);
}

/* As far as it comes, with a disk that fails; returns what was told kept. */
static unsigned fail_life(struct trial *t, struct kit *k, unsigned from, struct random *r)
{
    flaky_fail(t->calls, t->nth, t->code, false);
    t->refused = !kit_open(k, NULL);
    if (t->refused) {
        CHECK(*k->why);
        t->failed = flaky_has_failed();
        flaky_calm();
        return from;
    }
    for (unsigned at = from; at < TRIAL_CHANGES && !k->broken;) {
        for (unsigned lot = 1 + (unsigned)random_below(r, 12); lot && at < TRIAL_CHANGES; lot--)
            say(k, &trial_script.said[at++]);
        kit_wait(k);
    }
    if (!k->broken)
        kit_list(k, 0, "", 0, IDS);
    t->failed = flaky_has_failed() || k->full_told;
    t->full_told = k->full_told;
    t->broken = k->broken;
    unsigned kept = from + (unsigned)k->done;
    kit_close(k);
    t->failed_late = !t->failed && flaky_has_failed();
    flaky_calm();
    return kept;
}

static void fail_run(struct trial *t)
{
    struct kit k;
    struct random r = {.state = 4};
    unsigned kept = 0;
    flaky_install();
    flaky_calm();
    flaky_forget();
    kit_init(&k, "fails");
    k.here = !t->afresh;
    write_script(&trial_script, &r, TRIAL_CHANGES);
    if (!t->afresh) {
        CHECK(kit_open(&k, NULL));
        for (unsigned i = 0; i < TRIAL_CHANGES / 2; i++)
            say(&k, &trial_script.said[i]);
        CHECK(kit_wait(&k));
        kept = TRIAL_CHANGES / 2;
        kit_close(&k);
    }
    kept = fail_life(t, &k, kept, &r);
    check_found(&k, kept);
    if (!t->refused && !t->broken)
        CHECK_EQ(kept, TRIAL_CHANGES);
    kit_fini(&k);
}

/* Each n, until the call that was to fail never came. Returns how many did. */
static unsigned fail_each(unsigned calls, int code, bool afresh,
                          void (*check)(const struct trial *))
{
    for (unsigned nth = 1;; nth++) {
        struct trial t = {.calls = calls, .nth = nth, .code = code, .afresh = afresh};
        fail_run(&t);
        if (!t.failed && !t.failed_late)
            return nth - 1;
        if (t.failed)
            check(&t);
    }
}

static unsigned broken_told, full_told;

static void check_broken(const struct trial *t)
{
    CHECK(!t->full_told);
    CHECK(t->refused || t->broken);
    broken_told += t->broken;
}

/* What closing does may fail without a word, when all is said and kept: the log has it. */
TEST(a_write_that_fails_is_told_and_loses_nothing)
{
    broken_told = 0;
    CHECK(fail_each(FLAKY_WRITE, SQLITE_IOERR_WRITE, true, check_broken) > 20);
    CHECK(fail_each(FLAKY_WRITE, SQLITE_IOERR_WRITE, false, check_broken) > 20);
    CHECK(broken_told > 20);
}

TEST(a_sync_that_fails_is_told_and_loses_nothing)
{
    broken_told = 0;
    CHECK(fail_each(FLAKY_SYNC, SQLITE_IOERR_FSYNC, true, check_broken) > 5);
    CHECK(fail_each(FLAKY_SYNC, SQLITE_IOERR_FSYNC, false, check_broken) > 5);
    CHECK(broken_told > 5);
}

TEST(a_read_that_fails_is_told_and_loses_nothing)
{
    broken_told = 0;
    CHECK(fail_each(FLAKY_READ, SQLITE_IOERR_READ, true, check_broken) > 5);
    CHECK(fail_each(FLAKY_READ, SQLITE_IOERR_READ, false, check_broken) > 5);
    CHECK(broken_told > 0);
}

TEST(a_file_that_does_not_open_is_told_and_loses_nothing)
{
    CHECK(fail_each(FLAKY_OPEN, SQLITE_CANTOPEN, true, check_broken) > 2);
    CHECK(fail_each(FLAKY_OPEN, SQLITE_CANTOPEN, false, check_broken) > 2);
}

/* What the kernel could not write it may have forgotten: a second sync that works says nothing. So
 * the log stays, and the next start reads it. */
TEST(a_sync_that_fails_at_closing_is_not_tried_again)
{
    struct kit k;
    kit_init(&k, "sync-close");
    flaky_install();
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    kit_put_job(&k, 1, "a.b", 0);
    CHECK(kit_wait(&k));
    flaky_calm();
    flaky_fail(FLAKY_SYNC, 1, SQLITE_IOERR_FSYNC, false);
    kit_close(&k);
    CHECK(flaky_has_failed());
    CHECK_EQ(flaky_count(FLAKY_SYNC), 1);
    CHECK(access(kit_file(&k, "reeve.db-wal"), F_OK) == 0);
    flaky_calm();
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.loaded, 1);
    kit_fini(&k);
    flaky_forget();
}

/* Room that a checkpoint lacks is nobody's loss and not told. */
static void check_full(const struct trial *t)
{
    CHECK(!t->broken);
    full_told += t->full_told;
}

TEST(a_disk_full_for_a_moment_costs_nothing)
{
    full_told = 0;
    CHECK(fail_each(FLAKY_WRITE, SQLITE_FULL, true, check_full) > 20);
    CHECK(fail_each(FLAKY_WRITE, SQLITE_FULL, false, check_full) > 20);
    CHECK(full_told > 20);
}
