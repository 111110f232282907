/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/confine.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/paths.h"

enum {
    NAMES_MAX = 64,          /* of variables */
    STRICT_FILES = 256,      /* descriptors of a handler that only computes */
    MIB_MAX = 1 << 30,       /* of a limit */
    PROCESSES_MAX = 1 << 20, /* of a slot */
    /* Beyond its limit a process whose memory is only looked at now and then gets at most this. */
    DATA_SLACK_KIB = 1 << 20,
};

/* Sanitizers reserve terabytes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

const struct option confine_options[] = {
    {"sandbox", OPTION_TEXT, "off|basic|strict", "what keeps handlers to themselves (basic)", 0, 0},
    {"slot-user", OPTION_TEXT, "NAME", "the user that handlers run as, for a worker of root's", 0,
     0},
    {"env", OPTION_TEXT, "NAME", "a variable that handlers get besides; may be given again", 0, 0},
    {"read", OPTION_TEXT, "DIR", "strict: what they may read besides; may be given again", 0, 0},
    {"write", OPTION_TEXT, "DIR", "strict: what they may write besides; may be given again", 0, 0},
    {"slot-processes", OPTION_NUMBER, "N", "processes of a slot at once", 1, PROCESSES_MAX},
    {"slot-cpu", OPTION_REAL, "CORES", "processor time of a slot, in cores (0.5)", 0, 0},
    {"slot-files", OPTION_NUMBER, "N", "open files of a handler process (strict: 256)", 16,
     INT32_MAX},
    {"slot-file-size", OPTION_NUMBER, "MIB", "size of a file that a handler writes", 1, MIB_MAX},
    {"slot-address-space", OPTION_NUMBER, "MIB", "address space of a handler process", 1, MIB_MAX},
    {"check-sandbox", OPTION_FLAG, NULL, "try what this host can do, print it and end",
     .line_only = true},
    {0},
};

#define FAIL(c, ...) (snprintf((c)->error, sizeof(c)->error, __VA_ARGS__), -1)

/* --- the sandbox ---------------------------------------------------------------------------- */

static int open_folders(struct confine *c, const struct options *o, const char *option,
                        enum fence_access access, struct fence *f)
{
    size_t at = 0;
    for (const char *said; (said = options_next(o, option, &at));) {
        char *path = realpath(said, NULL);
        if (!path)
            return FAIL(c, "--%s %.200s: %s", option, said, strerror(errno));
        fence_open(f, path, access);
        free(path);
    }
    return 0;
}

static int open_fence(struct confine *c, const struct options *o, struct fence *f)
{
    static const char *const lists[] = {"REEVE_MODELS", "PYTHONPATH", "LD_LIBRARY_PATH"};
    char *share = path_beside("../share/reeve");
    fence_open_list(f, share, FENCE_READ);
    free(share);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        fence_open_list(f, getenv(lists[i]), FENCE_READ);
    if (options_flag(o, "dataframe", false))
        fence_open_list(f, getenv("REEVE_ROOTS"), FENCE_WRITE);
    return open_folders(c, o, "read", FENCE_READ, f) || open_folders(c, o, "write", FENCE_WRITE, f)
               ? -1
               : 0;
}

const char *confine_wrong(const struct options *o)
{
    enum sandbox_level level;
    if (!sandbox_level_of(options_text(o, "sandbox", "basic"), &level))
        return "--sandbox wants off, basic or strict";
    if (level == SANDBOX_STRICT && options_flag(o, "allow-shell", false))
        return "in --sandbox strict no program in C starts others: --allow-shell wants basic";
    if (options_given(o, "slot-user") && geteuid() != 0)
        return "--slot-user: only root can become another user";
    return NULL;
}

static int read_names(struct confine *c, const struct options *o, struct sandbox_options *out,
                      const char *names[static NAMES_MAX])
{
    size_t at = 0;
    out->names = names;
    for (const char *name; (name = options_next(o, "env", &at));) {
        if (out->name_count == NAMES_MAX)
            return FAIL(c, "--env is there more than %d times", NAMES_MAX);
        names[out->name_count++] = name;
    }
    return 0;
}

int confine_open(struct confine *c, const struct options *o)
{
    const char *names[NAMES_MAX], *secrets[3]; /* a place for each candidate below */
    struct fence fence = {0};
    struct sandbox_options out = {
        .user = options_text(o, "slot-user", NULL), .fence = &fence, .secrets = secrets};
    char *state = path_state("");
    const char *const candidates[] = {options_text(o, "identity", NULL),
                                      getenv("CREDENTIALS_DIRECTORY"), state};
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
        if (candidates[i] && *candidates[i])
            secrets[out.secret_count++] = candidates[i];
    must(sandbox_level_of(options_text(o, "sandbox", "basic"), &out.level));
    int rc = read_names(c, o, &out, names);
    if (rc == 0)
        rc = open_fence(c, o, &fence);
    if (rc == 0) {
        rc = sandbox_open(&c->sandbox, &out);
        c->open = true;
        if (rc)
            rc = FAIL(c, "%s", c->sandbox.error);
    }
    fence_fini(&fence);
    free(state);
    return rc;
}

void confine_close(struct confine *c)
{
    if (c->open)
        sandbox_close(&c->sandbox);
    if (c->grouped)
        cgroup_close(&c->cgroup);
    c->open = c->grouped = false;
}

/* --- limits --------------------------------------------------------------------------------- */

/* One that was asked for and that nobody keeps. */
static int not_kept(struct confine *c, const char *option, const char *why)
{
    if (c->sandbox.level == SANDBOX_STRICT)
        return FAIL(c, "--%s cannot be kept here: %s", option, why);
    log_warn("%s is not kept: %s", option, why);
    return 0;
}

static void limit_by_looking(const struct agent_options *a, struct spawner_options *s,
                             const char *why)
{
    log_info("slot_memory_mib=%" PRIu64 " kept by looking (%s)", a->slot_kib / 1024, why);
    if (!SANITIZED)
        s->limits[SPAWNER_DATA] = (a->slot_kib + DATA_SLACK_KIB) * 1024;
}

static int without_cgroup(struct confine *c, const struct cgroup_limits *limits, const char *why,
                          struct spawner_options *s, struct agent_options *a)
{
    if (limits->memory_bytes)
        limit_by_looking(a, s, why);
    /* The kernel counts a user's processes, and those of all slots are one user's. */
    if (limits->processes && sandbox_has(&c->sandbox, SANDBOX_USER))
        s->limits[SPAWNER_PROCESSES] = limits->processes * s->runner_count;
    else if (limits->processes && not_kept(c, "slot-processes", why))
        return -1;
    return limits->cpu_us ? not_kept(c, "slot-cpu", why) : 0;
}

int confine_limit(struct confine *c, const struct options *o, struct spawner_options *s,
                  struct agent_options *a)
{
    char why[CGROUP_WHY];
    struct cgroup_limits limits = {
        .memory_bytes = a->slot_kib * 1024,
        .processes = (uint64_t)options_number(o, "slot-processes", 0),
        .cpu_us = (uint64_t)(options_real(o, "slot-cpu", 0) * CGROUP_PERIOD_US)};
    int64_t files = c->sandbox.level == SANDBOX_STRICT ? STRICT_FILES : 0;
    s->sandbox = &c->sandbox;
    s->limits[SPAWNER_FILES_MOST] = (uint64_t)options_number(o, "slot-files", files);
    s->limits[SPAWNER_FILE_SIZE] = (uint64_t)options_number(o, "slot-file-size", 0) << 20;
    s->limits[SPAWNER_ADDRESS_SPACE] = (uint64_t)options_number(o, "slot-address-space", 0) << 20;
    if (!limits.memory_bytes && !limits.processes && !limits.cpu_us)
        return 0;
    if (!cgroup_open(&c->cgroup, &limits, why))
        return without_cgroup(c, &limits, why, s, a);
    if (a->slot_kib)
        log_info("slot_memory_mib=%" PRIu64 " kept by cgroup=%s", a->slot_kib / 1024,
                 c->cgroup.path);
    c->grouped = true;
    s->cgroup = &c->cgroup;
    a->slot_kib = 0; /* nothing to look for */
    return 0;
}

/* --- what this host can do ------------------------------------------------------------------ */

static void check_level(enum sandbox_level level)
{
    struct sandbox s;
    int rc = sandbox_try(&s, &(struct sandbox_options){.level = level});
    for (enum sandbox_measure m = 0; m < SANDBOX_MEASURES; m++) {
        if (sandbox_begins(m) > level)
            continue;
        printf("%s %s %s %s%s%s\n", sandbox_level_name(level), sandbox_name(m),
               rc || *s.why[m] ? "lacks" : "ok", sandbox_text(m), *s.why[m] ? ": " : "", s.why[m]);
    }
    sandbox_close(&s);
}

void confine_check(void)
{
    const struct cgroup_limits all = {
        .memory_bytes = 1 << 30, .processes = 100, .cpu_us = CGROUP_PERIOD_US};
    struct cgroup cgroup;
    char why[CGROUP_WHY];
    check_level(SANDBOX_BASIC);
    check_level(SANDBOX_STRICT);
    bool well = cgroup_open(&cgroup, &all, why);
    printf("limits cgroup %s memory, processes and processor time of a slot%s%s\n",
           well ? "ok" : "lacks", well ? "" : ": ", well ? "" : why);
    if (well)
        cgroup_close(&cgroup);
}
