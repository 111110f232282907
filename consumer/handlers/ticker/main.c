/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of stock_ticker.stream, the feed `ticker`: whoever watches ticker/AAPL sees a
 * price every 2 s, ticker/AAPL/0.1 one every 0.1 s. Called as a plain job it answers one quote. The
 * prices are made in ticker.h.
 */
#include <reeve/handler.h>
#include <sys/random.h>
#include <time.h>

#include "common/must.h"
#include "common/pack.h"
#include "consumer/handlers/ticker/ticker.h"

static uint64_t seed(void)
{
    uint64_t bits;
    must(getrandom(&bits, sizeof bits, 0) == sizeof bits);
    return bits;
}

static void quote_put(const struct ticker *t, const struct quote *q, struct buf *out)
{
    pack_map(out, 6);
    pack_text(out, "symbol");
    pack_text(out, t->symbol);
    pack_text(out, "price");
    pack_float(out, q->price);
    pack_text(out, "change");
    pack_float(out, q->change);
    pack_text(out, "change_percent");
    pack_float(out, q->change_percent);
    pack_text(out, "volume");
    pack_uint(out, (uint64_t)q->volume);
    pack_text(out, "timestamp");
    pack_uint(out, (uint64_t)time(NULL));
}

/* [symbol] or [symbol, interval]; the interval may be a number. */
static bool begin(struct ticker *t, struct bytes args, char text[TICKER_ERROR_SIZE])
{
    struct cursor c = cursor_of(args);
    uint32_t count = cursor_peek(&c) == PACK_ARRAY ? cursor_array(&c) : 0;
    struct bytes symbol = count && cursor_peek(&c) == PACK_STR ? cursor_str(&c) : (struct bytes){0};
    struct bytes interval = {0};
    char number[32];
    if (count == 2 && cursor_peek(&c) == PACK_STR) {
        interval = cursor_str(&c);
    } else if (count == 2) {
        snprintf(number, sizeof number, "%g", cursor_float(&c));
        interval = bytes_text(number);
    } else if (count > 2) {
        symbol = (struct bytes){0};
    }
    return ticker_init(t, symbol, cursor_ok(&c) ? interval : bytes_text("?"), seed(), text);
}

static void iterate(struct reeve_job *job, struct bytes state, struct bytes input)
{
    struct ticker t;
    struct buf view = {0}, after = {0};
    char text[TICKER_ERROR_SIZE];
    struct cursor c = cursor_of(state);
    bool first = cursor_peek(&c) == PACK_NIL;
    if (first && !begin(&t, input, text)) {
        reeve_fail(job, "%s", text);
        return;
    }
    if (!first && !ticker_load(&t, state)) {
        reeve_fail(job, "the feed's state is of another version or damaged");
        return;
    }
    struct quote quote = ticker_next(&t);
    quote_put(&t, &quote, &view);
    ticker_save(&t, &after);
    reeve_session_view(job, view.data, view.size);
    reeve_session_state(job, after.data, after.size);
    reeve_session_continue(job, t.interval_ms);
    buf_fini(&view);
    buf_fini(&after);
}

static void answer(struct reeve_job *job, struct bytes args)
{
    struct ticker t;
    struct buf value = {0};
    char text[TICKER_ERROR_SIZE];
    if (!begin(&t, args, text)) {
        reeve_fail(job, "%s", text);
        return;
    }
    struct quote quote = ticker_next(&t);
    quote_put(&t, &quote, &value);
    reeve_reply_value(job, value.data, value.size);
    buf_fini(&value);
}

/* An iteration of a session begins with its state, which is no text; a plain job with a symbol. */
static void stream(struct reeve_job *job)
{
    size_t size;
    const void *data = reeve_args(job, &size);
    struct bytes args = bytes_of(data, size);
    struct cursor c = cursor_of(args);
    uint32_t count = cursor_array(&c);
    if (count != 2 || cursor_peek(&c) == PACK_STR) {
        answer(job, args);
        return;
    }
    struct bytes state = cursor_value(&c), input = cursor_value(&c);
    iterate(job, state, input);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"stock_ticker.stream", stream, "ticker"}, {0}};
    return reeve_serve(handlers, argc, argv);
}
