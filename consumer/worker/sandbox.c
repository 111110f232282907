/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/must.h"

static const char *const level_names[SANDBOX_LEVELS] = {"off", "basic", "strict"};

/* --- entering ------------------------------------------------------------------------------- */

static int enter_umask(const struct sandbox *s, const struct sandbox_entry *e)
{
    (void)s, (void)e;
    umask(077);
    return 0;
}

static int enter_core(const struct sandbox *s, const struct sandbox_entry *e)
{
    (void)s, (void)e;
    return setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

static int enter_user(const struct sandbox *s, const struct sandbox_entry *e)
{
    (void)e;
    /* It may write where it was told to, and open that again by name: /dev/stderr. */
    for (int standard = STDOUT_FILENO; standard <= STDERR_FILENO; standard++)
        if (fchown(standard, s->user, s->group)) {
            /* a file system that knows no owners: the descriptor itself serves all the same */
        }
    return setgroups(0, NULL) || setresgid(s->group, s->group, s->group) ||
                   setresuid(s->user, s->user, s->user)
               ? -1
               : 0;
}

static int enter_privileges(const struct sandbox *s, const struct sandbox_entry *e)
{
    (void)s, (void)e;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static int enter_files(const struct sandbox *s, const struct sandbox_entry *e)
{
    (void)s;
    return fence_enter(&e->fence);
}

static int enter_calls(const struct sandbox *s, const struct sandbox_entry *e)
{
    return filter_enter(&s->filters[e->filter]);
}

/* --- holding: asked in a process that has entered ------------------------------------------- */

static bool holds_descriptors(const struct sandbox *s)
{
    (void)s;
    int fd = dup(STDERR_FILENO);
    return close_range(STDERR_FILENO + 1, ~0u, 0) == 0 && fcntl(fd, F_GETFD) < 0;
}

static bool holds_temporary(const struct sandbox *s)
{
    char path[SCRATCH_PATH];
    struct stat st;
    snprintf(path, sizeof path, "%s/0", s->scratch.path);
    return stat(path, &st) == 0 && (st.st_mode & 077) == 0 && access(path, W_OK | X_OK) == 0;
}

static bool holds_umask(const struct sandbox *s)
{
    (void)s;
    return umask(077) == 077;
}

static bool holds_core(const struct sandbox *s)
{
    struct rlimit limit;
    (void)s;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0;
}

static bool holds_worker(const struct sandbox *s)
{
    char path[40];
    (void)s;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd < 0;
}

static bool holds_user(const struct sandbox *s)
{
    return getuid() == s->user && geteuid() == s->user && (s->user == 0 || setuid(0) != 0);
}

static bool holds_privileges(const struct sandbox *s)
{
    (void)s;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static bool holds_files(const struct sandbox *s)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return true;
    close(fd);
    for (size_t i = 0; i < s->fence.count; i++)
        if (strcmp(s->fence.gates[i].path, "/") == 0)
            return true; /* as the operator wants it */
    return false;
}

/* Of itself anybody may ask this. */
static bool holds_calls(const struct sandbox *s)
{
    (void)s;
    return process_vm_readv(getpid(), NULL, 0, NULL, 0, 0) < 0 && errno == EPERM;
}

static bool holds_compute(const struct sandbox *s)
{
    (void)s;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == EPERM;
}

/* enter NULL: it is in what is prepared, or in what another one enters. holds NULL: nothing of it
 * is up to the host. */
static const struct {
    const char *name, *text;
    enum sandbox_level from;
    int (*enter)(const struct sandbox *s, const struct sandbox_entry *e);
    bool (*holds)(const struct sandbox *s);
} rows[SANDBOX_MEASURES] = {
    [SANDBOX_DESCRIPTORS] = {"descriptors", "no descriptors but its own", SANDBOX_OFF, NULL,
                             holds_descriptors},
    [SANDBOX_ENVIRONMENT] = {"environment", "no variables but those on a list", SANDBOX_BASIC},
    [SANDBOX_TEMPORARY] = {"temporary", "a folder of its own for temporary files", SANDBOX_BASIC,
                           NULL, holds_temporary},
    [SANDBOX_UMASK] = {"umask", "new files for their owner only", SANDBOX_BASIC, enter_umask,
                       holds_umask},
    [SANDBOX_CORE] = {"core", "no core dumps", SANDBOX_BASIC, enter_core, holds_core},
    [SANDBOX_WORKER] = {"worker", "no look into the memory of the worker", SANDBOX_BASIC, NULL,
                        holds_worker},
    [SANDBOX_USER] = {"user", "another user", SANDBOX_LEVELS, enter_user, holds_user},
    [SANDBOX_PRIVILEGES] = {"privileges", "no new privileges by what it executes", SANDBOX_OFF,
                            enter_privileges, holds_privileges},
    [SANDBOX_FILES] = {"files", "no files but those opened to it", SANDBOX_STRICT, enter_files,
                       holds_files},
    [SANDBOX_CALLS] = {"calls", "no system calls that handlers need not", SANDBOX_BASIC,
                       enter_calls, holds_calls},
    [SANDBOX_COMPUTE] = {"compute", "no network; a program in C starts no processes",
                         SANDBOX_STRICT, NULL, holds_compute},
};

const char *sandbox_name(enum sandbox_measure m)
{
    return rows[m].name;
}

const char *sandbox_text(enum sandbox_measure m)
{
    return rows[m].text;
}

enum sandbox_level sandbox_begins(enum sandbox_measure m)
{
    return rows[m].from;
}

const char *sandbox_level_name(enum sandbox_level level)
{
    return level_names[level];
}

bool sandbox_level_of(const char *name, enum sandbox_level *level)
{
    for (enum sandbox_level i = 0; i < SANDBOX_LEVELS; i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = i;
            return true;
        }
    return false;
}

int sandbox_enter(const struct sandbox *s, const struct sandbox_entry *e,
                  enum sandbox_measure *failed)
{
    for (enum sandbox_measure m = 0; m < SANDBOX_MEASURES; m++) {
        *failed = m;
        if (sandbox_has(s, m) && rows[m].enter && rows[m].enter(s, e))
            return -1;
    }
    return 0;
}

/* --- what a process needs ------------------------------------------------------------------- */

static void make_fence(const struct sandbox *s, struct fence *f, char *const *words)
{
    fence_copy(f, &s->fence);
    if (words)
        fence_open_program(f, words);
}

int sandbox_prepare(const struct sandbox *s, struct sandbox_entry *e, char *const *words,
                    uint32_t n)
{
    char path[SCRATCH_PATH];
    bool own = sandbox_has(s, SANDBOX_TEMPORARY);
    *e = (struct sandbox_entry){0};
    if (own && scratch_make(&s->scratch, n, s->user, s->group, path))
        return -1;
    environment_copy(&e->environment, &s->environment);
    if (sandbox_has(s, SANDBOX_FILES))
        make_fence(s, &e->fence, words);
    if (own) {
        environment_set(&e->environment, "TMPDIR", path);
        fence_open(&e->fence, path, FENCE_WRITE);
    }
    if (sandbox_has(s, SANDBOX_COMPUTE)) /* an interpreter loads what starts processes: Dask */
        e->filter = words && words[1] ? FILTER_LOCAL : FILTER_COMPUTE;
    return 0;
}

void sandbox_entry_fini(struct sandbox_entry *e)
{
    environment_fini(&e->environment);
    fence_fini(&e->fence);
}

void sandbox_leave(const struct sandbox *s, uint32_t n)
{
    if (sandbox_has(s, SANDBOX_TEMPORARY))
        scratch_drop(&s->scratch, n);
}

int sandbox_admit(struct sandbox *s, char *const *words)
{
    struct fence f;
    const char *gate = NULL;
    size_t i = 0;
    if (!sandbox_has(s, SANDBOX_FILES))
        return 0;
    make_fence(s, &f, words);
    while (i < s->secret_count && !(gate = fence_gate(&f, s->secrets[i])))
        i++;
    if (gate)
        snprintf(s->error, sizeof s->error,
                 "a strict sandbox keeps %.150s from handlers, and %.150s, which they may read, "
                 "holds it: one of them has to be elsewhere",
                 s->secrets[i], gate);
    fence_fini(&f);
    return gate ? -1 : 0;
}

/* --- opening -------------------------------------------------------------------------------- */

static void lack(struct sandbox *s, enum sandbox_measure m, const char *why)
{
    snprintf(s->why[m], SANDBOX_WHY, "%s", why);
    s->in_force &= ~(1u << m);
}

static int take_user(struct sandbox *s, const char *name)
{
    const struct passwd *user = getpwnam(name);
    if (!user) {
        snprintf(s->error, sizeof s->error, "--slot-user: there is no user %.100s", name);
        return -1;
    }
    s->user = user->pw_uid;
    s->group = user->pw_gid;
    environment_set(&s->environment, "HOME", user->pw_dir);
    environment_set(&s->environment, "USER", name);
    environment_set(&s->environment, "LOGNAME", name);
    return 0;
}

static int take_environment(struct sandbox *s, const struct sandbox_options *o)
{
    environment_take(&s->environment, environ, !sandbox_has(s, SANDBOX_ENVIRONMENT));
    for (size_t i = 0; i < o->name_count; i++)
        if (!environment_take_one(&s->environment, environ, o->names[i])) {
            snprintf(s->error, sizeof s->error, "--env %.100s: that leads to a key, or could",
                     o->names[i]);
            return -1;
        }
    return 0;
}

static void take_files(struct sandbox *s, const struct sandbox_options *o)
{
    if (o->fence)
        fence_copy(&s->fence, o->fence);
    fence_open_system(&s->fence);
    s->secrets = must_alloc((o->secret_count + 1) * sizeof *s->secrets);
    for (size_t i = 0; i < o->secret_count; i++)
        s->secrets[s->secret_count++] = must_strdup(o->secrets[i]);
}

static void make_filters(struct sandbox *s)
{
    for (enum filter_kind kind = 0; kind < FILTERS; kind++)
        if (sandbox_has(s, SANDBOX_CALLS) && filter_make(&s->filters[kind], kind))
            lack(s, SANDBOX_CALLS, strerror(errno));
}

/* What is not up to the runner's process. */
static void make_parts(struct sandbox *s)
{
    const char *below = getenv("TMPDIR");
    if (sandbox_has(s, SANDBOX_TEMPORARY) &&
        scratch_open(&s->scratch, below && *below ? below : "/tmp"))
        lack(s, SANDBOX_TEMPORARY, strerror(errno));
    make_filters(s);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    /* Sanitizers look into their own process at its end. */
    if (sandbox_has(s, SANDBOX_WORKER) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        lack(s, SANDBOX_WORKER, strerror(errno));
#endif
}

/* --- trying --------------------------------------------------------------------------------- */

struct trial { /* in memory that parent and child share */
    bool ended;
    enum sandbox_measure failed; /* SANDBOX_MEASURES: none, all are entered */
    int error;
    uint32_t holding;
};

_Noreturn static void try_child(const struct sandbox *s, struct sandbox_entry *e, struct trial *t)
{
    if (sandbox_enter(s, e, &t->failed)) {
        t->error = errno;
    } else {
        t->failed = SANDBOX_MEASURES;
        for (enum sandbox_measure m = 0; m < SANDBOX_MEASURES; m++)
            if (!rows[m].holds || !sandbox_has(s, m) || rows[m].holds(s))
                t->holding |= 1u << m;
    }
    t->ended = true;
    _exit(0);
}

/* One child that enters what is in force by now. False: it could not be made, or did not end as it
 * should. */
static bool try_once(const struct sandbox *s, struct trial *t)
{
    struct sandbox_entry e;
    if (sandbox_prepare(s, &e, NULL, 0))
        return false;
    pid_t pid = fork();
    if (pid == 0)
        try_child(s, &e, t);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    sandbox_entry_fini(&e);
    sandbox_leave(s, 0);
    return pid > 0 && t->ended;
}

static const char *why_not(enum sandbox_measure m, int error)
{
    if (m == SANDBOX_WORKER && geteuid() == 0)
        return "root may look anywhere: --slot-user makes it another user";
    if (m == SANDBOX_FILES && (error == ENOSYS || error == EOPNOTSUPP))
        return "this kernel has no Landlock";
    return error ? strerror(error) : "it is said to be in force, and is not";
}

static void try_all(struct sandbox *s)
{
    struct trial *t =
        mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(t != MAP_FAILED);
    /* One that cannot be entered is left out, until the others can. */
    do {
        *t = (struct trial){0};
        if (!try_once(s, t)) {
            for (enum sandbox_measure m = 0; m < SANDBOX_MEASURES; m++)
                if (sandbox_has(s, m))
                    lack(s, m, "no process to try it in");
        } else if (t->failed < SANDBOX_MEASURES) {
            lack(s, t->failed, why_not(t->failed, t->error));
        }
    } while (t->ended && t->failed < SANDBOX_MEASURES);
    for (enum sandbox_measure m = 0; m < SANDBOX_MEASURES; m++)
        if (sandbox_has(s, m) && !(t->holding >> m & 1))
            lack(s, m, why_not(m, 0));
    munmap(t, sizeof *t);
}

int sandbox_try(struct sandbox *s, const struct sandbox_options *o)
{
    *s = (struct sandbox){
        .level = o->level, .user = geteuid(), .group = getegid(), .scratch.fd = -1};
    for (enum sandbox_measure m = 0; m < SANDBOX_MEASURES; m++)
        if (rows[m].from <= o->level || (m == SANDBOX_USER && o->user))
            s->in_force |= 1u << m;
    if (take_environment(s, o) || (o->user && take_user(s, o->user)))
        return -1;
    take_files(s, o);
    make_parts(s);
    try_all(s);
    return 0;
}

int sandbox_open(struct sandbox *s, const struct sandbox_options *o)
{
    if (sandbox_try(s, o))
        return -1;
    for (enum sandbox_measure m = 0; m < SANDBOX_MEASURES; m++) {
        if (!*s->why[m])
            continue;
        if (o->level == SANDBOX_STRICT || m == SANDBOX_USER) {
            snprintf(s->error, sizeof s->error, "sandbox: %s (%s) cannot be had here: %s",
                     rows[m].name, rows[m].text, s->why[m]);
            return -1;
        }
        log_warn("sandbox=%s without %s (%s): %s", level_names[o->level], rows[m].name,
                 rows[m].text, s->why[m]);
    }
    return 0;
}

void sandbox_close(struct sandbox *s)
{
    scratch_close(&s->scratch);
    environment_fini(&s->environment);
    fence_fini(&s->fence);
    for (enum filter_kind kind = 0; kind < FILTERS; kind++)
        filter_fini(&s->filters[kind]);
    for (size_t i = 0; i < s->secret_count; i++)
        free(s->secrets[i]);
    free((void *)s->secrets);
    s->secrets = NULL;
    s->secret_count = 0;
}
