/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/piece.h"

#include "common/crc32c.h"
#include "common/must.h"

enum { HEAD_BYTES = 16, ENTRY_BYTES = 12 };

static void put_le(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t get_le(const unsigned char *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static uint32_t row_sum(char table, uint64_t block, const struct piece_row *row)
{
    unsigned char what[10] = {(unsigned char)table, row->state};
    put_le(what + 2, block * BLOCK_IDS + row->slot, 8);
    return crc32c(crc32c(0, bytes_of(what, sizeof what)), row->row);
}

/* head: of the blob, with its directory. */
static uint32_t head_sum(char table, uint64_t block, const unsigned char *head, unsigned count)
{
    unsigned char what[9] = {(unsigned char)table};
    put_le(what + 1, block, 8);
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
        put_le(entry + 2, 0, 2);
        put_le(entry + 4, row->row.size, 4);
        put_le(entry + 8, row_sum(table, block, row), 4);
        bytes_copy(at, row->row);
        at += row->row.size;
    }
    head[0] = PIECE_VERSION;
    head[1] = (unsigned char)piece->count;
    put_le(head + 2, 0, 2);
    put_le(head + 8, (uint64_t)piece->at_ms, 8);
    put_le(head + 4, head_sum(table, block, head, piece->count), 4);
}

bool piece_read(struct bytes blob, char table, uint64_t block, struct piece *out)
{
    const unsigned char *head = blob.data;
    out->count = 0;
    if (blob.size < HEAD_BYTES || head[0] != PIECE_VERSION || !head[1] || head[1] > BLOCK_IDS)
        return false;
    unsigned count = head[1];
    size_t directory = HEAD_BYTES + (size_t)count * ENTRY_BYTES;
    if (blob.size < directory || get_le(head + 4, 4) != head_sum(table, block, head, count))
        return false;
    out->at_ms = (int64_t)get_le(head + 8, 8);
    const unsigned char *entry = head + HEAD_BYTES, *at = head + directory;
    size_t left = blob.size - directory;
    for (unsigned i = 0; i < count; i++, entry += ENTRY_BYTES) {
        struct piece_row *row = &out->rows[i];
        size_t size = (size_t)get_le(entry + 4, 4);
        if (entry[0] >= BLOCK_IDS)
            return false; /* out->count is still 0 */
        row->slot = entry[0];
        row->state = entry[1];
        row->row = bytes_of(at, size <= left ? size : 0);
        row->sound = size <= left && row_sum(table, block, row) == get_le(entry + 8, 4);
        at += row->row.size;
        left -= row->row.size;
    }
    out->count = count;
    return true;
}
