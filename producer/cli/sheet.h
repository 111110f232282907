/* SPDX-License-Identifier: Apache-2.0
 *
 * sheet: what is to be seen on a screen, as cells: a text at a place, with a look. Who makes one
 * knows no terminal; who shows one does not know what it means. Pure.
 */
#ifndef CLI_SHEET_H
#define CLI_SHEET_H

#include "common/buf.h"

enum look {
    LOOK_PLAIN,
    LOOK_BOLD,
    LOOK_DIM,
    LOOK_HEAD,
    LOOK_HEAD_CHOSEN, /* of the pane that has the keys */
    LOOK_CHOSEN,
    LOOK_WARNING,
    LOOK_BAD,
    LOOKS
};

struct place {
    unsigned row, column, width; /* from 0; what is longer is cut */
    enum look look;
    bool right; /* the text stands at the right end */
};

struct sheet { /* zeroed storage is an empty one */
    unsigned rows, columns;
    struct sheet_cell {
        struct place place;
        size_t at, size; /* in text */
    } * cells;
    size_t count;
    struct buf text;
};

/* An empty sheet of this size. */
void sheet_start(struct sheet *s, unsigned rows, unsigned columns);
/* A cell; what would lie outside of the sheet is left out. The text may be anybody's. */
void sheet_put(struct sheet *s, struct place place, struct bytes text);
void sheet_printf(struct sheet *s, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sheet_fini(struct sheet *s);

static inline struct bytes sheet_text(const struct sheet *s, const struct sheet_cell *cell)
{
    return bytes_of(s->text.data + cell->at, cell->size);
}

#endif
