/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer: one consumer of the text protocol, as a producer sees it: connect, send one command,
 * read the reply to its end, and again. Nothing here blocks: consumer_advance goes as far as the
 * socket lets it. A consumer that refuses or dies is away and is tried again after a pause, which
 * doubles up to RETRY_MS_MAX.
 */
#ifndef LOAD_CONSUMER_H
#define LOAD_CONSUMER_H

#include <sys/socket.h>

#include "common/buf.h"
#include "common/list.h"

enum consumer_state {
    CONSUMER_FREE,
    CONSUMER_CONNECTING,
    CONSUMER_SENDING,
    CONSUMER_READING,
    CONSUMER_AWAY,
};

enum consumer_step {
    CONSUMER_BUSY,  /* wants to be called again when its socket is ready */
    CONSUMER_REPLY, /* the whole reply is in .reply; it is free again */
    CONSUMER_LOST,  /* no reply; it is away, .why says why */
};

enum { CONSUMER_REPLY_MS = 60000, CONSUMER_REPLY_BYTES = 17 << 20 };

struct consumer {
    struct link link; /* text.free while CONSUMER_FREE */
    enum consumer_state state;
    char name[64]; /* HOST:PORT */
    struct sockaddr_storage address;
    socklen_t address_size;
    int fd;
    struct buf command, reply;
    size_t sent;
    bool reached;     /* the command may have been seen */
    int64_t until_ms; /* a reply is due, or the next try of one that is away */
    int64_t pause_ms;
    const char *why; /* lent */
    void *job;       /* the caller's, untouched */
};

/* "9000" or "host:9000". 0, or -1 with a sentence in error. */
int consumer_init(struct consumer *c, const char *text, char *error, size_t error_size);
void consumer_fini(struct consumer *c);

/* Starts the command of a free consumer; a newline is added. */
enum consumer_step consumer_start(struct consumer *c, const char *method, const char *words,
                                  int64_t now_ms);
enum consumer_step consumer_advance(struct consumer *c, int64_t now_ms);
/* Its time is over: a busy one is given up, one that is away becomes free again. */
enum consumer_step consumer_expire(struct consumer *c, int64_t now_ms);

#endif
