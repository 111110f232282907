/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/api/waits.h"

#include <stdlib.h>

/* A job that was asked for stays so until it ends, whether or not anybody still waits: the broker
 * has no way to be told otherwise. */
enum { WAITS_MAX = 1000 };

struct wait { /* of one job, or session */
    struct waits *waits;
    struct link calls; /* call::wait_link */
    uint64_t id;
    bool session;
};

struct waits {
    struct calls *calls;
    struct idmap jobs, sessions; /* wait */
};

/* What an answer comes to; freed by the client. */
struct question {
    struct waits *waits;
    uint64_t id;
};

struct waits *waits_new(struct calls *calls)
{
    struct waits *w = must_alloc(sizeof *w);
    *w = (struct waits){.calls = calls};
    return w;
}

static void map_free(struct idmap *map)
{
    size_t at = 0;
    for (struct wait *wait; (wait = idmap_next(map, &at));)
        free(wait);
    idmap_fini(map);
}

void waits_free(struct waits *w)
{
    map_free(&w->jobs);
    map_free(&w->sessions);
    free(w);
}

static struct wait *wait_new(struct waits *w, struct idmap *map, uint64_t id)
{
    struct wait *wait = must_alloc(sizeof *wait);
    *wait = (struct wait){.waits = w, .id = id, .session = map == &w->sessions};
    link_init(&wait->calls);
    idmap_put(map, id, wait);
    return wait;
}

static void join(struct call *c, struct wait *wait)
{
    waits_leave(c);
    c->wait = wait;
    list_append(&wait->calls, &c->wait_link);
}

/* --- a job's end ---------------------------------------------------------------------------- */

static void on_ended(void *user, const struct record *answer)
{
    const struct question *q = user;
    if (answer->type == REC_NONE)
        return;
    struct wait *wait = idmap_take(&q->waits->jobs, q->id);
    while (!list_empty(&wait->calls)) {
        struct call *c = list_first(&wait->calls, struct call, wait_link);
        link_take(&c->wait_link);
        c->wait = NULL;
        if (answer->type == REC_error)
            call_fail(c, (unsigned)answer->error.code, answer->error.text);
        else
            c->take(c, answer);
    }
    free(wait);
}

void waits_end(struct call *c, uint64_t id, call_take *take)
{
    struct waits *w = c->calls->waits;
    struct wait *wait = idmap_find(&w->jobs, id);
    if (!wait && w->jobs.count >= WAITS_MAX) {
        call_fail(c, ERR_BUSY, bytes_text("too many jobs are waited for"));
        return;
    }
    c->take = take;
    if (wait) {
        join(c, wait);
        return;
    }
    join(c, wait_new(w, &w->jobs, id));
    struct question *q = must_alloc(sizeof *q);
    *q = (struct question){.waits = w, .id = id};
    struct record ask = {.type = REC_wait, .wait = {.id = id}};
    client_ask_start(w->calls->client, &ask, on_ended, q);
}

/* --- a session's changes -------------------------------------------------------------------- */

static const char *topic_of(uint64_t id, char topic[static 8 + JOB_ID_TEXT])
{
    memcpy(topic, "session/", 8);
    job_id_text(id, topic + 8);
    return topic;
}

/* Those who are told may leave, and join again: they are at the tail then. */
static void on_update(void *user, const struct reeve_update *update)
{
    struct waits *w = user;
    uint64_t id = job_id_parse(update->topic + 8);
    struct wait *wait = idmap_find(&w->sessions, id);
    size_t count = 0;
    if (!wait)
        return;
    list_each(l, &wait->calls) count++;
    while (count-- > 0 && (wait = idmap_find(&w->sessions, id)) && !list_empty(&wait->calls)) {
        struct call *c = list_first(&wait->calls, struct call, wait_link);
        link_take(&c->wait_link);
        list_append(&wait->calls, &c->wait_link);
        c->changed(c);
    }
}

bool waits_session(struct call *c, uint64_t id, void (*changed)(struct call *c))
{
    char topic[8 + JOB_ID_TEXT];
    struct waits *w = c->calls->waits;
    struct wait *wait = idmap_find(&w->sessions, id);
    c->changed = changed;
    if (!wait) {
        int code = reeve_subscribe(w->calls->client, topic_of(id, topic), on_update, w);
        if (code) {
            call_fail(c, (unsigned)code, bytes_text(reeve_error(w->calls->client)));
            return false;
        }
        wait = wait_new(w, &w->sessions, id);
    }
    join(c, wait);
    return true;
}

void waits_leave(struct call *c)
{
    char topic[8 + JOB_ID_TEXT];
    struct wait *wait = c->wait;
    if (!wait)
        return;
    link_take(&c->wait_link);
    c->wait = NULL;
    if (!wait->session || !list_empty(&wait->calls))
        return;
    reeve_unsubscribe(wait->waits->calls->client, topic_of(wait->id, topic));
    idmap_take(&wait->waits->sessions, wait->id);
    free(wait);
}
