/* SPDX-License-Identifier: Apache-2.0
 *
 * model: a plant at steady state. For given values of its manipulated variables (MVs) it computes
 * its controlled variables (CVs). Built-in models stand in a table; a user's is read from a file
 * (user_model.h). A model also says what is usually asked of its plant: an objective and
 * constraints over its variables. It computes and nothing else: it does not know about jobs,
 * sessions or optimisers.
 *
 * A built-in model may be used by any number of threads at once, one from a file by one at a time.
 */
#ifndef MODELS_MODEL_H
#define MODELS_MODEL_H

#include "common/bytes.h"
#include "common/must.h"

enum { MODEL_VARIABLES_MAX = 256, MODEL_TEXT_SIZE = 480, MODEL_NAME_MAX = 64 };

enum model_result {
    MODEL_OK = 0,
    MODEL_NO_STATE = -1,  /* nothing physical at that point, or no steady state found */
    MODEL_ELSEWHERE = -2, /* it is not computed here: ask model::method */
};

struct variable {
    const char *name;
    const char *unit;    /* "" when it has none */
    double lower, upper; /* where the model is meant to be used; infinite when nobody said */
    double nominal;      /* where to start; what an optional MV is when it is left out */
    bool optional;       /* an MV that is given, not manipulated: a disturbance, say */
};

struct model {
    const char *id, *title;
    const struct variable *mvs, *cvs;
    size_t mv_count, cv_count; /* up to MODEL_VARIABLES_MAX */

    /* What is usually asked: texts as expression.h and constraint.h read them, over the names of
     * MVs and CVs. */
    const char *objective; /* NULL: nothing */
    bool maximise;
    const char *const *constraints;
    size_t constraint_count;

    /* Fills cvs from finite mvs, with a remark or the reason for people in text. NULL: the plant is
     * computed by a program of its user's. */
    enum model_result (*compute)(const struct model *m, const double *mvs, double *cvs,
                                 char text[MODEL_TEXT_SIZE]);
    const char *method;  /* without compute: the method whose jobs answer CalculateCV for it */
    const double *gains; /* cv_count rows of mv_count; linear models only */
};

/* The built-in models in the order of their table; NULL beyond the last. */
const struct model *model_at(size_t index);
/* The built-in model of that id; NULL when there is none. */
const struct model *model_find(struct bytes id);

/* Calls compute and looks at what comes back: every CV must be a finite number. MVs outside
 * their bounds are computed all the same and named in text. */
MUST_CHECK enum model_result model_compute(const struct model *m, const double *mvs, double *cvs,
                                           char text[MODEL_TEXT_SIZE]);

#endif
