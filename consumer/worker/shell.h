/* SPDX-License-Identifier: Apache-2.0
 *
 * shell: the agent's hands. One thread, one loop: wait for the broker's socket, the runners' pages
 * and bells, the spawner, signals and the text port; turn what happened into events; let the core
 * (consumer/core) step; carry its effects out in order. It decides nothing about jobs.
 */
#ifndef WORKER_SHELL_H
#define WORKER_SHELL_H

#include "common/identity.h"
#include "common/notify.h"
#include "consumer/worker/programs.h"
#include "consumer/worker/spawner.h"
#include "consumer/worker/text.h"

struct shell_options {
    const char *broker;       /* address; NULL: alone */
    struct identity identity; /* what it is shown; none: nothing */
    struct agent_options agent;
    const struct programs *programs;
    struct spawner *spawner;
    int signals;       /* signalfd of TERM, INT and HUP */
    struct text *text; /* listener -1: no text port */
    struct notify *notify;
};

/* Serves until drained, stopped or refused; the exit status. */
int shell_run(const struct shell_options *options);

#endif
