/* SPDX-License-Identifier: Apache-2.0
 *
 * note: what a running job tells of its progress, on its way to the broker. Nothing is kept here:
 * the runner's page has the latest, and whoever may tell the next one listens for it. So a job may
 * note as often as it likes and costs the broker ten records a second.
 */
#include "consumer/core/parts.h"

void note_take(struct agent *a, struct runner *r, const struct agent_event *e)
{
    struct agent_job *j = runner_head(r);
    r->listen_us = a->now_us + NOTE_US;
    runner_arm(a, r);
    if (!j || !j->seen || j->ring_number != e->job.number || j->local || j->orphan ||
        !progress_valid(e->job.value))
        return;
    j->noted = true;
    if (a->link == LINK_LOST)
        return; /* told after the next hello */
    struct record m = {.type = REC_progress,
                       .progress = {.id = j->id, .token = j->token, .value = e->job.value}};
    agent_send(a, &m);
}

static void listen(struct agent *a, const struct runner *r, bool again)
{
    struct agent_effect *e = agent_effect(a, AGENT_LISTEN);
    e->runner = r->index;
    e->number = again;
}

void note_wake(struct agent *a, struct runner *r)
{
    r->listen_us = INT64_MAX;
    listen(a, r, false);
}

void note_again(struct agent *a, const struct runner *r)
{
    const struct agent_job *j = runner_head(r);
    if (j && j->noted)
        listen(a, r, true);
}
