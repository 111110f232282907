/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/sheet.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/must.h"
#include "producer/cli/clean.h"
#include "producer/cli/rows.h"

void sheet_start(struct sheet *s, unsigned rows, unsigned columns)
{
    s->rows = rows;
    s->columns = columns;
    s->count = 0;
    buf_clear(&s->text);
}

void sheet_put(struct sheet *s, struct place place, struct bytes text)
{
    if (place.row >= s->rows || place.column >= s->columns || place.width == 0)
        return;
    if (place.width > s->columns - place.column)
        place.width = s->columns - place.column;
    size_t at = s->text.size;
    clean_put(&s->text, text);
    s->cells = rows_room(s->cells, s->count, sizeof *s->cells);
    s->cells[s->count++] = (struct sheet_cell){place, at, s->text.size - at};
}

void sheet_printf(struct sheet *s, struct place place, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sheet_put(s, place, bytes_text(text));
}

void sheet_fini(struct sheet *s)
{
    free(s->cells);
    buf_fini(&s->text);
    *s = (struct sheet){0};
}
