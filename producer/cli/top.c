/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: moving, filtering, sorting, and what is to be done with the chosen row.
 */
#include "producer/cli/top.h"

#include <stdarg.h>

#include "producer/cli/screen.h"

void top_fini(struct top *t)
{
    for (unsigned pane = 0; pane < TOP_PANES; pane++)
        free(t->lists[pane].rows);
    picture_fini(&t->picture);
}

void top_take(struct top *t, struct picture *picture)
{
    struct picture old = t->picture;
    t->picture = *picture;
    *picture = old;
    top_rows(t);
}

void top_tell(struct top *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->notice, sizeof t->notice, format, args);
    va_end(args);
    t->notice_ms = t->now_ms;
}

/* --- wishes --------------------------------------------------------------------------------- */

static struct top_wish wish_named(enum top_wish_kind kind, const char *name)
{
    struct top_wish wish = {.kind = kind};
    snprintf(wish.name, sizeof wish.name, "%s", name);
    return wish;
}

static struct top_wish wish_of(enum top_wish_kind kind, uint64_t id)
{
    char text[JOB_ID_TEXT];
    struct top_wish wish = wish_named(kind, job_id_text(id, text));
    wish.id = id;
    return wish;
}

static const struct top_wish nothing = {.kind = TOP_NOTHING};

static struct top_wish hold(struct top *t, const struct top_row *row)
{
    const struct picture_queue *q = &t->picture.queues[row->at];
    return wish_named(q->held ? TOP_RELEASE : TOP_HOLD, q->name);
}

static struct top_wish drain(struct top *t, const struct top_row *row)
{
    const struct picture_worker *w =
        &t->picture.workers[row->kind == TOP_SLOT ? row->worker : row->at];
    return wish_named(TOP_DRAIN, w->name);
}

static struct top_wish cancel(struct top *t, const struct top_row *row)
{
    const struct picture_slot *slot = &t->picture.slots[row->at];
    if (slot->job)
        return wish_of(TOP_CANCEL, slot->job);
    top_tell(t, "this slot runs nothing");
    return nothing;
}

static bool has_ended(struct top *t, const struct picture_session *s)
{
    if (s->state >= SESSION_FINISHED)
        top_tell(t, "this session has ended");
    return s->state >= SESSION_FINISHED;
}

static struct top_wish stop(struct top *t, const struct top_row *row)
{
    const struct picture_session *s = &t->picture.sessions[row->at];
    return has_ended(t, s) ? nothing : wish_of(TOP_STOP, s->id);
}

static struct top_wish pause_or_resume(struct top *t, const struct top_row *row)
{
    const struct picture_session *s = &t->picture.sessions[row->at];
    if (has_ended(t, s))
        return nothing;
    return wish_of(s->state == SESSION_PAUSED ? TOP_RESUME : TOP_PAUSE, s->id);
}

/* What a key does with which kind of row, and whether it asks first. */
static const struct deed {
    char key;
    enum top_kind kind;
    struct top_wish (*wish)(struct top *t, const struct top_row *row);
    bool asks;
} deeds[] = {
    {'h', TOP_QUEUE, hold, false},  {'d', TOP_WORKER, drain, true},
    {'d', TOP_SLOT, drain, true},   {'c', TOP_SLOT, cancel, true},
    {'c', TOP_SESSION, stop, true}, {'p', TOP_SESSION, pause_or_resume, false},
};

static const struct {
    const char *question, *done;
} wish_texts[TOP_WISHES] = {
    [TOP_HOLD] = {NULL, "queue %s is held"},
    [TOP_RELEASE] = {NULL, "queue %s is released"},
    [TOP_DRAIN] = {"drain worker %s, which then leaves?", "worker %s is draining"},
    [TOP_CANCEL] = {"cancel job %s?", "job %s is cancelled"},
    [TOP_STOP] = {"stop session %s for good?", "session %s is stopped"},
    [TOP_PAUSE] = {NULL, "session %s is paused"},
    [TOP_RESUME] = {NULL, "session %s goes on"},
};

/* printf with a format that is no literal but ours. */
static void say_of(char text[static TOP_NOTICE], const char *format, const char *name)
{
    const char *at = strstr(format, "%s");
    snprintf(text, TOP_NOTICE, "%.*s%s%s", (int)(at - format), format, name, at + 2);
}

const char *top_wish_text(const struct top_wish *wish, char text[static TOP_NOTICE])
{
    say_of(text, wish_texts[wish->kind].done, wish->name);
    return text;
}

static struct top_wish press_deed(struct top *t, int key)
{
    const struct top_row *row = top_chosen(t, t->pane);
    bool known = false;
    for (size_t i = 0; i < LENGTH(deeds); i++) {
        known = known || deeds[i].key == key;
        if (deeds[i].key != key || !row || deeds[i].kind != row->kind)
            continue;
        struct top_wish wish = deeds[i].wish(t, row);
        top_choose(&t->lists[t->pane], t, t->lists[t->pane].chosen); /* what of it is to be seen */
        if (wish.kind == TOP_NOTHING || !deeds[i].asks)
            return wish;
        t->ask = wish;
        char question[TOP_NOTICE];
        say_of(question, wish_texts[wish.kind].question, wish.name);
        top_tell(t, "%.200s y: yes, any other key: no", question);
        return nothing;
    }
    if (known)
        top_tell(t, "\"%c\" does nothing with this row; ? tells what does", key);
    return nothing;
}

/* --- moving --------------------------------------------------------------------------------- */

static bool press_move(struct top *t, int key)
{
    struct top_list *l = &t->lists[t->pane];
    size_t page = l->page > 1 ? l->page - 1 : 1, last = l->count ? l->count - 1 : 0, to = l->chosen;
    switch (key) {
    case PRESS_UP: to = to ? to - 1 : 0; break;
    case PRESS_DOWN: to++; break;
    case PRESS_PAGE_UP: to = to > page ? to - page : 0; break;
    case PRESS_PAGE_DOWN: to += page; break;
    case PRESS_HOME: to = 0; break;
    case PRESS_END: to = last; break;
    case PRESS_TAB: t->pane = (t->pane + 1) % TOP_PANES; return true;
    case PRESS_BACK_TAB: t->pane = (t->pane + TOP_PANES - 1) % TOP_PANES; return true;
    default: return false;
    }
    top_choose(l, t, to < last ? to : last);
    if (key == PRESS_HOME)
        l->key[0] = 0; /* the first one, whatever it is from now on */
    return true;
}

static void sort_next(struct top *t)
{
    struct top_list *l = &t->lists[t->pane];
    static const char *const panes[] = {"queues", "workers", "sessions"};
    l->sort = (l->sort + 1) % top_sorts(t->pane);
    top_rows(t);
    top_tell(t, "%s: %s", panes[t->pane], top_sort_name(t->pane, l->sort));
}

/* --- the filter ----------------------------------------------------------------------------- */

static void press_filter(struct top *t, int key)
{
    size_t size = strlen(t->filter);
    if (key == PRESS_ENTER || key == PRESS_ESCAPE)
        t->typing = false;
    if (key == PRESS_ESCAPE)
        t->filter[0] = 0;
    else if (key == PRESS_ERASE && size)
        t->filter[size - 1] = 0;
    else if (key >= ' ' && key < 0x7f && size + 1 < sizeof t->filter)
        memcpy(t->filter + size, (char[]){(char)key, 0}, 2);
    top_rows(t);
}

/* --- a key ---------------------------------------------------------------------------------- */

static struct top_wish press_answer(struct top *t, int key)
{
    struct top_wish wish = t->ask;
    t->ask = nothing;
    t->notice[0] = 0;
    if (key == 'y' || key == 'Y')
        return wish;
    top_tell(t, "nothing was done");
    return nothing;
}

struct top_wish top_press(struct top *t, int key)
{
    if (key == PRESS_NONE || key == PRESS_RESIZED)
        return nothing;
    if (t->ask.kind)
        return press_answer(t, key);
    if (t->typing) {
        press_filter(t, key);
        return nothing;
    }
    t->notice[0] = 0;
    if (t->help) {
        t->help = false;
        return key == 'q' ? wish_named(TOP_QUIT, "") : nothing;
    }
    if (press_move(t, key))
        return nothing;
    switch (key) {
    case 'q': return wish_named(TOP_QUIT, "");
    case '?': t->help = true; return nothing;
    case '/': t->typing = true; return nothing;
    case 's': sort_next(t); return nothing;
    case PRESS_ESCAPE:
        t->filter[0] = 0;
        top_rows(t);
        return nothing;
    default: return press_deed(t, key);
    }
}
