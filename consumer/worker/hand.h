/* SPDX-License-Identifier: Apache-2.0
 *
 * hand: what the shell holds of a runner: its page, its bell, the pipe it speaks into, and what is
 * known of its memory. It turns all of that into events for the core, one a call, and decides
 * nothing about jobs.
 */
#ifndef WORKER_HAND_H
#define WORKER_HAND_H

#include "consumer/core/agent.h"
#include "consumer/sdk/page.h"
#include "consumer/worker/line.h"
#include "consumer/worker/relay.h"
#include "consumer/worker/spawner.h"
#include "consumer/worker/tail.h"

struct hand {
    struct page_agent page;
    struct line *line;                /* NULL: its runner maps the page */
    bool open, ready, corrupt, fresh; /* fresh: jobs pushed and not yet published */
    bool taken, told;                 /* in hands_next: a result was; all has been told */
    bool used;                        /* has run something since its peak was forgotten */
    uint32_t seen_started, flagged;
    uint32_t heard_started, heard_results; /* of its jobs, when it was last listened to */
    int item;                              /* of the bell in the shell's poll, -1: not there */
    int voice;                             /* the reading end of its standard output and error */
    pid_t pid;
    int64_t looked_us; /* at its memory, for the sake of a result */
    uint64_t kib;      /* of its memory, not yet told to the core; 0: it knows */
    struct voice {
        struct tail tail;
        struct relay_line line;
        char prefix[80];
    } * speech;
};

enum { HANDS_ROW = 64 }; /* results in an event, at most */

struct hands {
    const struct agent_options *agent;
    struct hand *at; /* by runner */
    unsigned count;
    int ears; /* epoll of all voices: readable when one of them is */
    struct relay relay;
    struct buf lines; /* lent in events, as are */
    unsigned char note[PAGE_NOTE_MAX];
    struct agent_result results[HANDS_ROW];
};

/* relay_fd: where to pass on what runners say. 0, or -1 with errno. */
int hands_open(struct hands *h, const struct agent_options *agent, int relay_fd) MUST_CHECK;
void hands_close(struct hands *h);

/* Makes the page and has the process started. 0, or the errno of what failed; *lost: the spawner is
 * gone. */
int hands_start(struct hands *h, unsigned runner, unsigned program, const struct spawner *spawner,
                int64_t now_ms, bool *lost) MUST_CHECK;
/* It is not going to be, or it is gone. */
void hand_close(struct hands *h, unsigned runner);
/* Could it have something to tell that rings the bell? */
bool hand_expects(const struct hand *h);
bool hand_works(const struct hand *h);

/* What its bell is to be polled for; 0: not at all. */
short hand_events(const struct hand *h);
/* Takes what the bell has to say. */
void hands_rung(struct hands *h, unsigned runner);

/* Puts jobs into its ring, which has room. */
void hands_push(struct hands *h, unsigned runner, const struct agent_push *jobs, size_t count);
/* Makes known to all what was pushed to them. */
void hands_publish(struct hands *h);
/* Takes back what has not started from number `from` on; returns the first number taken back. */
uint32_t hands_recall(struct hands *h, unsigned runner, uint32_t from);
/* Is to hear of its running job's next note, or again of the one that is there. */
void hands_listen(struct hands *h, unsigned runner, bool again);
/* Asks this job to stop. */
void hands_flag(struct hands *h, unsigned runner, uint32_t number);

/* The next thing that is new on a runner's page. False: that was all, for now. What the event
 * borrows stands until the next call for any runner. */
bool hands_next(struct hands *h, unsigned runner, int64_t now_us, struct agent_event *e);
/* Its end, after hands_next has given all that was on its page. Closes it. */
void hands_exited(struct hands *h, const struct spawner_report *r, struct agent_event *e);

/* Reads what runners have said. */
void hands_hear(struct hands *h);
/* How much memory it has now. False: there is nothing to tell. */
bool hands_memory(struct hands *h, unsigned runner, struct agent_event *e);
/* Once a second. */
void hands_second(struct hands *h, int64_t now_us);

#endif
