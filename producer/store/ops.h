/* SPDX-License-Identifier: Apache-2.0
 *
 * ops: what is asked of the store, in order, as bytes in a buf: so that handing over a thousand of
 * them is one exchange of pointers. Pure.
 */
#ifndef STORE_OPS_H
#define STORE_OPS_H

#include "common/buf.h"

enum op_type { OP_PUT, OP_DROP, OP_SETTLE, OP_FIND, OP_LIST };

/* Its name (or queue) and its row follow. */
struct op {
    uint8_t type, kind, state;
    bool settled;
    uint32_t name_size;
    uint64_t seq; /* or ticket */
    uint64_t id, count;
    uint64_t row_size;
};

/* Copies all of it; the sizes in op are set here. */
void op_put(struct buf *ops, struct op op, struct bytes name, struct bytes row);

/* The op at *at, and steps over it; lends name and row. False at the end. */
bool op_next(const struct buf *ops, size_t *at, struct op *op, struct bytes *name,
             struct bytes *row);

static inline bool op_asks(const struct op *op)
{
    return op->type == OP_FIND || op->type == OP_LIST;
}

#endif
