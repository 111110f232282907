/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue: the models there are, and CalculateCV for any of them.
 */
#ifndef OPTIMISATION_CATALOGUE_H
#define OPTIMISATION_CATALOGUE_H

#include <reeve/handler.h>

void catalogue_models(struct reeve_job *job);
void catalogue_cv(struct reeve_job *job);

#endif
