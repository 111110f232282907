/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/view/session_view.h"

#include <stdio.h>

#include "common/must.h"
#include "common/value.h"
#include "producer/view/field.h"

static void keep(struct buf *to, const void *data, size_t size)
{
    buf_clear(to);
    buf_put(to, data, size);
}

void session_view_take(struct session_view *s, const struct reeve_session *from)
{
    s->id = from->id;
    s->state = from->state;
    s->job_state = from->job_state;
    s->iteration = from->iteration;
    s->submitted_ms = from->submitted_ms;
    s->ended_ms = from->ended_ms;
    keep(&s->queue, from->queue, strlen(from->queue));
    keep(&s->view, from->view, from->view_size);
    keep(&s->value, from->value, from->size);
    keep(&s->text, from->text, strlen(from->text));
    snprintf(s->reason, sizeof s->reason, "%s", from->reason);
}

void session_view_record(struct session_view *s, const struct msg_session *from)
{
    char why[48] = "";
    bool ended = job_ended((enum job_state)from->job_state);
    if (from->reason != REASON_NONE)
        reason_text((unsigned)from->reason, (unsigned)from->detail, why);
    s->id = from->id;
    s->state = (enum reeve_session_state)from->state;
    s->job_state = (enum reeve_state)from->job_state;
    s->iteration = from->iteration;
    s->submitted_ms = from->submitted_ms;
    s->ended_ms = from->ended_ms;
    keep(&s->queue, from->queue.data, from->queue.size);
    keep(&s->view, from->view.data, from->view.size);
    keep(&s->value, from->value.data, from->value.size);
    buf_clear(&s->text);
    if (ended && (!from->value.size || !value_text(&s->text, from->value)))
        keep(&s->text, why, strlen(why));
    snprintf(s->reason, sizeof s->reason, "%s", why);
}

void session_view_fini(struct session_view *s)
{
    buf_fini(&s->queue);
    buf_fini(&s->view);
    buf_fini(&s->value);
    buf_fini(&s->text);
}

/* --- what can be asked of it ---------------------------------------------------------------- */

bool session_view_checked(const struct session_view *s)
{
    return s->iteration > 0 || session_view_ended(s);
}

bool session_view_ended(const struct session_view *s)
{
    return s->state >= REEVE_SESSION_FINISHED;
}

bool session_view_asks(const struct session_view *s)
{
    return s->job_state == REEVE_ASKING;
}

bool session_view_begins(const struct session_view *s)
{
    bool proposed = field_of(buf_bytes(&s->view), "mvs").size > 0;
    return session_view_asks(s) && (s->state == REEVE_SESSION_CREATED || !proposed);
}

enum session_step session_view_step(const struct session_view *s)
{
    if (session_view_begins(s))
        return STEP_BEGIN;
    switch (s->state) {
    case REEVE_SESSION_CREATED: return STEP_WAIT;
    case REEVE_SESSION_PAUSED: return STEP_RESUME;
    case REEVE_SESSION_FINISHED: return STEP_FINISHED;
    case REEVE_SESSION_STOPPED:
    case REEVE_SESSION_FAILED: return STEP_OVER;
    default: return STEP_RUNNING;
    }
}

/* --- what it shows -------------------------------------------------------------------------- */

struct bytes session_view_best(const struct session_view *s)
{
    struct bytes best = field_of(buf_bytes(&s->view), "best");
    if (fields_of(best).left)
        return best;
    best = field_of(buf_bytes(&s->value), "best");
    return fields_of(best).left ? best : bytes_of(NULL, 0);
}

struct bytes session_view_mvs(const struct session_view *s)
{
    struct bytes now = field_of(buf_bytes(&s->view), "mvs");
    struct bytes best = field_of(session_view_best(s), "mvs");
    return s->state == REEVE_SESSION_FINISHED && best.size ? best : now;
}

static void pairs_text_of(struct pairs *p, const char *name, const struct buf *text)
{
    if (text->size)
        pack_str(pairs_key(p, name), buf_bytes(text));
    else
        pack_nil(pairs_key(p, name));
}

static void pairs_id(struct pairs *p, const char *name, uint64_t id)
{
    char text[JOB_ID_TEXT];
    pairs_text(p, name, job_id_text(id, text));
}

void session_view_pairs(const struct session_view *s, struct pairs *p, bool history)
{
    static const char *const mine[] = {"id",    "queue",     "state",  "job_state",
                                       "best",  "iteration", "reason", "submitted_ms",
                                       "error", "ended_ms",  "value"};
    pairs_id(p, "id", s->id);
    pairs_text_of(p, "queue", &s->queue);
    pairs_text(p, "state", session_state_name(s->state));
    pairs_text(p, "job_state", job_state_name(s->job_state));
    pairs_integer(p, "iteration", (int64_t)s->iteration);
    pairs_value(p, "best", session_view_best(s));
    pairs_text(p, "reason", *s->reason ? s->reason : NULL);
    if (s->state == REEVE_SESSION_FAILED)
        pairs_text_of(p, "error", &s->text);
    if (s->state == REEVE_SESSION_FINISHED)
        pairs_value(p, "value", buf_bytes(&s->value));
    pairs_integer(p, "submitted_ms", (int64_t)s->submitted_ms);
    pairs_integer(p, "ended_ms", (int64_t)s->ended_ms);
    for (struct fields f = fields_of(buf_bytes(&s->view)); fields_next(&f);)
        if (!field_among(f.key, mine, LENGTH(mine)) &&
            (history || !bytes_equal(f.key, bytes_text("history"))))
            pairs_copy(p, f.key, f.value);
}

void session_view_question(const struct session_view *s, struct bytes mvs, struct buf *args)
{
    struct pairs p = {.count = 0};
    struct bytes view = buf_bytes(&s->view);
    struct bytes model = field_text(view, "model"), spec = field_of(view, "spec");
    pairs_id(&p, "session", s->id);
    if (model.size)
        pack_str(pairs_key(&p, "model"), model);
    if (spec.size)
        pairs_value(&p, "spec", spec);
    pairs_value(&p, "mvs", mvs);
    pack_array(args, 1);
    pairs_close(&p, args);
}
