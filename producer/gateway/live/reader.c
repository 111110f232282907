/* SPDX-License-Identifier: Apache-2.0
 *
 * One reader of the hub: how far it has come on each of its topics, and what it is told next.
 */
#include "common/must.h"
#include "common/pack.h"
#include "producer/gateway/live/hub.h"

/* --- life ----------------------------------------------------------------------------------- */

/* Where a reader begins on a topic that others read already. */
static void follow_start(struct follow *f)
{
    struct hub_topic *t = f->topic;
    struct position after = f->told;
    uint64_t behind = after.incarnation ? ring_behind(&t->ring, after) : 0;
    bool known = t->latest_position.incarnation == after.incarnation;
    f->next = t->ring.first;
    if (t->prefix)
        f->next = t->ring.next;
    else if (behind)
        f->next = behind;
    else /* what the ring has goes on from there, with a gap that is told; or all begins anew */
        f->fresh = !after.incarnation || !known || after.seq > t->latest_position.seq;
    if (f->fresh && !t->latest.size && !t->asked) {
        t->asked = true;
        t->hub->source->ask_state(t->hub->user, t->name);
    }
}

struct reader *reader_new(struct hub *h, const struct reader_wish *wishes, size_t count,
                          void (*wake)(void *user), void *user, enum err *err)
{
    must(count <= READER_TOPICS_MAX);
    struct reader *r = must_alloc(sizeof *r + count * sizeof *r->follows);
    *r = (struct reader){.hub = h, .wake = wake, .user = user};
    list_append(&h->readers, &r->link);
    for (size_t i = 0; i < count; i++) {
        struct follow *f = &r->follows[i];
        bool there = namemap_find(&h->topics, bytes_text(wishes[i].topic)) != NULL;
        f->topic = hub_follow(h, wishes[i].topic, wishes[i].after, err);
        if (!f->topic) {
            reader_free(r);
            return NULL;
        }
        f->reader = r;
        list_append(&f->topic->followers, &f->link);
        r->count++;
        f->told = wishes[i].after;
        if (there) /* otherwise the source itself goes on from there */
            follow_start(f);
    }
    *err = OK;
    return r;
}

void reader_free(struct reader *r)
{
    link_take(&r->link);
    for (size_t i = 0; i < r->count; i++) {
        link_take(&r->follows[i].link);
        hub_unfollow(r->follows[i].topic);
    }
    free(r);
}

/* --- what it is told ------------------------------------------------------------------------ */

static void put_position(const struct reader *r, struct buf *out)
{
    uint64_t before = 0;
    buf_put(out, "id: ", 4);
    for (size_t i = 0; i < r->count; i++) {
        if (i)
            buf_put(out, ",", 1);
        position_put(out, r->follows[i].told, &before);
    }
    buf_put(out, "\ndata: ", 7);
}

static void put_end(struct buf *out, struct bytes text)
{
    buf_put(out, text.data, text.size);
    buf_put(out, "\n\n", 2);
}

/* What lies between the reader and position `last` is not to be had any more. Below a prefix
 * numbers are many objects': there only how many. */
static void put_lost(struct follow *f, struct buf *out, struct position last, uint64_t missed)
{
    struct buf body = {0}, text = {0};
    pack_map(&body, 4);
    pack_text(&body, "event");
    pack_text(&body, "lost");
    pack_text(&body, missed ? "missed" : "incarnation");
    pack_uint(&body, missed ? missed : last.incarnation);
    pack_text(&body, "first");
    pack_uint(&body, missed ? 0 : f->told.seq + 1);
    pack_text(&body, "last");
    pack_uint(&body, last.seq);
    f->told = last;
    hub_text(&text, f->topic->name, NULL, buf_bytes(&body));
    put_position(f->reader, out);
    put_end(out, buf_bytes(&text));
    buf_fini(&body);
    buf_fini(&text);
}

static void put_gap(struct follow *f, struct buf *out, const struct ring_event *e)
{
    uint64_t last = f->topic->prefix ? 0 : ring_gap(e, f->told);
    if (last)
        put_lost(f, out, (struct position){e->position.incarnation, last}, 0);
}

/* The newest state in place of all that led to it. */
static void put_snapshot(struct follow *f, struct buf *out)
{
    const struct hub_topic *t = f->topic;
    struct buf text = {0};
    put_gap(f, out, &(struct ring_event){.kind = RING_SNAPSHOT, .position = t->latest_position});
    f->fresh = false;
    f->told = t->latest_position;
    f->next = t->ring.next - (t->over ? 1 : 0); /* its last event is why it is over */
    hub_text(&text, t->name, "snapshot", buf_bytes(&t->latest));
    put_position(f->reader, out);
    put_end(out, buf_bytes(&text));
    buf_fini(&text);
}

static void put_event(struct follow *f, struct buf *out, const struct ring_event *e)
{
    put_gap(f, out, e);
    if (e->kind != RING_ERROR && !f->topic->prefix)
        f->told = e->position;
    f->next++;
    put_position(f->reader, out);
    put_end(out, bytes_of(e->text, e->size));
}

static void follow_pull(struct follow *f, struct buf *out, size_t most)
{
    const struct ring *ring = &f->topic->ring;
    bool behind = f->next < ring->first;
    if (behind && !f->topic->prefix && !f->told.incarnation)
        f->fresh = true; /* it has seen nothing of it yet: nothing is lost */
    if (f->fresh && f->topic->latest.size)
        put_snapshot(f, out);
    if (f->fresh && !f->topic->over)
        return;
    if (behind && f->topic->prefix)
        put_lost(f, out, (struct position){0}, ring->first - f->next);
    if (f->next < ring->first)
        f->next = ring->first;
    while (f->next < ring->next && out->size < most)
        put_event(f, out, ring_at(ring, f->next));
}

void reader_pull(struct reader *r, struct buf *out, size_t most)
{
    if (!r->greeted)
        put_end(out, bytes_text("retry: 1000"));
    else if (r->beat)
        put_end(out, bytes_text(":"));
    r->greeted = true;
    r->beat = false;
    size_t begin = r->turn;
    for (size_t i = 0; i < r->count && out->size < most; i++) {
        size_t turn = (begin + i) % r->count;
        follow_pull(&r->follows[turn], out, most);
        r->turn = (turn + 1) % r->count; /* who was cut off by a full buffer is not first again */
    }
}
