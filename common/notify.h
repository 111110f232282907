/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: tells the service manager how this service is: systemd's sd_notify(3), which is one
 * datagram a message to the socket that $NOTIFY_SOCKET names. Where nobody listens nothing is sent,
 * so callers need not ask. What cannot be sent is not tried again.
 *
 * The watchdog is fed from the main loop only, with notify_turn: a loop that is stuck is started
 * anew. notify_wait keeps the loop from sleeping past that.
 */
#ifndef COMMON_NOTIFY_H
#define COMMON_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify { /* zeroed storage: nobody listens */
    struct sockaddr_un to;
    socklen_t to_size;                /* 0: nobody */
    int64_t watchdog_ms, watchdog_at; /* half of what is allowed, 0: none; when it is due */
    char status[200];                 /* told last */
};

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment: children are not this
 * service. Before threads and children. Times are those of clock_ms. */
void notify_open(struct notify *n, int64_t now_ms);

void notify_ready(const struct notify *n); /* it serves; also when it has read its settings again */
void notify_reloading(const struct notify *n); /* until notify_ready */
void notify_stopping(const struct notify *n);
/* Starting goes on: the manager is to wait from now on for that long. */
void notify_extend(const struct notify *n, int64_t more_ms);
/* A line for people, with figures; the same one as before is not sent again. */
void notify_status(struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Once a turn of the main loop. */
void notify_turn(struct notify *n, int64_t now_ms);
/* How long the loop may sleep that else would for wait_ms (below 0: for ever). */
int64_t notify_wait(const struct notify *n, int64_t wait_ms, int64_t now_ms);

#endif
