/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/view/pairs.h"

/* Around a pair may stand a list of such maps, and what that is shown in. */
enum { LEVELS_AROUND = 4 };

static void put_value(struct buf *b, struct bytes value)
{
    if (value.size && pack_valid_inside(value, LEVELS_AROUND))
        buf_put(b, value.data, value.size);
    else
        pack_nil(b);
}

struct buf *pairs_key(struct pairs *p, const char *name)
{
    p->count++;
    pack_text(&p->buf, name);
    return &p->buf;
}

void pairs_text(struct pairs *p, const char *name, const char *text)
{
    if (text)
        pack_text(pairs_key(p, name), text);
}

void pairs_integer(struct pairs *p, const char *name, int64_t number)
{
    pack_int(pairs_key(p, name), number);
}

void pairs_number(struct pairs *p, const char *name, double number)
{
    pack_float(pairs_key(p, name), number);
}

void pairs_truth(struct pairs *p, const char *name, bool truth)
{
    pack_bool(pairs_key(p, name), truth);
}

void pairs_value(struct pairs *p, const char *name, struct bytes value)
{
    put_value(pairs_key(p, name), value);
}

void pairs_copy(struct pairs *p, struct bytes key, struct bytes value)
{
    p->count++;
    pack_str(&p->buf, key);
    put_value(&p->buf, value);
}

void pairs_close(struct pairs *p, struct buf *out)
{
    pack_map(out, p->count);
    buf_put(out, p->buf.data, p->buf.size);
    buf_fini(&p->buf);
    p->count = 0;
}
