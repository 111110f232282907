/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/knee.h"

#include <math.h>

#include "common/must.h"

/* The knee is told to 5 %: two runs of the same rate differ by as much. Below a job in ten seconds
 * there is nothing to find, and beyond the most nobody hands in that fast. */
static const double near_ratio = 1.05, rate_least = 0.1, rate_most = 1e8;

void knee_init(struct knee *k, double start)
{
    must(start > 0);
    *k = (struct knee){.rate = start};
}

void knee_next(struct knee *k, bool held)
{
    k->doubted = !held && !k->doubted;
    if (k->doubted)
        return;
    if (held)
        k->held = k->rate;
    else
        k->burst = k->rate;
    if (k->burst <= 0)
        k->rate *= 2;
    else if (k->held <= 0)
        k->rate /= 4; /* begun too high */
    else
        k->rate = sqrt(k->held * k->burst);
    k->found = (k->held > 0 && k->burst > 0 && k->burst <= k->held * near_ratio) ||
               k->rate < rate_least || k->rate > rate_most;
}
