/* SPDX-License-Identifier: Apache-2.0
 *
 * Symbols, quotes as lines and as a table, and the line that is typed.
 */
#include <stdio.h>

#include "common/pack.h"
#include "producer/cli/edit.h"
#include "producer/cli/quotes.h"
#include "tests/unit/check.h"

static const uint64_t moment_ms = 1767323045678; /* 2026-01-02T03:04:05.678Z */

static bool take(struct quote *quote, double price, double change, double percent)
{
    struct buf b = {0};
    pack_map(&b, 4);
    pack_text(&b, "price");
    pack_float(&b, price);
    pack_text(&b, "change");
    pack_float(&b, change);
    pack_text(&b, "change_percent");
    pack_float(&b, percent);
    pack_text(&b, "volume");
    pack_uint(&b, 52310);
    bool taken = quote_take(quote, buf_bytes(&b), moment_ms);
    buf_fini(&b);
    return taken;
}

static bool starts(const char *line, const char *head)
{
    return strncmp(line, head, strlen(head)) == 0;
}

TEST(symbols_are_raised_and_others_are_none)
{
    char symbol[SYMBOL_MAX + 1];
    CHECK(symbol_read("aapl", symbol));
    CHECK_TEXT(symbol, "AAPL");
    CHECK(symbol_read("BRK.B", symbol) && symbol_read("^GSPC", symbol) &&
          symbol_read("EUR=X", symbol) && symbol_read("BTC-USD", symbol) &&
          symbol_read("123456789012", symbol));
    CHECK(!symbol_read("", symbol) && !symbol_read("1234567890123", symbol) &&
          !symbol_read("A/B", symbol) && !symbol_read("A B", symbol) &&
          !symbol_read("\xc3\xa9", symbol) && !symbol_read("A\033", symbol));
}

TEST(a_quote_is_a_line)
{
    struct quotes q = {0};
    struct buf line = {0};
    struct quote *quote = quotes_add(&q, "AAPL");
    CHECK(take(quote, 187.2, 1.32, 0.71));
    quote_line(quote, &line);
    CHECK_TEXT(buf_text(&line), "AAPL 187.20 +1.32 (+0.71%) volume 52310 2026-01-02T03:04:05.678Z");
    CHECK(take(quote, 187.2, -1, -0.005));
    buf_clear(&line);
    quote_line(quote, &line);
    CHECK(starts(buf_text(&line), "AAPL 187.20 -1.00 (-0.0"));
    buf_clear(&line);
    pack_map(&line, 1);
    pack_text(&line, "price");
    pack_text(&line, "much");
    CHECK(!quote_take(quote, buf_bytes(&line), 0)); /* a feed of something else */
    CHECK(!quote_take(quote, bytes_of(NULL, 0), 0));
    buf_fini(&line);
    quotes_fini(&q);
}

TEST(quotes_come_and_go)
{
    struct quotes q = {0};
    char name[16];
    for (int i = 0; i < QUOTES_MAX; i++) {
        snprintf(name, sizeof name, "S%d", i);
        CHECK(quotes_add(&q, name));
    }
    CHECK(!quotes_add(&q, "TOO.MANY"));
    struct quote *first = quotes_find(&q, "S0"), *last = quotes_find(&q, "S199");
    CHECK(first && last && !quotes_find(&q, "S200"));
    quotes_remove(&q, first);
    CHECK(!quotes_find(&q, "S0") && quotes_find(&q, "S199") == last);
    CHECK_EQ(q.count, QUOTES_MAX - 1);
    quotes_remove(&q, last);
    CHECK(quotes_add(&q, "S0"));
    quotes_fini(&q);
}

TEST(only_the_last_prices_are_kept)
{
    struct quotes q = {0};
    struct quote *quote = quotes_add(&q, "AAPL");
    for (int i = 0; i < QUOTE_PRICES + 7; i++)
        take(quote, i, 1, 1);
    CHECK_EQ(quote->count, QUOTE_PRICES);
    CHECK_EQ(quote->prices[0], 7);
    CHECK_EQ(quote->prices[QUOTE_PRICES - 1], QUOTE_PRICES + 6);
    quotes_fini(&q);
}

TEST(the_table_fits_the_terminal)
{
    struct quotes q = {0};
    struct buf out = {0};
    take(quotes_add(&q, "AAPL"), 187.2, 1.32, 0.71);
    quotes_add(&q, "TSLA");
    CHECK_EQ(quotes_table(&q, &out, 10, 80, false), 3);
    CHECK(starts(buf_text(&out), "SYMBOL            PRICE    CHANGE   PERCENT    VOLUME     TIME\n"
                                 "AAPL             187.20     +1.32    +0.71%     52310 "));
    CHECK(strstr(buf_text(&out), "  ▅\nTSLA                ..."));
    buf_clear(&out);
    CHECK_EQ(quotes_table(&q, &out, 10, 28, false), 3);
    CHECK(starts(buf_text(&out), "SYMBOL            PRICE\nAAPL             187.20\nTSLA "));
    buf_clear(&out);
    CHECK_EQ(quotes_table(&q, &out, 1, 80, false), 2);
    CHECK(strstr(buf_text(&out), "\n2 more\n") && !strstr(buf_text(&out), "AAPL"));
    buf_clear(&out);
    CHECK_EQ(quotes_table(&q, &out, 10, 80, true), 3);
    CHECK(strstr(buf_text(&out), "\033[32mAAPL"));
    buf_clear(&out);
    CHECK_EQ(quotes_table(&q, &out, 0, 0, false), 2);
    buf_fini(&out);
    quotes_fini(&q);
}

TEST(the_way_of_a_price_is_drawn)
{
    struct buf out = {0};
    spark_put(&out, (double[]){1, 8, 4.5}, 3);
    CHECK_TEXT(buf_text(&out), "▁█▅");
    buf_clear(&out);
    spark_put(&out, (double[]){3, 3}, 2);
    CHECK_TEXT(buf_text(&out), "▅▅");
    spark_put(&out, NULL, 0);
    buf_fini(&out);
}

/* --- the line ------------------------------------------------------------------------------- */

/* What is there after these keys; NULL: the line is not whole. */
static const char *typed(struct edit *e, const char *keys)
{
    bool whole = false;
    for (; *keys; keys++)
        whole = edit_take(e, *keys);
    return whole ? e->text : NULL;
}

TEST(a_line_is_typed)
{
    struct edit e = {0};
    CHECK(!typed(&e, "TS"));
    CHECK_TEXT(e.text, "TS");
    CHECK_TEXT(typed(&e, "LA\r"), "TSLA");
    CHECK_TEXT(typed(&e, "AX\x7f"
                         "A\b\bAPL\n"),
               "APL");
    CHECK_TEXT(typed(&e, "\x7f\x7fX\n"), "X");
    CHECK_TEXT(typed(&e, "rubbish\x15OK\n"), "OK");
    CHECK_TEXT(typed(&e, "A\033[1;5DB\033OPC\x01\n"), "ABC");
    CHECK_TEXT(typed(&e, "\n"), "");
}

TEST(a_line_that_is_too_long_is_known_to_be)
{
    struct edit e = {0};
    for (int i = 0; i < 1000; i++)
        edit_take(&e, 'x');
    CHECK(edit_take(&e, '\n'));
    CHECK(e.size > EDIT_MAX);
    CHECK_EQ(strlen(e.text), EDIT_MAX);
    CHECK_TEXT(typed(&e, "OK\n"), "OK");
    CHECK_EQ(e.size, 2);
}
