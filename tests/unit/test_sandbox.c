/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the sandbox: which variables pass, which calls are refused, which files are behind
 * the fence, folders that come and go. Each filter and fence is entered by a child, which tries
 * what it is told. What a whole worker's handlers cannot do is seen in scenario.sandbox.
 */
#include "consumer/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/must.h"
#include "tests/unit/check.h"

/* What a child's function returns, up to 255; -1: it was ended by a signal. */
static int in_child(int (*run)(void *), void *context)
{
    int status;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0)
        _exit(run(context));
    must(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- variables ------------------------------------------------------------------------------ */

TEST(variables_of_ordinary_programs_pass_and_no_others)
{
    static const char *const yes[] = {
        "PATH",        "HOME",         "LANG",        "LC_ALL",
        "TZ",          "TMPDIR",       "PYTHONPATH",  "OMP_NUM_THREADS",
        "REEVE_ROOTS", "REEVE_MODELS", "ASAN_OPTIONS"};
    static const char *const no[] = {"REEVE_IDENTITY",
                                     "REEVE_TOKEN",
                                     "REEVE_ADMIN_KEY",
                                     "AWS_SECRET_ACCESS_KEY",
                                     "DATABASE_URL",
                                     "SSH_AUTH_SOCK",
                                     "CREDENTIALS_DIRECTORY",
                                     "XDG_RUNTIME_DIR",
                                     "LD_PRELOAD",
                                     ""};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!environment_passes(yes[i]))
            check_failed(__FILE__, __LINE__, "%s does not pass", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (environment_passes(no[i]))
            check_failed(__FILE__, __LINE__, "%s passes", no[i]);
}

TEST(a_named_variable_passes_unless_it_leads_to_a_key)
{
    char *from[] = {(char *)"PATH=/bin", (char *)"DATABASE_URL=x=y", (char *)"REEVE_IDENTITY=/k",
                    (char *)"PATHS=no", NULL};
    struct environment e = {0};
    environment_take(&e, from, false);
    CHECK_EQ(e.count, 1);
    CHECK(environment_take_one(&e, from, "DATABASE_URL"));
    CHECK(environment_take_one(&e, from, "NOT_THERE"));
    CHECK(!environment_take_one(&e, from, "REEVE_IDENTITY"));
    CHECK_EQ(e.count, 2);
    CHECK_TEXT(environment_get(&e, "DATABASE_URL"), "x=y");
    environment_set(&e, "PATH", "/usr/bin");
    CHECK_EQ(e.count, 2);
    CHECK_TEXT(e.variables[0], "PATH=/usr/bin");
    CHECK(!e.variables[2]);
    environment_fini(&e);
    environment_take(&e, from, true);
    CHECK_EQ(e.count, 3);
    CHECK(!environment_get(&e, "REEVE_IDENTITY"));
    environment_fini(&e);
}

/* --- calls ---------------------------------------------------------------------------------- */

static int enter_filter(enum filter_kind kind)
{
    struct filter f;
    if (filter_make(&f, kind) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter_enter(&f))
        return -1;
    filter_fini(&f);
    return 0;
}

/* Each bit: this was possible, or was refused with something else than EPERM. */
static int escape(void *context)
{
    int out = 0;
    if (enter_filter(*(const enum filter_kind *)context))
        return 255;
    out |= (unshare(CLONE_NEWUSER) == 0 || errno != EPERM) << 0;
    out |= (mount("none", "/", "tmpfs", 0, NULL) == 0 || errno != EPERM) << 1;
    out |= (process_vm_readv(getpid(), NULL, 0, NULL, 0, 0) == 0 || errno != EPERM) << 2;
    out |= (syscall(SYS_bpf, 0, NULL, 0) == 0 || errno != EPERM) << 3;
    out |=
        (syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL) >= 0 || errno != EPERM)
        << 4;
    out |= (syscall(SYS_io_uring_setup, 1, NULL) == 0 || errno != EPERM) << 5;
    return out;
}

TEST(ways_out_of_a_process_are_refused)
{
    for (enum filter_kind kind = 0; kind < FILTERS; kind++)
        CHECK_EQ(in_child(escape, &kind), 0);
}

/* Each bit: it cannot do this. */
static int live(void *context)
{
    int out = 0, fd;
    if (enter_filter(*(const enum filter_kind *)context))
        return 255;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    out |= (pid < 0 || waitpid(pid, NULL, 0) != pid) << 0;
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    out |= (fd < 0) << 1;
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    out |= (fd < 0) << 2;
    fd = open("/proc/self/stat", O_RDONLY);
    out |= (fd < 0) << 3;
    out |= (unshare(CLONE_FILES) != 0) << 4; /* no namespace */
    return out;
}

TEST(each_filter_leaves_what_it_is_for)
{
    enum filter_kind general = FILTER_GENERAL, local = FILTER_LOCAL, compute = FILTER_COMPUTE;
    CHECK_EQ(in_child(live, &general), 0);
    CHECK_EQ(in_child(live, &local), 1 << 1);
    int refused = in_child(live, &compute);
    CHECK_EQ(refused & ~1, 1 << 1 | 1 << 2 | 1 << 4);
    /* A leak sanitizer starts a process of its own, and is let. */
    CHECK_EQ(refused & 1, filter_refuses(FILTER_COMPUTE, "wait4"));
}

TEST(the_lists_do_not_contradict_each_other)
{
    static const char *const dangerous[] = {
        "mount", "bpf", "setns", "keyctl", "kexec_load", "process_vm_writev", "io_uring_enter"};
    for (size_t i = 0; i < sizeof dangerous / sizeof *dangerous; i++)
        for (enum filter_kind kind = 0; kind < FILTERS; kind++)
            CHECK(filter_refuses(kind, dangerous[i]));
    CHECK(!filter_refuses(FILTER_GENERAL, "execve"));
    CHECK(filter_refuses(FILTER_COMPUTE, "socket"));
    CHECK(filter_refuses(FILTER_COMPUTE, "fork"));
    CHECK(!filter_refuses(FILTER_COMPUTE, "futex"));
}

/* --- files ---------------------------------------------------------------------------------- */

struct place {
    char folder[PATH_MAX], open[PATH_MAX + 8], secret[PATH_MAX + 8];
};

static void put_file(const char *folder, const char *name)
{
    char path[PATH_MAX + 20];
    must((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path);
    FILE *file = fopen(path, "w");
    must(file && fputs("text", file) >= 0 && fclose(file) == 0);
}

static void place_make(struct place *p)
{
    char name[] = "fence-XXXXXX";
    must(mkdtemp(name) && realpath(name, p->folder));
    snprintf(p->open, sizeof p->open, "%s/open", p->folder);
    snprintf(p->secret, sizeof p->secret, "%s/secret", p->folder);
    must(mkdir(p->open, 0700) == 0 && mkdir(p->secret, 0700) == 0);
    put_file(p->open, "file");
    put_file(p->secret, "file");
}

static bool can_open(const char *folder, int flags)
{
    char path[PATH_MAX + 20];
    snprintf(path, sizeof path, "%s/file", folder);
    int fd = open(path, flags);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Each bit: it could. 64: the fence could not be entered. */
static int look_around(void *context)
{
    const struct place *p = context;
    struct fence f = {0};
    char link_path[PATH_MAX + 20];
    fence_open_system(&f);
    fence_open(&f, p->open, FENCE_READ);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || fence_enter(&f))
        return 64;
    fence_fini(&f);
    snprintf(link_path, sizeof link_path, "%s/link", p->open);
    return can_open(p->open, O_RDONLY) << 0 | can_open(p->open, O_WRONLY) << 1 |
           can_open(p->secret, O_RDONLY) << 2 | (symlink("/", link_path) == 0) << 3 |
           (open("/dev/null", O_RDWR) >= 0) << 4 | (kill(getppid(), 0) == 0) << 5;
}

TEST(a_fence_opens_what_it_says)
{
    struct place p;
    if (!fence_version()) {
        printf("not run: this kernel has no Landlock\n");
        return;
    }
    place_make(&p);
    int could = in_child(look_around, &p);
    CHECK_EQ(could & ~(1 << 5), 1 << 0 | 1 << 4);
    CHECK_EQ(could >> 5, fence_version() < 6); /* signals stay inside since then */
}

TEST(a_gate_is_found_through_links_and_from_both_sides)
{
    struct place p;
    struct fence f = {0};
    char path[PATH_MAX + 30], link_path[PATH_MAX + 30];
    place_make(&p);
    snprintf(link_path, sizeof link_path, "%s/way", p.folder);
    must(symlink(p.open, link_path) == 0);
    fence_open(&f, link_path, FENCE_READ);
    snprintf(path, sizeof path, "%s/file", p.open);
    CHECK_TEXT(fence_gate(&f, path), link_path);
    CHECK_TEXT(fence_gate(&f, p.folder), link_path);
    CHECK(!fence_gate(&f, p.secret));
    snprintf(path, sizeof path, "%s-beside", p.open);
    CHECK(!fence_gate(&f, path));
    fence_fini(&f);
}

/* --- temporary folders ---------------------------------------------------------------------- */

TEST(folders_come_and_go_with_what_is_in_them)
{
    struct scratch s;
    char below[] = "scratch-XXXXXX", path[SCRATCH_PATH], deep[SCRATCH_PATH + 40];
    must(mkdtemp(below));
    CHECK_EQ(scratch_open(&s, below), 0);
    CHECK_EQ(scratch_make(&s, 7, geteuid(), getegid(), path), 0);
    put_file(below, "outside");
    put_file(path, "file");
    snprintf(deep, sizeof deep, "%s/deep", path);
    must(mkdir(deep, 0700) == 0);
    put_file(deep, "file");
    must(chmod(deep, 0) == 0);
    snprintf(deep, sizeof deep, "%s/out", path);
    must(symlink("../../..", deep) == 0); /* is not to be followed */
    scratch_drop(&s, 7);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    CHECK_EQ(access(path, F_OK), -1);
    CHECK(can_open(".", O_RDONLY) == false);
    snprintf(path, sizeof path, "%s/outside", below);
    CHECK_EQ(access(path, F_OK), 0);
    CHECK_EQ(scratch_make(&s, 8, geteuid(), getegid(), path), 0);
    put_file(path, "file");
    scratch_close(&s);
    CHECK_EQ(access(s.path, F_OK), -1);
}

static int leave_folder(void *context)
{
    struct scratch s;
    char path[SCRATCH_PATH];
    if (scratch_open(&s, context) || scratch_make(&s, 1, geteuid(), getegid(), path))
        return 1;
    put_file(path, "file");
    return 0; /* as if killed */
}

static int count_folders(const char *below)
{
    char command[PATH_MAX + 60];
    int count = -1;
    snprintf(command, sizeof command, "ls %s | grep -c reeve-slots", below);
    FILE *out = popen(command, "r");
    must(out && fscanf(out, "%d", &count) == 1);
    pclose(out);
    return count;
}

TEST(what_a_killed_worker_left_is_removed_and_what_a_living_one_has_is_not)
{
    struct scratch one, two;
    char below[] = "scratch-XXXXXX";
    must(mkdtemp(below));
    CHECK_EQ(in_child(leave_folder, below), 0);
    CHECK_EQ(count_folders(below), 1);
    CHECK_EQ(scratch_open(&one, below), 0);
    CHECK_EQ(count_folders(below), 1);
    CHECK_EQ(access(one.path, F_OK), 0);
    CHECK_EQ(scratch_open(&two, below), 0);
    CHECK_EQ(count_folders(below), 2);
    scratch_close(&two);
    scratch_close(&one);
    CHECK_EQ(count_folders(below), 0);
}

/* --- all of it ------------------------------------------------------------------------------ */

TEST(levels_have_their_measures)
{
    enum sandbox_level level;
    CHECK(sandbox_level_of("strict", &level));
    CHECK_EQ(level, SANDBOX_STRICT);
    CHECK(!sandbox_level_of("", &level));
    CHECK_EQ(sandbox_begins(SANDBOX_PRIVILEGES), SANDBOX_OFF);
    CHECK_EQ(sandbox_begins(SANDBOX_CALLS), SANDBOX_BASIC);
    CHECK_EQ(sandbox_begins(SANDBOX_FILES), SANDBOX_STRICT);
    CHECK_EQ(sandbox_begins(SANDBOX_USER), SANDBOX_LEVELS);
    for (enum sandbox_measure m = 0; m < SANDBOX_MEASURES; m++)
        CHECK(sandbox_name(m) && sandbox_text(m));
}

TEST(what_is_in_force_was_tried)
{
    struct sandbox s;
    CHECK_EQ(sandbox_try(&s, &(struct sandbox_options){.level = SANDBOX_BASIC}), 0);
    CHECK(sandbox_has(&s, SANDBOX_CALLS) && sandbox_has(&s, SANDBOX_TEMPORARY));
    CHECK(!sandbox_has(&s, SANDBOX_FILES) && !sandbox_has(&s, SANDBOX_USER));
    CHECK_TEXT(s.why[SANDBOX_CALLS], "");
    if (geteuid() == 0) { /* root may look anywhere */
        CHECK(!sandbox_has(&s, SANDBOX_WORKER) && *s.why[SANDBOX_WORKER]);
    }
    sandbox_close(&s);
}

TEST(an_unknown_user_and_a_key_are_refused)
{
    struct sandbox s;
    const char *names[] = {"REEVE_IDENTITY"};
    struct sandbox_options o = {.level = SANDBOX_BASIC, .user = "no-such-user"};
    CHECK_EQ(sandbox_try(&s, &o), -1);
    CHECK_TEXT(s.error, "--slot-user: there is no user no-such-user");
    sandbox_close(&s);
    o = (struct sandbox_options){.level = SANDBOX_BASIC, .names = names, .name_count = 1};
    CHECK_EQ(sandbox_try(&s, &o), -1);
    CHECK_TEXT(s.error, "--env REEVE_IDENTITY: that leads to a key, or could");
    sandbox_close(&s);
}

TEST(a_program_beside_a_secret_is_not_admitted)
{
    struct place p;
    struct sandbox s;
    char program[PATH_MAX + 20], *words[] = {program, NULL};
    const char *secrets[] = {p.secret};
    if (!fence_version())
        return;
    place_make(&p);
    CHECK_EQ(sandbox_try(&s, &(struct sandbox_options){.level = SANDBOX_STRICT,
                                                       .secrets = secrets,
                                                       .secret_count = 1}),
             0);
    snprintf(program, sizeof program, "%s/file", p.open);
    CHECK_EQ(sandbox_admit(&s, words), 0);
    snprintf(program, sizeof program, "%s/file", p.folder);
    CHECK_EQ(sandbox_admit(&s, words), -1);
    CHECK(strstr(s.error, p.secret));
    sandbox_close(&s);
}
