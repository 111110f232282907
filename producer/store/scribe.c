/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/scribe.h"

#include "common/log.h"

enum {
    RETRY_MS = 1000,
    RETRY_FAILURES = 8, /* a turn, and so much: commits wait meanwhile */
    RETRY_BYTES = 4 << 20,
};

void scribe_init(struct scribe *s, struct lines *lines, const char *path)
{
    *s = (struct scribe){.lines = lines};
    link_init(&s->wrong);
    texts_init(&s->texts, path, false);
}

void scribe_fini(struct scribe *s)
{
    list_each_safe(l, &s->wrong) link_take(l);
    texts_fini(&s->texts);
    buf_fini(&s->left);
    buf_fini(&s->removed);
}

/* --- one file --------------------------------------------------------------------------------- */

static void take_part(void *user, struct bytes part)
{
    texts_put(user, part);
}

static bool rewrite(struct scribe *s, const struct session_lines *session)
{
    struct draft draft;
    struct db *db = s->lines->db;
    texts_begin(&s->texts, &draft, session->id);
    if (!lines_read(s->lines, session, take_part, &draft)) {
        texts_give_up(&s->texts, &draft);
        if (db_error_passes(db)) /* another program has its lock: later, then */
            db_forgive(db);
        return false;
    }
    return texts_end(&s->texts, &draft);
}

static void make_right(struct scribe *s, struct session_lines *session)
{
    link_take(&session->wrong);
    if (!rewrite(s, session))
        list_append(&s->wrong, &session->wrong);
}

static void add_fresh(struct scribe *s, struct session_lines *session)
{
    struct bytes fresh = bytes_of(s->lines->fresh.data + session->fresh_at, session->fresh_size);
    if (link_listed(&session->wrong))
        return; /* all of it will be written */
    switch (texts_append(&s->texts, session->id, session->fresh_from, fresh)) {
    case TEXT_DONE: break;
    case TEXT_OTHER: make_right(s, session); break;
    case TEXT_FAILED: list_append(&s->wrong, &session->wrong); break;
    }
}

/* --- removing --------------------------------------------------------------------------------- */

/* Returns how many could not be; those stay in the list. */
static size_t remove_all(struct scribe *s, struct buf *ids)
{
    struct buf left = {0};
    for (size_t at = 0; at < ids->size; at += sizeof(uint64_t)) {
        uint64_t id;
        memcpy(&id, ids->data + at, sizeof id);
        bool gone = lines_find(s->lines, id) || texts_remove(&s->texts, id);
        buf_put(gone ? &s->removed : &left, &id, sizeof id);
    }
    buf_fini(ids);
    *ids = left;
    return left.size / sizeof(uint64_t);
}

static void remove_dropped(struct scribe *s)
{
    struct buf *dropped = &s->lines->dropped;
    if (dropped->size && remove_all(s, dropped)) {
        buf_put(&s->left, dropped->data, dropped->size);
        buf_clear(dropped);
    }
}

void scribe_forget(struct scribe *s)
{
    for (size_t at = 0; at < s->removed.size; at += sizeof(uint64_t)) {
        uint64_t id;
        memcpy(&id, s->removed.data + at, sizeof id);
        lines_forget(s->lines, id);
    }
}

void scribe_forgotten(struct scribe *s)
{
    buf_clear(&s->removed);
}

/* --- all of them ------------------------------------------------------------------------------ */

void scribe_start(struct scribe *s)
{
    struct session_lines *session;
    size_t at = 0, wrong = 0;
    remove_dropped(s);
    while ((session = idmap_next(&s->lines->sessions, &at))) {
        if (texts_holds(&s->texts, session->id, session->now.bytes, session->now.sum))
            continue;
        make_right(s, session);
        wrong++;
    }
    if (wrong)
        log_info("sessions' files: %zu were not as the store has them", wrong);
}

static void try_again(struct scribe *s, int64_t now_ms)
{
    unsigned failures = 0;
    uint64_t bytes = 0;
    s->retry_ms = now_ms + RETRY_MS;
    if (s->left.size)
        remove_all(s, &s->left);
    while (!list_empty(&s->wrong) && failures < RETRY_FAILURES && bytes < RETRY_BYTES) {
        struct session_lines *session = list_first(&s->wrong, struct session_lines, wrong);
        make_right(s, session); /* or puts it last */
        failures += link_listed(&session->wrong);
        bytes += session->now.bytes;
    }
}

bool scribe_well(const struct scribe *s)
{
    return !s->left.size && list_empty(&s->wrong);
}

void scribe_work(struct scribe *s, int64_t now_ms)
{
    bool wrong = !scribe_well(s);
    list_each_safe(l, &s->lines->news)
    {
        link_take(l);
        add_fresh(s, container_of(l, struct session_lines, news));
    }
    remove_dropped(s);
    if (wrong && now_ms >= s->retry_ms)
        try_again(s, now_ms);
    if (scribe_well(s))
        texts_well(&s->texts);
}
