/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

enum {
    READ_BYTES = 64 << 10,
    SEND_BYTES = 64 << 10, /* pulled at once */
    LINGER_MS = 1000,      /* for the other side to hang up, so that it has read our last words */
    KEPT_BYTES = 1024,     /* of the buffer, while nothing waits: most peers wait */
};

static void wake(void *user)
{
    struct peer *p = user;
    if (!link_listed(&p->dirty))
        list_append(&p->doors->dirty, &p->dirty);
}

static void plan_timer(struct peer *p)
{
    int64_t left_ms = grpc_deadline_ms(p->server) - clock_ms();
    timer_start(&p->doors->gateway->timers, &p->timer, left_ms > 0 ? left_ms : 0);
}

static void on_timer(struct timer *t)
{
    struct peer *p = container_of(t, struct peer, timer);
    if (p->leaving) {
        peer_free(p);
        return;
    }
    grpc_tick(p->server, clock_ms());
    wake(p);
    plan_timer(p);
}

void peer_new(struct door_port *port, int fd)
{
    struct doors *d = port->doors;
    struct peer *p = must_alloc(sizeof *p);
    int yes = 1;
    *p = (struct peer){.doors = d, .fd = fd, .timer.fire = on_timer};
    link_init(&p->dirty);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    p->server = grpc_new(&(struct grpc_options){.methods = port->tables,
                                                .budget = &d->budget,
                                                .context = port,
                                                .wake = wake,
                                                .user = p},
                         clock_ms());
    list_append(&d->peers, &p->link);
    d->peer_count++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    must(epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    plan_timer(p);
}

void peer_free(struct peer *p)
{
    grpc_free(p->server);
    timer_stop(&p->doors->gateway->timers, &p->timer);
    link_take(&p->dirty);
    link_take(&p->link);
    p->doors->peer_count--;
    buf_fini(&p->out);
    close(p->fd);
    free(p);
}

/* A side that does not take what it is told is not listened to either: so it can make us hold no
 * more than what is on its way. */
static void block(struct peer *p, bool blocked)
{
    struct epoll_event event = {.events = blocked ? EPOLLOUT : EPOLLIN, .data.ptr = p};
    if (p->blocked == blocked)
        return;
    p->blocked = blocked;
    must(epoll_ctl(p->doors->epoll, EPOLL_CTL_MOD, p->fd, &event) == 0);
}

/* Its end is told to the other side, and its own waited for a moment: closing at once would take
 * away what it has not read yet. */
static void leave(struct peer *p)
{
    shutdown(p->fd, SHUT_WR);
    p->leaving = true;
    timer_start(&p->doors->gateway->timers, &p->timer, LINGER_MS);
}

static void send_all(struct peer *p, bool *lost)
{
    for (;;) {
        if (p->sent == p->out.size) {
            if (p->out.capacity > KEPT_BYTES)
                buf_fini(&p->out);
            buf_clear(&p->out);
            p->sent = 0;
            grpc_send(p->server, &p->out, SEND_BYTES);
            if (!p->out.size)
                return;
        }
        ssize_t size = send(p->fd, p->out.data + p->sent, p->out.size - p->sent, MSG_NOSIGNAL);
        if (size < 0) {
            *lost = errno != EAGAIN && errno != EINTR;
            return;
        }
        p->sent += (size_t)size;
    }
}

void peer_flush(struct peer *p)
{
    bool lost = false;
    link_take(&p->dirty);
    if (p->leaving)
        return;
    send_all(p, &lost);
    bool waits = p->sent < p->out.size;
    if (lost || (grpc_done(p->server) && waits)) {
        peer_free(p);
        return;
    }
    block(p, waits);
    if (grpc_done(p->server))
        leave(p);
    else
        plan_timer(p);
}

static void take(struct peer *p)
{
    static unsigned char in[READ_BYTES]; /* of the one thread; empty between two calls */
    ssize_t size = recv(p->fd, in, sizeof in, 0);
    if (size > 0 && !p->leaving) {
        grpc_receive(p->server, bytes_of(in, (size_t)size), clock_ms());
        wake(p);
    } else if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        peer_free(p);
    }
}

void peer_ready(struct peer *p, uint32_t events)
{
    if (events & EPOLLOUT)
        wake(p);
    else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        take(p);
}

void peer_leave(struct peer *p)
{
    grpc_drain(p->server, clock_ms());
    if (!p->leaving)
        plan_timer(p);
}
