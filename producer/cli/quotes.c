/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/quotes.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "producer/cli/rows.h"
#include "producer/view/field.h"
#include "producer/view/moment.h"

enum { SPARK_MOST = 40, SPARK_LEAST = 5, TABLE_COLUMNS = 6, CELL_TEXT = 32 };

/* --- symbols -------------------------------------------------------------------------------- */

bool symbol_read(const char *word, char symbol[static SYMBOL_MAX + 1])
{
    size_t size = strlen(word);
    if (size == 0 || size > SYMBOL_MAX)
        return false;
    for (size_t i = 0; i <= size; i++) {
        char c = word[i];
        symbol[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return strspn(symbol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.^=-") == size;
}

struct quote *quotes_find(const struct quotes *q, const char *symbol)
{
    for (size_t i = 0; i < q->count; i++)
        if (strcmp(q->at[i]->symbol, symbol) == 0)
            return q->at[i];
    return NULL;
}

struct quote *quotes_add(struct quotes *q, const char *symbol)
{
    if (q->count == QUOTES_MAX)
        return NULL;
    struct quote *quote = must_alloc(sizeof *quote);
    snprintf(quote->symbol, sizeof quote->symbol, "%s", symbol);
    q->at = rows_room(q->at, q->count, sizeof *q->at);
    q->at[q->count++] = quote;
    return quote;
}

void quotes_remove(struct quotes *q, struct quote *quote)
{
    size_t i = 0;
    while (q->at[i] != quote)
        i++;
    memmove(&q->at[i], &q->at[i + 1], (q->count - i - 1) * sizeof *q->at);
    q->count--;
    free(quote);
}

void quotes_fini(struct quotes *q)
{
    for (size_t i = 0; i < q->count; i++)
        free(q->at[i]);
    free(q->at);
    *q = (struct quotes){0};
}

/* --- one quote ------------------------------------------------------------------------------ */

bool quote_take(struct quote *quote, struct bytes body, uint64_t time_ms)
{
    if (!field_number(body, "price", &quote->price))
        return false;
    quote->known = true;
    quote->time_ms = time_ms;
    quote->change = quote->percent = 0;
    field_number(body, "change", &quote->change);
    field_number(body, "change_percent", &quote->percent);
    quote->volume = field_uint(body, "volume");
    if (quote->count == QUOTE_PRICES)
        memmove(quote->prices, quote->prices + 1, --quote->count * sizeof *quote->prices);
    quote->prices[quote->count++] = quote->price;
    return true;
}

void quote_line(const struct quote *quote, struct buf *out)
{
    char moment[MOMENT_TEXT];
    buf_printf(out, "%s %.2f %+.2f (%+.2f%%) volume %" PRIu64 " %s", quote->symbol, quote->price,
               quote->change, quote->percent, quote->volume, moment_text(quote->time_ms, moment));
}

/* --- the table ------------------------------------------------------------------------------ */

void spark_put(struct buf *out, const double *values, size_t count)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        low = fmin(low, values[i]);
        high = fmax(high, values[i]);
    }
    for (size_t i = 0; i < count; i++) {
        double share = high > low ? (values[i] - low) / (high - low) : 0.5;
        size_t bar = (size_t)(share * (LENGTH(bars) - 1) + 0.5);
        buf_put(out, bars[bar], strlen(bars[bar]));
    }
}

static const struct {
    const char *head;
    int width; /* below 0: at the left */
} columns_of[TABLE_COLUMNS] = {{"SYMBOL", -SYMBOL_MAX}, {"PRICE", 10}, {"CHANGE", 9},
                               {"PERCENT", 9},          {"VOLUME", 9}, {"TIME", 8}};

static void cells_of(const struct quote *quote, char cells[TABLE_COLUMNS][CELL_TEXT])
{
    struct tm local;
    time_t seconds = (time_t)(quote->time_ms / 1000);
    snprintf(cells[0], CELL_TEXT, "%s", quote->symbol);
    snprintf(cells[1], CELL_TEXT, "%s", "...");
    for (size_t i = 2; i < TABLE_COLUMNS; i++)
        cells[i][0] = 0;
    if (!quote->known)
        return;
    snprintf(cells[1], CELL_TEXT, "%.2f", quote->price);
    snprintf(cells[2], CELL_TEXT, "%+.2f", quote->change);
    snprintf(cells[3], CELL_TEXT, "%+.2f%%", quote->percent);
    snprintf(cells[4], CELL_TEXT, "%" PRIu64, quote->volume);
    if (localtime_r(&seconds, &local))
        strftime(cells[5], CELL_TEXT, "%H:%M:%S", &local);
}

/* The cells there is room for; how much of the line they take. */
static size_t put_cells(struct buf *out, char cells[TABLE_COLUMNS][CELL_TEXT], size_t columns)
{
    size_t used = 0;
    for (size_t i = 0; i < TABLE_COLUMNS; i++) {
        size_t width = (size_t)abs(columns_of[i].width) + (i > 0);
        if (used + width > columns)
            break;
        buf_printf(out, "%s%*.*s", i ? " " : "", columns_of[i].width, abs(columns_of[i].width),
                   cells[i]);
        used += width;
    }
    return used;
}

static void put_quote(const struct quote *quote, struct buf *out, size_t columns, bool styled)
{
    char cells[TABLE_COLUMNS][CELL_TEXT];
    cells_of(quote, cells);
    const char *colour = quote->change > 0 ? "\033[32m" : quote->change < 0 ? "\033[31m" : "";
    styled = styled && *colour;
    buf_printf(out, "%s", styled ? colour : "");
    size_t used = put_cells(out, cells, columns) + 2;
    size_t room = columns > used ? columns - used : 0;
    room = room < SPARK_MOST ? room : SPARK_MOST;
    size_t count = quote->count < room ? quote->count : room;
    if (room >= SPARK_LEAST && quote->known) {
        buf_put(out, "  ", 2);
        spark_put(out, quote->prices + quote->count - count, count);
    }
    buf_printf(out, "%s\n", styled ? "\033[0m" : "");
}

size_t quotes_table(const struct quotes *q, struct buf *out, size_t rows, size_t columns,
                    bool styled)
{
    char heads[TABLE_COLUMNS][CELL_TEXT];
    size_t shown = q->count < rows ? q->count : rows ? rows - 1 : 0, lines = 1 + shown;
    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        snprintf(heads[i], CELL_TEXT, "%s", columns_of[i].head);
    buf_printf(out, "%s", styled ? "\033[1m" : "");
    put_cells(out, heads, columns);
    buf_printf(out, "%s\n", styled ? "\033[0m" : "");
    for (size_t i = 0; i < shown; i++)
        put_quote(q->at[i], out, columns, styled);
    if (shown < q->count && ++lines)
        buf_printf(out, "%zu more\n", q->count - shown);
    return lines;
}
