/* SPDX-License-Identifier: Apache-2.0 */
#include "common/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"

static void send_text(const struct notify *n, const char *text)
{
    if (!n->to_size)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const void *)&n->to, n->to_size) < 0)
        log_debug("notify: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* A path, or @NAME of Linux' own name space. */
static void set_address(struct notify *n, const char *name)
{
    size_t size = strlen(name);
    if ((*name != '/' && *name != '@') || size < 2 || size >= sizeof n->to.sun_path) {
        log_warn("notify: NOTIFY_SOCKET=%s is none that can be told", name);
        return;
    }
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, name, size);
    if (*name == '@')
        n->to.sun_path[0] = 0;
    /* The name of an abstract one has no end but its size. */
    n->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (*name == '/'));
}

/* 0 for what is no number above 0. */
static int64_t variable(const char *name)
{
    const char *text = getenv(name);
    char *end;
    errno = 0;
    long long number = text ? strtoll(text, &end, 10) : 0;
    return text && *text && !*end && !errno && number > 0 ? number : 0;
}

void notify_open(struct notify *n, int64_t now_ms)
{
    const char *name = getenv("NOTIFY_SOCKET");
    int64_t pid = variable("WATCHDOG_PID"), watchdog_us = variable("WATCHDOG_USEC");
    *n = (struct notify){0};
    if (name && *name)
        set_address(n, name);
    /* That of a parent is not ours to feed. */
    if (n->to_size && watchdog_us && (!pid || pid == getpid())) {
        n->watchdog_ms = watchdog_us / 2000 > 0 ? watchdog_us / 2000 : 1;
        n->watchdog_at = now_ms + n->watchdog_ms;
    }
    must(unsetenv("NOTIFY_SOCKET") == 0 && unsetenv("WATCHDOG_USEC") == 0 &&
         unsetenv("WATCHDOG_PID") == 0);
}

void notify_ready(const struct notify *n)
{
    send_text(n, "READY=1");
}

void notify_reloading(const struct notify *n)
{
    char text[64];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_us());
    send_text(n, text);
}

void notify_stopping(const struct notify *n)
{
    send_text(n, "STOPPING=1");
}

void notify_extend(const struct notify *n, int64_t more_ms)
{
    char text[64];
    snprintf(text, sizeof text, "EXTEND_TIMEOUT_USEC=%" PRId64, more_ms * 1000);
    send_text(n, text);
}

void notify_status(struct notify *n, const char *format, ...)
{
    char text[sizeof n->status], line[sizeof text + sizeof "STATUS="];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (strcmp(text, n->status) == 0)
        return;
    memcpy(n->status, text, sizeof text);
    snprintf(line, sizeof line, "STATUS=%s", text);
    send_text(n, line);
}

void notify_turn(struct notify *n, int64_t now_ms)
{
    if (!n->watchdog_ms || now_ms < n->watchdog_at)
        return;
    n->watchdog_at = now_ms + n->watchdog_ms;
    send_text(n, "WATCHDOG=1");
}

int64_t notify_wait(const struct notify *n, int64_t wait_ms, int64_t now_ms)
{
    if (!n->watchdog_ms)
        return wait_ms;
    int64_t left_ms = n->watchdog_at > now_ms ? n->watchdog_at - now_ms : 0;
    return wait_ms < 0 || left_ms < wait_ms ? left_ms : wait_ms;
}
