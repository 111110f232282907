/* SPDX-License-Identifier: Apache-2.0
 *
 * Where everything stands: two lines of the broker, the three panes one below the other, a line for
 * what was told, and the keys. Columns that find no room are left out, the least wanted first.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "producer/cli/output.h"
#include "producer/cli/top.h"

enum { HEAD_ROWS = 2, FOOT_ROWS = 2, COLUMNS_MAX = 8, NAME_MOST = 40, CELL_TEXT = 128 };

/* --- columns -------------------------------------------------------------------------------- */

/* Writes what a row says in this column; "" for nothing. */
typedef void cell_text(const struct top *t, const struct top_row *row, char text[static CELL_TEXT]);

struct column {
    const char *head;
    unsigned width; /* of the first one the least: it takes what the others leave */
    unsigned rank;  /* the highest goes first when there is no room */
    bool right;
    cell_text *text;
};

static void put_count(char text[static CELL_TEXT], uint64_t count)
{
    if (count < 10000000)
        snprintf(text, CELL_TEXT, "%" PRIu64, count);
    else
        snprintf(text, CELL_TEXT, "%.1fM", (double)count / 1e6);
}

static void put_rate(char text[static CELL_TEXT], double rate)
{
    if (rate < 0)
        snprintf(text, CELL_TEXT, "-");
    else
        snprintf(text, CELL_TEXT, "%.*f/s", rate > 0 && rate < 10 ? 1 : 0, rate);
}

static void put_span(char text[static CELL_TEXT], uint64_t us)
{
    text[0] = 0;
    if (us)
        span_text(us, text);
}

static const struct picture_queue *queue_at(const struct top *t, const struct top_row *row)
{
    return &t->picture.queues[row->at];
}

static void queue_name(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    snprintf(text, CELL_TEXT, "%s", queue_at(t, row)->name);
}

static void queue_ready(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    put_count(text, queue_at(t, row)->ready);
}

static void queue_running(const struct top *t, const struct top_row *row,
                          char text[static CELL_TEXT])
{
    put_count(text, queue_at(t, row)->running);
}

static void queue_delayed(const struct top *t, const struct top_row *row,
                          char text[static CELL_TEXT])
{
    put_count(text, queue_at(t, row)->delayed);
}

static void queue_held(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    const struct picture_queue *q = queue_at(t, row);
    snprintf(text, CELL_TEXT, "%s", q->held ? "held" : q->workers ? "" : "none");
}

static void queue_oldest(const struct top *t, const struct top_row *row,
                         char text[static CELL_TEXT])
{
    put_span(text, queue_at(t, row)->oldest_ms * 1000);
}

static void queue_rate(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    put_rate(text, queue_at(t, row)->finished.rate);
}

static void queue_run_time(const struct top *t, const struct top_row *row,
                           char text[static CELL_TEXT])
{
    put_span(text, queue_at(t, row)->run_us);
}

/* Of a worker and of its slots. */
static const struct picture_worker *worker_at(const struct top *t, const struct top_row *row)
{
    return &t->picture.workers[row->worker];
}

static const struct picture_slot *slot_at(const struct top *t, const struct top_row *row)
{
    return row->kind == TOP_SLOT ? &t->picture.slots[row->at] : NULL;
}

static void worker_name(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    const struct picture_slot *slot = slot_at(t, row);
    if (slot)
        snprintf(text, CELL_TEXT, "  slot %" PRIu64, slot->index);
    else
        snprintf(text, CELL_TEXT, "%s", worker_at(t, row)->name);
}

static void worker_state(const struct top *t, const struct top_row *row,
                         char text[static CELL_TEXT])
{
    const struct picture_slot *slot = slot_at(t, row);
    snprintf(text, CELL_TEXT, "%s",
             !slot         ? worker_state_name(worker_at(t, row)->state)
             : slot->state ? slot_state_name(slot->state)
                           : "-");
}

static void worker_job(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    const struct picture_slot *slot = slot_at(t, row);
    char id[JOB_ID_TEXT];
    if (!slot)
        snprintf(text, CELL_TEXT, "%zu of %" PRIu64 " busy", worker_at(t, row)->busy,
                 worker_at(t, row)->slots);
    else
        snprintf(text, CELL_TEXT, "%s", slot->job ? job_id_text(slot->job, id) : "");
}

static void worker_queue(const struct top *t, const struct top_row *row,
                         char text[static CELL_TEXT])
{
    const struct picture_slot *slot = slot_at(t, row);
    snprintf(text, CELL_TEXT, "%s", slot ? slot->queue : "");
}

static void worker_pid(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    const struct picture_slot *slot = slot_at(t, row);
    uint64_t pid = slot ? slot->pid : worker_at(t, row)->pid;
    text[0] = 0;
    if (pid)
        snprintf(text, CELL_TEXT, "%" PRIu64, pid);
}

static void worker_host(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    snprintf(text, CELL_TEXT, "%s", slot_at(t, row) ? "" : worker_at(t, row)->host);
}

static void worker_joined(const struct top *t, const struct top_row *row,
                          char text[static CELL_TEXT])
{
    text[0] = 0;
    if (!slot_at(t, row))
        ago_text(worker_at(t, row)->since_ms, t->wall_ms, text);
}

static const struct picture_session *session_at(const struct top *t, const struct top_row *row)
{
    return &t->picture.sessions[row->at];
}

static void session_id(const struct top *t, const struct top_row *row, char text[static CELL_TEXT])
{
    char id[JOB_ID_TEXT];
    snprintf(text, CELL_TEXT, "%s", job_id_text(session_at(t, row)->id, id));
}

static void session_state(const struct top *t, const struct top_row *row,
                          char text[static CELL_TEXT])
{
    unsigned state = session_at(t, row)->state;
    snprintf(text, CELL_TEXT, "%s", state ? session_state_name(state) : "");
}

static void session_iteration(const struct top *t, const struct top_row *row,
                              char text[static CELL_TEXT])
{
    put_count(text, session_at(t, row)->iteration);
}

static void session_best(const struct top *t, const struct top_row *row,
                         char text[static CELL_TEXT])
{
    const struct picture_session *s = session_at(t, row);
    text[0] = 0;
    if (s->has_best)
        snprintf(text, CELL_TEXT, "%.8g", s->best);
}

static void session_method(const struct top *t, const struct top_row *row,
                           char text[static CELL_TEXT])
{
    snprintf(text, CELL_TEXT, "%s", session_at(t, row)->method);
}

static void session_model(const struct top *t, const struct top_row *row,
                          char text[static CELL_TEXT])
{
    snprintf(text, CELL_TEXT, "%s", session_at(t, row)->model);
}

static void session_submitted(const struct top *t, const struct top_row *row,
                              char text[static CELL_TEXT])
{
    ago_text(session_at(t, row)->submitted_ms, t->wall_ms, text);
}

static const struct pane {
    struct column columns[COLUMNS_MAX];
} panes[TOP_PANES] = {
    {{{"QUEUES", 14, 0, false, queue_name},
      {"READY", 7, 1, true, queue_ready},
      {"RUNNING", 7, 2, true, queue_running},
      {"DELAYED", 7, 6, true, queue_delayed},
      {"HELD", 4, 3, false, queue_held},
      {"OLDEST", 7, 5, true, queue_oldest},
      {"RATE", 8, 4, true, queue_rate},
      {"RUN TIME", 8, 7, true, queue_run_time}}},
    {{{"WORKERS", 12, 0, false, worker_name},
      {"STATE", 8, 1, false, worker_state},
      {"JOB", 13, 2, false, worker_job},
      {"QUEUE", 28, 3, false, worker_queue},
      {"PID", 7, 4, true, worker_pid},
      {"HOST", 14, 5, false, worker_host},
      {"JOINED", 10, 6, true, worker_joined}}},
    {{{"SESSIONS", 13, 0, false, session_id},
      {"STATE", 8, 1, false, session_state},
      {"ITERATION", 9, 2, true, session_iteration},
      {"BEST", 13, 3, true, session_best},
      {"METHOD", 10, 5, false, session_method},
      {"MODEL", 14, 4, false, session_model},
      {"SUBMITTED", 10, 6, true, session_submitted}}},
};

/* Which columns there is room for, and how wide the first one gets. */
struct fit {
    bool in[COLUMNS_MAX];
    unsigned first;
};

static struct fit fit_columns(const struct column *columns, unsigned width)
{
    struct fit fit = {.in = {true}, .first = columns[0].width};
    unsigned used = columns[0].width;
    for (unsigned rank = 1; rank < COLUMNS_MAX; rank++)
        for (size_t i = 1; i < COLUMNS_MAX && columns[i].head; i++) {
            if (columns[i].rank != rank)
                continue;
            if (used + 1 + columns[i].width > width)
                goto out; /* those wanted less stay out too, though one might fit */
            used += 1 + columns[i].width;
            fit.in[i] = true;
        }
out:
    if (width > used)
        fit.first += width - used;
    if (fit.first > NAME_MOST)
        fit.first = NAME_MOST;
    return fit;
}

/* --- panes ---------------------------------------------------------------------------------- */

/* A worker that is not heard of, a session that failed; what waits for somebody's hand; what is
 * over or idle. */
static enum look row_look(const struct top *t, const struct top_row *row)
{
    const struct picture *p = &t->picture;
    unsigned state;
    switch (row->kind) {
    case TOP_QUEUE: {
        const struct picture_queue *q = &p->queues[row->at];
        return q->held ? LOOK_WARNING : q->workers || !q->ready ? LOOK_PLAIN : LOOK_BAD;
    }
    case TOP_WORKER:
        state = p->workers[row->at].state;
        return state == WORKER_SILENT     ? LOOK_BAD
               : state == WORKER_DRAINING ? LOOK_WARNING
                                          : LOOK_BOLD;
    case TOP_SLOT:
        state = p->slots[row->at].state;
        return state == SLOT_COOLING ? LOOK_BAD : p->slots[row->at].job ? LOOK_PLAIN : LOOK_DIM;
    case TOP_SESSION:
        state = p->sessions[row->at].state;
        return state == SESSION_FAILED     ? LOOK_BAD
               : state == SESSION_PAUSED   ? LOOK_WARNING
               : state >= SESSION_FINISHED ? LOOK_DIM
                                           : LOOK_PLAIN;
    }
    return LOOK_PLAIN;
}

static void draw_heads(struct top *t, struct sheet *s, enum top_pane pane, const struct fit *fit,
                       unsigned row)
{
    const struct top_list *l = &t->lists[pane];
    const struct column *columns = panes[pane].columns;
    enum look look = pane == t->pane ? LOOK_HEAD_CHOSEN : LOOK_HEAD;
    struct place at = {.row = row, .width = s->columns, .look = look};
    sheet_put(s, at, bytes_text("")); /* the whole line has the look */
    at.width = fit->first;
    if (l->shown < l->all)
        sheet_printf(s, at, "%s %zu of %zu", columns[0].head, l->shown, l->all);
    else
        sheet_printf(s, at, "%s %zu", columns[0].head, l->all);
    at.column = fit->first + 1;
    for (size_t i = 1; i < COLUMNS_MAX; i++) {
        if (!fit->in[i])
            continue;
        at.width = columns[i].width;
        at.right = columns[i].right;
        sheet_put(s, at, bytes_text(columns[i].head));
        at.column += columns[i].width + 1;
    }
}

static void draw_row(const struct top *t, struct sheet *s, enum top_pane pane,
                     const struct fit *fit, unsigned at_row, size_t index)
{
    const struct top_list *l = &t->lists[pane];
    const struct top_row *row = &l->rows[index];
    bool chosen = pane == t->pane && index == l->chosen;
    struct place at = {.row = at_row, .width = s->columns, .look = row_look(t, row)};
    char text[CELL_TEXT];
    if (t->lost)
        at.look = LOOK_DIM; /* as it was */
    if (chosen) {
        at.look = LOOK_CHOSEN;
        sheet_put(s, at, bytes_text(""));
    }
    at.width = fit->first;
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        if (!fit->in[i])
            continue;
        if (i > 0)
            at.width = panes[pane].columns[i].width;
        at.right = panes[pane].columns[i].right;
        panes[pane].columns[i].text(t, row, text);
        sheet_put(s, at, bytes_text(text));
        at.column += at.width + 1;
    }
}

static void draw_pane(struct top *t, struct sheet *s, enum top_pane pane, unsigned row,
                      unsigned rows)
{
    struct top_list *l = &t->lists[pane];
    struct fit fit = fit_columns(panes[pane].columns, s->columns);
    draw_heads(t, s, pane, &fit, row);
    l->page = rows;
    if (l->count == 0) {
        struct place at = {.row = row + 1, .width = s->columns, .look = LOOK_DIM};
        sheet_put(s, at, bytes_text(l->all ? "none that fits the filter" : "none"));
        return;
    }
    /* No more is scrolled than it takes to see the chosen row and to fill the pane. */
    if (l->first > l->chosen)
        l->first = l->chosen;
    if (l->chosen >= l->first + rows)
        l->first = l->chosen - rows + 1;
    if (l->first + rows > l->count)
        l->first = l->count > rows ? l->count - rows : 0;
    for (unsigned i = 0; i < rows && l->first + i < l->count; i++)
        draw_row(t, s, pane, &fit, row + 1 + i, l->first + i);
}

/* Rows for each pane: in turn one more to each that wants it, until there are none left. */
static void share_rows(const struct top *t, unsigned room, unsigned rows[static TOP_PANES])
{
    bool given = true;
    for (unsigned pane = 0; pane < TOP_PANES; pane++)
        rows[pane] = 1;
    room -= TOP_PANES;
    while (room && given) {
        given = false;
        for (unsigned pane = 0; pane < TOP_PANES && room; pane++) {
            if (rows[pane] >= t->lists[pane].count)
                continue;
            rows[pane]++;
            room--;
            given = true;
        }
    }
}

static void draw_panes(struct top *t, struct sheet *s)
{
    unsigned rows[TOP_PANES], at = HEAD_ROWS;
    share_rows(t, s->rows - HEAD_ROWS - FOOT_ROWS - TOP_PANES, rows);
    for (unsigned pane = 0; pane < TOP_PANES; pane++) {
        draw_pane(t, s, pane, at, rows[pane]);
        at += rows[pane] + 1;
    }
}

/* --- head and foot -------------------------------------------------------------------------- */

/* Facts of a line side by side, as many as there is room for. */
static void draw_fact(struct sheet *s, struct place *at, enum look look, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void draw_fact(struct sheet *s, struct place *at, enum look look, const char *format, ...)
{
    char text[CELL_TEXT];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned width = size < CELL_TEXT ? (unsigned)size : CELL_TEXT - 1;
    if (at->column + width > s->columns) {
        at->column = s->columns; /* no later fact in its place */
        return;
    }
    at->width = width;
    at->look = look;
    sheet_put(s, *at, bytes_text(text));
    at->column += width + 2;
}

static void draw_broker(const struct top *t, struct sheet *s)
{
    const struct msg_status *m = &t->picture.status;
    char span[SPAN_TEXT], size[SIZE_TEXT];
    struct place at = {.row = 0};
    draw_fact(s, &at, LOOK_BOLD, "reeve top");
    if (t->lost)
        draw_fact(s, &at, LOOK_BAD, "connection lost, trying");
    if (!t->picture.come)
        return;
    if (!t->lost)
        draw_fact(s, &at, m->state == BROKER_SERVING ? LOOK_PLAIN : LOOK_WARNING, "%s",
                  broker_state_name((unsigned)m->state));
    if (!t->lost && m->awaited)
        draw_fact(s, &at, LOOK_WARNING, "%" PRIu64 " workers awaited", m->awaited);
    draw_fact(s, &at, LOOK_PLAIN, "up %s", span_text(m->uptime_ms * 1000, span));
    draw_fact(s, &at, LOOK_PLAIN, "memory %s", size_text(m->memory_bytes, size));
    if (m->store_bytes)
        draw_fact(s, &at, LOOK_PLAIN, "store %s", size_text(m->store_bytes, size));
    if (m->commit_us)
        draw_fact(s, &at, LOOK_PLAIN, "commit %s", span_text(m->commit_us, span));
    draw_fact(s, &at, LOOK_DIM, "pid %" PRIu64 ", release %s", m->pid, t->picture.release);
}

static void draw_counts(const struct top *t, struct sheet *s)
{
    const struct msg_status *m = &t->picture.status;
    char in[CELL_TEXT], out[CELL_TEXT], live[CELL_TEXT], kept[CELL_TEXT];
    struct place at = {.row = 1};
    if (!t->picture.come)
        return;
    put_rate(in, t->picture.submitted.rate);
    put_rate(out, t->picture.finished.rate);
    put_count(live, m->live);
    put_count(kept, m->kept);
    draw_fact(s, &at, LOOK_PLAIN, "submitted %.20s", in);
    draw_fact(s, &at, LOOK_PLAIN, "finished %.20s", out);
    draw_fact(s, &at, LOOK_PLAIN, "live %.20s", live);
    draw_fact(s, &at, LOOK_PLAIN, "kept %.20s", kept);
    draw_fact(s, &at, LOOK_PLAIN, "slots %" PRIu64, m->slots);
    draw_fact(s, &at, LOOK_PLAIN, "clients %" PRIu64, m->clients);
}

static void draw_told(const struct top *t, struct sheet *s)
{
    struct place at = {.row = s->rows - 2, .width = s->columns, .look = LOOK_WARNING};
    if (t->ask.kind)
        at.look = LOOK_BAD;
    if (t->typing)
        sheet_printf(s, at, "filter: %s_", t->filter);
    else if (*t->notice && (t->ask.kind || t->now_ms - t->notice_ms < TOP_NOTICE_MS))
        sheet_put(s, at, bytes_text(t->notice));
    else if (*t->filter)
        sheet_printf(s, at, "filter: %s", t->filter);
}

static void draw_keys(const struct top *t, struct sheet *s)
{
    static const char *const deeds[] = {"h hold/release", "d drain  c cancel job",
                                        "p pause/resume  c stop"};
    struct place at = {.row = s->rows - 1, .width = s->columns, .look = LOOK_DIM};
    if (t->typing)
        sheet_put(s, at, bytes_text("Enter keeps the filter  Esc takes it away"));
    else
        sheet_printf(s, at, "q quit  ? help  Tab pane  %s  / filter  s sort", deeds[t->pane]);
}

static void draw_help(struct sheet *s)
{
    static const char *const lines[] = {
        "Tab, Shift-Tab   next pane, the one before",
        "arrows, PgUp, PgDn, Home, End   move",
        "h  hold or release the queue",
        "d  drain the worker (asks)",
        "c  cancel the slot's job, stop the session (ask)",
        "p  pause or resume the session",
        "/  filter all panes by a word, Esc ends it",
        "s  sort the pane by the next column",
        "q  quit   (any other key goes back)",
    };
    for (unsigned i = 0; i < LENGTH(lines) && i + 1 < s->rows; i++)
        sheet_put(s, (struct place){.row = i + 1, .width = s->columns}, bytes_text(lines[i]));
}

/* --- all of it ------------------------------------------------------------------------------ */

void top_draw(struct top *t, struct sheet *s, unsigned rows, unsigned columns)
{
    sheet_start(s, rows, columns);
    if (rows < TOP_ROWS_LEAST || columns < TOP_COLUMNS_LEAST) {
        struct place at = {.row = 0, .width = columns, .look = LOOK_WARNING};
        sheet_printf(s, at, "%ux%u is too small:", columns, rows);
        at.row = 1;
        sheet_printf(s, at, "at least %dx%d", TOP_COLUMNS_LEAST, TOP_ROWS_LEAST);
        return;
    }
    draw_broker(t, s);
    if (t->help) {
        draw_help(s);
        return;
    }
    draw_counts(t, s);
    if (t->picture.come)
        draw_panes(t, s);
    draw_told(t, s);
    draw_keys(t, s);
}
