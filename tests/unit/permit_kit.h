/* SPDX-License-Identifier: Apache-2.0
 *
 * permit_kit: a farm (farm.h) with a list of principals in force. Each peer shows a key of its own:
 * the principal c1 is whoever shows the key of c1.
 */
#ifndef UNIT_PERMIT_KIT_H
#define UNIT_PERMIT_KIT_H

#include "tests/unit/farm.h"

/* c1 and c2 are clients, c1 of calc. and bench. only; c3 watches, c4 is a gateway, c5 an admin; w1
 * runs calc. only, w2 all. */
extern const char everybody[];

/* The list in force from now on: a line for each is `ROLE NAME QUEUES [QUOTAS]`. */
void principals(struct farm *f, const char *lines);

/* It shows that of another from now on, over any connection. For as long as the farm is there. */
void shows_key_of(struct farm *f, const char *who, const char *other);

/* With everybody on the list; the clients have said hello, and w1 offers calc.add. */
struct farm *farm_guarded(bool durable);

#endif
