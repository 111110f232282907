/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "consumer/handlers/data_processing/model.h"

static const struct model *const models[] = {&williams_otto};

const struct model *model_find(struct bytes id)
{
    for (size_t i = 0; i < LENGTH(models); i++)
        if (bytes_equal(id, bytes_text(models[i]->id)))
            return models[i];
    return NULL;
}

const char *model_ids(void)
{
    static char ids[LENGTH(models) * (MODEL_NAME_MAX + 2)];
    size_t at = 0;
    for (size_t i = 0; i < LENGTH(models); i++)
        at += (size_t)snprintf(ids + at, sizeof ids - at, "%s%s", i ? ", " : "", models[i]->id);
    return ids;
}

static void note_bounds(const struct variable *v, double value, char text[MODEL_TEXT_SIZE])
{
    if (value >= v->lower && value <= v->upper)
        return;
    size_t at = strlen(text);
    snprintf(text + at, MODEL_TEXT_SIZE - at, "; %s = %g lies outside %g..%g", v->name, value,
             v->lower, v->upper);
}

int model_compute(const struct model *m, const double *mvs, double *cvs, char text[MODEL_TEXT_SIZE])
{
    text[0] = 0;
    if (m->compute(m, mvs, cvs, text))
        return -1;
    for (size_t i = 0; i < m->cv_count; i++) {
        if (isfinite(cvs[i]))
            continue;
        snprintf(text, MODEL_TEXT_SIZE, "model %s: %s is not a finite number at this point", m->id,
                 m->cvs[i].name);
        return -1;
    }
    for (size_t i = 0; i < m->mv_count; i++)
        note_bounds(&m->mvs[i], mvs[i], text);
    return 0;
}
