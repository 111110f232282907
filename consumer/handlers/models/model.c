/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/model.h"

#include <math.h>

#include "consumer/handlers/models/plants.h"

static const struct model *const models[] = {
    &williams_otto,
    &van_de_vusse,
    &van_de_vusse_isothermal,
    &quadruple_tank,
    &quadruple_tank_nonminimum,
    &wood_berry,
    &no_model,
};

const struct model *model_at(size_t index)
{
    return index < LENGTH(models) ? models[index] : NULL;
}

const struct model *model_find(struct bytes id)
{
    for (size_t i = 0; i < LENGTH(models); i++)
        if (bytes_equal(id, bytes_text(models[i]->id)))
            return models[i];
    return NULL;
}

static void note_bounds(const struct variable *v, double value, char text[MODEL_TEXT_SIZE])
{
    if (value >= v->lower && value <= v->upper)
        return;
    size_t at = strlen(text);
    snprintf(text + at, MODEL_TEXT_SIZE - at, "; %s = %g lies outside %g..%g", v->name, value,
             v->lower, v->upper);
}

enum model_result model_compute(const struct model *m, const double *mvs, double *cvs,
                                char text[MODEL_TEXT_SIZE])
{
    text[0] = 0;
    if (!m->compute) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s is computed by jobs of %s", m->id, m->method);
        return MODEL_ELSEWHERE;
    }
    enum model_result result = m->compute(m, mvs, cvs, text);
    if (result != MODEL_OK)
        return result;
    for (size_t i = 0; i < m->cv_count; i++) {
        if (isfinite(cvs[i]))
            continue;
        snprintf(text, MODEL_TEXT_SIZE, "model %s: %s is not a finite number at this point", m->id,
                 m->cvs[i].name);
        return MODEL_NO_STATE;
    }
    for (size_t i = 0; i < m->mv_count; i++)
        note_bounds(&m->mvs[i], mvs[i], text);
    return MODEL_OK;
}

/* --- none ------------------------------------------------------------------------------------- */

static enum model_result compute_nothing(const struct model *m, const double *mvs, double *cvs,
                                         char text[MODEL_TEXT_SIZE])
{
    (void)mvs;
    (void)cvs;
    snprintf(text, MODEL_TEXT_SIZE, "model %s has no CVs", m->id);
    return MODEL_OK;
}

const struct model no_model = {
    .id = "none",
    .title = "No plant: the objective is over the session's own MVs",
    .compute = compute_nothing,
};
