/* SPDX-License-Identifier: Apache-2.0
 *
 * news: one update of a topic, as the verbs that follow topics print it.
 */
#ifndef CLI_NEWS_H
#define CLI_NEWS_H

#include <reeve/client.h>

#include "common/bytes.h"

static inline struct bytes news_body(const struct reeve_update *u)
{
    return bytes_of(u->body, u->size);
}

/* When it was told, ms since 1970; now, when it does not say. */
uint64_t news_time(const struct reeve_update *u);
/* Is it one of the keys that every update has: topic, seq, incarnation, time, event? */
bool news_leading(struct bytes key);
/* {topic, seq, incarnation, time, event, ...} as a line of JSON. */
void news_json(const struct reeve_update *u);

#endif
