/* SPDX-License-Identifier: Apache-2.0
 *
 * waits: what calls wait for that may take long: a job's end, a session's next change. It is asked
 * of the broker once, however many wait for it.
 */
#ifndef API_WAITS_H
#define API_WAITS_H

#include "producer/gateway/api/call.h"

struct waits;
struct waits *waits_new(struct calls *calls);
void waits_free(struct waits *w);

/* take sees `ended`, when it has; there may be too many jobs that are waited for: the call has been
 * answered then. */
void waits_end(struct call *c, uint64_t id, call_take *take);
/* changed is called each time the session may have changed since now; so the session is to be
 * looked at after this, not before. The client's subscriptions are ours alone. False: the call has
 * been answered. */
bool waits_session(struct call *c, uint64_t id, void (*changed)(struct call *c));
void waits_leave(struct call *c); /* harmless for one that does not wait */

#endif
