/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/shell.h"

#include <errno.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/conn.h"
#include "producer/broker/inside.h"

enum {
    MESSAGES_A_TURN = 256,        /* of one socket, before the others get their turn */
    OUTBOX_BYTES_MAX = 256 << 20, /* a peer that reads nothing is let go: its results are stored */
    LOAD_EXTEND_MS = 60000,       /* of a start, what the service manager is asked for at a time */
    LOAD_TOLD_ROWS = 1000000,     /* of a start, a line in the log */
};

/* --- routes ----------------------------------------------------------------------------------- */

static void route_gone(struct shell *s, struct route *route, const char *why)
{
    uint64_t id = route->id;
    log_debug("peer=%llu gone why=%s", (unsigned long long)id, why);
    route_free(&s->routes, route);
    shell_step(s, &(struct event){.type = EV_PEER_GONE, .gone = {.peer = id}});
}

/* Sends what has gathered. A peer that is gone may make new effects, so this goes on until nothing
 * but full peers is left. Returns whether there are some of those. */
bool shell_flush(struct shell *s)
{
    struct link full;
    link_init(&full);
    while (!list_empty(&s->routes.dirty)) {
        struct route *route = list_first(&s->routes.dirty, struct route, dirty);
        int rc = outbox_flush(&route->outbox, s->ports.sockets[route->port], route->routing_id);
        s->touched[route->port] = true;
        link_take(&route->dirty);
        route->urgent = route->full = false;
        if (rc == 0)
            continue;
        if (rc == EAGAIN && route->outbox.bytes <= OUTBOX_BYTES_MAX) {
            list_append(&full, &route->dirty);
            route->urgent = true;
        } else {
            if (rc != EHOSTUNREACH)
                log_warn("peer=%llu let go: %s", (unsigned long long)route->id,
                         rc == EAGAIN ? "it does not read" : zmq_strerror(rc));
            route_gone(s, route, zmq_strerror(rc));
        }
    }
    bool any = !list_empty(&full);
    while (!list_empty(&full)) {
        struct link *l = full.next;
        link_take(l);
        list_append(&s->routes.dirty, l);
    }
    return any;
}

/* --- effects ---------------------------------------------------------------------------------- */

static void publish(struct shell *s, struct bytes topic, struct bytes body)
{
    s->touched[UPDATES] = true;
    if (zmq_send(s->ports.sockets[UPDATES], topic.data, topic.size, ZMQ_SNDMORE | ZMQ_DONTWAIT) <
            0 ||
        zmq_send(s->ports.sockets[UPDATES], body.data, body.size, ZMQ_DONTWAIT) < 0)
        if (s->updates_dropped++ == 0) /* watchers find the gap by its number and ask */
            log_warn("updates dropped: %s", zmq_strerror(errno));
}

/* Much for one peer does not wait for the end of the turn: the peer works on it meanwhile. What
 * cannot be sent stays for flush, which also deals with a peer that is gone: no effects may be made
 * while effects are being applied. */
static void send_early(struct shell *s, struct route *route)
{
    if (route->full || !outbox_ripe(&route->outbox))
        return;
    int rc = outbox_flush(&route->outbox, s->ports.sockets[route->port], route->routing_id);
    route->full = rc != 0;
    s->touched[route->port] = true;
}

static void put(struct shell *s, struct route *route, const struct effect *e)
{
    const struct effects *fx = &s->effects;
    struct outbox_row row = {.whole = effect_bytes(fx, e),
                             .brief = effect_name(fx, e),
                             .behind = e->more_size,
                             .mark = e->mark,
                             .last_mark = e->mark + e->more};
    outbox_put_row(&route->outbox, &row);
    route_mark(&s->routes, route, e->lazy);
    send_early(s, route);
}

static void apply(struct shell *s)
{
    const struct effects *fx = &s->effects;
    struct route *route = NULL;
    for (size_t i = 0; i < fx->count; i++) {
        const struct effect *e = &fx->list[i];
        struct bytes bytes = effect_bytes(fx, e);
        switch (e->type) {
        case FX_SEND:
            if (!route || route->id != e->peer)
                route = routes_find_id(&s->routes, e->peer);
            if (route) /* else it left a moment ago, and the core is told of that next */
                put(s, route, e);
            break;
        case FX_PUBLISH: publish(s, effect_name(fx, e), bytes); break;
        case FX_PUT: {
            struct row_key key = effect_key(fx, e);
            store_put(s->store, e->seq, &key, bytes, e->state, e->settled);
            break;
        }
        case FX_DROP: {
            struct row_key key = effect_key(fx, e);
            store_drop(s->store, e->seq, &key);
            break;
        }
        case FX_SETTLE: store_settle(s->store, e->seq, e->id, e->count); break;
        case FX_FIND: store_find(s->store, e->ticket, e->id); break;
        case FX_LIST: store_list(s->store, e->ticket, e->state, bytes, e->id, e->count); break;
        case FX_BYGONE:
        case FX_GONE: break; /* not wanted */
        case FX_ENROL: principals_enrol_later(s, e->peer, effect_name(fx, e), bytes); break;
        case FX_AUDIT:
            if (!log_limited(&s->denied, clock_ms()))
                log_warn("%.*s", BYTES_ARG(bytes));
            break;
        }
    }
}

void shell_step(struct shell *s, struct event *ev)
{
    ev->now_ms = clock_ms();
    ev->wall_ms = clock_wall_ms();
    broker_step(s->broker, ev, &s->effects);
    apply(s);
}

/* --- events ----------------------------------------------------------------------------------- */

/* What has been taken up to there. */
static void hear(struct shell *s, unsigned end)
{
    broker_expect(s->broker, s->events + s->heard, end - s->heard);
    for (; s->heard < end; s->heard++) {
        shell_step(s, &s->events[s->heard]);
        letter_close(&s->inbox.letters[s->heard]);
    }
}

/* A peer may claim the routing id of another that has just gone: not its key. What that one has
 * said comes first. */
static struct route *route_of(struct shell *s, enum port port, unsigned at)
{
    struct letter *l = &s->inbox.letters[at];
    const char *key = s->ports.keys ? letter_key(l) : NULL;
    struct route *route = routes_find(&s->routes, port, letter_from(l));
    key = key ? key : "";
    if (route && strcmp(route->key, key) != 0) {
        hear(s, at);
        route_gone(s, route, "another has its routing id");
        route = NULL;
    }
    return route ? route : route_make(&s->routes, port, letter_from(l), key);
}

static unsigned take_messages(struct shell *s, enum port port)
{
    struct inbox *in = &s->inbox;
    s->heard = 0;
    inbox_fill(in, s->ports.sockets[port]);
    for (unsigned i = 0; i < in->count; i++) {
        const struct route *route = route_of(s, port, i);
        s->events[i] = (struct event){.type = EV_BODY,
                                      .body = {.peer = route->id,
                                               .port = port,
                                               .key = bytes_text(route->key),
                                               .bytes = letter_body(&in->letters[i])}};
    }
    hear(s, in->count);
    return in->count;
}

static bool take_subscription(struct shell *s)
{
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    bool got = zmq_msg_recv(&msg, s->ports.sockets[UPDATES], ZMQ_DONTWAIT) >= 0;
    if (got) {
        const unsigned char *at = zmq_msg_data(&msg);
        size_t size = zmq_msg_size(&msg);
        struct event ev = {.type = EV_WATCH};
        if (size && at[0] <= 1) { /* anything else is a message of somebody who has no say here */
            ev.watch.topic = bytes_of(at + 1, size - 1);
            ev.watch.on = at[0];
            shell_step(s, &ev);
        }
    }
    zmq_msg_close(&msg);
    return got;
}

void shell_tell_store(struct shell *s)
{
    static const enum err refusals[] = {[STORE_OPEN] = OK,
                                        [STORE_CROWDED] = ERR_BUSY,
                                        [STORE_DISK_LOW] = ERR_DISK_FULL,
                                        [STORE_DISK_FULL] = ERR_DISK_FULL};
    const struct store_answer *a = &s->store_state;
    struct event ev = {.type = EV_STORE,
                       .store = {.kept = a->kept,
                                 .bytes = a->bytes,
                                 .commit_us = a->commit_us,
                                 .memory_bytes = s->memory_bytes,
                                 .refuses = refusals[a->condition]}};
    shell_step(s, &ev);
}

static void take_answer(struct shell *s, const struct store_answer *a)
{
    struct event ev;
    switch (a->type) {
    case STORE_DONE:
        ev = (struct event){.type = EV_STORED, .stored = {.seq = a->seq, .outcome = a->outcome}};
        shell_step(s, &ev);
        if (broker_fenced(s->broker)) {
            log_error("another broker has taken over the store: ending");
            s->status = EXIT_DATA;
        }
        break;
    case STORE_FOUND:
        ev = (struct event){.type = EV_FOUND,
                            .found = {.ticket = a->ticket, .rows = a->rows, .next = a->next}};
        shell_step(s, &ev);
        break;
    case STORE_STATE:
        if (a->condition != s->store_state.condition)
            log_warn("store=%s", store_condition_text(a->condition));
        s->store_state = *a;
        shell_tell_store(s);
        break;
    case STORE_BROKEN: /* what a failed write left behind is known to nobody: a new start looks */
        log_error("the store failed, nothing more can be kept: %s", a->text);
        s->status = EXIT_DATA;
        break;
    }
}

void shell_answers(struct shell *s)
{
    struct store_answer a;
    while (!s->status && store_next(s->store, &a))
        take_answer(s, &a);
}

static void take_subscriptions(struct shell *s)
{
    unsigned count = 0;
    while (count < MESSAGES_A_TURN && take_subscription(s))
        count++;
    s->touched[UPDATES] = count == MESSAGES_A_TURN;
}

/* Who has been published its nonce has subscribed before: we hear of that before we hear what it
 * asks next, or it would be told that there is no such feed. */
static unsigned take_some(struct shell *s, unsigned socket)
{
    if (socket == UPDATES)
        return take_subscription(s);
    if (socket == CLIENTS && s->touched[UPDATES])
        take_subscriptions(s);
    return take_messages(s, (enum port)socket);
}

void shell_take(struct shell *s, unsigned socket)
{
    unsigned count = 0, some = 1;
    for (; count < MESSAGES_A_TURN && some; count += some)
        some = take_some(s, socket);
    s->touched[socket] = some;
}

/* --- life ------------------------------------------------------------------------------------- */

struct shell *shell_new(struct store *store, const struct shell_options *options)
{
    struct shell *s = must_alloc(sizeof *s);
    s->store = store;
    s->ports.keys = options->keys;
    s->notify = options->notify;
    routes_init(&s->routes, options->seed);
    struct broker_options core = {.seed = options->seed,
                                  .incarnation = options->found.incarnation,
                                  .broker_id = 1,
                                  .durable = store_durable(store),
                                  .last_id = options->found.last_id,
                                  .pid = (uint64_t)getpid(),
                                  .workers_port = options->port + 1,
                                  .updates_port = options->port + 2,
                                  .now_ms = clock_ms(),
                                  .wall_ms = clock_wall_ms()};
    s->broker = broker_new(&core);
    return s;
}

static bool load_row(void *user, const struct row_key *key, struct bytes row)
{
    struct shell *s = user;
    struct event ev = {.type = EV_LOADED, .loaded = {.key = *key, .row = row}};
    shell_step(s, &ev);
    if (++s->loaded % LOAD_TOLD_ROWS == 0) {
        log_info("loading rows=%llu", (unsigned long long)s->loaded);
        notify_extend(s->notify, LOAD_EXTEND_MS);
    }
    return true;
}

int shell_load(struct shell *s)
{
    char why[200];
    uint64_t damaged = 0;
    int64_t start_ms = clock_ms(),
            rows = store_load(s->store, load_row, s, &damaged, why, sizeof why);
    if (rows < 0) {
        log_error("loading the store: %s", why);
        return -1;
    }
    struct broker_totals totals;
    broker_totals(s->broker, &totals);
    if (damaged || totals.malformed)
        log_error("store rows_damaged=%llu rows_unread=%llu: set aside",
                  (unsigned long long)damaged, (unsigned long long)totals.malformed);
    if (s->ports.keys)
        shell_step(s, &(struct event){.type = EV_ACL, .acl = {.text = keys_list(s->ports.keys)}});
    shell_step(s, &(struct event){.type = EV_SERVE});
    if (rows)
        log_info("loaded rows=%lld open_jobs=%llu ms=%lld", (long long)rows,
                 (unsigned long long)totals.live, (long long)(clock_ms() - start_ms));
    return 0;
}

int shell_bind(struct shell *s, void *context, const char *host, unsigned *port)
{
    unsigned which;
    s->ports.context = context;
    s->ports.host = host;
    s->ports.first = *port;
    int rc = ports_bind(&s->ports, &which);
    *port += rc ? which : 0;
    return rc;
}

void shell_free(struct shell *s)
{
    if (!s)
        return;
    routes_fini(&s->routes);
    effects_fini(&s->effects);
    buf_fini(&s->enrolments);
    broker_free(s->broker);
    ports_close(&s->ports);
    free(s);
}
