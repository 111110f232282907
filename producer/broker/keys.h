/* SPDX-License-Identifier: Apache-2.0
 *
 * keys: the folder that makes a broker ask for keys: its own identity (server.key), the list of
 * principals (acl) and, while it runs, its process id and the CRC-32C of the list in force in
 * hexadecimal (broker.pid), so that who changes the list can tell it and sees when it is in force.
 * A folder is one broker's at a time.
 */
#ifndef BROKER_KEYS_H
#define BROKER_KEYS_H

#include "common/conn.h"
#include "producer/keyring/keyring.h"
#include "proto/acl.h"

struct keys;

/* NULL, with a sentence: something is missing, is readable by others, or does not read; or another
 * broker has it. From here on the process leaves no core and cannot be looked into, and HUP waits
 * for keys_again. */
struct keys *keys_open(const char *folder, char *why, size_t why_size);

/* From now on its list says who is let in, in this context; see proof.h. False, with a sentence. */
bool keys_start(struct keys *keys, void *context, char *why, size_t why_size);

/* Reads the list again. False, with a sentence: the one there was stays in force. *updates:
 * somebody who may have been let in at the port of the updates would not be any more. */
bool keys_again(struct keys *keys, bool *updates, char *why, size_t why_size);

/* Whoever was invited under this name is a worker under this key from now on, in the file:
 * keys_again takes it up. Anything but KEYRING_DONE, with a sentence: nothing is changed;
 * KEYRING_BUSY: not yet. */
enum keyring_end keys_enrol(struct keys *keys, const char *name, const char *key, char *why,
                            size_t why_size);

/* The text in force; lent until keys_again. */
struct bytes keys_list(const struct keys *keys);

/* The broker's own; lent. */
const struct identity *keys_identity(const struct keys *keys);

/* After zmq_ctx_shutdown of the context, if there was one. NULL: nothing. */
void keys_close(struct keys *keys);

#endif
