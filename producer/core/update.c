/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/update.h"

#include "common/must.h"
#include "common/pack.h"

enum { HEAD_BYTES = 3, SMALL_PAIRS = 16, PAIRS_MAX = 0xffff };

void update_open(struct update *u, uint64_t seq, uint32_t incarnation, int64_t wall_ms,
                 const char *event)
{
    *u = (struct update){0};
    buf_extend(&u->buf, HEAD_BYTES); /* written at the end */
    update_uint(u, "seq", seq);
    update_uint(u, "incarnation", incarnation);
    update_uint(u, "time", (uint64_t)wall_ms);
    update_text(u, "event", bytes_text(event));
}

void update_text(struct update *u, const char *key, struct bytes text)
{
    if (!text.size)
        return;
    pack_text(&u->buf, key);
    pack_str(&u->buf, text);
    u->pairs++;
}

void update_uint(struct update *u, const char *key, uint64_t number)
{
    pack_text(&u->buf, key);
    pack_uint(&u->buf, number);
    u->pairs++;
}

void update_bool(struct update *u, const char *key, bool truth)
{
    pack_text(&u->buf, key);
    pack_bool(&u->buf, truth);
    u->pairs++;
}

void update_value(struct update *u, const char *key, struct bytes value)
{
    if (!value.size)
        return;
    pack_text(&u->buf, key);
    buf_put(&u->buf, value.data, value.size);
    u->pairs++;
}

void update_pairs(struct update *u, struct bytes map)
{
    struct cursor c = cursor_of(map);
    if (!map.size)
        return;
    u->pairs += cursor_map(&c);
    buf_put(&u->buf, c.at, cursor_left(&c));
}

/* The shortest head there is: it ends where the pairs begin. */
struct bytes update_close(struct update *u)
{
    unsigned char *head = u->buf.data;
    must(u->pairs <= PAIRS_MAX);
    if (u->pairs < SMALL_PAIRS) {
        head[2] = (unsigned char)(0x80 | u->pairs);
        return bytes_of(head + 2, u->buf.size - 2);
    }
    head[0] = 0xde;
    head[1] = (unsigned char)(u->pairs >> 8);
    head[2] = (unsigned char)u->pairs;
    return buf_bytes(&u->buf);
}

void update_fini(struct update *u)
{
    buf_fini(&u->buf);
}
