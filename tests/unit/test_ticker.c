/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/ticker/ticker.h"

#include <math.h>

#include "tests/unit/check.h"

static struct ticker ticker_of(const char *symbol, const char *interval)
{
    struct ticker t;
    char text[TICKER_ERROR_SIZE] = "";
    CHECK(ticker_init(&t, bytes_text(symbol), bytes_text(interval), 42, text));
    return t;
}

static void refuses(const char *symbol, const char *interval, const char *part)
{
    struct ticker t;
    char text[TICKER_ERROR_SIZE] = "";
    CHECK(!ticker_init(&t, bytes_text(symbol), bytes_text(interval), 42, text));
    CHECK(strstr(text, part));
}

/* To two digits, as it is told. */
static double cents(double x)
{
    return round(x * 100) / 100;
}

TEST(quotes_are_what_the_contract_says)
{
    struct ticker t = ticker_of("AAPL", "");
    double last = 0;
    for (int i = 0; i < 100000; i++) {
        struct quote q = ticker_next(&t);
        double before = cents(q.price - q.change);
        CHECK(before >= 100 && before <= 500);
        CHECK(q.price >= 100 && q.price <= 500);
        CHECK(fabs(q.change) <= 5);
        CHECK(q.price == cents(q.price) && q.change == cents(q.change));
        CHECK(fabs(q.change_percent - 100 * q.change / before) < 0.00501);
        CHECK(q.change_percent == cents(q.change_percent));
        CHECK(!signbit(q.change) || q.change < 0);
        CHECK(!signbit(q.change_percent) || q.change < 0);
        CHECK(q.volume >= 1000 && q.volume <= 100000);
        CHECK(i == 0 || before == last);
        last = q.price;
    }
}

TEST(a_saved_ticker_goes_on_with_the_same_quotes)
{
    struct ticker t = ticker_of("tsla", "0.5"), again;
    struct buf state = {0};
    CHECK_TEXT(t.symbol, "TSLA");
    CHECK_EQ(t.interval_ms, 500);
    ticker_next(&t);
    ticker_save(&t, &state);
    CHECK(ticker_load(&again, buf_bytes(&state)));
    for (int i = 0; i < 100; i++)
        CHECK(ticker_next(&t).price == ticker_next(&again).price);
    for (size_t size = 0; size < state.size; size++)
        CHECK(!ticker_load(&again, bytes_of(state.data, size)));
    buf_fini(&state);
}

TEST(what_is_no_symbol_or_no_time_is_refused)
{
    refuses("", "", "symbol");
    refuses("TOOLONGSYMBOL", "", "symbol");
    refuses("A B", "", "symbol");
    refuses("<img>", "", "symbol");
    refuses("AAPL", "0", "interval");
    refuses("AAPL", "-1", "interval");
    refuses("AAPL", "nan", "interval");
    refuses("AAPL", "1e9", "interval");
    refuses("AAPL", "1x", "interval");
    refuses("AAPL", "0.0001", "interval");
    CHECK_EQ(ticker_of("BRK.B", "").interval_ms, TICKER_INTERVAL_MS);
    CHECK_EQ(ticker_of("^GSPC", "3600").interval_ms, TICKER_INTERVAL_MAX_MS);
}
