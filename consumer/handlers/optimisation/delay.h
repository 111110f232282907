/* SPDX-License-Identifier: Apache-2.0
 *
 * delay: makes a computation take as long as an expensive one would.
 */
#ifndef OPTIMISATION_DELAY_H
#define OPTIMISATION_DELAY_H

#include <time.h>

#include "consumer/handlers/optimisation/spec.h"

static inline void delay_wait(double seconds)
{
    if (!(seconds > 0) || seconds > SPEC_DELAY_MAX_S)
        return;
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
}

#endif
