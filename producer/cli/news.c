/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/news.h"

#include "common/clock.h"
#include "common/must.h"
#include "producer/cli/output.h"
#include "producer/view/field.h"
#include "producer/view/pairs.h"

uint64_t news_time(const struct reeve_update *u)
{
    uint64_t time_ms = field_uint(news_body(u), "time");
    return time_ms ? time_ms : (uint64_t)clock_wall_ms();
}

bool news_leading(struct bytes key)
{
    static const char *const keys[] = {"topic", "seq", "incarnation", "time", "event"};
    return field_among(key, keys, LENGTH(keys));
}

void news_json(const struct reeve_update *u)
{
    struct pairs p = {.count = 0};
    struct buf b = {0};
    pairs_text(&p, "topic", u->topic);
    pack_uint(pairs_key(&p, "seq"), u->seq);
    pack_uint(pairs_key(&p, "incarnation"), u->incarnation);
    pack_uint(pairs_key(&p, "time"), news_time(u));
    pairs_text(&p, "event", u->event);
    for (struct fields f = fields_of(news_body(u)); fields_next(&f);)
        if (!news_leading(f.key))
            pairs_copy(&p, f.key, f.value);
    pairs_close(&p, &b);
    output_json(buf_bytes(&b));
    buf_fini(&b);
}
