/* SPDX-License-Identifier: Apache-2.0
 *
 * show: what people see of an optimisation: the view that watchers of the session get, the lines of
 * its file, and the value that it ends with.
 */
#ifndef OPTIMISATION_SHOW_H
#define OPTIMISATION_SHOW_H

#include "consumer/handlers/optimisation/progress.h"

/* Before it has begun. */
void show_created(const struct task *t, struct buf *view);
/* After an iteration; message: what there is to say, "" for nothing. */
void show_view(const struct task *t, const struct progress *p, const char *message,
               struct buf *view);
/* {objective, mvs, cvs, violation, evaluations, message} of the best point. */
void show_result(const struct task *t, const struct progress *p, const char *message,
                 struct buf *value);

/* Lines without their newline: they begin with the time. */
void show_header(const struct task *t, struct buf *line, size_t i); /* one for each value */
void show_line(const struct task *t, const struct progress *p, const char *message,
               struct buf *line);
void show_event(struct buf *line, const char *event);

#endif
