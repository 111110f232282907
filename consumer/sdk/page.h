/* SPDX-License-Identifier: Apache-2.0
 *
 * page: the memory that an agent and one runner (a handler process) share, and the bell between
 * them. It is how jobs reach a runner and results come back without a system call while both are
 * busy. page_agent.c is the agent's side, page_runner.c the handler's; neither knows what a job
 * means.
 *
 *      agent                                                             runner
 *        | writes job n into the ring, then by CAS                          |
 *        |        word: (started, limit) -> (started, n + 1)                |
 *        |                                    by CAS, while started != limit |
 *        |                          (n, limit) -> (n + 1, limit): n runs    |
 *        | recall from m: by CAS (s, limit) -> (s, max(s, m)); what is      |
 *        | beyond has not started and is not going to                       |
 *        |                             writes result n, then results = n + 1 |
 *        | copies result n, then checks the copy, then taken = n + 1        |
 *
 * Jobs are numbered 0, 1, 2, ... (modulo 2^32) and each started job has exactly one result, in the
 * same order, so result n and job n share their number. Descriptors and bytes of job n are free
 * again when taken > n. Values up to PAGE_SMALL_MAX live in a ring of bytes, a larger one in a
 * large area of its own (sparse: holes are punched after use), one at a time in each direction.
 *
 * Waking: who goes to sleep sets its `waits` flag, looks once more, and then blocks on its end of a
 * socketpair; who has published something exchanges the other's flag for 0 and writes one byte
 * only if it was set. Flag and ring are different words, so both sides need the store before the
 * load to be seen in that order: all of these accesses are seq_cst. But a runner that has another
 * job to start publishes with a plain release: the start of that is such an access to the word, and
 * an agent that goes to sleep looks at the word before it looks for results.
 *
 * The note is what the running job has to say of itself before its end. There is one place for it
 * and the latest is the only one: the runner writes it between two steps of `note_turn`, which is
 * odd meanwhile, and the agent takes a copy when the turn was the same before and behind. Words and
 * turn are atomics with release and acquire, which is what such a copy needs and costs nothing on
 * most machines. The agent says in `note_wanted` whether it wants to hear of one: while it does
 * not, a note costs the runner no more than its bytes.
 *
 * Together: of jobs that are some of many nobody waits for a result alone, and the agent comes by
 * on its own now and then. The end of such a one rings the bell only when the agent has to act, for
 * the ring to be filled again before it is empty: when no more wait to start than results lie
 * there.
 *
 * Trust: the runner runs foreign code, so the agent believes nothing it reads here. What the agent
 * needs to know about its own writing it keeps in memory of its own.
 *
 * The stamp: the agent writes the time once a second. A runner starts nothing while the stamp is
 * older than PAGE_STAMP_MS: then the agent is frozen, and the jobs may be somebody else's by now.
 */
#ifndef SDK_PAGE_H
#define SDK_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/must.h"

enum {
    PAGE_MAGIC = 0x52565047,
    PAGE_VERSION = 3,
    PAGE_JOBS = 1024,            /* descriptors in each ring; a power of two */
    PAGE_RING_BYTES = 256 << 10, /* of small values, in each direction */
    PAGE_SMALL_MAX = PAGE_RING_BYTES / 4,
    /* Jobs that together are no more than this always fit, whatever is lost at the ring's end. */
    PAGE_RING_USE = PAGE_RING_BYTES / 2,
    PAGE_VALUE_MAX = 16 << 20,
    PAGE_LARGE_BYTES = PAGE_VALUE_MAX,
    PAGE_STAMP_MS = 4000,
    PAGE_FROZEN_MS = 100,
    PAGE_NOTE_MAX = 4096, /* bytes of a note; whole words */
};

/* What a sleeping runner's bell is to be rung for. */
enum page_waits { PAGE_AWAKE, PAGE_WAITS_JOB, PAGE_WAITS_ROOM };

enum page_status { PAGE_OK, PAGE_FAILED, PAGE_TOO_LARGE, PAGE_VERDICT, PAGE_STATUSES };

struct page_job { /* two of them in a line of the cache */
    uint64_t id;
    uint32_t offset, size; /* the arguments: from the start of the page */
    uint32_t timeout_ms, attempt, method;
    uint32_t together; /* its result need not ring while more are to start than have ended */
};

struct page_result {
    uint64_t offset, size;
    uint32_t number, status, run_us, reserved;
};

/* Fields that different sides write lie on different cache lines. */
struct page {
    uint32_t magic, version;
    uint64_t bytes;                     /* of the whole page */
    _Alignas(64) _Atomic uint64_t word; /* started << 32 | limit; both */
    _Alignas(64) _Atomic uint32_t
        runner_waits; /* page_waits; the runner sets it, the agent takes it */
    _Alignas(64) _Atomic uint32_t agent_waits; /* set by the agent, exchanged by the runner */
    _Alignas(64) _Atomic uint32_t taken;       /* the agent's: results copied */
    _Atomic uint64_t cancel;                   /* the agent's: number + 1 of the job to give up */
    _Atomic int64_t stamp_ms;                  /* the agent's: CLOCK_MONOTONIC */
    _Alignas(64) _Atomic uint32_t results;     /* the runner's: results published */
    _Atomic uint32_t ready;                    /* the runner's: it serves */
    _Atomic int64_t started_us;                /* the runner's: when the current job began */
    _Alignas(64) _Atomic uint32_t note_wanted; /* the agent's */
    _Alignas(64) _Atomic uint32_t note_turn; /* the runner's: odd while it writes; 0: no note yet */
    _Atomic uint32_t note_number, note_size; /* of which job; bytes */
    _Atomic uint64_t note_words[PAGE_NOTE_MAX / sizeof(uint64_t)];
    _Alignas(64) struct page_job jobs[PAGE_JOBS];
    struct page_result result_at[PAGE_JOBS];
    unsigned char job_bytes[PAGE_RING_BYTES];
    unsigned char result_bytes[PAGE_RING_BYTES];
    _Alignas(4096) unsigned char job_large[PAGE_LARGE_BYTES];
    _Alignas(4096) unsigned char result_large[PAGE_LARGE_BYTES];
};

static inline uint32_t word_started(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline uint32_t word_limit(uint64_t word)
{
    return (uint32_t)word;
}

static inline uint64_t word_of(uint32_t started, uint32_t limit)
{
    return (uint64_t)started << 32 | limit;
}

/* A ring of bytes as its writer sees it, in the writer's own memory. Positions only grow; the place
 * is the position modulo the size. A value is never split, so some bytes may be lost at the end. */
struct page_space {
    uint64_t head, tail;
    uint64_t begin[PAGE_JOBS], end[PAGE_JOBS]; /* of entry n % PAGE_JOBS; begin before any loss */
};

/* A place for entry n; -1 when there is no room now. */
static inline int64_t page_space_take(struct page_space *s, uint32_t n, size_t size)
{
    uint64_t at = s->head, room = PAGE_RING_BYTES - at % PAGE_RING_BYTES;
    size = (size + 7) & ~(size_t)7;
    if (size > room)
        at += room;
    if (at + size - s->tail > PAGE_RING_BYTES)
        return -1;
    s->begin[n % PAGE_JOBS] = s->head;
    s->end[n % PAGE_JOBS] = s->head = at + size;
    return (int64_t)(at % PAGE_RING_BYTES);
}

/* --- the agent's side ------------------------------------------------------------------------ */

struct page_agent {
    struct page *page;
    int memory, bell;      /* memfd; our end of the socketpair */
    uint32_t limit, taken; /* what we published and took, whatever the page says */
    uint32_t published;    /* limit as the runner may see it */
    uint32_t results;      /* those the page had when we last looked: taken catches up with it */
    uint32_t released;     /* taken as the runner may see it */
    bool large;            /* a job lies in the large area */
    bool large_taken;      /* a taken result does, until page_release */
    uint32_t large_number;
    bool listens;       /* for a note */
    uint32_t note_turn; /* of the last one taken */
    struct page_space space;
};

struct page_taken {
    uint32_t number;
    enum page_status status;
    uint32_t run_us;
    struct bytes value; /* still in the page: copy, then check the copy */
};

/* A new page and bell; *runner_bell is the runner's end, to be given away and closed. 0 or -1 with
 * errno. */
int page_open(struct page_agent *p, int *runner_bell) MUST_CHECK;
void page_close(struct page_agent *p);

/* Puts a job into the ring; it can start only after page_publish. Its number is p->limit before.
 * False: no room, which a caller that counts PAGE_JOBS and PAGE_RING_USE never sees. */
bool page_push(struct page_agent *p, const struct page_job *job, struct bytes args) MUST_CHECK;
/* Makes all pushed jobs known and rings the bell if the runner sleeps. False: the page is corrupt.
 */
bool page_publish(struct page_agent *p) MUST_CHECK;
/* Takes back what has not started from number `from` on; returns the first number taken back. */
uint32_t page_recall(struct page_agent *p, uint32_t from);

/* How many jobs have started; -1: the page is corrupt. */
int64_t page_started(const struct page_agent *p);
/* The next result: 1, 0 when there is none yet, -1 when the page is corrupt. What it lends stands
 * until page_release. */
int page_take(struct page_agent *p, struct page_taken *out);
/* Gives the room of taken results back, once a turn. */
void page_release(struct page_agent *p);

/* From now on a note is wanted: the next one, or the one that is there and has not been taken;
 * again: or has been. A new page begins so. */
void page_listen(struct page_agent *p, bool again);
/* Takes the note of the running job, number p->taken, once for each page_listen; `started`: jobs
 * below it are known to have started. Returns its size, 0 when there is none to be had now. */
size_t page_take_note(struct page_agent *p, uint32_t started, unsigned char out[PAGE_NOTE_MAX]);

bool page_ready(const struct page_agent *p);
int64_t page_started_us(const struct page_agent *p);
void page_stamp(struct page_agent *p, int64_t now_ms);
void page_cancel(struct page_agent *p, uint32_t number);
/* Before sleeping: true when there is something to do already. After: page_awake. */
bool page_sleep(struct page_agent *p);
void page_awake(struct page_agent *p);
/* Empties the bell. */
void page_hush(struct page_agent *p);

/* --- the runner's side ----------------------------------------------------------------------- */

struct page_runner {
    struct page *page;
    int bell;
    uint32_t number;              /* of the job that runs */
    bool together;                /* and how it ends, see above */
    int64_t started_us, ended_us; /* of the last job that did; 0 after a wait */
    uint32_t freed;               /* results the agent has taken, when we last looked */
    bool large;                   /* a result lies in the large area */
    uint32_t large_number;
    struct page_space space;
};

/* Maps the page at the inherited descriptor. 0, or -1 with a reason in error. */
int page_join(struct page_runner *r, int bell, int memory, const char **error) MUST_CHECK;
/* Starts the next job, waiting for one. False: the agent is gone. */
bool page_next(struct page_runner *r, struct page_job *job) MUST_CHECK;
/* The same for who waits in a way of his own: for the bell after NOTHING; after FROZEN for
 * PAGE_FROZEN_MS or the bell, for the agent is not what it was. */
enum page_look { PAGE_NOTHING, PAGE_STARTED, PAGE_FROZEN };
enum page_look page_look(struct page_runner *r, struct page_job *job) MUST_CHECK;
/* The same for who is not to be rung for; page_serve comes first. False: there is none now. */
bool page_try(struct page_runner *r, struct page_job *job) MUST_CHECK;
/* The agent may put jobs here. page_next and page_look say it by themselves. */
void page_serve(struct page_runner *r);
/* Publishes the result of the job that runs. False: the agent is gone. */
bool page_done(struct page_runner *r, enum page_status status, struct bytes value) MUST_CHECK;
/* The same, and a page_next, which is cheaper together: one exchange orders both. */
bool page_done_next(struct page_runner *r, enum page_status status, struct bytes value,
                    struct page_job *job) MUST_CHECK;
bool page_cancelled(const struct page_runner *r);
/* The running job's note, of 1 to PAGE_NOTE_MAX bytes, in place of the one before. */
void page_note(struct page_runner *r, struct bytes note);

#endif
