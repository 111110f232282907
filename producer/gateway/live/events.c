/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/live/events.h"

#include "common/clock.h"
#include "producer/gateway/answer.h"
#include "producer/gateway/gateway.h"
#include "producer/gateway/live/hub.h"

enum { BEAT_MS = 15000 };

struct events {
    struct reeve_client *client;
    struct timers *timers;
    struct timer beat;
    struct hub hub;
};

struct watching { /* one stream */
    struct events *events;
    struct reader *reader;
    struct stream *stream; /* NULL while it is being made */
};

/* --- where events come from ----------------------------------------------------------------- */

static void on_update(void *user, const struct reeve_update *u)
{
    hub_event(user, u->topic, u->event, (struct position){u->incarnation, u->seq},
              bytes_of(u->body, u->size));
}

static enum err subscribe(void *user, struct hub_topic *topic, const char *name,
                          struct position after)
{
    const struct events *e = user;
    return (enum err)client_subscribe_after(e->client, name, after.incarnation, after.seq,
                                            on_update, topic);
}

static void unsubscribe(void *user, const char *name)
{
    const struct events *e = user;
    (void)reeve_unsubscribe(e->client, name);
}

struct state_wish {
    struct hub *hub;
    char topic[TOPIC_BYTES_MAX + 1];
};

static void take_state(void *user, const struct record *answer)
{
    const struct state_wish *wish = user;
    const struct msg_snapshot *m = &answer->snapshot;
    if (answer->type == REC_snapshot)
        hub_state(wish->hub, wish->topic, (struct position){m->incarnation, m->seq}, m->body);
}

static void ask_state(void *user, const char *name)
{
    struct events *e = user;
    struct state_wish *wish = must_alloc(sizeof *wish);
    wish->hub = &e->hub;
    snprintf(wish->topic, sizeof wish->topic, "%s", name);
    struct record ask = {.type = REC_watch, .watch = {.topic = bytes_text(wish->topic)}};
    client_ask_start(e->client, &ask, take_state, wish);
}

static const struct hub_source source = {subscribe, unsubscribe, ask_state};

/* --- streams -------------------------------------------------------------------------------- */

static void wake(void *user)
{
    const struct watching *w = user;
    stream_wake(w->stream);
}

static void pull(void *user, struct buf *out, size_t most)
{
    reader_pull(((struct watching *)user)->reader, out, most);
}

static void closed(void *user)
{
    struct watching *w = user;
    reader_free(w->reader);
    free(w);
}

static const struct stream_source stream_source = {pull, closed};

/* --- what is asked -------------------------------------------------------------------------- */

struct asked_topics {
    struct reader_wish wishes[READER_TOPICS_MAX];
    char names[READER_TOPICS_MAX][TOPIC_BYTES_MAX + 1];
    size_t count;
};

static bool topic_fine(struct bytes name)
{
    static const char *const prefixes[] = {"job/", "queue/", "worker/", "session/", "ticker/"};
    if (!name.size || name.size > TOPIC_BYTES_MAX || bytes_starts(name, bytes_text("sync/")))
        return false;
    if (((const char *)name.data)[name.size - 1] != '/')
        return true;
    for (size_t i = 0; i < LENGTH(prefixes); i++)
        if (bytes_equal(name, bytes_text(prefixes[i])))
            return true;
    return false;
}

static bool add_topic(struct request *r, struct asked_topics *a, struct bytes name)
{
    if (a->count == READER_TOPICS_MAX) {
        answer_invalid(r, "a stream has %d topics at most", READER_TOPICS_MAX);
        return false;
    }
    if (!topic_fine(name)) {
        answer_invalid(r, "no topic: %.*s", BYTES_ARG(name));
        return false;
    }
    char *text = a->names[a->count];
    snprintf(text, sizeof a->names[0], "%.*s", BYTES_ARG(name));
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->names[i], text) == 0) {
            answer_invalid(r, "a topic twice: %s", text);
            return false;
        }
    a->wishes[a->count++] = (struct reader_wish){.topic = text};
    return true;
}

static bool is_prefix(const struct reader_wish *wish)
{
    return wish->topic[strlen(wish->topic) - 1] == '/';
}

static bool add_after(struct request *r, struct asked_topics *a, struct bytes text)
{
    struct reader_wish *wish = a->count ? &a->wishes[a->count - 1] : NULL;
    if (wish && !is_prefix(wish) && position_parse(text, &wish->after))
        return true;
    answer_invalid(r, "after=INCARNATION.SEQ follows its topic, which is no prefix");
    return false;
}

/* Where the stream was cut off is said by the header, which stands above the query. */
static bool add_last_event(struct request *r, struct asked_topics *a)
{
    struct position row[READER_TOPICS_MAX];
    struct bytes text = request_header(r, "Last-Event-ID");
    if (!text.size)
        return true;
    if (!position_row(text, row, a->count)) {
        answer_invalid(r, "Last-Event-ID is not of these topics");
        return false;
    }
    for (size_t i = 0; i < a->count; i++)
        a->wishes[i].after = is_prefix(&a->wishes[i]) ? (struct position){0} : row[i];
    return true;
}

static bool read_topics(struct request *r, struct asked_topics *a)
{
    struct bytes name, value;
    for (size_t at = 0; (value = request_query_next(r, NULL, &at, &name)).data;) {
        bool fine = bytes_equal(name, bytes_text("topic"))   ? add_topic(r, a, value)
                    : bytes_equal(name, bytes_text("after")) ? add_after(r, a, value)
                                                             : false;
        if (!fine && !bytes_equal(name, bytes_text("topic")) &&
            !bytes_equal(name, bytes_text("after")))
            answer_invalid(r, "no such parameter: %.*s", BYTES_ARG(name));
        if (!fine)
            return false;
    }
    if (a->count)
        return add_last_event(r, a);
    answer_invalid(r, "topic=TOPIC is wanted, and may be given again");
    return false;
}

static void get_updates(struct request *r)
{
    struct events *e = gateway_of(r)->events;
    struct asked_topics a = {0};
    enum err err = OK;
    if (!read_topics(r, &a))
        return;
    if (!reeve_connected(e->client)) {
        answer_error(r, ERR_UNREACHABLE, NULL);
        return;
    }
    struct watching *w = must_alloc(sizeof *w);
    w->events = e;
    w->reader = reader_new(&e->hub, a.wishes, a.count, wake, w, &err);
    if (!w->reader) {
        free(w);
        answer_error(r, err, err == ERR_BUSY ? "too many topics are watched" : NULL);
        return;
    }
    w->stream = request_stream(r, "text/event-stream", &stream_source, w);
    if (!w->stream)
        closed(w);
}

const struct route events_routes[] = {
    {"GET", "/v1/updates", false, get_updates},
    {0},
};

/* --- life ----------------------------------------------------------------------------------- */

static void beat(struct timer *t)
{
    struct events *e = container_of(t, struct events, beat);
    hub_beat(&e->hub);
    timer_start(e->timers, &e->beat, BEAT_MS);
}

struct events *events_new(struct reeve_client *client, struct timers *timers)
{
    struct events *e = must_alloc(sizeof *e);
    e->client = client;
    e->timers = timers;
    e->beat.fire = beat;
    hub_init(&e->hub, &source, e);
    timer_start(timers, &e->beat, BEAT_MS);
    return e;
}

void events_free(struct events *e)
{
    if (!e)
        return;
    timer_stop(e->timers, &e->beat);
    hub_fini(&e->hub);
    free(e);
}

void events_turn(struct events *e)
{
    hub_turn(&e->hub, clock_us());
}

int events_wait_ms(const struct events *e)
{
    int64_t us = hub_wait_us(&e->hub, clock_us());
    return us < 0 ? -1 : (int)((us + 999) / 1000);
}
