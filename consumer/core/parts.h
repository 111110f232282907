/* SPDX-License-Identifier: Apache-2.0
 *
 * parts: the insides of the agent, shared by the files of this folder only.
 *
 *   agent.c    events in, the turn, beats, draining
 *   link.c     hello, leases and whatever else the broker says
 *   index.c    leases by their ids
 *   job.c      a lease this worker holds, from its arrival to the acknowledged result
 *   runner.c   the life of a process: a table of states and events, rings, ladders
 *   note.c     what a running job tells of its progress, on its way to the broker
 *   deal.c     which job goes where; taking back what waits behind a running one
 *   recycle.c  a runner that has served long enough, and the one that follows it
 */
#ifndef CORE_PARTS_H
#define CORE_PARTS_H

#include "common/heap.h"
#include "common/list.h"
#include "common/map.h"
#include "common/pool.h"
#include "consumer/core/agent.h"
#include "proto/again.h"

enum {
    SILENCE_US = 4000000, /* nothing heard of the broker: what has not started is not ours */
    BEAT_US = 1000000,
    START_US = 10000000, /* a program has so long until it serves */
    FLAG_US = 200000,    /* from the flag to TERM */
    TERM_US = 2000000,   /* from TERM to KILL */
    CROWD_US = 2000000, /* what a program has started may have too much memory for so long: one that
                           looks after them ends them itself, and says why */
    COOL_US = 100000,   /* first pause of a program that dies at once; doubles */
    COOL_MAX_US = 10000000,
    LOOK_US = 2000, /* a pushed job not seen to start: look again; doubles */
    LOOK_MAX_US = 500000,
    STARTS_MAX = 3,      /* failed starts in a row until jobs are refused */
    AGAIN_US = 1000000,  /* after a refused hello */
    DRAIN_US = 5000000,  /* wait for the last acknowledgements */
    NOTE_US = 100000,    /* between two notes of a runner */
    TOGETHER_US = 10000, /* a result that may come with others waits for them so long */
    WORTH_US = 200,      /* jobs that wait less behind a running one stay where they are */
    INLINE_BYTES = 56,
    ROW_BYTES = 4096, /* of one effect: the frames it goes into are filled as well */
    HELD_BYTES_MAX = 256 << 20,
};

enum agent_job_place { AT_WAITING, AT_RING, AT_HELD };

/* A lease, or a job of the text port (token 0). */
struct agent_job {
    struct link link; /* program::waiting, runner::ring or agent::held, by place */
    uint64_t id, token;
    uint64_t order;        /* as leased; jobs are dealt out in this order */
    struct runner *runner; /* in whose ring */
    unsigned char *data;   /* arguments, once it is over the value: inline_bytes or malloc'ed */
    uint64_t number;       /* of its result, once held */
    uint32_t data_size;
    uint32_t ring_number, timeout_ms, attempt, run_us;
    unsigned program, method, reason, detail;
    enum agent_job_place place;
    unsigned stop_reason; /* somebody wants it ended, and why */
    uint32_t lines_size;
    unsigned char *lines; /* malloc'ed */
    uint64_t peak_kib;
    bool local, orphan; /* orphan: nobody wants to hear how it ends */
    bool wanted_back;   /* recalled: returned if it has not started */
    bool seen, told;    /* seen to run; the broker knows */
    bool noted;         /* has told something of its progress */
    bool together;      /* its result may come with others */
    unsigned char inline_bytes[INLINE_BYTES];
};

enum runner_state {
    RUNNER_ABSENT,
    RUNNER_STARTING,
    RUNNER_IDLE,
    RUNNER_RUNNING,
    RUNNER_ASKED,    /* the flag is up */
    RUNNER_STOPPING, /* TERM sent */
    RUNNER_KILLED,   /* KILL sent */
    RUNNER_COOLING,
    RUNNER_STATES
};

enum runner_event {
    RUNNER_NEED,
    RUNNER_FAILED,
    RUNNER_READY,
    RUNNER_ASSIGN,
    RUNNER_DONE, /* jobs at the head of its ring are over, or were taken back */
    RUNNER_STOP,
    RUNNER_LATE,  /* the state's own deadline */
    RUNNER_UNFIT, /* its page makes no sense, or it is above its memory limit */
    RUNNER_LEAVE, /* it has served long enough */
    RUNNER_GONE,
    RUNNER_EVENTS
};

struct runner {
    unsigned index, slot, program, pid;
    enum runner_state state;
    struct link ring; /* agent_job::link, in the order of their numbers */
    unsigned ring_count;
    size_t ring_bytes;
    uint32_t pushed, started; /* the next job's number; jobs below have started */
    unsigned done, failures;
    bool served, corrupt, blamed; /* blamed: we are ending it ourselves */
    bool over;                    /* above its memory limit */
    bool worn;                    /* has become too large or old: its twin is to follow */
    bool born_large;              /* was too large before it had any job */
    bool recall_due, recalling;   /* due: to be said at the end of the turn */
    uint32_t recall_from;
    int64_t until_us, look_us, limit_us, since_us; /* INT64_MAX: none; since: the head runs */
    int64_t listen_us;                             /* INT64_MAX: it is listened to */
    int64_t
        crowded_us; /* since when it is above its limit with what it has started, or INT64_MAX */
    int64_t born_us;
    int64_t look_pause_us;
    struct heap_node timer; /* agent::timers */
};

struct program {
    struct link waiting; /* agent_job::link, oldest order first */
    unsigned waiting_count, failures;
    int64_t run_us; /* learned: a running mean of what its jobs take */
};

struct slot {
    struct runner **runners; /* for each program the one that gets its jobs */
    struct runner *active;   /* the one that works or is being ended; NULL: the slot is free */
    struct runner *recent;
    unsigned told_pid, told_state;
    uint64_t told_job;
};

enum link_state { LINK_LOST, LINK_HELLO, LINK_UP };

struct agent {
    struct agent_options options;
    struct slot *slots;
    struct runner *runners;    /* by number */
    struct runner **runner_of; /* slot::runners of all slots */
    struct program *programs;
    unsigned runner_count, offer_count;
    struct offer {
        unsigned program, method;
    } * offers;
    struct idmap jobs;   /* leases by id, while `indexed` */
    struct idmap locals; /* by the shell's number */
    struct link held;    /* agent_job::link, by result number */
    struct pool memory;  /* of jobs */
    unsigned waiting_count, ring_count, held_count, recalls_due;
    unsigned together_count; /* of those in rings */
    uint64_t held_bytes;
    uint64_t largest_id; /* of all leases there have been */
    uint64_t next_order, next_local_order, next_result;
    struct heap timers; /* runner::timer */

    enum link_state link;
    uint32_t incarnation;
    int64_t heard_us, hello_us, beat_us, ticked_us, drained_us, deal_us;
    int64_t again_us; /* the hello was refused: another try then; INT64_MAX: it was not */
    bool indexed;
    bool brief;         /* the broker knows `again` */
    struct again again; /* the result told last */
    bool connected, draining, quit, warmed;
    bool full; /* too much is held: nothing is started */

    int64_t now_us;            /* of the step */
    struct agent_effects *out; /* of the step */
};

/* --- agent.c --- */
struct agent_effect *agent_effect(struct agent *a, enum agent_effect_type type);
void agent_send(struct agent *a, const struct record *r);
/* The effect that ends with the record of this mark, if nothing came behind it: the next of the row
 * needs neither an effect of its own nor to be whole. NULL: it does. */
struct agent_effect *agent_row(struct agent *a, uint32_t mark);
/* A record for the broker, put into the effects' bytes from offset on, is complete. */
void agent_sent(struct agent *a, size_t offset, struct said said);
void agent_trace(struct agent *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void agent_drain(struct agent *a);

/* --- link.c --- */
void link_body(struct agent *a, struct bytes body);
void link_lose(struct agent *a, const char *why);
/* The same of a connection that stands. Another one is made: a second hello on this one could be
 * answered by leases of the first, which are not ours any more. */
void link_reopen(struct agent *a, const char *why);
void link_hello(struct agent *a);

/* --- index.c --- */
struct agent_job *index_find(struct agent *a, uint64_t id); /* NULL: no lease that is ours */
void index_add(struct agent *a, struct agent_job *j);
void index_take(struct agent *a, const struct agent_job *j);
void index_drop(struct agent *a);
void index_audit(const struct agent *a);

/* --- job.c --- */
struct agent_job *agent_job_new(struct agent *a, struct bytes args);
void agent_job_free(struct agent *a, struct agent_job *j);
void agent_job_drop(struct agent *a, struct agent_job *j); /* with no place and no name any more */
/* Back to, or into, the jobs that wait. */
void agent_job_wait(struct agent *a, struct agent_job *j);
/* The attempt is over: told to whom it concerns, kept until acknowledged. */
void agent_job_end(struct agent *a, struct agent_job *j, unsigned reason, unsigned detail,
                   struct bytes value);
/* The same by its runner's word for it; it is in the ring. */
void agent_job_result(struct agent *a, struct agent_job *j, const struct agent_result *m);
void agent_job_remark(struct agent_job *j, uint64_t peak_kib, struct bytes lines);
void agent_job_return(struct agent *a, struct agent_job *j); /* unstarted, to the broker */
void agent_job_unlink(struct agent *a, struct agent_job *j); /* out of whatever place it is in */

/* What it counts for while it is held. */
static inline size_t agent_job_bytes(const struct agent_job *j)
{
    return sizeof *j + j->data_size + j->lines_size;
}

/* Out of the place that it is known to be in. */
static inline void agent_job_leave(struct agent *a, struct agent_job *j, enum agent_job_place place)
{
    link_take(&j->link);
    switch (place) {
    case AT_WAITING:
        a->programs[j->program].waiting_count--;
        a->waiting_count--;
        break;
    case AT_RING:
        j->runner->ring_count--;
        j->runner->ring_bytes -= j->data_size;
        j->runner = NULL;
        a->ring_count--;
        a->together_count -= j->together;
        break;
    case AT_HELD:
        a->held_count--;
        a->held_bytes -= agent_job_bytes(j);
        break;
    }
}

void agent_job_tell(struct agent *a, const struct agent_job *j); /* its result record */
/* Ends it whatever it does: at once, or by the runner's ladder. */
void agent_job_stop(struct agent *a, struct agent_job *j, unsigned reason);

/* --- runner.c --- */
void runner_fire(struct agent *a, struct runner *r, enum runner_event event);
void runner_arm(struct agent *a, struct runner *r);
void runner_push(struct agent *a, struct runner *r, struct agent_job *j);
void runner_recall(struct agent *a, struct runner *r, uint32_t from);
void runner_recalled(struct agent *a, struct runner *r, uint32_t first);
void runner_progress(struct agent *a, struct runner *r, uint32_t started, int64_t at_us);
void runner_results(struct agent *a, struct runner *r, const struct agent_event *e);
void runner_exited(struct agent *a, struct runner *r, const struct agent_event *e);
void runner_ready(struct agent *a, struct runner *r);
void runner_memory(struct agent *a, struct runner *r, const struct agent_event *e);
void runner_program_failed(struct agent *a, struct runner *r, bool for_good);
void runner_wake(struct agent *a, struct runner *r);   /* its timer has come */
struct agent_job *runner_head(const struct runner *r); /* NULL: the ring is empty */
bool runner_has_room(const struct agent *a, const struct runner *r, const struct agent_job *j);
unsigned runner_slot_state(const struct runner *r);

/* --- note.c --- */
void note_take(struct agent *a, struct runner *r, const struct agent_event *e);
void note_wake(struct agent *a, struct runner *r); /* enough time has passed since the last one */
void note_again(struct agent *a, const struct runner *r); /* for a broker that may not have it */

/* --- recycle.c --- */
bool recycle_on(const struct agent_options *o);
bool recycle_has_left(const struct agent *a, const struct runner *r); /* another job, for it */
void recycle_pushed(struct agent *a, struct runner *r);
void recycle_memory(struct agent *a, struct runner *r, uint64_t kib);
void recycle_beat(struct agent *a); /* age, and what could not be started before */
void recycle_ready(struct agent *a, struct runner *r);
/* Its ring is empty. True: it is to leave. */
bool recycle_rest(struct agent *a, struct runner *r);
/* It has died. True: it is not to be started again. */
bool recycle_gone(struct agent *a, struct runner *r);
void recycle_audit(const struct agent *a);

/* --- deal.c --- */
void deal(struct agent *a);
void deal_recalled(struct agent *a);

#endif
