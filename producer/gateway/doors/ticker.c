/* SPDX-License-Identifier: Apache-2.0
 *
 * ticker: StockTicker on the farm's feeds. A symbol that is asked for is followed until five values
 * of its feed have come, then the next request is taken: so what a client asks meanwhile waits with
 * the client. After its last request and value the stream ends.
 */
#include "fin.pb-c.h"
#include "producer/gateway/doors/doors.h"
#include "producer/gateway/doors/rpc.h"
#include "producer/view/field.h"
#include "proto/states.h"

enum { UPDATES_EACH = 5, SYMBOL_BYTES_MAX = 64 };

struct following {
    struct listener listener;
    struct grpc_call *call;
    char symbol[SYMBOL_BYTES_MAX + 1]; /* as the client writes it */
    unsigned left;
};

static void following_free(struct following *f)
{
    watch_leave(&f->listener);
    free(f);
}

static void end(struct following *f, enum grpc_status status, const char *text)
{
    grpc_call_end(f->call, status, text);
    following_free(f);
}

/* --- values --------------------------------------------------------------------------------- */

/* A client that does not read gets its five later. */
static void tell_value(struct following *f, struct bytes body)
{
    StockUpdate update = STOCK_UPDATE__INIT;
    update.ticker_symbol = f->symbol;
    update.timestamp = (int64_t)field_uint(body, "timestamp");
    update.volume = (int32_t)field_uint(body, "volume");
    if (!field_number(body, "price", &update.current_price) ||
        !field_number(body, "change", &update.price_change) ||
        !field_number(body, "change_percent", &update.change_percent) ||
        !grpc_message_send(f->call, &update.base) || --f->left)
        return;
    watch_leave(&f->listener);
    grpc_call_next(f->call);
}

static bool has_ended(struct bytes body)
{
    char state[24];
    snprintf(state, sizeof state, "%.*s", BYTES_ARG(field_text(body, "state")));
    return job_ended((enum job_state)job_state_parse(state));
}

static void heard(struct listener *l, const struct reeve_update *u)
{
    struct following *f = container_of(l, struct following, listener);
    struct bytes body = bytes_of(u->body, u->size);
    if (strcmp(u->event, "value") == 0)
        tell_value(f, body);
    else if (strcmp(u->event, "error") == 0)
        end(f, GRPC_UNAVAILABLE, "no worker offers a ticker");
    else if (has_ended(body))
        end(f, GRPC_INVALID_ARGUMENT, "the feed has ended: no symbol its handler knows");
}

/* --- requests ------------------------------------------------------------------------------- */

/* What follows a / in a topic of a feed is not its symbol any more. */
static bool symbol_fine(const char *symbol)
{
    for (const char *at = symbol; *at; at++)
        if (*at == '/' || (unsigned char)*at <= ' ')
            return false;
    return *symbol && strlen(symbol) <= SYMBOL_BYTES_MAX;
}

static void follow(struct following *f)
{
    char topic[SYMBOL_BYTES_MAX + DOOR_INTERVAL_TEXT + 16];
    struct doors *d = doors_of(f->call);
    snprintf(topic, sizeof topic, "ticker/%s%s", f->symbol, d->interval);
    f->left = UPDATES_EACH;
    int code = reeve_connected(d->gateway->client) ? watch_join(&d->watches, topic, &f->listener)
                                                   : (int)ERR_UNREACHABLE;
    if (code)
        end(f, rpc_status((unsigned)code), err_text((unsigned)code));
}

static void asked(struct grpc_call *c, struct bytes message)
{
    struct following *f = grpc_call_user(c);
    TickerRequest *request = grpc_message_read(c, &ticker_request__descriptor, message);
    if (!request) {
        following_free(f);
        return;
    }
    bool fine = symbol_fine(request->ticker_symbol);
    if (fine)
        snprintf(f->symbol, sizeof f->symbol, "%s", request->ticker_symbol);
    grpc_message_free(request);
    if (fine)
        follow(f);
    else
        end(f, GRPC_INVALID_ARGUMENT, "that is no symbol");
}

static void begin(struct grpc_call *c)
{
    struct following *f = must_alloc(sizeof *f);
    *f = (struct following){.listener.heard = heard, .call = c};
    grpc_call_user_set(c, f);
    grpc_call_greet(c);
    grpc_call_next(c);
}

static void half_close(struct grpc_call *c)
{
    end(grpc_call_user(c), GRPC_OK, NULL);
}

static void gone(struct grpc_call *c, enum grpc_status why)
{
    (void)why;
    following_free(grpc_call_user(c));
}

const struct grpc_method ticker_methods[] = {
    {.path = "/StockTicker/SubscribeToStockUpdates",
     .kind = GRPC_BIDI,
     .begin = begin,
     .message = asked,
     .half_close = half_close,
     .gone = gone},
    {0},
};
