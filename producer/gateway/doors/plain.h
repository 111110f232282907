/* SPDX-License-Identifier: Apache-2.0
 *
 * plain: the doors without a protocol around their texts: a connection brings one request, gets one
 * answer, and is closed. When a request has ended, what it asks for and how the answer reads is the
 * service's (text.c, dask.c); the sockets, the times and the limits are here, and in plain_ask.c
 * how the broker is asked.
 *
 *     READING -> (ended, silent, half-closed, too long) -> ASKING -> (plain_answer) -> WRITING ->
 *     (all is taken) -> LEAVING -> (the other side closes, or a moment has passed) gone
 */
#ifndef DOORS_PLAIN_H
#define DOORS_PLAIN_H

#include "common/buf.h"
#include "common/list.h"
#include "producer/gateway/api/call.h"
#include "producer/gateway/doors/json_end.h"

enum {
    PLAIN_PORTS_MAX = 4,
    PLAIN_CONNECTIONS_MAX = 2000,    /* of all; more wait to be accepted */
    PLAIN_HELD_BYTES_MAX = 64 << 20, /* requests and answers; beyond it more are refused */
};

struct plain;
struct errand;

struct plain_service {
    const char *name;
    size_t bytes_max; /* of a request */
    int64_t quiet_ms; /* so long without a further byte ends it */
    bool cancels;     /* nobody else wants its job: it is cancelled when the client has left */
    /* How many of the bytes that have come make a request, once that is known; else -1. */
    ptrdiff_t (*end)(struct plain *p, struct bytes arrived);
    /* It is whole, or nothing more comes. */
    void (*run)(struct plain *p, struct bytes text);
    /* Its job has ended. */
    void (*done)(struct plain *p, const struct reeve_result *result);
    /* What stands in the way of it; text: a borrowed sentence. */
    void (*refuse)(struct plain *p, struct bytes text);
    void (*fini)(struct plain *p); /* of plain::user; NULL: there is none */
};

extern const struct plain_service text_service, dask_service;

enum plain_state { PLAIN_READING, PLAIN_ASKING, PLAIN_WRITING, PLAIN_LEAVING };

struct plain {        /* a connection */
    struct link link; /* plains::connections */
    struct plains *plains;
    const struct plain_service *service;
    int fd;
    enum plain_state state;
    struct timer timer;
    int64_t begun_ms; /* its first byte came; 0: none has */
    struct buf in, out;
    size_t sent;           /* of out */
    size_t held;           /* what it counts for in plains::held */
    struct call *call;     /* what it asks the broker; NULL: nothing */
    struct errand *errand; /* the job it waits for; NULL: none */
    struct json_end json;  /* for services that read it */
    void *user;            /* the service's */
};

struct plain_port {
    int fd;
    const struct plain_service *service;
};

struct plains {
    struct gateway *gateway;
    struct plain_port ports[PLAIN_PORTS_MAX];
    size_t port_count;
    struct link connections; /* plain::link */
    struct link errands;     /* errand::link */
    size_t count, held;      /* held: bytes for all of them */
    bool full;               /* nobody is accepted */
    struct timer timer;      /* ends that when descriptors had run out */
    int epoll;
};

struct plains *plains_new(struct gateway *g);
void plains_free(struct plains *all); /* NULL is fine */
/* A port that is bound; taken. */
void plains_listen(struct plains *all, const struct plain_service *service, int fd);
int plains_fd(const struct plains *all);
void plains_run(struct plains *all);
/* The gateway stops: nobody comes any more, and who waits is told. */
void plains_leave(struct plains *all);
bool plains_empty(const struct plains *all);

/* The one answer; out is taken. */
void plain_answer(struct plain *p, struct buf *out);

/* A question to the broker, one after the other. NULL: refused already. What goes wrong refuses. */
struct call *plain_call(struct plain *p);
struct plain *plain_of(struct call *c);
/* Hands in a job; its end is told to `done`. args: a packed array. */
void plain_job(struct plain *p, const char *method, struct bytes args);
/* What it has asked is nobody's any more. */
void plain_drop(struct plain *p);
/* Jobs that nobody waits for are not heard of any more. */
void plains_forget(struct plains *all);

#endif
