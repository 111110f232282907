/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/plain.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

enum {
    EVENTS_MAX = 64,
    ACCEPTS_MAX = 64,
    READ_BYTES = 64 << 10,
    FIRST_MS = 10000,    /* for the first byte */
    WHOLE_MS = 30000,    /* for all of a request, however it trickles */
    ANSWER_MS = 3600000, /* for the farm */
    STALL_MS = 30000,    /* nobody reads the answer */
    LINGER_MS = 1000,    /* for the other side to hang up, so that it has read the last of it */
    ACCEPT_MS = 100,     /* out of descriptors: then it is tried again */
};

/* --- ports ---------------------------------------------------------------------------------- */

/* What cannot be taken waits in the ports' queues, and need not be heard of. */
static void accept_again(struct plains *all, bool again)
{
    if (all->full != again)
        return;
    all->full = !again;
    for (size_t i = 0; i < all->port_count; i++) {
        struct epoll_event event = {.events = again ? EPOLLIN : 0, .data.ptr = &all->ports[i]};
        must(epoll_ctl(all->epoll, EPOLL_CTL_MOD, all->ports[i].fd, &event) == 0);
    }
}

static void on_accept_timer(struct timer *t)
{
    struct plains *all = container_of(t, struct plains, timer);
    accept_again(all, all->count < PLAIN_CONNECTIONS_MAX);
}

struct plains *plains_new(struct gateway *g)
{
    struct plains *all = must_alloc(sizeof *all);
    *all = (struct plains){
        .gateway = g, .timer.fire = on_accept_timer, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    must(all->epoll >= 0);
    link_init(&all->connections);
    link_init(&all->errands);
    return all;
}

void plains_listen(struct plains *all, const struct plain_service *service, int fd)
{
    must(all->port_count < PLAIN_PORTS_MAX);
    struct plain_port *port = &all->ports[all->port_count++];
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = port};
    *port = (struct plain_port){.fd = fd, .service = service};
    must(epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

/* --- a connection --------------------------------------------------------------------------- */

static void on_timer(struct timer *t);

static void plain_new(struct plains *all, const struct plain_service *service, int fd)
{
    struct plain *p = must_alloc(sizeof *p);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    *p = (struct plain){.plains = all, .service = service, .fd = fd, .timer.fire = on_timer};
    list_append(&all->connections, &p->link);
    all->count++;
    must(epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    timer_start(&all->gateway->timers, &p->timer, FIRST_MS);
}

static void hold(struct plain *p, size_t size)
{
    p->plains->held += size - p->held;
    p->held = size;
}

static void plain_free(struct plain *p)
{
    struct plains *all = p->plains;
    plain_drop(p);
    if (p->service->fini)
        p->service->fini(p);
    timer_stop(&all->gateway->timers, &p->timer);
    link_take(&p->link);
    all->count--;
    hold(p, 0);
    buf_fini(&p->in);
    buf_fini(&p->out);
    close(p->fd);
    free(p);
    accept_again(all, true);
}

/* Errors and a client that has hung up are told in any case. */
static void listen_for(struct plain *p, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = p};
    must(epoll_ctl(p->plains->epoll, EPOLL_CTL_MOD, p->fd, &event) == 0);
}

/* --- reading -------------------------------------------------------------------------------- */

static void complete(struct plain *p, size_t size)
{
    struct buf in = p->in;
    p->in = (struct buf){0};
    p->state = PLAIN_ASKING;
    timer_start(&p->plains->gateway->timers, &p->timer, ANSWER_MS);
    listen_for(p, 0);
    p->service->run(p, bytes_of(in.data, size));
    buf_fini(&in);
}

static void refuse_more(struct plain *p)
{
    p->state = PLAIN_ASKING;
    p->service->refuse(p, bytes_text("too much is under way: ask again later"));
}

static void refuse_long(struct plain *p)
{
    char text[60];
    p->state = PLAIN_ASKING;
    snprintf(text, sizeof text, "the request is longer than %zu KiB", p->service->bytes_max >> 10);
    p->service->refuse(p, bytes_text(text));
}

static void arrived(struct plain *p, struct bytes more)
{
    int64_t now_ms = clock_ms();
    if (!p->begun_ms)
        p->begun_ms = now_ms;
    buf_put(&p->in, more.data, more.size);
    hold(p, p->in.size);
    ptrdiff_t end = p->service->end(p, buf_bytes(&p->in));
    int64_t left_ms = p->begun_ms + WHOLE_MS - now_ms;
    if ((end < 0 ? p->in.size : (size_t)end) > p->service->bytes_max)
        refuse_long(p);
    else if (p->plains->held > PLAIN_HELD_BYTES_MAX)
        refuse_more(p);
    else if (end >= 0)
        complete(p, (size_t)end);
    else
        timer_start(&p->plains->gateway->timers, &p->timer,
                    left_ms < p->service->quiet_ms ? (left_ms > 0 ? left_ms : 0)
                                                   : p->service->quiet_ms);
}

static void take(struct plain *p)
{
    static unsigned char in[READ_BYTES]; /* of the one thread; empty between two calls */
    ssize_t size = recv(p->fd, in, sizeof in, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size > 0 && p->state == PLAIN_READING)
        arrived(p, bytes_of(in, (size_t)size));
    else if (size == 0 && p->state == PLAIN_READING && p->in.size)
        complete(p, p->in.size);
    else if (size <= 0)
        plain_free(p);
}

/* --- answering ------------------------------------------------------------------------------ */

void plain_answer(struct plain *p, struct buf *out)
{
    struct plains *all = p->plains;
    plain_drop(p);
    buf_fini(&p->in);
    p->out = *out;
    *out = (struct buf){0};
    hold(p, p->out.size);
    p->state = PLAIN_WRITING;
    listen_for(p, EPOLLOUT);
    timer_start(&all->gateway->timers, &p->timer, STALL_MS);
}

static void leave(struct plain *p)
{
    hold(p, 0);
    buf_fini(&p->out);
    p->state = PLAIN_LEAVING;
    /* What comes after the answer is read, so that closing resets nothing. */
    shutdown(p->fd, SHUT_WR);
    listen_for(p, EPOLLIN);
    timer_start(&p->plains->gateway->timers, &p->timer, LINGER_MS);
}

static void give(struct plain *p)
{
    while (p->sent < p->out.size) {
        ssize_t size = send(p->fd, p->out.data + p->sent, p->out.size - p->sent, MSG_NOSIGNAL);
        if (size < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (size < 0) {
            plain_free(p);
            return;
        }
        p->sent += (size_t)size;
        timer_start(&p->plains->gateway->timers, &p->timer, STALL_MS);
    }
    leave(p);
}

static void on_timer(struct timer *t)
{
    struct plain *p = container_of(t, struct plain, timer);
    if (p->state == PLAIN_READING && p->in.size)
        complete(p, p->in.size);
    else if (p->state == PLAIN_ASKING)
        p->service->refuse(p, bytes_text("the time to wait has passed"));
    else
        plain_free(p);
}

static void ready(struct plain *p, uint32_t events)
{
    if (p->state == PLAIN_WRITING && (events & EPOLLOUT))
        give(p);
    else if ((p->state == PLAIN_READING || p->state == PLAIN_LEAVING) && (events & EPOLLIN))
        take(p);
    else if (events & (EPOLLHUP | EPOLLERR))
        plain_free(p);
}

/* --- the loop ------------------------------------------------------------------------------- */

static void accept_all(struct plains *all, const struct plain_port *port)
{
    for (unsigned i = 0; i < ACCEPTS_MAX && !all->full; i++) {
        int fd = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
            return;
        if (fd >= 0)
            plain_new(all, port->service, fd);
        else
            timer_start(&all->gateway->timers, &all->timer, ACCEPT_MS);
        accept_again(all, fd >= 0 && all->count < PLAIN_CONNECTIONS_MAX);
    }
}

static struct plain_port *port_at(struct plains *all, const void *at)
{
    for (size_t i = 0; i < all->port_count; i++)
        if (at == &all->ports[i])
            return &all->ports[i];
    return NULL;
}

int plains_fd(const struct plains *all)
{
    return all->epoll;
}

void plains_run(struct plains *all)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(all->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        struct plain_port *port = port_at(all, events[i].data.ptr);
        if (port)
            accept_all(all, port);
        else
            ready(events[i].data.ptr, events[i].events);
    }
}

bool plains_empty(const struct plains *all)
{
    return list_empty(&all->connections);
}

void plains_leave(struct plains *all)
{
    size_t count = all->port_count;
    timer_stop(&all->gateway->timers, &all->timer);
    all->port_count = 0;
    for (size_t i = 0; i < count; i++)
        close(all->ports[i].fd);
    list_each_safe(l, &all->connections)
    {
        struct plain *p = container_of(l, struct plain, link);
        if (p->state == PLAIN_ASKING)
            p->service->refuse(p, bytes_text("the gateway ends"));
        else if (p->state != PLAIN_WRITING)
            plain_free(p);
    }
}

void plains_free(struct plains *all)
{
    if (!all)
        return;
    list_each_safe(l, &all->connections) plain_free(container_of(l, struct plain, link));
    plains_forget(all);
    close(all->epoll);
    free(all);
}
