/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/ops.h"

#include "common/must.h"

enum { NAME_MAX_BYTES = 200 };

void op_put(struct buf *ops, struct op op, struct bytes name, struct bytes row)
{
    must(name.size <= NAME_MAX_BYTES);
    op.name_size = (uint32_t)name.size;
    op.row_size = row.size;
    buf_put(ops, &op, sizeof op);
    buf_put(ops, name.data, name.size);
    buf_put(ops, row.data, row.size);
}

bool op_next(const struct buf *ops, size_t *at, struct op *op, struct bytes *name,
             struct bytes *row)
{
    if (*at == ops->size)
        return false;
    const unsigned char *from = ops->data + *at;
    memcpy(op, from, sizeof *op);
    *name = bytes_of(from + sizeof *op, op->name_size);
    *row = bytes_of(from + sizeof *op + op->name_size, (size_t)op->row_size);
    *at += sizeof *op + op->name_size + (size_t)op->row_size;
    return true;
}
