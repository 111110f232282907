/* SPDX-License-Identifier: Apache-2.0
 *
 * chain: the calls for sessions, which are jobs that run again and again (session.h is about the
 * connection). Here: where the last one that a blocking call was told of is kept.
 */
#ifndef CLIENT_CHAIN_H
#define CLIENT_CHAIN_H

#include "common/buf.h"

struct chain_strings {
    struct buf view, value, text, queue;
    char reason[48];
};

void chain_strings_fini(struct chain_strings *s);

#endif
