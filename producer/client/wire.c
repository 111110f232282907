/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/client/wire.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { UPDATES_HIGH_WATER = 10000, RECONNECT_MAX_MS = 2000, LINGER_MS = 1000 };

/* One context a process: libzmq's contexts are not as independent as they look. */
static pthread_mutex_t context_lock = PTHREAD_MUTEX_INITIALIZER;
static void *context;
static unsigned context_users;

static void *context_take(void)
{
    pthread_mutex_lock(&context_lock);
    if (context_users++ == 0)
        context = conn_context();
    void *taken = context;
    pthread_mutex_unlock(&context_lock);
    return taken;
}

static void context_give(void)
{
    pthread_mutex_lock(&context_lock);
    void *last = --context_users == 0 ? context : NULL;
    if (last) {
        while (zmq_ctx_term(last) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_unlock(&context_lock);
}

/* The socket's own descriptor joins the one we show. It is closed with the socket, and leaves by
 * that. */
static int wire_join(struct wire *w, void *socket)
{
    int fd;
    size_t size = sizeof fd;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size))
        return errno;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) ? errno : 0;
}

static int dealer_open(struct wire *w)
{
    char monitor[64];
    const struct conn_options options = {.reconnect_max_ms = RECONNECT_MAX_MS,
                                         .linger_ms = LINGER_MS,
                                         .monitor = monitor,
                                         .identity = &w->identity};
    /* A name is free only some time after its socket was closed. */
    snprintf(monitor, sizeof monitor, "inproc://reeve-client-%p-%u", (void *)w, w->opened++);
    w->refusal.last = CONN_QUIET;
    w->over = w->brief = false;
    w->dealer = conn_open(context, CONN_DEALER, w->address, &options);
    w->unsure = true;
    if (!w->dealer)
        return errno;
    w->monitor = zmq_socket(context, ZMQ_PAIR);
    if (!w->monitor || zmq_connect(w->monitor, monitor))
        return errno;
    int rc = wire_join(w, w->monitor);
    return rc ? rc : wire_join(w, w->dealer);
}

int wire_open(struct wire *w, const char *address, const struct identity *identity)
{
    *w = (struct wire){.identity = *identity, .epoll = -1, .wake = -1};
    w->address = strdup(address);
    must(w->address);
    context_take();
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = w->wake};
    int rc = 0;
    if (w->epoll < 0 || w->wake < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &event))
        rc = errno;
    if (!rc)
        rc = dealer_open(w);
    if (rc)
        wire_close(w);
    return rc;
}

static void socket_close(void **socket)
{
    if (*socket)
        zmq_close(*socket);
    *socket = NULL;
}

static void monitor_close(struct wire *w)
{
    conn_monitor_end(w->dealer, w->monitor);
    w->monitor = NULL;
}

void wire_close(struct wire *w)
{
    monitor_close(w);
    socket_close(&w->dealer);
    socket_close(&w->sub);
    identity_wipe(&w->identity);
    outbox_fini(&w->out);
    buf_fini(&w->scratch);
    if (w->epoll >= 0)
        close(w->epoll);
    if (w->wake >= 0)
        close(w->wake);
    free(w->address);
    free(w->updates_address);
    context_give();
    *w = (struct wire){.epoll = -1, .wake = -1};
}

int wire_reopen(struct wire *w)
{
    const int linger_ms = 0;
    must(zmq_setsockopt(w->dealer, ZMQ_LINGER, &linger_ms, sizeof linger_ms) == 0);
    monitor_close(w);
    socket_close(&w->dealer);
    outbox_fini(&w->out);
    return dealer_open(w);
}

void wire_welcomed(struct wire *w, uint64_t knows)
{
    w->brief = knows & KNOWS_AGAIN;
    w->refusal = (struct conn_refusal){0};
    if (!identity_there(&w->identity)) /* who shows no key is refused at first or never */
        monitor_close(w);
}

bool wire_refused(struct wire *w)
{
    bool refused = false;
    if (!w->monitor)
        return false;
    for (enum conn_event event; (event = conn_event(w->monitor)) != CONN_QUIET;)
        refused |= conn_refused(&w->refusal, event);
    return refused;
}

const char *wire_refusal(const struct wire *w)
{
    return conn_refusal(&w->refusal, identity_there(&w->identity));
}

int wire_updates(struct wire *w, uint64_t port)
{
    const struct conn_options options = {.receive_high_water = UPDATES_HIGH_WATER,
                                         .send_high_water = UPDATES_HIGH_WATER,
                                         .reconnect_max_ms = RECONNECT_MAX_MS,
                                         .identity = &w->identity};
    char *address;
    const char *colon = strrchr(w->address, ':');
    if (strncmp(w->address, "tcp://", 6) != 0 || port == 0 || port > 65535)
        return ENOTSUP;
    must(asprintf(&address, "%.*s:%u", (int)(colon - w->address), w->address, (unsigned)port) > 0);
    if (w->sub && strcmp(address, w->updates_address) == 0) {
        free(address);
        return 0;
    }
    socket_close(&w->sub);
    free(w->updates_address);
    w->updates_address = address;
    w->sub = conn_open(context, CONN_SUB, address, &options);
    return w->sub ? wire_join(w, w->sub) : errno;
}

int wire_subscribe(struct wire *w, struct bytes topic, bool on)
{
    int option = on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE;
    return zmq_setsockopt(w->sub, option, topic.data, topic.size) ? errno : 0;
}

void wire_put(struct wire *w, const struct record *r)
{
    buf_clear(&w->scratch);
    record_put(&w->scratch, r);
    outbox_put(&w->out, buf_bytes(&w->scratch));
}

void wire_put_submit(struct wire *w, const struct msg_submit *m)
{
    buf_clear(&w->scratch);
    put_submit(&w->scratch, m);
    outbox_put(&w->out, buf_bytes(&w->scratch));
}

size_t wire_again_room(const struct wire *w)
{
    return w->brief ? outbox_room(&w->out) : 0;
}

int wire_flush(struct wire *w)
{
    int rc;
    w->unsure |= !outbox_empty(&w->out);
    do
        rc = outbox_flush(&w->out, w->dealer, bytes_of(NULL, 0));
    while (rc == EINTR);
    return rc;
}

static int socket_receive(void *socket, zmq_msg_t *msg)
{
    while (zmq_msg_recv(msg, socket, ZMQ_DONTWAIT) < 0) {
        if (errno == EAGAIN)
            return 0;
        if (errno != EINTR)
            return -1;
    }
    return 1;
}

/* Takes the frames of a message that has more than it should. */
static int rest_drop(void *socket, zmq_msg_t *msg)
{
    int got = 1;
    while (got == 1 && zmq_msg_more(msg))
        got = socket_receive(socket, msg);
    return got;
}

int wire_receive(struct wire *w, zmq_msg_t *msg)
{
    int got = socket_receive(w->dealer, msg);
    while (got == 1 && zmq_msg_more(msg)) { /* no message of ours: on to the next */
        got = rest_drop(w->dealer, msg);
        if (got == 1)
            got = socket_receive(w->dealer, msg);
    }
    w->unsure &= got != 0;
    return got;
}

int wire_receive_update(struct wire *w, zmq_msg_t *topic, zmq_msg_t *body)
{
    if (!w->sub)
        return 0;
    for (;;) {
        int got = socket_receive(w->sub, topic);
        if (got != 1)
            return got;
        if (!zmq_msg_more(topic))
            continue;
        got = socket_receive(w->sub, body);
        if (got != 1)
            return got;
        if (!zmq_msg_more(body))
            return 1;
        got = rest_drop(w->sub, body);
        if (got != 1)
            return got;
    }
}

/* One that has failed is ready, too: the next call on it says how. */
static bool socket_ready(void *socket, int wanted)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0 || (events & wanted);
}

int wire_wait(struct wire *w, int timeout_ms)
{
    struct epoll_event event;
    int wanted = ZMQ_POLLIN | (outbox_empty(&w->out) ? 0 : ZMQ_POLLOUT);
    if ((w->unsure && socket_ready(w->dealer, wanted)) ||
        (w->sub && socket_ready(w->sub, ZMQ_POLLIN)))
        return 0;
    return epoll_wait(w->epoll, &event, 1, timeout_ms) < 0 ? errno : 0;
}

int wire_fd(struct wire *w)
{
    w->polled = true;
    return w->epoll;
}

void wire_wake(struct wire *w, bool on)
{
    uint64_t count = 1;
    if (!w->polled)
        return;
    /* Both can only fail because it is as it should be: set already, or clear already. */
    ssize_t done = on ? write(w->wake, &count, sizeof count) : read(w->wake, &count, sizeof count);
    must(done == sizeof count || errno == EAGAIN);
}
