/* SPDX-License-Identifier: Apache-2.0
 *
 * status: what the broker says of itself, kept beyond its answer; for status and doctor.
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "producer/cli/cli.h"

struct status_answer { /* zeroed storage is one that has not come */
    struct msg_status status;
    struct buf release; /* what status.release lends */
    bool come;
};

void status_take(void *answer, const struct record *record);
void status_fini(struct status_answer *answer);

/* What it is doing, in words: "serving", "recovering: 2 workers that may hold jobs have not come
 * back", ...; "" for a broker that does not say. */
enum { STATUS_STATE_TEXT = 120 };
const char *status_state_text(const struct msg_status *s, char text[static STATUS_STATE_TEXT]);

#endif
