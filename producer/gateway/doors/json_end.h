/* SPDX-License-Identifier: Apache-2.0
 *
 * json_end: where a JSON value ends in bytes that come in pieces and have neither a length nor a
 * mark behind them. It follows brackets and strings and is not a parser: what it calls an end may
 * still be no JSON inside. Without I/O and memory; each byte is looked at once.
 */
#ifndef DOORS_JSON_END_H
#define DOORS_JSON_END_H

#include "common/bytes.h"

enum { JSON_END_DEPTH_MAX = 64 };

struct json_end { /* zeroed storage has seen nothing */
    size_t seen;  /* bytes */
    uint64_t objects;
    unsigned depth; /* bit i of objects: level i is an object, else an array */
    bool string, escaped, wrong;
};

/* arrived: all bytes so far, those it has seen among them. Returns how many make the value, which
 * is an object or an array; -1: it goes on. 0: it is none, or nested too deep, whatever comes. */
ptrdiff_t json_end(struct json_end *e, struct bytes arrived);

#endif
