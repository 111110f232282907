/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/live/position.h"

static bool number(struct bytes text, uint64_t *out)
{
    const char *at = text.data;
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint64_t digit = (uint64_t)(at[i] - '0');
        if (at[i] < '0' || at[i] > '9' || *out > (UINT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return text.size > 0;
}

static bool parse(struct bytes text, struct position *out, uint64_t before)
{
    const char *dot = text.size ? memchr(text.data, '.', text.size) : NULL;
    if (!dot)
        return false;
    size_t head = (size_t)(dot - (const char *)text.data);
    *out = (struct position){.incarnation = before};
    return (head == 0 || number(bytes_of(text.data, head), &out->incarnation)) &&
           out->incarnation && number(bytes_of(dot + 1, text.size - head - 1), &out->seq);
}

bool position_parse(struct bytes text, struct position *out)
{
    return parse(text, out, 0);
}

void position_put(struct buf *out, struct position p, uint64_t *before)
{
    if (!p.incarnation)
        buf_put(out, "-", 1);
    else if (p.incarnation == *before)
        buf_printf(out, ".%llu", (unsigned long long)p.seq);
    else
        buf_printf(out, "%llu.%llu", (unsigned long long)p.incarnation, (unsigned long long)p.seq);
    if (p.incarnation)
        *before = p.incarnation;
}

bool position_row(struct bytes text, struct position *out, size_t count)
{
    uint64_t before = 0;
    const char *at = text.data, *end = at + text.size;
    for (size_t i = 0; i < count; i++) {
        const char *comma = at < end ? memchr(at, ',', (size_t)(end - at)) : NULL;
        struct bytes one = bytes_of(at, (size_t)((comma ? comma : end) - at));
        if ((i + 1 < count) != (comma != NULL))
            return false;
        if (bytes_equal(one, bytes_text("-")))
            out[i] = (struct position){0};
        else if (!parse(one, &out[i], before))
            return false;
        if (out[i].incarnation)
            before = out[i].incarnation;
        at = comma ? comma + 1 : end;
    }
    return true;
}
