/* SPDX-License-Identifier: Apache-2.0
 *
 * agent: a worker's decisions, a pure state machine. Which job goes to which slot, when a runner
 * is started, stopped, killed or left to cool, what the broker is told. The time and all bytes
 * arrive in events, what must happen leaves in effects, in order. It knows no socket, no clock, no
 * process and no file; the shell (consumer/worker) and the simulator drive it.
 *
 * A slot is one job at a time. It keeps one runner (a process) for each handler program, started
 * when first wanted or warmed beforehand; only one runner of a slot works at a time. Runner number
 * = slot * programs + program. When runners are recycled each has a twin, whose number is larger by
 * slots * programs: the two take turns, the next one starting while the one before still works.
 *
 * A turn: any number of events, then one AGENT_TICK. Jobs are handed out, and time is looked at,
 * only in ticks (and after a recall), so that a burst of records is dealt out as a whole.
 */
#ifndef CORE_AGENT_H
#define CORE_AGENT_H

#include "common/buf.h"
#include "proto/record.h"

enum {
    AGENT_PROGRAMS_MAX = 256,
    AGENT_RUNNERS_MAX = 4096,
    AGENT_AHEAD_JOBS = 1024,       /* in a runner's ring, the running one counted */
    AGENT_AHEAD_BYTES = 128 << 10, /* of their arguments */
    AGENT_LARGE_BYTES = 64 << 10,  /* arguments above travel alone */
    AGENT_LINES_BYTES = 4 << 10,   /* the last lines of an attempt, at most */
};

struct agent_program {
    const char *name;
    const char *const *methods; /* handler.method, in the program's own order */
    const char *const *feeds;   /* of each method what it feeds, or NULL; NULL: none feeds */
    unsigned method_count;
};

/* Everything is borrowed for the agent's life; 0 where it says so is none, or the default. */
struct agent_options {
    unsigned slots;
    const struct agent_program *programs;
    unsigned program_count;
    struct bytes name, host, peer_id;
    struct bytes tags; /* proto/tagset.h */
    unsigned pid;
    bool alone;              /* no broker at all: say nothing, take local jobs only */
    unsigned warm;           /* runners to start beforehand, at most */
    uint64_t slot_kib;       /* memory of a runner: above it its job ends as oom; 0: any */
    uint32_t recycle_jobs;   /* a runner gets no more jobs than so many; 0: any */
    uint64_t recycle_kib;    /* above so much a runner is replaced between jobs; 0: never */
    int64_t recycle_us;      /* and when it is as old as this; 0: never */
    int64_t flag_us;         /* from the flag to TERM; 0: 200 ms */
    int64_t term_us;         /* from TERM to KILL; 0: 2 s */
    uint64_t held_bytes_max; /* unacknowledged results, then no job is started; 0: 256 MiB */
};

/* Runners there are: the shell keeps something for each. */
unsigned agent_runner_count(const struct agent_options *options);

enum agent_event_type {
    AGENT_BODY,         /* of a message from the broker */
    AGENT_CONNECTED,    /* a new connection to the broker stands: what went before is lost */
    AGENT_DISCONNECTED, /* and it is gone */
    AGENT_SPAWNED,      /* runner, pid */
    AGENT_SPAWN_FAILED, /* runner, number: errno */
    AGENT_READY,        /* runner: its program serves */
    AGENT_PROGRESS,  /* runner, number: jobs below it have started; at_us: the last one did then */
    AGENT_RESULTS,   /* runner, results: of its next jobs, one after the other */
    AGENT_NOTE,      /* runner, number, value: what its running job tells of its progress; once for
                        a new process, then once for each AGENT_LISTEN */
    AGENT_MEMORY,    /* runner, memory: what it uses now */
    AGENT_RECALLED,  /* runner, number: jobs from it on do not start. Answers AGENT_RECALL */
    AGENT_CORRUPT,   /* runner: its page makes no sense */
    AGENT_EXITED,    /* runner, exit; after the last of its results */
    AGENT_LOCAL_JOB, /* local: a job of the text port */
    AGENT_LOCAL_CANCEL, /* number: nobody waits for that local job any more */
    AGENT_DRAIN,        /* finish what runs, give back the rest, leave */
    AGENT_STOP,         /* leave now */
    AGENT_TICK,         /* the end of a turn */
};

struct agent_result {
    uint32_t number; /* of the job */
    unsigned reason; /* REASON_NONE, REASON_ERROR, REASON_TOO_LARGE or REASON_VERDICT */
    unsigned run_us;
    struct bytes value; /* borrowed; may change under our hands: copied, then checked */
    uint64_t peak_kib;  /* the most memory its process had; 0: not known */
    struct bytes lines; /* borrowed: the last it wrote to standard error, valid UTF-8 */
};

struct agent_event {
    enum agent_event_type type;
    unsigned runner;
    int64_t now_us; /* monotonic */
    union {
        struct bytes body; /* borrowed */
        unsigned pid;
        struct { /* PROGRESS, NOTE, RECALLED, SPAWN_FAILED, LOCAL_CANCEL */
            uint32_t number;
            int64_t at_us;
            struct bytes value; /* borrowed */
        } job;
        struct {
            const struct agent_result *at; /* borrowed */
            unsigned count;
        } results;
        struct {
            int signal, status; /* signal 0: it exited with status */
            bool oom;           /* the kernel killed it for its memory */
            uint64_t peak_kib;
            struct bytes lines;
        } exit;
        struct {
            uint64_t kib, all_kib; /* its own; with all that it has started, or 0: not known */
        } memory;
        struct {
            uint32_t number; /* the shell's own name for it, not 0 */
            unsigned program, method;
            struct bytes args; /* borrowed */
        } local;
    };
};

enum agent_effect_type {
    AGENT_SEND,   /* bytes: a record for the broker, or a row of them */
    AGENT_RESET,  /* forget what waits to be sent: a hello follows */
    AGENT_REOPEN, /* leave this connection with all that is under way on it, and make another */
    AGENT_SPAWN,  /* runner, program */
    AGENT_KILL,   /* runner, number: signal for its process group */
    AGENT_PUSH,   /* runner, number of the first, pushes: into its ring */
    AGENT_RECALL, /* runner, number: take back from this one on, answer AGENT_RECALLED at once */
    AGENT_FLAG,   /* runner, number: ask this job to stop */
    AGENT_LISTEN, /* runner: a note of its is wanted, the next one; number 1: or the last again */
    AGENT_LOCAL_DONE, /* number, reason, detail, bytes: the value */
    AGENT_QUIT,       /* number: exit status; bytes: why, for the log */
    AGENT_TRACE,      /* bytes: a decision worth a line in the log */
};

struct agent_effect {
    enum agent_effect_type type;
    unsigned runner, program;
    uint32_t number;
    size_t offset, size; /* bytes: in effects.bytes */
    unsigned reason, detail;
    /* AGENT_SEND: of a record that may have a short form, which then has so many bytes right before
     * it. `more` records follow it at the end of the bytes, `behind` in short form. */
    uint32_t mark, brief, more, behind;
    size_t pushes, push_count; /* AGENT_PUSH: in effects.pushes */
};

struct agent_push {
    uint64_t id, token;
    unsigned method, attempt;
    uint32_t timeout_ms;
    bool together;     /* its result may wait in the ring while others are to start */
    struct bytes args; /* lent until the next tick */
};

struct agent_effects { /* zeroed storage is empty */
    struct agent_effect *at;
    size_t count, capacity;
    struct agent_push *pushes;
    size_t push_count, push_capacity;
    struct buf bytes;
};

static inline struct bytes agent_effect_bytes(const struct agent_effects *e, size_t i)
{
    const struct agent_effect *at = &e->at[i];
    return bytes_of(at->size ? e->bytes.data + at->offset : NULL, at->size);
}

/* AGENT_SEND: the short form of the first record, or empty. */
static inline struct bytes agent_effect_brief(const struct agent_effects *e, size_t i)
{
    const struct agent_effect *at = &e->at[i];
    return bytes_of(at->brief ? e->bytes.data + at->offset - at->brief : NULL, at->brief);
}

/* One hello may tell all results again: that much memory is not kept. */
void agent_effects_clear(struct agent_effects *e);
void agent_effects_fini(struct agent_effects *e);

struct agent *agent_new(const struct agent_options *options, int64_t now_us);
void agent_free(struct agent *a);

/* Appends to out. */
void agent_step(struct agent *a, const struct agent_event *event, struct agent_effects *out);

/* When the next AGENT_TICK is due, whatever happens; INT64_MAX: not before something happens. */
int64_t agent_deadline(const struct agent *a);

/* Everything the core believes about itself holds, or it aborts. For tests. */
void agent_audit(const struct agent *a);

#endif
