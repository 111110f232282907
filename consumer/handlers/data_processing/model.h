/* SPDX-License-Identifier: Apache-2.0
 *
 * model: a plant at steady state. For given values of its manipulated variables (MVs) it computes
 * its controlled variables (CVs). Built-in models stand in a table (models.c); a linear one is read
 * from a file (linear.h). A model computes and nothing else: it does not know about jobs, sessions
 * or files.
 */
#ifndef DATA_PROCESSING_MODEL_H
#define DATA_PROCESSING_MODEL_H

#include "common/bytes.h"
#include "common/must.h"

enum { MODEL_VARIABLES_MAX = 64, MODEL_TEXT_SIZE = 240, MODEL_NAME_MAX = 64 };

struct variable {
    const char *name;
    const char *unit;    /* "" when it has none */
    double lower, upper; /* where the model is meant to be used; infinite when nobody said */
    double nominal;      /* what an optional MV is when it is left out */
    bool optional;
};

struct model {
    const char *id;
    const struct variable *mvs, *cvs;
    size_t mv_count, cv_count; /* up to MODEL_VARIABLES_MAX */
    /* Fills cvs from finite mvs. 0 with a remark for people in text, or -1 with a reason:
     * nothing physical at that point, or no steady state found. */
    int (*compute)(const struct model *m, const double *mvs, double *cvs,
                   char text[MODEL_TEXT_SIZE]);
    const double *gains; /* cv_count rows of mv_count; linear models only */
};

extern const struct model williams_otto;

/* The built-in model of that id; NULL when there is none. */
const struct model *model_find(struct bytes id);
/* The ids of all built-in models, separated by ", ". */
const char *model_ids(void);

/* Calls compute and looks at what comes back: every CV must be a finite number. MVs outside
 * their bounds are computed all the same and named in text. */
MUST_CHECK int model_compute(const struct model *m, const double *mvs, double *cvs,
                             char text[MODEL_TEXT_SIZE]);

#endif
