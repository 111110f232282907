/* SPDX-License-Identifier: Apache-2.0
 *
 * keyring: the folder of a broker's keys, as its operator changes it: server.key, the list of
 * principals (acl; proto/acl.h) and the identities made here. One change at a time; the list is
 * replaced whole, and never by one that a broker would refuse. A broker that runs with the folder
 * is told. It asks nobody and prints nothing; failures are sentences in `why`.
 */
#ifndef KEYRING_KEYRING_H
#define KEYRING_KEYRING_H

#include <sys/types.h>

#include "common/identity.h"
#include "common/must.h"
#include "proto/acl.h"

struct keyring {
    char *folder;
    int lock; /* the folder's, while it is open */
    char server_key[IDENTITY_KEY];
    struct buf text; /* of the list */
    struct acl acl;
    pid_t told; /* the broker that has taken the last change; 0: none runs here */
    char why[600];
};

enum keyring_end {
    KEYRING_DONE,
    KEYRING_WRONG,   /* the folder, or what was asked for */
    KEYRING_TAKEN,   /* it is there already, and stays as it is */
    KEYRING_UNKNOWN, /* no such name */
    KEYRING_BUSY,    /* somebody else is changing it */
};

/* Makes the folder with a broker's key, and admin.key for whoever runs it; then it is open. */
enum keyring_end keyring_init(struct keyring *k, const char *folder) MUST_CHECK;
/* Waits while somebody else changes it. */
enum keyring_end keyring_open(struct keyring *k, const char *folder) MUST_CHECK;
/* The same without waiting, for the broker: who changes the folder waits for it. */
enum keyring_end keyring_try(struct keyring *k, const char *folder) MUST_CHECK;
void keyring_close(struct keyring *k); /* zeroed storage is fine */

/* A new principal with a key that is made here, and its identity in the file `path`. What it makes
 * is undone when it ends in anything but KEYRING_DONE. */
enum keyring_end keyring_add(struct keyring *k, const struct principal *made,
                             const char *path) MUST_CHECK;
/* Whoever shows the key that is made here may be the worker of this name, until then: seconds since
 * 1970. The secret is nowhere but in *made, which the caller wipes. Invitations that have expired
 * leave the list. */
enum keyring_end keyring_invite(struct keyring *k, const char *name, const char *queues,
                                int64_t until_s, int64_t now_s, struct identity *made) MUST_CHECK;
/* For the broker, which is not told: whoever was invited under this name is a worker under this
 * key. KEYRING_TAKEN: somebody has this key; KEYRING_UNKNOWN: nobody is invited. */
enum keyring_end keyring_enrol(struct keyring *k, const char *name, const char *key) MUST_CHECK;
/* The key of this name counts no more. Its file stays where it is. */
enum keyring_end keyring_revoke(struct keyring *k, const char *name) MUST_CHECK;

/* The broker has another key from its next start on. The identities in the folder name it from now
 * on, *changed of them; others are told by their owners (identity_meet). Said again after it was
 * cut off in the middle it leaves nothing behind. The list stays. */
enum keyring_end keyring_rotate(struct keyring *k, unsigned *changed) MUST_CHECK;

/* FOLDER/LEAF; owned by the caller. */
char *keyring_path(const struct keyring *k, const char *leaf);

#endif
