/* SPDX-License-Identifier: Apache-2.0
 *
 * identity: a CURVE key pair, whose it is, and the key of the broker it is for: all that a peer
 * needs to reach a broker that asks for keys, in one file of its owner. The file is a secret
 * certificate as czmq's zcert writes it (RFC 4/ZPL), so that other tools read it; it is not read
 * with czmq, which prints lines that it does not understand, a secret key among them.
 */
#ifndef COMMON_IDENTITY_H
#define COMMON_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/must.h"

enum {
    IDENTITY_KEY = 41,  /* 40 characters of Z85 for 32 bytes, and a 0 */
    IDENTITY_NAME = 65, /* up to 64 of A-Z a-z 0-9 . _ -, and a 0 */
    IDENTITY_WHY = 400, /* room for any sentence of this module */
};

struct identity { /* zeroed storage is none */
    char role[IDENTITY_NAME], name[IDENTITY_NAME];
    char public_key[IDENTITY_KEY], secret_key[IDENTITY_KEY];
    char server_key[IDENTITY_KEY]; /* public; "" in the broker's own */
};

static inline bool identity_there(const struct identity *id)
{
    return id->secret_key[0] != 0;
}

/* Are these the 40 characters of a key? Of a name? */
bool identity_key_valid(const char *text);
bool identity_name_valid(const char *text);

/* A new key pair. Role and name are valid names; server_key may be NULL. The libzmq is one with
 * CURVE: others are not built against. */
void identity_make(struct identity *id, const char *role, const char *name, const char *server_key);

/* False, with a sentence in why that holds nothing of the file but its path: it cannot be read, it
 * is not private (common/secret.h), or what it holds is no whole identity. The caller ends with
 * identity_wipe. */
bool identity_read(struct identity *id, const char *path, char *why, size_t why_size);

/* Makes the file; 0 or an errno: EEXIST, and what is there stays. */
int identity_write(const struct identity *id, const char *path);

/* The identity in the file is for a broker with this key from now on. False, with a sentence: the
 * file is no good, or the broker's own, and stays as it is. */
bool identity_meet(const char *path, const char *server_key, char *why, size_t why_size) MUST_CHECK;
/* The same in place of what is there, which others see until the new one is whole. 0 or an errno.
 */
int identity_replace(const struct identity *id, const char *path) MUST_CHECK;

/* A peer's own: from the file that was said, else $REEVE_IDENTITY, else identity in systemd's
 * $CREDENTIALS_DIRECTORY when it is there. None of these, or "" said: none, and that is fine.
 * False, with a sentence: the file is no good, or names no broker. */
bool identity_own(struct identity *id, const char *said, char *why, size_t why_size);

void identity_wipe(struct identity *id);

#endif
