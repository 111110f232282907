/* SPDX-License-Identifier: Apache-2.0
 *
 * ticker: simulated prices of one symbol: a random walk in whole cents, between 100 and 500, by at
 * most 5 a step. Pure: the same ticker gives the same quotes.
 */
#ifndef TICKER_TICKER_H
#define TICKER_TICKER_H

#include "common/buf.h"
#include "common/random.h"

enum { TICKER_SYMBOL_MAX = 12, TICKER_ERROR_SIZE = 120 };
enum { TICKER_INTERVAL_MS = 2000, TICKER_INTERVAL_MIN_MS = 10, TICKER_INTERVAL_MAX_MS = 3600000 };

struct ticker {
    char symbol[TICKER_SYMBOL_MAX + 1];
    uint64_t interval_ms;
    int64_t cents; /* the last price */
    struct random random;
};

struct quote {
    double price, change;  /* change: since the quote before */
    double change_percent; /* of the price before, to two digits */
    int64_t volume;        /* 1,000 to 100,000 */
};

/* interval: seconds as a text, empty for the default. False with a text: no symbol (1 to 12 of
 * A-Z a-z 0-9 . ^ = -), or no time from 10 ms to an hour. */
bool ticker_init(struct ticker *t, struct bytes symbol, struct bytes interval, uint64_t seed,
                 char text[TICKER_ERROR_SIZE]);
struct quote ticker_next(struct ticker *t);

/* What goes from one quote to the next, as a value. False: it is none. */
void ticker_save(const struct ticker *t, struct buf *out);
bool ticker_load(struct ticker *t, struct bytes state);

#endif
