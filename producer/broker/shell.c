/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/shell.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/conn.h"
#include "common/list.h"
#include "common/log.h"
#include "common/map.h"

enum {
    MESSAGES_A_TURN = 256,        /* of one socket, before the others get their turn */
    OUTBOX_BYTES_MAX = 256 << 20, /* a peer that reads nothing is let go: its results are stored */
    RETRY_FULL_MS = 10,           /* a full peer is tried again so soon */
    UPDATES_HIGH_WATER = 10000,
};

/* The first two as enum port. */
enum { CLIENTS = PORT_CLIENTS, WORKERS = PORT_WORKERS, UPDATES, SOCKETS };

/* A connection: what ZeroMQ calls a routing id, and what waits to go there. */
struct route {
    uint64_t id; /* the core's name for it */
    struct bytes routing_id;
    enum port port;
    struct namemap *routes; /* the port's */
    struct outbox outbox;
    struct link dirty; /* shell::dirty or shell::lazy, while something waits */
    bool urgent;       /* on shell::dirty */
};

struct shell {
    void *sockets[SOCKETS];
    bool touched[SOCKETS];    /* may have something to read that its descriptor does not tell of */
    struct namemap routes[2]; /* by routing id; by enum port */
    struct idmap routes_by_id;
    uint64_t route_id;
    struct link dirty, lazy; /* routes to send to at the end of this turn; of the next tick's */
    struct broker *broker;
    struct effects effects;
    struct store *store;
    uint64_t updates_dropped;
};

static void step(struct shell *s, struct event *ev);

/* --- routes ----------------------------------------------------------------------------------- */

static struct route *route_of(struct shell *s, enum port port, struct bytes routing_id)
{
    struct namemap *routes = &s->routes[port];
    struct route *route = namemap_find(routes, routing_id);
    if (route)
        return route;
    route = must_alloc(sizeof *route);
    route->id = ++s->route_id;
    void *copy = must_alloc(routing_id.size);
    memcpy(copy, routing_id.data, routing_id.size);
    route->routing_id = bytes_of(copy, routing_id.size);
    route->port = port;
    route->routes = routes;
    link_init(&route->dirty);
    namemap_put(routes, route->routing_id, route);
    idmap_put(&s->routes_by_id, route->id, route);
    return route;
}

static void route_free(struct shell *s, struct route *route)
{
    namemap_take(route->routes, route->routing_id);
    idmap_take(&s->routes_by_id, route->id);
    link_take(&route->dirty);
    outbox_fini(&route->outbox);
    free((void *)(uintptr_t)route->routing_id.data);
    free(route);
}

static void route_gone(struct shell *s, struct route *route, const char *why)
{
    uint64_t id = route->id;
    log_debug("peer=%llu gone why=%s", (unsigned long long)id, why);
    route_free(s, route);
    step(s, &(struct event){.type = EV_PEER_GONE, .gone = {.peer = id}});
}

/* What is lazy leaves with the next thing that is not. */
static void route_mark(struct shell *s, struct route *route, bool lazy)
{
    if (!lazy && !route->urgent) {
        route->urgent = true;
        link_take(&route->dirty);
        list_append(&s->dirty, &route->dirty);
    } else if (!link_listed(&route->dirty)) {
        list_append(&s->lazy, &route->dirty);
    }
}

static void mark_lazy(struct shell *s)
{
    while (!list_empty(&s->lazy))
        route_mark(s, list_first(&s->lazy, struct route, dirty), false);
}

/* Sends what has gathered. A peer that is gone may make new effects, so this goes on until nothing
 * but full peers is left. Returns whether there are some of those. */
static bool flush(struct shell *s)
{
    struct link full;
    link_init(&full);
    while (!list_empty(&s->dirty)) {
        struct route *route = list_first(&s->dirty, struct route, dirty);
        int rc = outbox_flush(&route->outbox, s->sockets[route->port], route->routing_id);
        s->touched[route->port] = true;
        link_take(&route->dirty);
        route->urgent = false;
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
        list_append(&s->dirty, l);
    }
    return any;
}

/* --- effects ---------------------------------------------------------------------------------- */

static void publish(struct shell *s, struct bytes topic, struct bytes body)
{
    s->touched[UPDATES] = true;
    if (zmq_send(s->sockets[UPDATES], topic.data, topic.size, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ||
        zmq_send(s->sockets[UPDATES], body.data, body.size, ZMQ_DONTWAIT) < 0)
        if (s->updates_dropped++ == 0) /* watchers find the gap by its number and ask */
            log_warn("updates dropped: %s", zmq_strerror(errno));
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
                route = idmap_find(&s->routes_by_id, e->peer);
            if (!route)
                break; /* it left a moment ago, and the core is told of that next */
            outbox_put(&route->outbox, bytes);
            route_mark(s, route, e->lazy);
            break;
        case FX_PUBLISH: publish(s, effect_topic(fx, e), bytes); break;
        case FX_APPEND: store_append(s->store, e->id, e->state, e->settled, bytes); break;
        case FX_SETTLE: store_settle(s->store, e->id, e->count); break;
        case FX_FIND: store_find(s->store, e->ticket, e->id); break;
        case FX_LIST: store_list(s->store, e->ticket, e->state, bytes, e->id, e->count); break;
        }
    }
}

static void step(struct shell *s, struct event *ev)
{
    ev->now_ms = clock_ms();
    ev->wall_ms = clock_wall_ms();
    broker_step(s->broker, ev, &s->effects);
    apply(s);
}

/* --- events ----------------------------------------------------------------------------------- */

/* The frames after the first of a message: none of ours sends any. Read and thrown away. */
static bool drain_parts(void *socket)
{
    bool any = false;
    int more = 1;
    size_t size = sizeof more;
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0)
            more = 0;
        zmq_msg_close(&part);
        any = true;
    }
    return any;
}

static bool take_message(struct shell *s, enum port port)
{
    static const unsigned char not_a_record = 0xc1; /* the one byte msgpack never uses */
    void *socket = s->sockets[port];
    zmq_msg_t id, body;
    zmq_msg_init(&id);
    if (zmq_msg_recv(&id, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&id);
        return false;
    }
    zmq_msg_init(&body);
    bool whole = zmq_msg_more(&id) && zmq_msg_recv(&body, socket, ZMQ_DONTWAIT) >= 0;
    bool extra = whole && zmq_msg_more(&body) && drain_parts(socket);
    struct route *route = route_of(s, port, bytes_of(zmq_msg_data(&id), zmq_msg_size(&id)));
    struct event ev = {.type = EV_BODY, .body = {.peer = route->id, .port = port}};
    ev.body.bytes = whole && !extra ? bytes_of(zmq_msg_data(&body), zmq_msg_size(&body))
                                    : bytes_of(&not_a_record, 1);
    step(s, &ev);
    zmq_msg_close(&body);
    zmq_msg_close(&id);
    return true;
}

static bool take_subscription(struct shell *s)
{
    zmq_msg_t msg;
    zmq_msg_init(&msg);
    bool got = zmq_msg_recv(&msg, s->sockets[UPDATES], ZMQ_DONTWAIT) >= 0;
    if (got) {
        const unsigned char *at = zmq_msg_data(&msg);
        size_t size = zmq_msg_size(&msg);
        struct event ev = {.type = EV_WATCH};
        if (size && at[0] <= 1) { /* anything else is a message of somebody who has no say here */
            ev.watch.topic = bytes_of(at + 1, size - 1);
            ev.watch.on = at[0];
            step(s, &ev);
        }
    }
    zmq_msg_close(&msg);
    return got;
}

static void take_answers(struct shell *s)
{
    struct store_answer a;
    while (store_next(s->store, &a)) {
        struct event ev;
        if (a.type == STORE_FOUND)
            ev = (struct event){.type = EV_FOUND,
                                .found = {.ticket = a.ticket, .rows = a.rows, .next = a.next}};
        else
            ev = (struct event){.type = EV_STORE, .store = {.kept = a.kept, .full = a.full}};
        step(s, &ev);
    }
}

static bool take_any(struct shell *s, unsigned socket)
{
    return socket == UPDATES ? take_subscription(s) : take_message(s, (enum port)socket);
}

/* Takes what the sockets have: those whose descriptor says so, and those that were touched. */
static void take_all(struct shell *s, const struct pollfd *fds)
{
    static const unsigned order[SOCKETS] = {WORKERS, CLIENTS, UPDATES}; /* results make room */
    for (unsigned i = 0; i < SOCKETS; i++) {
        unsigned at = order[i], count = 0;
        if (!s->touched[at] && !fds[at].revents)
            continue;
        while (count < MESSAGES_A_TURN && take_any(s, at))
            count++;
        s->touched[at] = count == MESSAGES_A_TURN;
    }
}

/* How long nothing but a descriptor can have news. */
static int64_t idle_ms(struct shell *s, bool full)
{
    bool waits = false;
    for (unsigned i = 0; i < SOCKETS; i++) {
        s->touched[i] = s->touched[i] && conn_readable(s->sockets[i]);
        waits |= s->touched[i];
    }
    int64_t wait_ms = broker_deadline(s->broker) - clock_ms();
    if (waits || wait_ms < 0)
        return 0;
    return full && wait_ms > RETRY_FULL_MS ? RETRY_FULL_MS : wait_ms;
}

void shell_run(struct shell *s, int signal_fd)
{
    enum { STORE = SOCKETS, SIGNAL, ITEMS };
    struct pollfd fds[ITEMS];
    for (unsigned i = 0; i < SOCKETS; i++) {
        fds[i] = (struct pollfd){.fd = conn_fd(s->sockets[i]), .events = POLLIN};
        s->touched[i] = true;
    }
    fds[STORE] = (struct pollfd){.fd = store_fd(s->store), .events = POLLIN};
    fds[SIGNAL] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
    bool full = false;
    while (!(fds[SIGNAL].revents & POLLIN)) {
        if (poll(fds, ITEMS, (int)idle_ms(s, full)) < 0) {
            must(errno == EINTR);
            continue;
        }
        take_all(s, fds);
        int64_t now_ms = clock_ms();
        if (fds[STORE].revents || now_ms >= broker_deadline(s->broker))
            take_answers(s);
        if (now_ms >= broker_deadline(s->broker)) {
            step(s, &(struct event){.type = EV_TICK});
            mark_lazy(s);
        }
        full = flush(s);
        store_flush(s->store, now_ms);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static void *bind_port(void *context, enum conn_kind kind, const char *host, unsigned port,
                       int high_water)
{
    char address[128];
    snprintf(address, sizeof address, "tcp://%s:%u", host, port);
    struct conn_options options = {.send_high_water = high_water};
    return conn_open(context, kind, address, &options);
}

struct shell *shell_new(void *context, struct store *store, const struct shell_options *options,
                        unsigned *port)
{
    struct shell *s = must_alloc(sizeof *s);
    s->store = store;
    link_init(&s->dirty);
    link_init(&s->lazy);
    static const enum conn_kind kinds[] = {CONN_ROUTER, CONN_ROUTER, CONN_XPUB};
    for (unsigned i = 0; i < LENGTH(kinds); i++) {
        *port = options->port + i;
        s->sockets[i] = bind_port(context, kinds[i], options->host, *port,
                                  kinds[i] == CONN_XPUB ? UPDATES_HIGH_WATER : 0);
        if (!s->sockets[i]) {
            int saved = errno;
            shell_free(s);
            errno = saved;
            return NULL;
        }
    }
    s->routes[0].seed = s->routes[1].seed = options->seed;
    struct broker_options core = {.seed = options->seed,
                                  .incarnation = options->incarnation,
                                  .broker_id = 1,
                                  .durable = store_durable(store),
                                  .pid = (uint64_t)getpid(),
                                  .workers_port = options->port + 1,
                                  .updates_port = options->port + 2,
                                  .now_ms = clock_ms(),
                                  .wall_ms = clock_wall_ms()};
    s->broker = broker_new(&core);
    return s;
}

void shell_free(struct shell *s)
{
    if (!s)
        return;
    size_t at = 0;
    struct route *route;
    while ((route = idmap_next(&s->routes_by_id, &at))) {
        route_free(s, route);
        at = 0; /* the map has changed */
    }
    idmap_fini(&s->routes_by_id);
    namemap_fini(&s->routes[0]);
    namemap_fini(&s->routes[1]);
    effects_fini(&s->effects);
    broker_free(s->broker);
    for (size_t i = 0; i < SOCKETS; i++)
        if (s->sockets[i])
            zmq_close(s->sockets[i]);
    free(s);
}
