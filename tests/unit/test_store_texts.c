/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of sessions when their folder fails: each call that changes something may fail, be done
 * in part, or be the last one of the process (the linker leads them through here). A failure stops
 * neither a commit nor the broker; a file holds whole lines all the time; and after a crash at any
 * step each line that was told kept is in it once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/must.h"
#include "proto/states.h"
#include "tests/unit/flaky.h"
#include "tests/unit/store_kit.h"

/* --- calls that fail -------------------------------------------------------------------------- */

/* Of what is done in the folder of sessions, on any thread. */
static struct {
    _Atomic unsigned calls;     /* so far */
    _Atomic unsigned crash_at;  /* at this one all stops, the disk of the store too; 0: never */
    _Atomic int error;          /* each call fails with that; 0: none */
    _Atomic size_t write_bytes; /* so much is written of each; then the disk is full */
    _Atomic bool crashed;
} fault;

static void calm(void)
{
    fault.calls = fault.crash_at = 0;
    fault.error = 0;
    fault.write_bytes = SIZE_MAX;
    fault.crashed = false;
}

static bool fails(void)
{
    if (++fault.calls == fault.crash_at) {
        fault.crashed = true;
        flaky_crash_at(1);
    }
    int error = fault.crashed ? EIO : fault.error;
    if (error)
        errno = error;
    return error;
}

static bool is_session(const char *name)
{
    return strncmp(name, "session_", 8) == 0;
}

int __real_openat(int dir, const char *name, int flags, ...);
int __wrap_openat(int dir, const char *name, int flags, ...);
ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);
int __real_renameat(int dir, const char *from, int dir_to, const char *to);
int __wrap_renameat(int dir, const char *from, int dir_to, const char *to);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);

int __wrap_openat(int dir, const char *name, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (is_session(name) && (flags & O_ACCMODE) != O_RDONLY && fails())
        return -1;
    return __real_openat(dir, name, flags, mode);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    if (!strstr(path, "-sessions/"))
        return __real_pwrite(fd, data, size, at);
    bool torn = fails();
    size_t room = torn ? size / 2 : fault.write_bytes, part = size < room ? size : room;
    if (part)
        part = (size_t)__real_pwrite(fd, data, part, at);
    if (!torn && !part)
        errno = ENOSPC;
    return torn || !part ? -1 : (ssize_t)part;
}

int __wrap_renameat(int dir, const char *from, int dir_to, const char *to)
{
    return fails() ? -1 : __real_renameat(dir, from, dir_to, to);
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
    return is_session(name) && fails() ? -1 : __real_unlinkat(dir, name, flags);
}

/* --- a script, and what the files must hold after each of its steps --------------------------- */

enum { ID = 0x10000000000001, SESSIONS = 3, STEPS = 34 };

static void say(struct kit *k, unsigned step)
{
    char line[60];
    uint64_t id = ID + step % 2;
    if (step == 0)
        for (unsigned i = 0; i < SESSIONS; i++)
            kit_put_job(k, ID + i, "a.b", 0);
    snprintf(line, sizeof line, "step %u\nand another line of it\n", step);
    if (step < 28) /* more than are joined */
        kit_put_lines(k, id, line);
    if (step == 3 || step == 20)
        kit_put_lines(k, ID + 2, "a word\n");
    if (step == 22)
        kit_put_ended(k, ID + 2, "a.b", JOB_OK, true);
    if (step == 24)
        kit_drop(k, ROW_ENDED, ID + 2, "");
    if (step == 28) {
        kit_put_lines(k, ID, "its end\n");
        kit_put_ended(k, ID, "a.b", JOB_OK, true);
    }
    if (step == 30)
        kit_drop(k, ROW_ENDED, ID, "");
    kit_put_name(k, ROW_CLIENT, "one", line);
}

/* steps: of them are done. Of each session its file. */
static void model(struct buf *text, unsigned steps)
{
    for (unsigned i = 0; i < SESSIONS; i++) {
        bool dropped = (i == 2 && steps > 24) || (i == 0 && steps > 30), any = false;
        buf_printf(text, "[%u]", i);
        for (unsigned step = 0; step < steps && !dropped; step++) {
            if (i == step % 2 && step < 28)
                buf_printf(text, "step %u\nand another line of it\n", step), any = true;
            if (i == 2 && (step == 3 || step == 20))
                buf_printf(text, "a word\n"), any = true;
            if (i == 0 && step == 28)
                buf_printf(text, "its end\n");
        }
        buf_printf(text, "%s", any ? "" : "-");
    }
}

static void files(const struct kit *k, struct buf *text)
{
    for (unsigned i = 0; i < SESSIONS; i++) {
        buf_printf(text, "[%u]", i);
        buf_printf(text, "%s", kit_session(k, ID + i));
    }
}

static bool match(const struct kit *k, unsigned steps)
{
    struct buf is = {0}, want = {0};
    files(k, &is);
    model(&want, steps);
    bool same = bytes_equal(buf_bytes(&is), buf_bytes(&want));
    buf_fini(&is);
    buf_fini(&want);
    return same;
}

/* Whatever else they are. */
static void check_whole_lines(const struct kit *k)
{
    for (unsigned i = 0; i < SESSIONS; i++) {
        const char *text = kit_session(k, ID + i);
        size_t size = strlen(text);
        CHECK(!size || strcmp(text, "-") == 0 || text[size - 1] == '\n');
    }
}

static void check_no_draft(const struct kit *k)
{
    char path[300];
    for (unsigned i = 0; i < SESSIONS; i++) {
        snprintf(path, sizeof path, "%s.new", kit_session_path(k, ID + i));
        CHECK(access(path, F_OK) < 0);
    }
}

/* As far as it comes; returns how many steps were said. */
static unsigned live(struct kit *k, unsigned from, unsigned *kept)
{
    for (unsigned step = from; step < STEPS; step++) {
        say(k, step);
        if (!kit_wait(k))
            return step + 1;
        *kept = step + 1;
        if (fault.crashed) /* what was told was told before that */
            return step + 1;
        CHECK(match(k, step + 1));
    }
    return STEPS;
}

static void begin(struct kit *k, const char *where)
{
    flaky_install();
    flaky_calm();
    calm();
    kit_init(k, where);
}

static void end(struct kit *k)
{
    calm();
    kit_fini(k);
    flaky_forget();
}

/* --- crashes ---------------------------------------------------------------------------------- */

/* A crash at the nth change of a file of ours (in_files) or of the store's. False: it was through
 * before. */
static bool crash_run(unsigned nth, bool in_files)
{
    struct kit k;
    unsigned kept = 0, said = 0, found = 0;
    begin(&k, "crash");
    if (in_files)
        fault.crash_at = nth;
    else
        flaky_crash_at(nth);
    if (kit_open(&k, NULL))
        said = live(&k, 0, &kept);
    bool crashed = fault.crashed || flaky_crashed();
    kit_close(&k);
    crashed = crashed || fault.crashed || flaky_crashed();
    flaky_restart(nth);
    calm();
    CHECK(kit_open(&k, NULL));
    CHECK_EQ(k.damaged, 0);
    check_no_draft(&k);
    for (found = kept; found < said && !match(&k, found); found++)
        continue;
    CHECK(match(&k, found));
    CHECK_EQ(live(&k, found, &kept), STEPS);
    CHECK(match(&k, STEPS));
    end(&k);
    return crashed;
}

TEST(after_a_crash_each_line_that_was_told_is_in_its_file_once)
{
    unsigned in_files = 1, in_store = 1;
    while (crash_run(in_files, true))
        in_files++;
    CHECK(in_files > 2 * 28); /* an open and a write a line */
    while (crash_run(in_store, false))
        in_store++;
    CHECK(in_store > 2 * STEPS);
}

static void spoil(const struct kit *k, unsigned how)
{
    for (unsigned i = 0; i < SESSIONS; i++) {
        const char *path = kit_session_path(k, ID + i);
        FILE *f;
        switch ((how + i) % 3) {
        case 0: unlink(path); break;
        case 1:
            f = fopen(path, "ae");
            CHECK(f && fputs("of nobody\nha", f) >= 0 && fclose(f) == 0);
            break;
        case 2:
            f = fopen(path, "we");
            CHECK(f && fputs("step 0\na", f) >= 0 && fclose(f) == 0);
            break;
        }
    }
}

/* A start that makes files right crashes, too, at each of its steps. */
TEST(a_start_that_crashes_is_made_up_for_by_the_next)
{
    unsigned crashes = 0;
    bool crashed = true;
    for (unsigned nth = 1; crashed; nth++) {
        struct kit k;
        unsigned kept = 0;
        begin(&k, "start");
        CHECK(kit_open(&k, NULL));
        while (kept < 24) {
            say(&k, kept++);
            CHECK(kit_wait(&k));
        }
        kit_close(&k);
        spoil(&k, nth);
        flaky_calm();
        fault.calls = 0;
        fault.crash_at = nth;
        if (kit_open(&k, NULL))
            kit_close(&k);
        crashed = fault.crashed;
        crashes += crashed;
        flaky_restart(nth);
        calm();
        CHECK(kit_open(&k, NULL));
        CHECK(match(&k, 24));
        check_no_draft(&k);
        end(&k);
    }
    CHECK(crashes >= SESSIONS * 3); /* a draft, its text, its name */
}

/* --- failures --------------------------------------------------------------------------------- */

static void wait_match(struct kit *k, unsigned steps)
{
    while (!match(k, steps))
        CHECK(kit_wait(k));
}

/* The whole script while nothing can be written there: all of it is kept. */
static void check_failing(int error, size_t write_bytes, const char *where)
{
    struct kit k;
    begin(&k, where);
    CHECK(kit_open(&k, NULL));
    for (unsigned step = 0; step < 10; step++) {
        say(&k, step);
        CHECK(kit_wait(&k));
    }
    kit_wait_condition(&k, STORE_OPEN);
    CHECK(match(&k, 10));
    fault.error = error;
    fault.write_bytes = write_bytes;
    for (unsigned step = 10; step < STEPS; step++) {
        say(&k, step);
        CHECK(kit_wait(&k));
        check_whole_lines(&k);
        if (!error) /* what is begun and cannot be ended is taken away */
            check_no_draft(&k);
    }
    CHECK(!k.broken && k.done == k.seq);
    CHECK_EQ(k.state.condition, STORE_OPEN);
    CHECK(!match(&k, STEPS));
    fault.error = 0;
    fault.write_bytes = SIZE_MAX;
    wait_match(&k, STEPS);
    check_no_draft(&k);
    end(&k);
}

TEST(a_folder_that_cannot_be_written_stops_nothing)
{
    check_failing(EROFS, SIZE_MAX, "read-only");
    check_failing(EACCES, SIZE_MAX, "memory");
}

TEST(a_full_disk_leaves_whole_lines)
{
    check_failing(0, 0, "full");
    check_failing(0, 9, "full-in-part");
    check_failing(0, 9, "memory");
}

/* What a transaction that failed has added is taken back, and added with the next try. */
TEST(a_store_that_is_full_for_a_moment_adds_each_line_once)
{
    unsigned failures = 0;
    for (unsigned nth = 1, failed = 1; failed; nth += 3) {
        struct kit k;
        unsigned kept = 0;
        begin(&k, "store-full");
        flaky_fail(FLAKY_WRITE, nth, SQLITE_FULL, false);
        if (kit_open(&k, NULL)) {
            CHECK_EQ(live(&k, 0, &kept), STEPS);
            failures += k.full_told;
        }
        failed = flaky_has_failed();
        kit_close(&k);
        flaky_calm();
        CHECK(kit_open(&k, NULL));
        CHECK(match(&k, kept));
        end(&k);
    }
    CHECK(failures > STEPS);
}

/* Then the next start makes it right, and takes away what could not be removed. */
TEST(what_could_not_be_written_is_at_the_next_start)
{
    struct kit k;
    begin(&k, "next");
    CHECK(kit_open(&k, NULL));
    for (unsigned step = 0; step < STEPS; step++) {
        if (step == 10)
            fault.error = EROFS;
        say(&k, step);
        CHECK(kit_wait(&k));
    }
    kit_close(&k);
    CHECK(match(&k, 10));
    CHECK(kit_open(&k, NULL)); /* still so */
    CHECK(match(&k, 10));
    kit_close(&k);
    calm();
    CHECK(kit_open(&k, NULL));
    CHECK(match(&k, STEPS));
    end(&k);
}

/* One that nothing can be done about does not keep others from being made right. */
TEST(a_name_that_is_taken_costs_only_its_own_file)
{
    struct kit k;
    unsigned kept = 0;
    begin(&k, "taken");
    CHECK(mkdir(k.sessions, 0700) == 0);
    CHECK(mkdir(kit_session_path(&k, ID + 2), 0700) == 0);
    CHECK(kit_open(&k, NULL));
    while (kept < 22) {
        say(&k, kept++);
        CHECK(kit_wait(&k));
    }
    CHECK(unlink(kit_session_path(&k, ID)) == 0);
    say(&k, kept++);
    CHECK(kit_wait(&k));
    CHECK(strlen(kit_session(&k, ID)) > 12 * 30);
    CHECK(rmdir(kit_session_path(&k, ID + 2)) == 0);
    wait_match(&k, kept);
    end(&k);
}
