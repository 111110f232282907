/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "proto/text_command.h"

enum {
    QUIET_US = 50000,    /* no further byte: the command is complete */
    STALL_US = 5000000,  /* nobody reads our answer */
    LINGER_US = 1000000, /* after the answer: until the other side closes */
    READ_BYTES = 16 << 10,
};

enum text_state { READING, WAITING, RUNNING, WRITING, CLOSING };

struct text_client {
    struct link link; /* text::clients */
    int fd;
    enum text_state state;
    uint32_t number;
    uint64_t place; /* in the row of those that wait */
    int64_t until_us;
    struct buf in, out;
    size_t sent;
};

/* --- clients -------------------------------------------------------------------------------- */

static void client_free(struct text *t, struct text_client *c)
{
    link_take(&c->link);
    close(c->fd);
    buf_fini(&c->in);
    buf_fini(&c->out);
    free(c);
    t->client_count--;
}

static void client_answer(struct text_client *c, struct bytes answer, int64_t now_us)
{
    buf_put(&c->out, answer.data, answer.size);
    c->state = WRITING;
    c->until_us = now_us + STALL_US;
}

static void client_complete(struct text *t, struct text_client *c)
{
    c->state = WAITING;
    c->place = t->next_place++;
    c->until_us = INT64_MAX;
}

/* Returns false when the client is gone. */
static bool client_read(struct text *t, struct text_client *c, int64_t now_us)
{
    char bytes[READ_BYTES];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (c->state == CLOSING)
        return n > 0; /* what comes after the answer is read, so that closing resets nothing */
    if (n == 0 && c->in.size == 0)
        return false;
    if (n == 0) {
        client_complete(t, c);
        return true;
    }
    buf_put(&c->in, bytes, (size_t)n);
    c->until_us = now_us + QUIET_US;
    ptrdiff_t end = text_command_end(buf_bytes(&c->in));
    if (end >= 0)
        c->in.size = (size_t)end;
    if (c->in.size > TEXT_COMMAND_MAX)
        client_answer(c, bytes_text("error: the command is longer than 64 KiB"), now_us);
    else if (end >= 0)
        client_complete(t, c);
    return true;
}

static bool client_write(struct text_client *c, int64_t now_us)
{
    while (c->sent < c->out.size) {
        ssize_t n =
            send(c->fd, c->out.data + c->sent, c->out.size - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        c->sent += (size_t)n;
        c->until_us = now_us + STALL_US;
    }
    buf_fini(&c->out);
    c->state = CLOSING;
    c->until_us = now_us + LINGER_US;
    return shutdown(c->fd, SHUT_WR) == 0;
}

/* --- the port ------------------------------------------------------------------------------- */

int text_open(struct text *t, unsigned port)
{
    *t = (struct text){.listener = -1};
    link_init(&t->clients);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 128)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    t->listener = fd;
    return 0;
}

void text_close(struct text *t)
{
    if (t->listener < 0)
        return;
    list_each_safe(l, &t->clients) client_free(t, container_of(l, struct text_client, link));
    close(t->listener);
    t->listener = -1;
}

static void accept_clients(struct text *t, int64_t now_us)
{
    while (t->client_count < TEXT_CLIENTS_MAX) {
        int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0) {
            /* Out of descriptors: the listener would stay readable and spin. */
            if (errno != EAGAIN)
                t->pause_us = now_us + QUIET_US;
            return;
        }
        struct text_client *c = must_alloc(sizeof *c);
        *c = (struct text_client){.fd = fd, .until_us = INT64_MAX};
        list_append(&t->clients, &c->link);
        t->client_count++;
    }
}

size_t text_polls(const struct text *t, struct pollfd *out)
{
    if (t->listener < 0)
        return 0;
    size_t count = 0;
    bool full = t->client_count >= TEXT_CLIENTS_MAX || t->pause_us;
    out[count++] = (struct pollfd){.fd = t->listener, .events = full ? 0 : POLLIN};
    list_each(l, &t->clients)
    {
        struct text_client *c = container_of(l, struct text_client, link);
        short events = 0;
        if (c->state == READING || c->state == CLOSING)
            events = POLLIN;
        else if (c->state == WRITING)
            events = POLLOUT;
        out[count++] = (struct pollfd){.fd = c->fd, .events = events};
    }
    return count;
}

/* False: the client has to go. */
static bool client_turn(struct text *t, struct text_client *c, short events, int64_t now_us)
{
    /* Both directions closed, or reset. */
    if (events & (POLLHUP | POLLERR | POLLNVAL))
        return false;
    if ((events & POLLIN) && !client_read(t, c, now_us))
        return false;
    if (c->state == WRITING && !client_write(c, now_us))
        return false;
    if (now_us < c->until_us)
        return true;
    if (c->state != READING)
        return false;
    client_complete(t, c);
    return true;
}

void text_turn(struct text *t, const struct pollfd *fds, size_t count, int64_t now_us,
               uint32_t *gone)
{
    *gone = 0;
    if (count == 0)
        return;
    size_t i = 1;
    list_each_safe(l, &t->clients)
    {
        struct text_client *c = container_of(l, struct text_client, link);
        if (i == count)
            break;
        short events = fds[i++].revents;
        if (client_turn(t, c, events, now_us))
            continue;
        if (c->state == RUNNING)
            *gone = c->number;
        client_free(t, c);
    }
    if (t->pause_us && now_us >= t->pause_us)
        t->pause_us = 0;
    if (fds[0].revents & POLLIN)
        accept_clients(t, now_us);
}

int64_t text_deadline(const struct text *t)
{
    int64_t at = t->pause_us ? t->pause_us : INT64_MAX;
    if (t->listener >= 0)
        list_each(l, &t->clients)
        {
            struct text_client *c = container_of(l, struct text_client, link);
            if (c->until_us < at)
                at = c->until_us;
        }
    return at;
}

uint32_t text_next(struct text *t, struct bytes *command)
{
    struct text_client *next = NULL;
    if (t->listener < 0 || t->running)
        return 0;
    list_each(l, &t->clients)
    {
        struct text_client *c = container_of(l, struct text_client, link);
        if (c->state == WAITING && (!next || c->place < next->place))
            next = c;
    }
    if (!next)
        return 0;
    if (++t->next_number == 0)
        t->next_number = 1;
    t->running = next->number = t->next_number;
    next->state = RUNNING;
    *command = buf_bytes(&next->in);
    return t->running;
}

void text_answer(struct text *t, uint32_t number, struct bytes answer, int64_t now_us)
{
    if (t->running == number)
        t->running = 0;
    list_each(l, &t->clients)
    {
        struct text_client *c = container_of(l, struct text_client, link);
        if (c->state == RUNNING && c->number == number) {
            client_answer(c, answer, now_us);
            return;
        }
    }
}

static bool any_writing(const struct text *t)
{
    list_each(l, &t->clients)
    {
        if (container_of(l, struct text_client, link)->state == WRITING)
            return true;
    }
    return false;
}

void text_finish(struct text *t)
{
    struct pollfd fds[TEXT_CLIENTS_MAX + 1];
    int64_t now_us = clock_us(), until_us = now_us + LINGER_US;
    while (t->listener >= 0 && any_writing(t) && now_us < until_us) {
        uint32_t gone;
        size_t count = text_polls(t, fds);
        fds[0].events = 0; /* nobody new */
        if (poll(fds, count, (int)((until_us - now_us + 999) / 1000)) < 0 && errno != EINTR)
            return;
        now_us = clock_us();
        text_turn(t, fds, count, now_us, &gone);
    }
}
