/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/load/consumer.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

#include "common/must.h"

enum { RETRY_MS = 100, RETRY_MS_MAX = 2000 };

int consumer_init(struct consumer *c, const char *text, char *error, size_t error_size)
{
    *c = (struct consumer){.fd = -1};
    link_init(&c->link);
    const char *colon = strrchr(text, ':');
    char host[48] = "127.0.0.1";
    if (colon)
        snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    const char *port = colon ? colon + 1 : text;
    struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    int code = *port ? getaddrinfo(host, port, &want, &found) : EAI_SERVICE;
    if (code) {
        snprintf(error, error_size, "%s is no PORT or HOST:PORT (%s)", text, gai_strerror(code));
        return -1;
    }
    memcpy(&c->address, found->ai_addr, found->ai_addrlen);
    c->address_size = found->ai_addrlen;
    freeaddrinfo(found);
    snprintf(c->name, sizeof c->name, "%s:%.8s", host, port);
    return 0;
}

void consumer_fini(struct consumer *c)
{
    if (c->fd >= 0)
        close(c->fd);
    buf_fini(&c->command);
    buf_fini(&c->reply);
}

static void hang_up(struct consumer *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static enum consumer_step lose(struct consumer *c, const char *why, int64_t now_ms)
{
    hang_up(c);
    c->state = CONSUMER_AWAY;
    c->why = why;
    c->pause_ms = c->pause_ms ? c->pause_ms * 2 : RETRY_MS;
    if (c->pause_ms > RETRY_MS_MAX)
        c->pause_ms = RETRY_MS_MAX;
    c->until_ms = now_ms + c->pause_ms;
    return CONSUMER_LOST;
}

enum consumer_step consumer_start(struct consumer *c, const char *method, const char *words,
                                  int64_t now_ms)
{
    must(c->state == CONSUMER_FREE);
    buf_clear(&c->command);
    buf_clear(&c->reply);
    const char *dot = strchr(method, '.');
    must(dot);
    buf_printf(&c->command, "%.*s %s %s\n", (int)(dot - method), method, dot + 1, words);
    c->sent = 0;
    c->reached = false;
    c->until_ms = now_ms + CONSUMER_REPLY_MS;
    c->fd = socket(c->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return lose(c, strerror(errno), now_ms);
    if (connect(c->fd, (const struct sockaddr *)&c->address, c->address_size) != 0 &&
        errno != EINPROGRESS)
        return lose(c, strerror(errno), now_ms);
    c->state = CONSUMER_CONNECTING;
    return CONSUMER_BUSY;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static enum consumer_step connected(struct consumer *c, int64_t now_ms)
{
    int problem = 0;
    socklen_t size = sizeof problem;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
        problem = errno;
    if (problem)
        return lose(c, strerror(problem), now_ms);
    c->state = CONSUMER_SENDING;
    return CONSUMER_BUSY;
}

static enum consumer_step send_more(struct consumer *c, int64_t now_ms)
{
    ssize_t size = send(c->fd, c->command.data + c->sent, c->command.size - c->sent, MSG_NOSIGNAL);
    if (size < 0)
        return would_block() ? CONSUMER_BUSY : lose(c, strerror(errno), now_ms);
    c->reached = true;
    c->sent += (size_t)size;
    if (c->sent == c->command.size)
        c->state = CONSUMER_READING;
    return CONSUMER_BUSY;
}

static enum consumer_step read_more(struct consumer *c, int64_t now_ms)
{
    enum { PIECE = 64 << 10 };
    unsigned char *at = buf_extend(&c->reply, PIECE);
    ssize_t size = recv(c->fd, at, PIECE, 0);
    c->reply.size -= PIECE - (size_t)(size > 0 ? size : 0);
    if (size < 0)
        return would_block() ? CONSUMER_BUSY : lose(c, strerror(errno), now_ms);
    if (c->reply.size > CONSUMER_REPLY_BYTES)
        return lose(c, "the reply is too long", now_ms);
    if (size > 0)
        return CONSUMER_BUSY;
    if (c->reply.size == 0)
        return lose(c, "closed without a reply", now_ms);
    hang_up(c);
    c->state = CONSUMER_FREE;
    c->pause_ms = 0;
    return CONSUMER_REPLY;
}

/* The caller's poll is level-triggered, so one step a call is enough. */
enum consumer_step consumer_advance(struct consumer *c, int64_t now_ms)
{
    switch (c->state) {
    case CONSUMER_CONNECTING: return connected(c, now_ms);
    case CONSUMER_SENDING: return send_more(c, now_ms);
    case CONSUMER_READING: return read_more(c, now_ms);
    default: return CONSUMER_BUSY;
    }
}

enum consumer_step consumer_expire(struct consumer *c, int64_t now_ms)
{
    if (c->state == CONSUMER_FREE || now_ms < c->until_ms)
        return CONSUMER_BUSY;
    if (c->state != CONSUMER_AWAY)
        return lose(c, "no reply in time", now_ms);
    c->state = CONSUMER_FREE;
    return CONSUMER_BUSY;
}
