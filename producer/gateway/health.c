/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/health.h"

#include "producer/gateway/api/call.h"

/* {status, checks: {broker, state}}; state: the broker's, as it says it; empty: it says nothing. */
static void put_checks(struct buf *b, bool ready, bool connected, const char *state)
{
    pack_map(b, 2);
    pack_text(b, "status");
    pack_text(b, ready ? "ok" : "not ready");
    pack_text(b, "checks");
    pack_map(b, 2);
    pack_text(b, "broker");
    pack_text(b, connected ? "ok" : "away");
    pack_text(b, "state");
    pack_text(b, *state ? state : "unknown");
}

/* That it is answered at all says that the loop turns. */
static void get_livez(struct request *r)
{
    struct buf b = {0};
    pack_map(&b, 1);
    pack_text(&b, "status");
    pack_text(&b, "ok");
    answer_json(r, 200, buf_bytes(&b));
    buf_fini(&b);
}

static void take_status(struct call *c, const struct record *answer)
{
    bool serving = answer->status.state == BROKER_SERVING;
    struct buf b = {0};
    if (!serving)
        request_header_put(c->request, "Retry-After", "1");
    put_checks(&b, serving, true, broker_state_name((unsigned)answer->status.state));
    call_json(c, serving ? 200 : 503, &b);
    buf_fini(&b);
}

static void get_readyz(struct request *r)
{
    struct record ask = {.type = REC_get_status};
    if (!reeve_connected(gateway_of(r)->client)) {
        struct buf b = {0};
        request_header_put(r, "Retry-After", "1");
        put_checks(&b, false, false, "");
        answer_json(r, 503, buf_bytes(&b));
        buf_fini(&b);
        return;
    }
    struct call *c = call_open(r, sizeof *c);
    if (c)
        call_ask(c, &ask, take_status);
}

static void get_version(struct request *r)
{
    struct buf b = {0};
    pack_map(&b, 2);
    pack_text(&b, "name");
    pack_text(&b, "reeve");
    pack_text(&b, "version");
    pack_text(&b, REEVE_RELEASE);
    answer_json(r, 200, buf_bytes(&b));
    buf_fini(&b);
}

const struct route health_routes[] = {
    {"GET", "/livez", true, get_livez},   {"GET", "/healthz", true, get_livez}, /* the name others
                                                                                   know it by */
    {"GET", "/readyz", true, get_readyz}, {"GET", "/version", true, get_version}, {0},
};
