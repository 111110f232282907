/* SPDX-License-Identifier: Apache-2.0
 *
 * asked: what a request of the JSON API says, read and checked: the id in its path, its query, its
 * body, its key. Each call is false when something is not as it must be: the request has been
 * answered then, and says what.
 */
#ifndef API_ASKED_H
#define API_ASKED_H

#include "producer/gateway/api/shape.h"
#include "producer/gateway/http/http.h"

enum { ASKED_PAGE = 100, ASKED_PAGE_MAX = 1000, ASKED_WAIT_S_MAX = 300 };

bool asked_id(struct request *r, uint64_t *id);
/* No parameters but these; names ends with NULL. */
bool asked_query(struct request *r, const char *const *names);
bool asked_limit(struct request *r, uint64_t *limit);
/* cursor=ID, of a page of jobs; 0: not said. */
bool asked_cursor(struct request *r, uint64_t *after);
/* wait=SECONDS; -1: not said. */
bool asked_wait(struct request *r, int64_t *wait_ms);
/* The body as a packed map of that shape. optional: an empty one is an empty map. */
bool asked_body(struct request *r, const struct shape_field *fields, bool optional,
                struct buf *map);
/* Idempotency-Key, with a closing 0 in key; lent by key, NULL: none. */
bool asked_key(struct request *r, struct buf *key, const char **out);

#endif
