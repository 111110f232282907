/* SPDX-License-Identifier: Apache-2.0
 *
 * state: what an optimiser holds. Saved it is one msgpack array,
 *
 *     [version, crc32c of the body, body]
 *
 * and the body, in a bin, a run of msgpack values: problem, settings, how far the run is, table.
 */
#ifndef OPTIMISER_STATE_H
#define OPTIMISER_STATE_H

#include "consumer/handlers/optimiser/methods.h"
#include "consumer/handlers/optimiser/table.h"

enum {
    STATE_VERSION = 1, /* another layout of the body is another version */
    STRAYS_MAX = 128,  /* told, and not yet come to */
};

struct optimiser {
    struct problem problem;
    char name[OPTIMISER_METHOD_SIZE]; /* of the method */
    struct method method;
    uint64_t seed, evaluations_max;
    double xtol, ftol;
    size_t table_max;
    unsigned epoch, idle; /* idle: epochs in a row that found nothing better */
    uint64_t used_before; /* in the epochs before this */
    enum optimiser_end end;
    bool given; /* the table's first entry is from before the epoch: the place to start */
    struct table table;
    /* From the last replay: */
    uint64_t used;
    size_t met;
    struct entry *best;
};

/* Checks the settings and computes what they leave open. False with a text. */
MUST_CHECK bool state_settle(struct optimiser *o, const struct optimiser_settings *settings,
                             char text[OPTIMISER_TEXT_SIZE]);

#endif
