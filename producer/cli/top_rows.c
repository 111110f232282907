/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rows a pane has: those that fit the filter, in the order that is asked for.
 */
#include <stdlib.h>

#include "producer/cli/rows.h"
#include "producer/cli/top.h"

/* --- orders --------------------------------------------------------------------------------- */

/* Below 0: a stands before b. What is alike keeps the order of the picture. */
typedef int order(const struct picture *p, const struct top_row *a, const struct top_row *b);

/* More stands first. */
static int more(double a, double b)
{
    return (a < b) - (a > b);
}

#define QUEUE_ORDER(name, field)                                                                   \
    static int name(const struct picture *p, const struct top_row *a, const struct top_row *b)     \
    {                                                                                              \
        return more((double)p->queues[a->at].field, (double)p->queues[b->at].field);               \
    }
QUEUE_ORDER(queue_ready, ready)
QUEUE_ORDER(queue_running, running)
QUEUE_ORDER(queue_oldest, oldest_ms)
QUEUE_ORDER(queue_rate, finished.rate)
QUEUE_ORDER(queue_run_time, run_us)

/* Where something happens, or is kept from happening, first. */
static int queue_busy(const struct picture *p, const struct top_row *a, const struct top_row *b)
{
    const struct picture_queue *x = &p->queues[a->at], *y = &p->queues[b->at];
    return more(x->held || x->ready || x->running || x->delayed,
                y->held || y->ready || y->running || y->delayed);
}

static int worker_name(const struct picture *p, const struct top_row *a, const struct top_row *b)
{
    return strcmp(p->workers[a->at].name, p->workers[b->at].name);
}

static int worker_busy(const struct picture *p, const struct top_row *a, const struct top_row *b)
{
    return more((double)p->workers[a->at].busy, (double)p->workers[b->at].busy);
}

static int worker_joined(const struct picture *p, const struct top_row *a, const struct top_row *b)
{
    return more((double)p->workers[a->at].since_ms, (double)p->workers[b->at].since_ms);
}

static int session_state(const struct picture *p, const struct top_row *a, const struct top_row *b)
{
    return -more(p->sessions[a->at].state, p->sessions[b->at].state);
}

static int session_live(const struct picture *p, const struct top_row *a, const struct top_row *b)
{
    return more(p->sessions[a->at].state < SESSION_FINISHED,
                p->sessions[b->at].state < SESSION_FINISHED);
}

static int session_iteration(const struct picture *p, const struct top_row *a,
                             const struct top_row *b)
{
    return more((double)p->sessions[a->at].iteration, (double)p->sessions[b->at].iteration);
}

static const struct {
    const char *name;
    order *order; /* NULL: as the picture has them */
} orders[TOP_PANES][7] = {
    {{"busy ones first", queue_busy},
     {"name", NULL},
     {"ready", queue_ready},
     {"running", queue_running},
     {"oldest", queue_oldest},
     {"rate", queue_rate},
     {"run time", queue_run_time}},
    {{"name", worker_name}, {"busy slots", worker_busy}, {"newest", worker_joined}},
    {{"open ones first", session_live},
     {"newest", NULL},
     {"state", session_state},
     {"iteration", session_iteration}},
};

const char *top_sort_name(enum top_pane pane, unsigned sort)
{
    return orders[pane][sort].name;
}

unsigned top_sorts(enum top_pane pane)
{
    unsigned count = 0;
    while (count < LENGTH(orders[pane]) && orders[pane][count].name)
        count++;
    return count;
}

struct sorting {
    const struct picture *picture;
    order *order;
};

static int compare(const void *a, const void *b, void *user)
{
    const struct sorting *s = user;
    const struct top_row *x = a, *y = b;
    int found = s->order(s->picture, x, y);
    return found ? found : (x->at > y->at) - (x->at < y->at);
}

/* --- what fits ------------------------------------------------------------------------------ */

static bool fits(const struct top *t, const char *text)
{
    return strcasestr(text, t->filter) != NULL;
}

static bool slot_fits(const struct top *t, const struct picture_slot *slot)
{
    char id[JOB_ID_TEXT];
    return slot->job && (fits(t, slot->queue) || fits(t, job_id_text(slot->job, id)));
}

static bool worker_fits(const struct top *t, const struct picture_worker *w)
{
    return fits(t, w->name) || fits(t, w->host);
}

static bool any_slot_fits(const struct top *t, const struct picture_worker *w)
{
    for (size_t i = 0; i < w->slot_count; i++)
        if (slot_fits(t, &t->picture.slots[w->first + i]))
            return true;
    return false;
}

static bool session_fits(const struct top *t, const struct picture_session *s)
{
    char id[JOB_ID_TEXT];
    return fits(t, job_id_text(s->id, id)) || fits(t, session_state_name(s->state)) ||
           fits(t, s->method) || fits(t, s->model);
}

/* --- rows ----------------------------------------------------------------------------------- */

static void add(struct top_list *l, enum top_kind kind, size_t at, size_t worker)
{
    l->rows = rows_room(l->rows, l->count, sizeof *l->rows);
    l->rows[l->count++] = (struct top_row){kind, at, worker};
}

static void gather(const struct top *t, enum top_pane pane, struct top_list *l)
{
    const struct picture *p = &t->picture;
    for (size_t i = 0; pane == TOP_QUEUES && i < p->queue_count; i++)
        if (fits(t, p->queues[i].name))
            add(l, TOP_QUEUE, i, 0);
    for (size_t i = 0; pane == TOP_WORKERS && i < p->worker_count; i++)
        if (worker_fits(t, &p->workers[i]) || any_slot_fits(t, &p->workers[i]))
            add(l, TOP_WORKER, i, i);
    for (size_t i = 0; pane == TOP_SESSIONS && i < p->session_count; i++)
        if (session_fits(t, &p->sessions[i]))
            add(l, TOP_SESSION, i, 0);
}

/* Behind each worker its slots; of one that does not fit itself, those that do. */
static void add_slots(const struct top *t, struct top_list *l)
{
    const struct top_row *workers = l->rows;
    size_t count = l->count;
    l->rows = NULL;
    l->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct picture_worker *w = &t->picture.workers[workers[i].at];
        bool whole = worker_fits(t, w);
        add(l, TOP_WORKER, workers[i].at, workers[i].at);
        for (size_t k = 0; k < w->slot_count; k++)
            if (whole || slot_fits(t, &t->picture.slots[w->first + k]))
                add(l, TOP_SLOT, w->first + k, workers[i].at);
    }
    free((void *)workers);
}

/* --- the chosen row ------------------------------------------------------------------------- */

static void key_of(const struct top *t, const struct top_row *row, char key[static TOP_KEY])
{
    const struct picture *p = &t->picture;
    char id[JOB_ID_TEXT];
    switch (row->kind) {
    case TOP_QUEUE: snprintf(key, TOP_KEY, "%s", p->queues[row->at].name); break;
    case TOP_WORKER: snprintf(key, TOP_KEY, "%s", p->workers[row->at].name); break;
    case TOP_SLOT:
        snprintf(key, TOP_KEY, "%s/%llu", p->workers[row->worker].name,
                 (unsigned long long)p->slots[row->at].index);
        break;
    case TOP_SESSION: snprintf(key, TOP_KEY, "%s", job_id_text(p->sessions[row->at].id, id)); break;
    }
}

void top_choose(struct top_list *l, const struct top *t, size_t row)
{
    l->chosen = row;
    l->key[0] = 0;
    if (row < l->count)
        key_of(t, &l->rows[row], l->key);
}

/* The row that was chosen, wherever it is now; if it is gone, what stands in its place. As long as
 * nobody has chosen one it is the first, whatever that is. */
static void choose_again(struct top_list *l, const struct top *t)
{
    char key[TOP_KEY];
    for (size_t i = 0; l->key[0] && i < l->count; i++) {
        key_of(t, &l->rows[i], key);
        if (strcmp(key, l->key) == 0) {
            l->chosen = i;
            return;
        }
    }
    if (!l->key[0])
        l->chosen = 0;
    else if (l->count)
        top_choose(l, t, l->chosen < l->count ? l->chosen : l->count - 1);
}

const struct top_row *top_chosen(const struct top *t, enum top_pane pane)
{
    const struct top_list *l = &t->lists[pane];
    return l->chosen < l->count ? &l->rows[l->chosen] : NULL;
}

void top_rows(struct top *t)
{
    const size_t all[] = {t->picture.queue_count, t->picture.worker_count,
                          t->picture.session_count};
    for (unsigned pane = 0; pane < TOP_PANES; pane++) {
        struct top_list *l = &t->lists[pane];
        struct sorting sorting = {&t->picture, orders[pane][l->sort].order};
        l->count = 0;
        l->all = all[pane];
        gather(t, pane, l);
        l->shown = l->count;
        if (sorting.order && l->count)
            qsort_r(l->rows, l->count, sizeof *l->rows, compare, &sorting);
        if (pane == TOP_WORKERS)
            add_slots(t, l);
        choose_again(l, t);
    }
}
