/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/gateway.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "producer/gateway/answer.h"
#include "producer/gateway/api/call.h"
#include "producer/gateway/doors/doors.h"

enum {
    TURN_MS_MAX = 50,
    TOLD_EVERY_MS = 1000,
}; /* the clients want to be called now and then: they repeat what is lost */

/* --- at the door ---------------------------------------------------------------------------- */

static bool has_body(const struct request *r)
{
    struct bytes size = request_header(r, "Content-Length");
    return request_header(r, "Transfer-Encoding").size ||
           (size.size && !bytes_equal(size, bytes_text("0")));
}

/* What is not there is no secret, but below /v1 and /metrics it is not told either. */
static bool path_open(const struct request *r)
{
    return !request_path_below(r, "v1") && !request_path_below(r, "metrics");
}

static bool admit(struct request *r, enum http_found found, const struct route *route)
{
    struct gateway *g = gateway_of(r);
    struct guard_request asked = {.host = request_header(r, "Host"),
                                  .origin = request_header(r, "Origin"),
                                  .site = request_header(r, "Sec-Fetch-Site"),
                                  .authorization = request_header(r, "Authorization"),
                                  .content_type = request_header(r, "Content-Type"),
                                  .open = route ? route->open : path_open(r),
                                  .has_body = has_body(r)};
    enum guard_verdict verdict = guard_check(&g->guard, &asked);
    switch (verdict) {
    case GUARD_HOST:
        answer_refused(r, 421, "host", "this server is not called by that name");
        return false;
    case GUARD_ORIGIN:
        answer_refused(r, 403, "origin", "a page of another site may not ask here");
        return false;
    case GUARD_TOKEN:
        request_header_put(r, "WWW-Authenticate", "Bearer");
        answer_refused(r, 401, "token", "Authorization: Bearer TOKEN is wanted, or wrong");
        return false;
    case GUARD_TYPE:
    case GUARD_GO: break;
    }
    if (found == HTTP_NO_PATH)
        answer_refused(r, 404, "not-found", "there is nothing at this path");
    else if (found == HTTP_NO_METHOD)
        answer_refused(r, 405, "method", "this path has no such method");
    else if (verdict == GUARD_TYPE)
        answer_refused(r, 415, "content-type", "a body here is application/json");
    else
        return true;
    return false;
}

static void refuse(struct request *r, unsigned status)
{
    switch (status) {
    case 413: answer_error(r, ERR_TOO_LARGE, "a body has 1 MiB at most"); break;
    case 414:
        answer_refused(r, status, "too-long", "a path with its query has 16 KiB at most");
        break;
    case 503:
        request_header_put(r, "Retry-After", "1");
        answer_refused(r, status, "busy", "the gateway is at a limit, or stopping");
        break;
    default: answer_invalid(r, "no path and query as they should be"); break;
    }
}

struct reeve_client *gateway_client(struct request *r)
{
    struct gateway *g = gateway_of(r);
    if (reeve_connected(g->client))
        return g->client;
    answer_error(r, ERR_UNREACHABLE, NULL);
    return NULL;
}

/* --- life ----------------------------------------------------------------------------------- */

struct gateway *gateway_new(const struct gateway_options *options)
{
    struct gateway *g = must_alloc(sizeof *g);
    g->guard = options->guard;
    const struct reeve_options broker = {.address = options->broker, .identity = options->identity};
    if (client_open(&g->client, &broker) || client_open(&g->watcher, &broker)) {
        log_error("broker: %s", reeve_error(NULL));
        gateway_free(g);
        return NULL;
    }
    g->events = events_new(g->watcher, &g->timers);
    g->calls = calls_new(g->client, &g->timers);
    if (options->doors->count)
        g->doors = doors_new(g, options->doors);
    g->http = http_new(&(struct http_options){.listen_fd = options->listen_fd,
                                              .routes = gateway_routes,
                                              .context = g,
                                              .admit = admit,
                                              .refuse = refuse});
    if (!g->http) {
        log_error("http: %s", strerror(errno));
        gateway_free(g);
        return NULL;
    }
    return g;
}

void gateway_free(struct gateway *g)
{
    calls_free(g->calls); /* what it answers leaves before the servers end */
    g->calls = NULL;
    doors_free(g->doors);
    http_free(g->http);
    events_free(g->events);
    reeve_close(g->watcher);
    reeve_close(g->client);
    timers_fini(&g->timers);
    free(g);
}

/* --- the loop ------------------------------------------------------------------------------- */

/* What a client cannot do is said when it begins; it goes on trying. */
static void dispatch(struct reeve_client *c, const char *what, int *before)
{
    int rc = reeve_dispatch(c, 0);
    if (rc == REEVE_EINTERRUPTED)
        rc = 0;
    if (rc && rc != *before)
        log_warn("%s: %s", what, reeve_error(c));
    *before = rc;
}

static int wait_ms(const struct gateway *g)
{
    int waits[] = {http_wait_ms(g->http), timers_left_ms(&g->timers), events_wait_ms(g->events)};
    int wait = TURN_MS_MAX;
    for (size_t i = 0; i < LENGTH(waits); i++)
        if (waits[i] >= 0 && waits[i] < wait)
            wait = waits[i];
    return wait;
}

/* HUP reads nothing again here, but must end nothing either. False: one that ends us. */
static bool take_signal(int signal_fd, const struct notify *notify)
{
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof info) != (ssize_t)sizeof info || info.ssi_signo != SIGHUP)
        return false;
    log_info("signal=%u settings are read at the start only", info.ssi_signo);
    notify_reloading(notify);
    notify_ready(notify);
    return true;
}

static void tell_manager(const struct gateway *g, struct notify *notify, bool up)
{
    struct http_figures f = http_figures(g->http);
    notify_status(notify, "broker %s, connections %zu, streams %zu", up ? "answers" : "is away",
                  f.connections, f.streams);
}

void gateway_run(struct gateway *g, int signal_fd, struct notify *notify)
{
    bool up = false;
    int64_t told_ms = 0;
    int client_code = 0, watcher_code = 0;
    for (;;) {
        struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
                               {.fd = http_fd(g->http), .events = POLLIN},
                               {.fd = reeve_fd(g->client), .events = POLLIN},
                               {.fd = reeve_fd(g->watcher), .events = POLLIN},
                               {.fd = g->doors ? doors_fd(g->doors) : -1, .events = POLLIN}};
        int ready = poll(fds, LENGTH(fds), wait_ms(g));
        if (ready > 0 && fds[0].revents && !take_signal(signal_fd, notify))
            return;
        int64_t now_ms = clock_ms();
        http_run(g->http, now_ms);
        if (g->doors)
            doors_run(g->doors);
        /* Also when nothing came: what handlers have asked leaves with this. */
        dispatch(g->client, "client", &client_code);
        dispatch(g->watcher, "watcher", &watcher_code);
        timers_run(&g->timers);
        events_turn(g->events);
        if (g->doors)
            doors_turn(g->doors);
        if (up != (bool)reeve_connected(g->client)) {
            up = !up;
            log_info("broker %s", up ? "answers" : "is away");
        }
        if (now_ms >= told_ms + TOLD_EVERY_MS) {
            told_ms = now_ms;
            tell_manager(g, notify, up);
        }
        notify_turn(notify, now_ms);
    }
}
