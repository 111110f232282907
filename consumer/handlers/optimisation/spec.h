/* SPDX-License-Identifier: Apache-2.0
 *
 * spec: what somebody wants optimised, as it was said: a map that is read, checked key by key and
 * not yet understood (task.h does that).
 *
 *     {"model": "williams_otto",
 *      "mvs": [{"name": "FB", "lower": 3, "upper": 6, "start": 4}],
 *      "cvs": [{"name": "XA", "upper": 0.12}, {"name": "sum", "expression": "[XA] + [XB]"}],
 *      "objective": "[J]", "maximize": true, "constraints": ["[XG] <= 0.08"],
 *      "method": "auto", "max_iterations": 30, "seed": 1, "islands": 4, "delay": 0.1,
 *      "external": false}
 *
 * Every key may be left out. A bound of 1e100 and beyond means none. An MV with "integer": true
 * takes whole numbers only.
 */
#ifndef OPTIMISATION_SPEC_H
#define OPTIMISATION_SPEC_H

#include "common/bytes.h"
#include "common/must.h"

enum {
    SPEC_TEXT_SIZE = 600,
    SPEC_VARIABLES_MAX = 128,
    SPEC_CONSTRAINTS_MAX = 128,
    SPEC_ITERATIONS_MAX = 100000,
    SPEC_ISLANDS_MAX = 64,
    SPEC_DELAY_MAX_S = 3600,
};

#define SPEC_NO_BOUND 1e100

struct spec_variable {
    struct bytes name, expression; /* expression: of a CV; empty: none */
    double lower, upper, start;    /* NAN: not said */
    bool integer;                  /* an MV that takes whole numbers only */
};

/* Borrows the bytes it was read from. */
struct spec {
    struct bytes model, objective, method; /* empty: not said */
    struct spec_variable mvs[SPEC_VARIABLES_MAX], cvs[SPEC_VARIABLES_MAX];
    struct bytes constraints[SPEC_CONSTRAINTS_MAX];
    size_t mv_count, cv_count, constraint_count;
    int maximise; /* -1: not said */
    uint64_t max_iterations, seed, islands;
    double delay_s; /* what a computation of the model is made to take */
    bool external;  /* the client is the plant */
};

/* False with a text that names what is wrong. */
MUST_CHECK bool spec_read(struct bytes value, struct spec *spec, char text[SPEC_TEXT_SIZE]);

#endif
