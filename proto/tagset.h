/* SPDX-License-Identifier: Apache-2.0
 *
 * tagset: the tags of a worker, and those that a job wants of one, as a text: `gpu=a100,zone=eu`,
 * by name, each name once. There is one text for a set, so sets are compared as bytes.
 */
#ifndef PROTO_TAGSET_H
#define PROTO_TAGSET_H

#include "common/buf.h"
#include "common/must.h"

/* Of letters, digits, `_ - .`; a name has at least one of them. */
enum { TAGS_MAX = 8, TAG_NAME_MAX = 32, TAG_VALUE_MAX = 32 };
enum { TAGSET_BYTES_MAX = TAGS_MAX * (TAG_NAME_MAX + TAG_VALUE_MAX + 2) };

/* Is it such a text? The empty one is. */
bool tagset_valid(struct bytes set);

/* Is each of `wanted` in `set`? Both valid. */
bool tagset_covers(struct bytes set, struct bytes wanted);

/* Adds `name=value` to a valid set. NULL, or why not, for people. */
const char *tagset_add(struct buf *set, struct bytes tag) MUST_CHECK;

/* The set of `text`, in which tags stand in any order. Likewise; the set is empty then. */
const char *tagset_read(struct buf *set, struct bytes text) MUST_CHECK;

#endif
