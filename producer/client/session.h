/* SPDX-License-Identifier: Apache-2.0
 *
 * session: are we welcome at the broker? Decides when to say hello: until the welcome comes, again
 * when the broker asks for it, and when nothing has been heard of it for too long. It pings every
 * 500 ms; when one is missing it is asked: a broker that does not know this connection (any more)
 * says so, and need not be waited for. Pure: time is given.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/record.h"

enum { HELLO_EVERY_MS = 200, PROBE_MS = 800, SILENCE_MS = 3000 };

struct session {
    unsigned char peer_id[PEER_ID_BYTES];
    bool up;              /* welcomed, and not lost since */
    bool met;             /* has ever been */
    uint64_t incarnation; /* the broker's, of the last welcome */
    int64_t hello_ms;     /* the next hello is due */
    int64_t heard_ms;
    int64_t probed_ms; /* when it was asked last */
};

/* The next hello is due at once; harmless when it is on its way already. */
void session_lose(struct session *s, int64_t now_ms);
void session_welcome(struct session *s, uint64_t incarnation, int64_t now_ms);

/* True once when the broker has been silent for too long: the session is lost. */
bool session_silent(struct session *s, int64_t now_ms);
/* True when a ping is to be sent now. */
bool session_probe_due(struct session *s, int64_t now_ms);
/* True when a hello is to be sent now. */
bool session_hello_due(struct session *s, int64_t now_ms);
/* When to ask again. */
int64_t session_deadline(const struct session *s);

#endif
