/* SPDX-License-Identifier: Apache-2.0
 *
 * history: the attempts of one job as the broker tells them, oldest first, until the job itself
 * comes. An attempt that ended well, or was stopped on purpose, has no record of its own: it is
 * made from the job. Prints nothing.
 */
#ifndef VIEW_HISTORY_H
#define VIEW_HISTORY_H

#include "proto/record.h"

struct history { /* zeroed storage is an empty one */
    struct buf records;
    uint32_t count;
    uint64_t last; /* number of the last attempt */
};

/* An attempt whose number is not above the last one's begins anew: the connection broke, and the
 * broker was asked once more. */
void history_add(struct history *h, const struct msg_attempt *attempt);
/* The job has come: completes the list when the last attempt is missing in it. */
void history_close(struct history *h, const struct msg_job *job);
void history_clear(struct history *h);
void history_fini(struct history *h);

struct cursor history_start(const struct history *h);
bool history_next(struct cursor *c, struct msg_attempt *attempt); /* borrows the history */

#endif
