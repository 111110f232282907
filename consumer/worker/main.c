/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-worker: reads its command line, asks the handler programs what they offer, forks the
 * spawner, and hands over to the shell. Everything that forks without exec is over before the
 * first ZeroMQ context exists.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/settings.h"
#include "consumer/worker/confine.h"
#include "consumer/worker/shell.h"
#include "proto/tagset.h"

enum {
    EXIT_USAGE = 2,
    EXIT_CONFIG = 7,
    WARM_MAX = 32,
    MIB_MAX = 1 << 30,
    FILES_MORE = 200, /* besides those of the runners: ZeroMQ, the text port */
};

static const struct option rows[] = {
    {"broker", OPTION_TEXT, "ADDRESS",
     "the broker's port for workers (tcp://127.0.0.1:7711); none: alone",
     .environment = "REEVE_WORKER_BROKER"},
    {"identity", OPTION_TEXT, "FILE",
     "our key, for a broker that asks for one; else $REEVE_IDENTITY",
     .environment = "REEVE_IDENTITY"},
    {"slots", OPTION_NUMBER, "M", "jobs at the same time (one a core)", 1, SLOTS_MAX},
    {"name", OPTION_TEXT, "NAME", "what the farm calls this worker (HOST-xxxx)", 0, 0},
    {"handlers", OPTION_TEXT, "DIR", "folder of handler programs (../libexec/reeve)",
     .environment = "REEVE_HANDLERS"},
    {"handler", OPTION_TEXT, "PROGRAM", "one more handler program; may be given again", 0, 0},
    {"python", OPTION_TEXT, "FILE", "a file of Python handlers; may be given again", 0, 0},
    {"dataframe", OPTION_FLAG, NULL, "offer dataframe.run: users' Python over Parquet", 0, 0},
    {"root", OPTION_TEXT, "DIR", "which dataframe jobs may use (.); may be given again", 0, 0},
    {"allow-shell", OPTION_FLAG, NULL, "offer shell.run: any command, as this user", 0, 0},
    {"text-port", OPTION_NUMBER, "PORT", "take commands as text on 127.0.0.1:PORT", 1, 65535},
    {"slot-memory", OPTION_NUMBER, "MIB", "a handler process above it is killed: oom", 1, MIB_MAX},
    {"recycle-jobs", OPTION_NUMBER, "N", "replace a handler process after N jobs", 1, INT32_MAX},
    {"recycle-memory", OPTION_NUMBER, "MIB",
     "replace it between jobs when it has grown above (3/4 of --slot-memory; 0: never)", 0,
     MIB_MAX},
    {"recycle-age", OPTION_SECONDS, "S", "replace it when it is as old as this", 0, 0},
    {"stop-flag", OPTION_SECONDS, "S", "from asking a job to stop to TERM (0.2)", 0, 0},
    {"stop-term", OPTION_SECONDS, "S", "from TERM to KILL (2)", 0, 0},
    {"tag", OPTION_TEXT, "K=V", "a tag that jobs may ask for; may be given again", 0, 0},
    {"help", OPTION_FLAG, NULL, "this text", .line_only = true},
    {NULL, OPTION_FLAG, NULL, NULL, 0, 0},
};

static int usage(const struct options *o, const char *text)
{
    if (text) {
        fprintf(stderr, "reeve-worker: %s\nreeve-worker --help tells the options\n", text);
        return EXIT_USAGE;
    }
    printf("usage: reeve-worker [OPTION]...\nRuns jobs of a Reeve farm in handler processes.\n");
    options_help(o, stdout);
    printf("\nexample: reeve-worker --broker tcp://127.0.0.1:7711 --slots 4\n"
           "environment: REEVE_WORKER_BROKER, REEVE_IDENTITY, REEVE_HANDLERS, REEVE_PYTHON, "
           "REEVE_LOG,\nREEVE_CONFIG\n"
           "exit: 0 drained or stopped, 2 usage, 7 configuration, 8 internal error\n");
    return 0;
}

/* What the handlers of dataframe jobs are told. */
static int set_roots(struct programs *p, const struct options *o)
{
    struct buf roots = {0};
    size_t at = 0;
    const char *root = options_next(o, "root", &at);
    int rc = 0;
    for (root = root ? root : "."; rc == 0 && root; root = options_next(o, "root", &at)) {
        char *path = realpath(root, NULL);
        struct stat st;
        if (!path || stat(path, &st) || !S_ISDIR(st.st_mode) || strchr(path, ':')) {
            snprintf(p->error, sizeof p->error, "--root %.200s: %s", root,
                     path ? "no folder, or with a colon in its name" : strerror(errno));
            rc = -1;
        }
        buf_printf(&roots, "%s%s", roots.size ? ":" : "", path ? path : "");
        free(path);
    }
    must(setenv("REEVE_ROOTS", buf_text(&roots), 1) == 0);
    buf_fini(&roots);
    return rc;
}

static int add_dataframe(struct programs *p)
{
    char *file = path_beside("../libexec/reeve-python/reeve/dataframe/handlers.py");
    int rc = programs_python(p, file ? file : "handlers.py");
    free(file);
    return rc;
}

/* A handler with children looks for itself. */
static void tell_memory(const struct options *o)
{
    char mib[24];
    snprintf(mib, sizeof mib, "%" PRId64, options_number(o, "slot-memory", 0));
    must(setenv("REEVE_SLOT_MEMORY_MIB", mib, 1) == 0);
}

static int find_programs(struct programs *p, struct confine *c, const struct options *o)
{
    bool shell = options_flag(o, "allow-shell", false);
    bool named = options_given(o, "handler") || options_given(o, "python");
    const char *folder = options_text(o, "handlers", NULL);
    /* Programs named one by one are all there is, unless a folder is asked for as well. */
    char *beside = folder || named ? NULL : path_beside("../libexec/reeve");
    if (!folder)
        folder = beside;
    int rc = set_roots(p, o);
    tell_memory(o);
    if (rc == 0 && confine_open(c, o)) {
        snprintf(p->error, sizeof p->error, "%s", c->error);
        rc = -1;
    }
    p->sandbox = &c->sandbox;
    if (rc == 0 && folder)
        rc = programs_folder(p, folder, shell);
    size_t at = 0;
    for (const char *one; rc == 0 && (one = options_next(o, "handler", &at));)
        rc = programs_add(p, one);
    at = 0;
    for (const char *one; rc == 0 && (one = options_next(o, "python", &at));)
        rc = programs_python(p, one);
    if (rc == 0 && options_flag(o, "dataframe", false))
        rc = add_dataframe(p);
    if (rc == 0 && !p->count) {
        snprintf(p->error, sizeof p->error, "no handler program in %.200s",
                 folder ? folder : "sight");
        rc = -1;
    }
    free(beside);
    return rc;
}

/* HOST-xxxx: the same name twice is unlikely, and people can say it. */
static void default_name(char *out, size_t size, const char *host,
                         const unsigned char id[static PEER_ID_BYTES])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    snprintf(out, size, "%.*s-%c%c%c%c", NAME_BYTES_MAX - 5, host, digits[id[0] & 31],
             digits[id[1] & 31], digits[id[2] & 31], digits[id[3] & 31]);
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    /* Before libzmq makes its threads, which must not take them. */
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool address_valid(const char *address)
{
    return strcmp(address, "none") == 0 || strncmp(address, "tcp://", 6) == 0 ||
           strncmp(address, "ipc://", 6) == 0;
}

/* A number of options is for the core as it is. */
static void read_limits(const struct options *o, struct agent_options *a)
{
    uint64_t slot_kib = (uint64_t)options_number(o, "slot-memory", 0) * 1024;
    /* One that grows is better replaced between two jobs than killed in the middle of one. */
    uint64_t recycle_mib = (uint64_t)options_number(o, "recycle-memory", -1);
    a->slot_kib = slot_kib;
    a->recycle_kib = recycle_mib == UINT64_MAX ? slot_kib / 4 * 3 : recycle_mib * 1024;
    a->recycle_jobs = (uint32_t)options_number(o, "recycle-jobs", 0);
    a->recycle_us = options_ms(o, "recycle-age", 0) * 1000;
    a->flag_us = options_ms(o, "stop-flag", 0) * 1000;
    a->term_us = options_ms(o, "stop-term", 0) * 1000;
}

/* Each runner costs us three descriptors; it is to have no more than we were given. */
static void limit_files(const struct agent_options *a, struct spawner_options *s)
{
    struct rlimit files;
    rlim_t need = (rlim_t)agent_runner_count(a) * 3 + FILES_MORE;
    must(getrlimit(RLIMIT_NOFILE, &files) == 0);
    s->limits[SPAWNER_FILES] = files.rlim_cur;
    if (files.rlim_cur >= need)
        return;
    if (files.rlim_max < need)
        log_warn("%llu files are allowed, all runners together need %llu",
                 (unsigned long long)files.rlim_max, (unsigned long long)need);
    files.rlim_cur = files.rlim_max < need ? files.rlim_max : need;
    if (setrlimit(RLIMIT_NOFILE, &files))
        log_warn("files: %s", strerror(errno));
}

static int run(const struct options *o, struct programs *p, struct confine *c,
               struct shell_options *shell)
{
    struct agent_options *a = &shell->agent;
    struct spawner spawner;
    struct spawner_options s = {
        .words = p->words, .program_count = p->count, .runner_count = agent_runner_count(a)};
    if (confine_limit(c, o, &s, a)) {
        log_error("%s", c->error);
        return EXIT_CONFIG;
    }
    limit_files(a, &s);
    /* First of all the spawner: it is to inherit nothing of ours. */
    if (spawner_open(&spawner, &s)) {
        log_error("cannot start the spawner: %s", strerror(errno));
        return EXIT_CONFIG;
    }
    struct text text = {.listener = -1};
    unsigned port = (unsigned)options_number(o, "text-port", 0);
    int signals = open_signals(), status = EXIT_CONFIG;
    char why[IDENTITY_WHY];
    /* And only then the key: what runs jobs is never to have had it. */
    if (!identity_own(&shell->identity, options_text(o, "identity", NULL), why, sizeof why)) {
        log_error("%s", why);
    } else if (signals < 0 || (port && text_open(&text, port))) {
        log_error("text port 127.0.0.1:%u: %s", port, strerror(errno));
    } else {
        log_info("name=%.*s pid=%d slots=%u programs=%u broker=%s text_port=%u", BYTES_ARG(a->name),
                 getpid(), a->slots, p->count, shell->broker ? shell->broker : "none", port);
        shell->spawner = &spawner;
        shell->signals = signals;
        shell->text = &text;
        status = shell_run(shell);
    }
    shell->spawner = NULL; /* they are ours, and end here */
    shell->text = NULL;
    identity_wipe(&shell->identity);
    spawner_close(&spawner);
    text_close(&text);
    if (signals >= 0)
        close(signals);
    return status;
}

static int read_tags(const struct options *o, struct buf *tags)
{
    size_t at = 0;
    for (const char *tag; (tag = options_next(o, "tag", &at));) {
        const char *wrong = tagset_add(tags, bytes_text(tag));
        if (wrong) {
            fprintf(stderr, "reeve-worker: --tag %.80s: %s\n", tag, wrong);
            return -1;
        }
    }
    return 0;
}

static int serve(struct options *o, struct programs *p, struct confine *c, struct bytes tags,
                 struct notify *notify)
{
    unsigned char id[PEER_ID_BYTES];
    char host[NAME_BYTES_MAX + 1], name[NAME_BYTES_MAX + 1];
    const char *broker = options_text(o, "broker", "tcp://127.0.0.1:7711");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned slots = (unsigned)options_number(o, "slots", cores > 0 ? cores : 1);
    must(getrandom(id, sizeof id, 0) == (ssize_t)sizeof id);
    if (gethostname(host, sizeof host))
        snprintf(host, sizeof host, "host");
    host[NAME_BYTES_MAX] = 0;
    default_name(name, sizeof name, host, id);
    bool alone = strcmp(broker, "none") == 0;
    const char *called = options_text(o, "name", name);
    int refused = !address_valid(broker)
                      ? settings_refuse(o, "broker", "an address such as tcp://HOST:7711")
                  : *called == 0 || strlen(called) > NAME_BYTES_MAX
                      ? settings_refuse(o, "name", "1 to 64 bytes")
                      : 0;
    if (refused) {
        fprintf(stderr, "reeve-worker: %s\n", o->error);
        return refused;
    }
    if (slots * p->count > AGENT_RUNNERS_MAX) {
        log_error("%u slots of %u programs are more than %d processes", slots, p->count,
                  AGENT_RUNNERS_MAX);
        return EXIT_CONFIG;
    }
    /* A process is cheap while it sleeps; its start would be paid by the first job. */
    struct shell_options shell = {
        .broker = alone ? NULL : broker,
        .agent = {.slots = slots,
                  .alone = alone,
                  .programs = p->at,
                  .program_count = p->count,
                  .name = bytes_text(called),
                  .host = bytes_text(host),
                  .tags = tags,
                  .peer_id = bytes_of(id, sizeof id),
                  .pid = (unsigned)getpid(),
                  .warm = slots * p->count < WARM_MAX ? slots * p->count : WARM_MAX},
        .programs = p,
        .notify = notify};
    read_limits(o, &shell.agent);
    int status = run(o, p, c, &shell);
    log_info("name=%s left status=%d", called, status);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct programs p = {0};
    struct confine c = {0};
    struct notify notify;
    struct buf tags = {0};
    int status = 0;
    log_init("reeve-worker");
    notify_open(&notify, clock_ms()); /* before any child */
    options_add(&o, rows);
    options_add(&o, confine_options);
    if (!settings_read(&o, "worker", argc - 1, argv + 1, &status)) {
        if (status == EXIT_USAGE)
            usage(&o, o.error);
        else if (status)
            fprintf(stderr, "reeve-worker: %s\n", o.error);
    } else if (options_flag(&o, "help", false)) {
        status = usage(&o, NULL);
    } else if (o.word_count) {
        status = usage(&o, "takes options only");
    } else if (read_tags(&o, &tags)) {
        status = EXIT_USAGE;
    } else if (confine_wrong(&o)) {
        status = usage(&o, confine_wrong(&o));
    } else if (options_flag(&o, "check-sandbox", false)) {
        confine_check();
    } else if (find_programs(&p, &c, &o)) {
        log_error("%s", p.error);
        status = EXIT_CONFIG;
    } else {
        status = serve(&o, &p, &c, buf_bytes(&tags), &notify);
    }
    programs_fini(&p);
    confine_close(&c);
    buf_fini(&tags);
    options_fini(&o);
    return status;
}
