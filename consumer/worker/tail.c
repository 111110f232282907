/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/tail.h"

#include "common/utf8.h"

void tail_put(struct tail *t, struct bytes chunk)
{
    const unsigned char *from = chunk.data;
    size_t size = chunk.size;
    t->cut |= t->size + size > TAIL_BYTES;
    if (size > TAIL_BYTES) {
        from += size - TAIL_BYTES;
        size = TAIL_BYTES;
    }
    t->size = t->size + size < TAIL_BYTES ? t->size + size : TAIL_BYTES;
    while (size) {
        size_t room = TAIL_BYTES - t->next, part = size < room ? size : room;
        memcpy(t->bytes + t->next, from, part);
        t->next = (t->next + part) % TAIL_BYTES;
        from += part;
        size -= part;
    }
}

void tail_clear(struct tail *t)
{
    t->next = t->size = 0;
    t->cut = false;
}

/* --- cleaning ------------------------------------------------------------------------------- */

static bool is_shown(uint32_t c)
{
    if (c < 0x20)
        return c == '\n' || c == '\t';
    return c != 0x7f && (c < 0x80 || c >= 0xa0);
}

void tail_clean(struct buf *out, struct bytes raw)
{
    const unsigned char *at = raw.data, *end = at + raw.size;
    while (at < end) {
        const unsigned char *before = at;
        uint32_t c = utf8_next(&at, end);
        bool broken = c == UTF8_INVALID && at - before == 1;
        if (c == '\r' && at < end && *at == '\n')
            continue; /* the end of a line, elsewhere */
        if (!broken && is_shown(c)) {
            buf_put(out, before, (size_t)(at - before));
            continue;
        }
        for (; before < at; before++)
            buf_printf(out, "\\x%02x", *before);
    }
}

/* --- the last lines ------------------------------------------------------------------------- */

static const unsigned char *after_newline(const unsigned char *at, const unsigned char *end)
{
    const unsigned char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return newline ? newline + 1 : end;
}

/* Where the last lines begin that are not too many and not too much. */
static const unsigned char *last_lines(const unsigned char *at, const unsigned char *end)
{
    unsigned lines = 1;
    for (const unsigned char *p = at; p < end; p++)
        lines += *p == '\n';
    for (; lines > TAIL_LINES; lines--)
        at = after_newline(at, end);
    while (end - at > TAIL_BYTES && after_newline(at, end) < end)
        at = after_newline(at, end);
    if (end - at > TAIL_BYTES) /* one line, too long: its end, from the start of a character */
        for (at = end - TAIL_BYTES; (*at & 0xc0) == 0x80;)
            at++;
    return at;
}

void tail_text(const struct tail *t, struct buf *out)
{
    unsigned char raw[TAIL_BYTES];
    size_t first = (t->next + TAIL_BYTES - t->size) % TAIL_BYTES, size = t->size;
    size_t part = size < TAIL_BYTES - first ? size : TAIL_BYTES - first;
    memcpy(raw, t->bytes + first, part);
    memcpy(raw + part, t->bytes, size - part);
    const unsigned char *at = raw, *end = raw + size;
    if (t->cut && after_newline(at, end) < end) /* of the first line only a part is left */
        at = after_newline(at, end);
    buf_clear(out);
    tail_clean(out, bytes_of(at, (size_t)(end - at)));
    while (out->size && out->data[out->size - 1] == '\n')
        out->size--;
    if (out->size == 0)
        return;
    at = last_lines(out->data, out->data + out->size);
    size_t cut = (size_t)(at - out->data);
    out->size -= cut;
    if (cut)
        memmove(out->data, out->data + cut, out->size);
}
