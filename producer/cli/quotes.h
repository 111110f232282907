/* SPDX-License-Identifier: Apache-2.0
 *
 * quotes: the symbols somebody follows and what was last said of each, as a line an update, or as a
 * table with the way of the price drawn beside it. It follows nothing itself. Pure.
 */
#ifndef CLI_QUOTES_H
#define CLI_QUOTES_H

#include "common/buf.h"

enum { SYMBOL_MAX = 12, QUOTES_MAX = 200, QUOTE_PRICES = 60 };

struct quote {
    char symbol[SYMBOL_MAX + 1];
    bool known; /* a price has come */
    double price, change, percent;
    uint64_t volume, time_ms;
    double prices[QUOTE_PRICES]; /* the last ones, oldest first */
    size_t count;
};

struct quotes { /* zeroed storage has none */
    struct quote **at;
    size_t count;
};

/* A symbol of a word, its letters raised. False: it is none. */
bool symbol_read(const char *word, char symbol[static SYMBOL_MAX + 1]);

/* The quote of a symbol, NULL when it is not followed. It stays where it is until it is taken off.
 */
struct quote *quotes_find(const struct quotes *q, const char *symbol);
/* NULL: there are QUOTES_MAX. The symbol is not followed yet. */
struct quote *quotes_add(struct quotes *q, const char *symbol);
void quotes_remove(struct quotes *q, struct quote *quote);
void quotes_fini(struct quotes *q);

/* An update's body. False: it says no price. */
bool quote_take(struct quote *quote, struct bytes body, uint64_t time_ms);
/* "AAPL 187.20 +1.32 (+0.71%) volume 52310 2026-01-02T03:04:05.678Z" */
void quote_line(const struct quote *quote, struct buf *out);

/* A head and a line for each symbol, at most `rows` of them, no wider than `columns`; each line
 * ends in \n. styled: rises and falls have colours. Returns how many lines. */
size_t quotes_table(const struct quotes *q, struct buf *out, size_t rows, size_t columns,
                    bool styled);
/* Numbers as a line of bars between their least and their most, a character each. */
void spark_put(struct buf *out, const double *values, size_t count);

#endif
