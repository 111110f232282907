/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/doors.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "producer/gateway/doors/peer.h"
#include "producer/gateway/doors/plain.h"

enum {
    EVENTS_MAX = 64,
    ACCEPTS_MAX = 16,
    GOODBYE_MS = 3000,
    INTERVAL_MIN_MS = 10,
    INTERVAL_MAX_MS = 3600000,
};

static const struct door known[] = {
    {"text", "text-port", 7714, .service = &text_service},
    {"rto", "rto-port", 5081, rto_data_methods},
    {"rto", "rto-plant-port", 5089, rto_plant_methods},
    {"ticker", "ticker-port", 50051, ticker_methods},
    {"todo", "todo-port", 50051, todo_methods},
    {"dask", "dask-port", 27700, .service = &dask_service},
};

_Static_assert(LENGTH(known) <= DOORS_MAX, "each has a place");

/* --- the plan ------------------------------------------------------------------------------- */

/* False: the port is taken by a door that speaks otherwise. */
static bool place(struct doors_plan *plan, const struct door *door, unsigned port)
{
    size_t i = 0;
    while (i < plan->count && plan->places[i].port != port)
        i++;
    struct door_place *at = &plan->places[i];
    if (i == plan->count)
        *at = (struct door_place){.port = port, .fds = {-1, -1}, .service = door->service};
    plan->count += i == plan->count;
    plan->ports[door - known] = port;
    for (size_t j = 0; j < at->count; j++)
        if (at->tables[j] == door->methods)
            return true; /* named twice */
    if (door->methods && !at->service)
        at->tables[at->count++] = door->methods;
    return at->service == door->service;
}

/* All ports of a door. False: why says what is wrong. */
static bool place_named(struct doors_plan *plan, const struct options *o, struct bytes name,
                        char *why, size_t why_size)
{
    bool found = false;
    for (size_t i = 0; i < LENGTH(known); i++) {
        const struct door *door = &known[i];
        unsigned port = (unsigned)options_number(o, door->option, door->port);
        if (!bytes_equal(name, bytes_text(door->name)))
            continue;
        if (!place(plan, door, port)) {
            snprintf(why, why_size, "--%s: another door has port %u", door->option, port);
            return false;
        }
        found = true;
    }
    if (!found)
        snprintf(why, why_size, "--doors: there is no door \"%.*s\"", BYTES_ARG(name));
    return found;
}

static bool plan_interval(struct doors_plan *plan, const struct options *o)
{
    int64_t ms = options_ms(o, "ticker-interval", 0);
    if (options_given(o, "ticker-interval"))
        snprintf(plan->interval, sizeof plan->interval, "/%.10g", (double)ms / 1e3);
    return !options_given(o, "ticker-interval") || (ms >= INTERVAL_MIN_MS && ms <= INTERVAL_MAX_MS);
}

bool doors_plan(struct doors_plan *plan, const struct options *o, char *why, size_t why_size)
{
    const char *at = options_text(o, "doors", "none");
    *plan = (struct doors_plan){.count = 0};
    if (!plan_interval(plan, o)) {
        snprintf(why, why_size, "--ticker-interval is from 0.01 to 3600 seconds");
        return false;
    }
    if (strcmp(at, "none") == 0)
        return true;
    for (;; at++) {
        size_t length = strcspn(at, ",");
        if (!place_named(plan, o, bytes_of(at, length), why, why_size))
            return false;
        at += length;
        if (!*at)
            return true;
    }
}

void doors_lines(const struct doors_plan *plan, const char *host, struct buf *out)
{
    for (size_t i = 0; i < LENGTH(known); i++)
        if (plan->ports[i])
            buf_printf(out, "%s tcp://%s:%u\n", known[i].name, host, plan->ports[i]);
}

void doors_names(const struct doors_plan *plan, unsigned port, struct buf *out)
{
    const char *before = "";
    for (size_t i = 0; i < LENGTH(known); i++)
        if (plan->ports[i] == port) {
            buf_printf(out, "%s%s", before, known[i].name);
            before = ", ";
        }
}

/* --- life ----------------------------------------------------------------------------------- */

static void open_port(struct doors *d, const struct door_place *place, int fd)
{
    static const struct grpc_method *const everywhere[] = {health_methods, reflection_methods,
                                                           reflection_v1alpha_methods};
    struct door_port *port = &d->ports[d->port_count++];
    size_t count = place->count;
    *port = (struct door_port){.doors = d, .fd = fd};
    memcpy(port->tables, place->tables, count * sizeof *place->tables);
    memcpy(port->tables + count, everywhere, sizeof everywhere);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = port};
    must(epoll_ctl(d->epoll, EPOLL_CTL_ADD, port->fd, &event) == 0);
}

static void open_place(struct doors *d, const struct door_place *place)
{
    for (size_t i = 0; i < DOOR_ADDRESSES_MAX; i++)
        if (place->fds[i] >= 0 && place->service)
            plains_listen(d->plains, place->service, place->fds[i]);
        else if (place->fds[i] >= 0)
            open_port(d, place, place->fds[i]);
}

struct doors *doors_new(struct gateway *g, const struct doors_plan *plan)
{
    struct doors *d = must_alloc(sizeof *d);
    *d = (struct doors){.gateway = g,
                        .watches.client = g->client,
                        .budget.most_bytes = DOOR_BYTES_MAX,
                        .plains = plains_new(g),
                        .epoll = epoll_create1(EPOLL_CLOEXEC)};
    must(d->epoll >= 0);
    link_init(&d->peers);
    link_init(&d->dirty);
    link_init(&d->health);
    memcpy(d->interval, plan->interval, sizeof d->interval);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = d->plains};
    must(epoll_ctl(d->epoll, EPOLL_CTL_ADD, plains_fd(d->plains), &event) == 0);
    for (size_t i = 0; i < plan->count; i++)
        open_place(d, &plan->places[i]);
    return d;
}

/* Those who are told to go, and those who have gone, are not many turns apart. */
static void say_goodbye(struct doors *d)
{
    int64_t end_ms = clock_ms() + GOODBYE_MS;
    list_each_safe(l, &d->peers) peer_leave(container_of(l, struct peer, link));
    plains_leave(d->plains);
    while ((!list_empty(&d->peers) || !plains_empty(d->plains)) && clock_ms() < end_ms) {
        struct pollfd fd = {.fd = d->epoll, .events = POLLIN};
        int left_ms = timers_left_ms(&d->gateway->timers);
        doors_turn(d);
        (void)poll(&fd, 1, left_ms >= 0 && left_ms < 50 ? left_ms : 50);
        doors_run(d);
        timers_run(&d->gateway->timers);
    }
}

void doors_free(struct doors *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->port_count; i++)
        close(d->ports[i].fd); /* nobody comes any more */
    say_goodbye(d);
    list_each_safe(l, &d->peers) peer_free(container_of(l, struct peer, link));
    plains_free(d->plains);
    watches_fini(&d->watches);
    close(d->epoll);
    free(d);
}

/* --- the loop ------------------------------------------------------------------------------- */

/* Who calls nothing keeps nobody out for long: the one that has been here the longest goes, one at
 * a time, and who comes again finds room. */
static void make_room(struct doors *d)
{
    struct peer *first = NULL;
    list_each(l, &d->peers)
    {
        struct peer *p = container_of(l, struct peer, link);
        if (p->leaving)
            return;
        if (!first && grpc_idle(p->server))
            first = p;
    }
    if (first)
        peer_leave(first);
}

static void admit(struct door_port *port, int fd)
{
    struct doors *d = port->doors;
    if (d->peer_count < DOOR_PEERS_MAX) {
        peer_new(port, fd);
        return;
    }
    close(fd);
    d->refused = true;
    if (!d->full_told)
        log_warn("doors: more than %d connections", DOOR_PEERS_MAX);
    d->full_told = true;
}

static void accept_all(struct door_port *port)
{
    for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
        int fd = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        admit(port, fd);
    }
}

static struct door_port *port_at(struct doors *d, const void *at)
{
    for (size_t i = 0; i < d->port_count; i++)
        if (at == &d->ports[i])
            return &d->ports[i];
    return NULL;
}

int doors_fd(const struct doors *d)
{
    return d->epoll;
}

void doors_run(struct doors *d)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(d->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        struct door_port *port = port_at(d, events[i].data.ptr);
        if (port)
            accept_all(port);
        else if (events[i].data.ptr == d->plains)
            plains_run(d->plains);
        else
            peer_ready(events[i].data.ptr, events[i].events);
    }
}

void doors_turn(struct doors *d)
{
    bool up = reeve_connected(d->gateway->client);
    if (up != d->up) {
        d->up = up;
        health_tell(d);
    }
    if (d->refused)
        make_room(d);
    d->refused = false;
    while (!list_empty(&d->dirty))
        peer_flush(list_first(&d->dirty, struct peer, dirty));
}
