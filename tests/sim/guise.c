/* SPDX-License-Identifier: Apache-2.0
 *
 * guise: as what a worker comes: the name it goes by in this life, and the handlers that it offers.
 */
#include "tests/sim/sim.h"

/* Some are named by their owner and come again under the same name; two may have one name. */
static void name_draw(struct sim *s, struct host *h)
{
    unsigned named = s->knobs.same_name && h->index == 3 ? 1 : h->index;
    if (named % 2)
        snprintf(h->name, sizeof h->name, "w%u", named);
    else
        snprintf(h->name, sizeof h->name, "w%u-%u", h->index, h->life);
    for (unsigned i = 0; i < PEER_ID_BYTES; i++)
        h->peer_id[i] = (unsigned char)sim_below(s, 256);
}

static void programs_list(const struct sim *s, struct host *h)
{
    static const char *const feeds[] = {"feed0"};
    h->program_count = 0;
    for (unsigned q = 0; q < QUEUES_ALL; q++) {
        bool feed = q == FEED_QUEUE;
        if (feed ? !h->feeds : !(h->queues >> q & 1))
            continue;
        unsigned at = h->program_count++;
        h->methods[at][0] = s->queues[q];
        h->program_queue[at] = q;
        h->programs[at] = (struct agent_program){
            .name = s->queues[q], .methods = h->methods[at], .method_count = 1};
        h->programs[at].feeds = feed ? feeds : NULL;
    }
}

void guise_draw(struct sim *s, struct host *h)
{
    name_draw(s, h);
    programs_list(s, h);
}
