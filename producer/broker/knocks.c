/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/knocks.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/conn.h"
#include "common/log.h"
#include "common/map.h"
#include "common/must.h"

enum {
    EVENTS = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_DISCONNECTED,
    SAID_AGAIN_MS = 60000,
    ADDRESS_TEXT = 64,
};

struct knocks {
    void *socket, *monitor;
    const char *port;
    pthread_t thread;
    struct idmap callers; /* descriptor + 1: its address, as a text of ours */
    bool without_key;     /* the next one that goes */
    unsigned count;       /* since the log was told last */
    int64_t said_ms[2]; /* with an address and without: one that is too fast for us hides no other;
                           0: never */
};

/* By the time that we hear of it the caller may be gone, and its descriptor another's: libzmq tells
 * that it goes before it closes it, so while there is nothing more to be heard it is this one's. */
static void came(struct knocks *k, uint32_t fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char *text = must_alloc(ADDRESS_TEXT);
    if (getpeername((int)fd, (struct sockaddr *)&address, &size) ||
        getnameinfo((struct sockaddr *)&address, size, text, ADDRESS_TEXT, NULL, 0,
                    NI_NUMERICHOST) ||
        conn_readable(k->monitor))
        text[0] = 0;
    free(idmap_take(&k->callers, fd + 1ull));
    idmap_put(&k->callers, fd + 1ull, text);
}

static void said(struct knocks *k, const char *address)
{
    bool known = address && *address;
    int64_t now_ms = clock_ms(), *said_ms = &k->said_ms[known];
    k->count++;
    if (*said_ms && now_ms - *said_ms < SAID_AGAIN_MS)
        return;
    log_warn("refused address=%s port=%s why=no-key times=%u", known ? address : "unknown", k->port,
             k->count);
    k->count = 0;
    *said_ms = now_ms;
}

/* What goes wrong with a handshake is told right before its connection goes: one thread of libzmq's
 * tells both. */
static void take(struct knocks *k, uint16_t event, uint32_t value)
{
    char *address;
    switch (event) {
    case ZMQ_EVENT_ACCEPTED: came(k, value); break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        k->without_key = value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        address = idmap_take(&k->callers, value + 1ull);
        if (k->without_key)
            said(k, address);
        k->without_key = false;
        free(address);
        break;
    default: break;
    }
}

/* An event is two frames; the second is our own address. False: there will be no more. */
static bool receive(struct knocks *k, uint16_t *event, uint32_t *value)
{
    unsigned char told[sizeof *event + sizeof *value];
    char own[1];
    if (zmq_recv(k->monitor, told, sizeof told, 0) < 0 ||
        zmq_recv(k->monitor, own, sizeof own, 0) < 0)
        return false;
    memcpy(event, told, sizeof *event);
    memcpy(value, told + sizeof *event, sizeof *value);
    return *event != ZMQ_EVENT_MONITOR_STOPPED;
}

static void *listen_on(void *user)
{
    struct knocks *k = user;
    uint16_t event;
    uint32_t value;
    while (receive(k, &event, &value))
        take(k, event, value);
    zmq_close(k->monitor);
    return NULL;
}

static int monitor_open(struct knocks *k, void *context)
{
    static unsigned made; /* libzmq takes its time to give a name back */
    char place[40];
    snprintf(place, sizeof place, "inproc://knocks-%u", ++made);
    if (zmq_socket_monitor(k->socket, place, EVENTS | ZMQ_EVENT_MONITOR_STOPPED))
        return -1;
    k->monitor = zmq_socket(context, ZMQ_PAIR);
    return k->monitor ? zmq_connect(k->monitor, place) : -1;
}

struct knocks *knocks_hear(void *context, void *socket, const char *port)
{
    struct knocks *k = must_alloc(sizeof *k);
    *k = (struct knocks){.socket = socket, .port = port};
    if (monitor_open(k, context)) {
        int saved = errno;
        if (k->monitor)
            zmq_close(k->monitor);
        free(k);
        errno = saved;
        return NULL;
    }
    must(pthread_create(&k->thread, NULL, listen_on, k) == 0);
    return k;
}

void knocks_end(struct knocks *k)
{
    if (!k)
        return;
    zmq_socket_monitor(k->socket, NULL, 0);
    must(pthread_join(k->thread, NULL) == 0);
    size_t at = 0;
    for (char *address; (address = idmap_next(&k->callers, &at));)
        free(address);
    idmap_fini(&k->callers);
    free(k);
}
