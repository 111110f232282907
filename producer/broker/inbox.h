/* SPDX-License-Identifier: Apache-2.0
 *
 * inbox: messages of a ROUTER socket. Some are taken before the first of them is dealt with, so
 * that it can be said what comes. Knows no routes.
 */
#ifndef BROKER_INBOX_H
#define BROKER_INBOX_H

#include <zmq.h>

#include "common/bytes.h"

enum { INBOX_LETTERS = 32 }; /* more wait for memory no shorter, and the first waits for them */

struct inbox {
    struct letter {
        zmq_msg_t from, body;
        bool whole; /* of two frames, as ours are */
    } letters[INBOX_LETTERS];
    unsigned count;
};

/* What there is by now, as many as fit. The inbox is empty; each letter is to be closed. */
void inbox_fill(struct inbox *in, void *socket);

/* Lent until it is closed. */
struct bytes letter_from(struct letter *l);     /* routing id */
struct bytes letter_body(struct letter *l);     /* no record, when the message is none of ours */
const char *letter_key(const struct letter *l); /* the public key its connection has shown; NULL */
void letter_close(struct letter *l);

#endif
