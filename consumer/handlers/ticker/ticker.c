/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/ticker/ticker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/pack.h"

enum { CENTS_MIN = 10000, CENTS_MAX = 50000, STEP_CENTS = 500 };
enum { VOLUME_MIN = 1000, VOLUME_MAX = 100000, STATE_FIELDS = 4 };

static bool symbol_valid(struct bytes symbol)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.^=-";
    const char *text = symbol.data;
    if (!symbol.size || symbol.size > TICKER_SYMBOL_MAX)
        return false;
    for (size_t i = 0; i < symbol.size; i++)
        if (!text[i] || !strchr(allowed, text[i]))
            return false;
    return true;
}

/* 0: it is no time that will do. */
static uint64_t interval_of(struct bytes text)
{
    char copy[32], *end;
    if (!text.size)
        return TICKER_INTERVAL_MS;
    snprintf(copy, sizeof copy, "%.*s", BYTES_ARG(text));
    double ms = strtod(copy, &end) * 1000;
    bool fits = text.size < sizeof copy && end != copy && !*end && ms >= TICKER_INTERVAL_MIN_MS &&
                ms <= TICKER_INTERVAL_MAX_MS; /* false of NaN, too */
    return fits ? (uint64_t)llround(ms) : 0;
}

static void symbol_take(struct ticker *t, struct bytes symbol)
{
    const char *text = symbol.data;
    for (size_t i = 0; i < symbol.size; i++)
        t->symbol[i] = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
}

bool ticker_init(struct ticker *t, struct bytes symbol, struct bytes interval, uint64_t seed,
                 char text[TICKER_ERROR_SIZE])
{
    *t = (struct ticker){.interval_ms = interval_of(interval), .random.state = seed};
    if (!symbol_valid(symbol)) {
        snprintf(text, TICKER_ERROR_SIZE,
                 "a symbol has 1 to %d letters, digits and . ^ = - like AAPL", TICKER_SYMBOL_MAX);
        return false;
    }
    if (!t->interval_ms) {
        snprintf(text, TICKER_ERROR_SIZE, "the interval is 0.01 to 3600 seconds");
        return false;
    }
    symbol_take(t, symbol);
    t->cents = CENTS_MIN + (int64_t)random_below(&t->random, CENTS_MAX - CENTS_MIN + 1);
    return true;
}

/* A step that would leave the range goes the other way. */
struct quote ticker_next(struct ticker *t)
{
    int64_t before = t->cents;
    int64_t step = (int64_t)random_below(&t->random, 2 * STEP_CENTS + 1) - STEP_CENTS;
    if (before + step < CENTS_MIN || before + step > CENTS_MAX)
        step = -step;
    t->cents = before + step;
    int64_t volume = VOLUME_MIN + (int64_t)random_below(&t->random, VOLUME_MAX - VOLUME_MIN + 1);
    return (struct quote){.price = (double)t->cents / 100,
                          .change = (double)step / 100,
                          .change_percent =
                              round(10000.0 * (double)step / (double)before) / 100 + 0.0,
                          .volume = volume};
}

void ticker_save(const struct ticker *t, struct buf *out)
{
    pack_array(out, STATE_FIELDS);
    pack_text(out, t->symbol);
    pack_uint(out, t->interval_ms);
    pack_uint(out, (uint64_t)t->cents);
    pack_uint(out, t->random.state);
}

bool ticker_load(struct ticker *t, struct bytes state)
{
    struct cursor c = cursor_of(state);
    *t = (struct ticker){0};
    if (cursor_peek(&c) != PACK_ARRAY || cursor_array(&c) != STATE_FIELDS)
        return false;
    struct bytes symbol = cursor_str(&c);
    t->interval_ms = cursor_uint(&c);
    t->cents = (int64_t)cursor_uint(&c);
    t->random.state = cursor_uint(&c);
    if (!cursor_ok(&c) || !symbol_valid(symbol) || t->cents < CENTS_MIN || t->cents > CENTS_MAX ||
        t->interval_ms < TICKER_INTERVAL_MIN_MS || t->interval_ms > TICKER_INTERVAL_MAX_MS)
        return false;
    symbol_take(t, symbol);
    return true;
}
