/* SPDX-License-Identifier: Apache-2.0
 *
 * jot: the place on a runner's page where its job tells its progress. Each note names the token of
 * the job's lease and is made once, so that the ledger knows whose it is.
 */
#include "tests/sim/sim.h"

bool jot_write(struct jot *n, uint32_t job)
{
    n->made++;
    n->job = job;
    n->fresh = true;
    return n->wanted;
}

bool jot_listen(struct jot *n, bool again)
{
    n->wanted = true;
    n->fresh |= again && n->made;
    return n->fresh;
}

bool jot_take(struct jot *n, uint32_t job, uint64_t token, struct buf *map)
{
    if (!n->wanted || !n->fresh || n->job != job)
        return false;
    n->wanted = n->fresh = false;
    pack_map(map, 2);
    pack_text(map, "token");
    pack_uint(map, token);
    pack_text(map, "done");
    pack_uint(map, n->made);
    return true;
}
