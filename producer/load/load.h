/* SPDX-License-Identifier: Apache-2.0
 *
 * load: what both ways of running a load share: the plan, the pace at which its tasks are handed
 * in, the report, and the end (after so many tasks, or when a signal says so). The ways themselves
 * are farm (through the broker) and text (straight to consumers on the text protocol). Both are
 * one thread around one poll; nothing of them waits for an answer before going on.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include "common/list.h"
#include "producer/load/plan.h"
#include "producer/load/report.h"

enum {
    LOAD_AHEAD = 1000,     /* tasks handed in or waiting at a time */
    LOAD_DRAIN_MS = 10000, /* how long the end waits for what is outstanding */
};

/* A task on its way. */
struct running {
    struct link link; /* load.running, or waiting in text */
    struct load *load;
    struct task task;
    int64_t start_us;
    unsigned attempts;
};

struct load {
    struct plan plan;
    struct report report;
    uint64_t tasks_most; /* 0: goes on until told */
    int64_t interval_ms; /* 0: no pause */
    int64_t wait_ms;     /* how long nobody may be in reach */
    int64_t next_ms;     /* when the next task is due */
    uint64_t outstanding;
    struct link running;
    int signal_fd;
    unsigned signals;
    int64_t drain_until_ms; /* 0: not ending yet */
};

/* From here on SIGINT and SIGTERM come through signal_fd; before any thread is started. 0 or -1
 * with errno. */
int load_init(struct load *l, const struct plan_options *plan, FILE *out, bool quiet);
void load_fini(struct load *l);

/* Makes the next task if one is due; NULL when none is. The task is on l->running. */
struct running *load_next(struct load *l);
/* The task is over: printed, counted, freed. */
void load_result(struct running *run, const struct report_result *result);
/* ms until load_next is worth asking again or the end comes; -1 when only an answer can tell. */
int load_wait_ms(const struct load *l);
/* signal_fd is readable. */
void load_signal(struct load *l);
/* Is everything done, or is it time to give up? */
bool load_over(const struct load *l);

struct reeve_options;

/* Both return the exit status. */
int load_run_farm(struct load *l, const struct reeve_options *farm);
int load_run_text(struct load *l, char *const *consumers, size_t count);

#endif
