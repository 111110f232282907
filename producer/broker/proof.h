/* SPDX-License-Identifier: Apache-2.0
 *
 * proof: a broker that asks for keys shows itself, before it binds a port, that keys count here: a
 * libzmq that is built or set otherwise lets everybody in and says nothing. Three real handshakes
 * over loopback with keys that are made for it: the known key comes in, an unknown one does not,
 * and neither does the known one at the wrong port.
 */
#ifndef BROKER_PROOF_H
#define BROKER_PROOF_H

#include "producer/broker/zap.h"

/* Starts the handler and hands it the list, which is taken over, when all went as it must. NULL,
 * with a sentence: it did not, and nobody may be let near a port. The caller shuts the context down
 * and calls zap_stop on *zap in any case. */
bool proof_start(void *context, struct acl *list, struct zap **zap, char *why, size_t why_size);

#endif
