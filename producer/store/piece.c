/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/piece.h"

#include "common/crc32c.h"
#include "common/must.h"
#include "producer/store/le.h"

enum { HEAD_BYTES = 16, ENTRY_BYTES = 12 };

static uint32_t row_sum(char table, uint64_t block, const struct piece_row *row)
{
    unsigned char what[10] = {(unsigned char)table, row->state};
    le_put(what + 2, block * BLOCK_IDS + row->slot, 8);
    return crc32c(crc32c(0, bytes_of(what, sizeof what)), row->row);
}

/* head: of the blob, with its directory. */
static uint32_t head_sum(char table, uint64_t block, const unsigned char *head, unsigned count)
{
    unsigned char what[9] = {(unsigned char)table};
    le_put(what + 1, block, 8);
    uint32_t sum = crc32c(0, bytes_of(what, sizeof what));
    sum = crc32c(sum, bytes_of(head, 4));
    return crc32c(sum, bytes_of(head + 8, HEAD_BYTES - 8 + (size_t)count * ENTRY_BYTES));
}

void piece_write(struct buf *out, char table, uint64_t block, const struct piece *piece)
{
    must(piece->count && piece->count <= BLOCK_IDS);
    size_t size = HEAD_BYTES + (size_t)piece->count * ENTRY_BYTES;
    for (unsigned i = 0; i < piece->count; i++)
        size += piece->rows[i].row.size;
    unsigned char *head = buf_extend(out, size), *entry = head + HEAD_BYTES;
    unsigned char *at = entry + (size_t)piece->count * ENTRY_BYTES;
    for (unsigned i = 0; i < piece->count; i++, entry += ENTRY_BYTES) {
        const struct piece_row *row = &piece->rows[i];
        must(row->row.size <= UINT32_MAX);
        entry[0] = row->slot;
        entry[1] = row->state;
        le_put(entry + 2, 0, 2);
        le_put(entry + 4, row->row.size, 4);
        le_put(entry + 8, row_sum(table, block, row), 4);
        bytes_copy(at, row->row);
        at += row->row.size;
    }
    head[0] = PIECE_VERSION;
    head[1] = (unsigned char)piece->count;
    le_put(head + 2, 0, 2);
    le_put(head + 8, (uint64_t)piece->at_ms, 8);
    le_put(head + 4, head_sum(table, block, head, piece->count), 4);
}

bool piece_read(struct bytes blob, char table, uint64_t block, struct piece *out)
{
    const unsigned char *head = blob.data;
    out->count = 0;
    if (blob.size < HEAD_BYTES || head[0] != PIECE_VERSION || !head[1] || head[1] > BLOCK_IDS)
        return false;
    unsigned count = head[1];
    size_t directory = HEAD_BYTES + (size_t)count * ENTRY_BYTES;
    if (blob.size < directory || le_get(head + 4, 4) != head_sum(table, block, head, count))
        return false;
    out->at_ms = (int64_t)le_get(head + 8, 8);
    const unsigned char *entry = head + HEAD_BYTES, *at = head + directory;
    size_t left = blob.size - directory;
    for (unsigned i = 0; i < count; i++, entry += ENTRY_BYTES) {
        struct piece_row *row = &out->rows[i];
        size_t size = (size_t)le_get(entry + 4, 4);
        if (entry[0] >= BLOCK_IDS)
            return false; /* out->count is still 0 */
        row->slot = entry[0];
        row->state = entry[1];
        row->row = bytes_of(at, size <= left ? size : 0);
        row->sound = size <= left && row_sum(table, block, row) == le_get(entry + 8, 4);
        at += row->row.size;
        left -= row->row.size;
    }
    out->count = count;
    return true;
}
