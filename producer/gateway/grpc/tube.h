/* SPDX-License-Identifier: Apache-2.0
 *
 * tube: bytes that go in at the end and leave at the front. Zeroed storage is an empty tube.
 * Header only.
 */
#ifndef GRPC_TUBE_H
#define GRPC_TUBE_H

#include "common/buf.h"

struct tube {
    struct buf buf;
    size_t at; /* what lies before it has left */
};

enum { TUBE_KEPT_BYTES = 1024 }; /* an empty one keeps no more: most calls wait, and hold nothing */

static inline struct bytes tube_bytes(const struct tube *t)
{
    if (!t->buf.data)
        return bytes_of(NULL, 0);
    return bytes_of(t->buf.data + t->at, t->buf.size - t->at);
}

static inline void tube_clear(struct tube *t)
{
    if (t->buf.capacity > TUBE_KEPT_BYTES)
        buf_fini(&t->buf);
    buf_clear(&t->buf);
    t->at = 0;
}

static inline void tube_put(struct tube *t, struct bytes more)
{
    if (t->at > t->buf.size / 2) { /* so that each byte is moved about once */
        memmove(t->buf.data, t->buf.data + t->at, t->buf.size - t->at);
        t->buf.size -= t->at;
        t->at = 0;
    }
    buf_put(&t->buf, more.data, more.size);
}

static inline void tube_drop(struct tube *t, size_t size)
{
    t->at += size;
    if (t->at == t->buf.size)
        tube_clear(t);
}

static inline void tube_fini(struct tube *t)
{
    buf_fini(&t->buf);
}

#endif
