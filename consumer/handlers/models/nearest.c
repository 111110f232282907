/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/nearest.h"

#include "common/utf8.h"

enum { CASE_COST = 1, EDIT_COST = 2 };

static size_t characters(struct bytes text, uint32_t out[NEAREST_CHARACTERS_MAX])
{
    const unsigned char *at = text.data, *end = at + text.size;
    size_t count = 0;
    while (at < end && count < NEAREST_CHARACTERS_MAX)
        out[count++] = utf8_next(&at, end);
    return count;
}

static uint32_t fold(uint32_t c)
{
    if (c >= 0x410 && c <= 0x42f) /* Cyrillic */
        return c + 0x20;
    return c >= 'A' && c <= 'Z' ? c + 0x20 : c;
}

static size_t replacing(uint32_t a, uint32_t b)
{
    if (a == b)
        return 0;
    return fold(a) == fold(b) ? CASE_COST : EDIT_COST;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's table, a row at a time. */
size_t nearest_distance(struct bytes a, struct bytes b)
{
    uint32_t x[NEAREST_CHARACTERS_MAX], y[NEAREST_CHARACTERS_MAX];
    size_t row[NEAREST_CHARACTERS_MAX + 1];
    size_t rows = characters(a, x), columns = characters(b, y);
    for (size_t j = 0; j <= columns; j++)
        row[j] = j * EDIT_COST;
    for (size_t i = 0; i < rows; i++) {
        size_t corner = row[0];
        row[0] += EDIT_COST;
        for (size_t j = 0; j < columns; j++) {
            size_t above = row[j + 1];
            row[j + 1] = least(corner + replacing(x[i], y[j]), least(above, row[j]) + EDIT_COST);
            corner = above;
        }
    }
    return row[columns];
}
