/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/linear_plant.h"

enum model_result linear_plant_compute(const struct model *m, const double *mvs, double *cvs,
                                       char text[MODEL_TEXT_SIZE])
{
    for (size_t i = 0; i < m->cv_count; i++) {
        cvs[i] = m->cvs[i].nominal;
        for (size_t j = 0; j < m->mv_count; j++)
            cvs[i] += m->gains[i * m->mv_count + j] * (mvs[j] - m->mvs[j].nominal);
    }
    snprintf(text, MODEL_TEXT_SIZE, "linear model %s", m->id);
    return MODEL_OK;
}
