/* SPDX-License-Identifier: Apache-2.0
 *
 * feed: a session that runs only while somebody watches. A handler that offers a method as the feed
 * `ticker` gets one session for each topic `ticker/...` that has a subscriber, whose arguments are
 * what stands behind the head, in parts (`ticker/AAPL/0.5`: "AAPL", "0.5"). What an iteration shows
 * is the topic's next update.
 *
 *                   first subscriber                     last one left
 *     (no job) ---------------------------> running ----------------------> paused
 *         ^                                    ^                              |  |
 *         |                                    +---------- first one ---------+  | nobody for
 *         +----- the session has ended -----------------------------------------+ a minute
 *
 * Its jobs are of class received: after a restart of the broker subscribers come again, and with
 * them the feeds. One that ended while it was watched stays, to say why, until nobody watches it.
 */
#include "producer/core/core.h"

enum { FEEDS_MAX = 10000, FEED_IDLE_MS = 60000, HEAD_BYTES_MAX = 32 };

static struct bytes head_of(struct bytes topic)
{
    const char *text = topic.data, *slash = topic.size ? memchr(text, '/', topic.size) : NULL;
    return bytes_of(text, slash ? (size_t)(slash - text) : 0);
}

struct feed *feed_find(const struct broker *b, struct bytes topic)
{
    return namemap_find(&b->feeds, topic);
}

struct bytes feed_queue(const struct broker *b, struct bytes topic)
{
    const struct queue *q = namemap_find(&b->feed_heads, head_of(topic));
    return q ? q->name : (struct bytes){0};
}

static void feed_free(struct broker *b, struct feed *feed)
{
    namemap_take(&b->feeds, feed->topic);
    link_take(&feed->idle);
    if (feed->updates > b->feeds_updates_max)
        b->feeds_updates_max = feed->updates;
    bytes_drop(&feed->topic);
    free(feed);
}

/* --- updates ---------------------------------------------------------------------------------- */

void feed_fields(const struct broker *b, struct update *u, const struct feed *feed)
{
    struct msg_job view;
    struct msg_chain_row row;
    if (!feed->job) {
        update_text(u, "state", bytes_text(job_state_name(feed->state)));
        update_text(u, "reason", bytes_text(feed->reason));
        return;
    }
    job_view(b, feed->job, &view);
    chain_row_of(job_chain(feed->job), &row);
    chain_fields(u, &view, &row);
}

static void publish(struct broker *b, struct feed *feed, const char *event)
{
    struct update u;
    topic_open(b, &u, ++feed->updates, event);
    feed_fields(b, &u, feed);
    topic_publish(b, feed->topic, feed->updates, update_close(&u));
    update_fini(&u);
}

/* --- starting and stopping -------------------------------------------------------------------- */

/* What stands behind the head: its parts, as texts. */
static void args_put(struct bytes topic, struct buf *out)
{
    const char *at = (const char *)topic.data + head_of(topic).size + 1;
    const char *end = (const char *)topic.data + topic.size;
    uint32_t count = 1;
    for (const char *c = at; c < end; c++)
        count += *c == '/';
    pack_array(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const char *slash = at < end ? memchr(at, '/', (size_t)(end - at)) : NULL;
        const char *stop = slash ? slash : end;
        pack_str(out, bytes_of(at, (size_t)(stop - at)));
        at = stop + 1;
    }
}

static void begin(struct broker *b, struct feed *feed, struct queue *q)
{
    struct msg_submit submit = {.durability = CLASS_RECEIVED};
    struct buf args = {0};
    args_put(feed->topic, &args);
    feed->given_up = false;
    feed->job = job_make(b, NULL, NULL, &submit, q);
    chain_begin(b, feed->job, buf_bytes(&args));
    feed->job->more->feed = feed;
    job_new(b, feed->job, 0);
    buf_fini(&args);
}

static void start(struct broker *b, struct queue *q, struct bytes topic)
{
    if (b->feeds.count >= FEEDS_MAX)
        return; /* whoever asks for its number is told that there is none */
    struct feed *feed = must_alloc(sizeof *feed);
    feed->topic = bytes_keep(topic);
    feed->watched = true;
    feed->updates = b->feeds_updates_max;
    link_init(&feed->idle);
    namemap_put(&b->feeds, feed->topic, feed);
    begin(b, feed, q);
}

/* Somebody may have come while a session that was given up did its last iteration. */
static void over(struct broker *b, struct feed *feed, const struct msg_job *view)
{
    struct queue *q = feed->job->queue;
    feed->job->more->feed = NULL;
    feed->job = NULL;
    if (!feed->watched) {
        feed_free(b, feed);
    } else if (feed->given_up) {
        begin(b, feed, q);
    } else {
        feed->state = (unsigned)view->state;
        reason_text((unsigned)view->reason, (unsigned)view->detail, feed->reason);
        publish(b, feed, "ended");
    }
}

/* view: as it is after its end. */
void feed_event(struct broker *b, struct job *job, const struct msg_job *view,
                enum chain_event event)
{
    if (event == CHAIN_ITERATED)
        publish(b, job->more->feed, "value");
    else if (event == CHAIN_OVER)
        over(b, job->more->feed, view);
}

static void go_on(struct broker *b, struct feed *feed)
{
    feed->watched = true;
    link_take(&feed->idle);
    if (job_chain(feed->job)->paused)
        chain_resume(b, feed->job);
}

static void leave(struct broker *b, struct feed *feed)
{
    feed->watched = false;
    if (!feed->job) {
        feed_free(b, feed);
        return;
    }
    feed->left_ms = b->now_ms;
    list_append(&b->feeds_idle, &feed->idle);
    if (!job_chain(feed->job)->paused)
        chain_pause(b, feed->job);
}

void feed_watch(struct broker *b, struct bytes topic, bool on)
{
    struct feed *feed = feed_find(b, topic);
    struct queue *q = feed ? NULL : namemap_find(&b->feed_heads, head_of(topic));
    if (feed && on)
        go_on(b, feed);
    else if (feed)
        leave(b, feed);
    else if (q && on)
        start(b, q, topic);
}

/* A worker offers this queue as the feed `head`: topics that were watched before it came begin. */
bool feed_offer(struct broker *b, struct queue *q, struct bytes head)
{
    if (bytes_equal(q->feed, head))
        return true;
    if (q->feed.size || todo_named(q->name) || head.size > HEAD_BYTES_MAX || snapshot_kind(head) ||
        memchr(head.data, '/', head.size) || namemap_find(&b->feed_heads, head))
        return false;
    q->feed = bytes_keep(head);
    namemap_put(&b->feed_heads, q->feed, q);
    size_t at = 0;
    for (struct topic *t; (t = namemap_next(&b->topics, &at));)
        if (topic_watched(t) && bytes_equal(head_of(t->name), head) && !feed_find(b, t->name))
            start(b, q, t->name);
    return true;
}

/* Nobody has come back to them. */
void feeds_tick(struct broker *b)
{
    while (!list_empty(&b->feeds_idle)) {
        struct feed *feed = list_first(&b->feeds_idle, struct feed, idle);
        if (b->now_ms - feed->left_ms < FEED_IDLE_MS)
            return;
        link_take(&feed->idle);
        feed->given_up = true;
        job_stop(b, feed->job, REASON_CANCELLED);
    }
}

void feed_list(struct broker *b, struct peer *peer, uint64_t number)
{
    size_t at = 0;
    for (const struct feed *feed; (feed = namemap_next(&b->feeds, &at));) {
        if (!permit_queue(b, peer, feed_queue(b, feed->topic)))
            continue;
        struct record r = {.type = REC_feed,
                           .feed = {.number = number,
                                    .topic = feed->topic,
                                    .updates = feed->updates,
                                    .running = feed->watched && feed->job}};
        if (feed->job) {
            r.feed.id = feed->job->id;
            r.feed.queue = feed->job->queue->name;
            r.feed.view = job_chain(feed->job)->view;
        }
        send_record(b, peer, &r);
    }
    send_record(b, peer, &(struct record){.type = REC_end, .end = {.number = number}});
}

void feeds_fini(struct broker *b)
{
    size_t at = 0;
    for (struct feed *feed; (feed = namemap_next(&b->feeds, &at)); at = 0)
        feed_free(b, feed);
    namemap_fini(&b->feeds);
    namemap_fini(&b->feed_heads);
}
