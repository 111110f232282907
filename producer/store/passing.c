/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/store/passing.h"

#include "common/log.h"

enum { WAITING_BYTES_MAX = 16 << 20, RETRY_MS = 1000 };

struct session {
    uint64_t id;
    uint64_t bytes;     /* of all it has said */
    uint64_t written;   /* of the file */
    struct buf waiting; /* to be added to it */
    bool dropped;
    struct link due; /* passing::due */
};

void passing_init(struct passing *p, const char *path)
{
    *p = (struct passing){0};
    link_init(&p->due);
    texts_init(&p->texts, path, true);
}

static void waiting_drop(struct passing *p, struct session *s)
{
    p->waiting_bytes -= s->waiting.size;
    buf_fini(&s->waiting);
}

static void session_free(struct passing *p, struct session *s)
{
    waiting_drop(p, s);
    link_take(&s->due);
    free(s);
}

void passing_fini(struct passing *p)
{
    size_t at = 0;
    for (struct session *s; (s = idmap_next(&p->sessions, &at));) {
        if (s->written)
            texts_remove(&p->texts, s->id);
        session_free(p, s);
    }
    idmap_fini(&p->sessions);
    texts_fini(&p->texts);
}

static void make_due(struct passing *p, struct session *s)
{
    if (!link_listed(&s->due))
        list_append(&p->due, &s->due);
}

void passing_put(struct passing *p, uint64_t id, struct bytes lines)
{
    struct session *s = idmap_find(&p->sessions, id);
    if (!lines.size)
        return;
    if (!s) {
        s = must_alloc(sizeof *s);
        s->id = id;
        link_init(&s->due);
        idmap_put(&p->sessions, id, s);
    }
    s->dropped = false;
    s->bytes += lines.size;
    buf_put(&s->waiting, lines.data, lines.size);
    p->bytes += lines.size;
    p->waiting_bytes += lines.size;
    make_due(p, s);
}

void passing_drop(struct passing *p, uint64_t id)
{
    struct session *s = idmap_find(&p->sessions, id);
    if (!s || s->dropped)
        return;
    s->dropped = true;
    p->bytes -= s->bytes;
    s->bytes = 0;
    waiting_drop(p, s);
    make_due(p, s);
}

uint64_t passing_bytes(const struct passing *p, uint64_t id)
{
    const struct session *s = idmap_find(&p->sessions, id);
    return s ? s->bytes : 0;
}

/* --- the files -------------------------------------------------------------------------------- */

/* Of what was there before nobody knows any more. */
static bool begin_anew(struct passing *p, struct session *s)
{
    struct draft draft;
    texts_begin(&p->texts, &draft, s->id);
    texts_put(&draft, buf_bytes(&s->waiting));
    if (!texts_end(&p->texts, &draft))
        return false;
    if (s->written)
        log_warn("sessions' files: somebody has changed that of id=%llu, it begins anew",
                 (unsigned long long)s->id);
    s->written = 0;
    return true;
}

static bool bring_up(struct passing *p, struct session *s)
{
    if (s->dropped) {
        if (s->written && !texts_remove(&p->texts, s->id))
            return false;
        idmap_take(&p->sessions, s->id);
        session_free(p, s);
        return true;
    }
    enum text_result result = texts_append(&p->texts, s->id, s->written, buf_bytes(&s->waiting));
    if (result == TEXT_FAILED || (result == TEXT_OTHER && !begin_anew(p, s)))
        return false;
    s->written += s->waiting.size;
    waiting_drop(p, s);
    return true;
}

/* The memory of this host is for other things. */
static void give_up_waiting(struct passing *p)
{
    log_warn("sessions' files: %llu bytes of lines could not be written and are given up",
             (unsigned long long)p->waiting_bytes);
    list_each(l, &p->due) waiting_drop(p, container_of(l, struct session, due));
}

void passing_work(struct passing *p, int64_t now_ms)
{
    struct link due;
    if (list_empty(&p->due) || (p->failed && now_ms < p->retry_ms))
        return;
    link_init(&due);
    p->failed = false;
    while (!list_empty(&p->due)) {
        struct session *s = list_first(&p->due, struct session, due);
        link_take(&s->due);
        if (!bring_up(p, s))
            list_append(&due, &s->due);
    }
    while (!list_empty(&due)) {
        struct session *s = list_first(&due, struct session, due);
        link_take(&s->due);
        list_append(&p->due, &s->due);
        p->failed = true;
    }
    p->retry_ms = now_ms + RETRY_MS;
    if (p->waiting_bytes > WAITING_BYTES_MAX)
        give_up_waiting(p);
    if (!p->failed)
        texts_well(&p->texts);
}
