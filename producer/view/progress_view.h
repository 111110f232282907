/* SPDX-License-Identifier: Apache-2.0
 *
 * progress_view: what a running job tells of its progress, in words for people. Pure.
 */
#ifndef VIEW_PROGRESS_VIEW_H
#define VIEW_PROGRESS_VIEW_H

#include "common/buf.h"

/* Appends "3 of 10 (30 %), stage=mixing": first `done` and `of` when they are numbers, then
 * whatever else the map has, numbers and names of its own making: not fit for a terminal yet. */
void progress_words(struct buf *out, struct bytes map);

#endif
