/* SPDX-License-Identifier: Apache-2.0
 *
 * api_sessions: sessions of the optimisation service: listed, started, steered, and the client as
 * their plant. What is said of them is what `reeve session` says.
 */
#include "producer/gateway/api/api.h"
#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/session_call.h"
#include "producer/gateway/api/waits.h"
#include "producer/view/field.h"

static const char *const no_parameters[] = {NULL};

/* --- a page of them ------------------------------------------------------------------------- */

struct listing {
    struct session_call s;
    struct view_rows rows;
    uint64_t ids[ASKED_PAGE_MAX]; /* of the page */
    size_t count, at;
    uint64_t next;
};

static void look_at_next(struct listing *l);

static void take_listed(struct session_call *s)
{
    struct listing *l = container_of(s, struct listing, s);
    struct pairs p = {.count = 0};
    l->rows.count++;
    session_view_pairs(&s->now, &p, false);
    pairs_close(&p, &l->rows.buf);
    look_at_next(l);
}

/* Stopped since, or never one. */
static void pass_over(struct call *c, unsigned err, struct bytes text)
{
    struct listing *l = container_of(c, struct listing, s.call);
    if (err == ERR_UNKNOWN_JOB || err == ERR_NO_SESSION)
        look_at_next(l);
    else
        call_fail(c, err, text);
}

static void look_at_next(struct listing *l)
{
    struct call *c = &l->s.call;
    char next[JOB_ID_TEXT] = "";
    if (l->at < l->count) {
        c->id = l->ids[l->at++];
        session_call_look(&l->s, take_listed);
        return;
    }
    if (l->next)
        job_id_text(l->next, next);
    c->rows = l->rows;
    l->rows = (struct view_rows){0};
    call_page(c, "sessions", bytes_text(next));
}

static void take_id(struct call *c, const struct record *answer)
{
    struct listing *l = container_of(c, struct listing, s.call);
    if (answer->type == REC_job && l->count < ASKED_PAGE_MAX) {
        l->ids[l->count++] = answer->job.id;
    } else if (answer->type == REC_end) {
        l->next = answer->end.next;
        c->failed = pass_over;
        look_at_next(l);
    }
}

static void listing_again(struct call *c)
{
    struct listing *l = container_of(c, struct listing, s.call);
    if (!l->at)
        l->count = 0;
}

static void listing_fini(struct call *c)
{
    view_rows_fini(&container_of(c, struct listing, s.call)->rows);
    session_call_fini(c);
}

static void list(struct request *r)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    struct msg_list_jobs which = {.queue = bytes_text(SESSION_METHOD)};
    if (!asked_query(r, names) || !asked_limit(r, &which.limit) || !asked_cursor(r, &which.after))
        return;
    struct session_call *s = session_call_open_new(r, sizeof(struct listing));
    struct record ask = {.type = REC_list_jobs, .list_jobs = which};
    if (!s)
        return;
    s->call.again = listing_again;
    s->call.fini = listing_fini;
    call_ask(&s->call, &ask, take_id);
}

/* --- one of them ---------------------------------------------------------------------------- */

static void show_seen(struct session_call *s)
{
    struct pairs p = {.count = 0};
    session_view_pairs(&s->now, &p, true);
    call_pairs(&s->call, 200, &p);
}

static void objective_seen(struct session_call *s)
{
    struct pairs p = {.count = 0};
    call_pairs_id(&s->call, &p);
    pack_str(pairs_key(&p, "objective"), field_text(buf_bytes(&s->now.view), "objective_text"));
    call_pairs(&s->call, 200, &p);
}

/* A request without parameters or body that looks at the session first. */
static void look(struct request *r, void (*seen)(struct session_call *s))
{
    struct session_call *s = asked_query(r, no_parameters) ? session_call_open(r, sizeof *s) : NULL;
    if (s)
        session_call_look(s, seen);
}

static void show(struct request *r)
{
    look(r, show_seen);
}

static void objective(struct request *r)
{
    look(r, objective_seen);
}

/* --- starting ------------------------------------------------------------------------------- */

enum { CHECK_MS = 10000, SPEC_BYTES_MAX = 1 << 20, ISLANDS_MAX = 1024 };

/* What stands in it is the service's to judge. */
static const struct shape_field spec_shape[] = {
    {"model", SHAPE_TEXT, false, 0, SPEC_BYTES_MAX},
    {"objective", SHAPE_TEXT, false, 0, SPEC_BYTES_MAX},
    {"maximize", SHAPE_TRUTH, false, 0, 0},
    {"method", SHAPE_TEXT, false, 0, SPEC_BYTES_MAX},
    {"max_iterations", SHAPE_WHOLE, false, 1, INT64_MAX},
    {"seed", SHAPE_WHOLE, false, 0, INT64_MAX},
    {"islands", SHAPE_WHOLE, false, 1, ISLANDS_MAX},
    {"delay", SHAPE_NUMBER, false, 0, 0},
    {"external", SHAPE_TRUTH, false, 0, 0},
    {"mvs", SHAPE_ARRAY, false, 0, 0},
    {"cvs", SHAPE_ARRAY, false, 0, 0},
    {"constraints", SHAPE_ARRAY, false, 0, 0},
    {0},
};

/* One that is refused leaves no session. */
static bool started(struct session_call *s)
{
    struct pairs p = {.count = 0};
    struct record drop = {.type = REC_drop, .drop = {.id = s->call.id}};
    if (!session_view_checked(&s->now))
        return false;
    if (s->now.state == REEVE_SESSION_FAILED || s->now.state == REEVE_SESSION_STOPPED) {
        client_ask_start(s->call.calls->client, &drop, NULL, NULL);
        call_fail(&s->call, ERR_INVALID, buf_bytes(&s->now.text));
        return true;
    }
    call_locate(&s->call, "sessions");
    call_pairs_id(&s->call, &p);
    pairs_text(&p, "state", session_state_name((unsigned)s->now.state));
    pack_str(pairs_key(&p, "message"), field_text(buf_bytes(&s->now.view), "message"));
    call_pairs(&s->call, 201, &p);
    return true;
}

static void on_started(struct call *c, uint64_t id)
{
    (void)id;
    call_may_take(c, CHECK_MS);
    session_call_follow(container_of(c, struct session_call, call), started);
}

static void start(struct request *r)
{
    struct buf spec = {0}, key = {0}, args = {0};
    struct reeve_job_options options = {.kind = REEVE_SESSION};
    struct session_call *s = NULL;
    if (asked_query(r, no_parameters) && asked_key(r, &key, &options.key) &&
        asked_body(r, spec_shape, false, &spec))
        s = session_call_open_new(r, sizeof *s);
    if (s) {
        pack_array(&args, 1);
        buf_put(&args, spec.data, spec.size);
        call_submit(&s->call, SESSION_METHOD, buf_bytes(&args), &options, on_started);
    }
    buf_fini(&args);
    buf_fini(&key);
    buf_fini(&spec);
}

/* --- optimise, pause, resume, stop ---------------------------------------------------------- */

struct optimise {
    struct session_call s;
    enum session_flag flag; /* of what was done */
};

static void optimise_seen(struct session_call *s)
{
    static const char *const said[] = {[FLAG_STARTED] = SAID_STARTED,
                                       [FLAG_RESUMED] = SAID_RESUMED,
                                       [FLAG_FINISHED] = SAID_FINISHED};
    const struct optimise *o = container_of(s, struct optimise, s);
    struct pairs p = {.count = 0};
    call_pairs_id(&s->call, &p);
    pairs_text(&p, "state", session_state_name((unsigned)s->now.state));
    pairs_integer(&p, "iteration", (int64_t)s->now.iteration);
    pairs_integer(&p, "flag", o->flag);
    pairs_value(&p, "mvs", session_view_mvs(&s->now));
    pairs_value(&p, "best", session_view_best(&s->now));
    pairs_text(&p, "message", said[o->flag]);
    call_pairs(&s->call, 200, &p);
}

/* Somebody else was first. */
static void not_begun(struct call *c, unsigned err, struct bytes text)
{
    bool runs = err == ERR_NOT_ASKING || err == ERR_NOT_PAUSED;
    call_fail(c, err, runs ? bytes_text(SAID_RUNNING) : text);
}

static void begun(struct call *c, const struct record *answer)
{
    (void)answer;
    c->failed = NULL;
    session_call_look(container_of(c, struct session_call, call), optimise_seen);
}

static void begin(struct session_call *s)
{
    struct pairs p = {.count = 0};
    struct buf word = {0};
    static const char *const kinds[] = {"cvs", "mvs"};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        struct bytes given = field_of(buf_bytes(&s->given), kinds[i]);
        struct buf *at = pairs_key(&p, kinds[i]);
        if (given.size > 1)
            buf_put(at, given.data, given.size);
        else
            pack_map(at, 0);
    }
    pairs_close(&p, &word);
    struct record ask = {
        .type = REC_tell,
        .tell = {.id = s->call.id, .iteration = s->now.iteration, .value = buf_bytes(&word)}};
    container_of(s, struct optimise, s)->flag = FLAG_STARTED;
    s->call.failed = not_begun;
    call_ask(&s->call, &ask, begun);
    buf_fini(&word);
}

/* It may have been paused before it began. */
static void resumed_seen(struct session_call *s)
{
    if (session_view_begins(&s->now))
        begin(s);
    else
        optimise_seen(s);
}

static void resumed(struct call *c, const struct record *answer)
{
    (void)answer;
    c->failed = NULL;
    session_call_look(container_of(c, struct session_call, call), resumed_seen);
}

static bool optimise_step(struct session_call *s)
{
    struct optimise *o = container_of(s, struct optimise, s);
    struct record ask = {.type = REC_resume, .resume = {.id = s->call.id}};
    enum session_step step = session_view_step(&s->now);
    if (step == STEP_WAIT)
        return false;
    waits_leave(&s->call);
    switch (step) {
    case STEP_WAIT: break;
    case STEP_BEGIN: begin(s); break;
    case STEP_RESUME:
        o->flag = FLAG_RESUMED;
        s->call.failed = not_begun;
        call_ask(&s->call, &ask, resumed);
        break;
    case STEP_RUNNING: call_fail(&s->call, ERR_NOT_ASKING, bytes_text(SAID_RUNNING)); break;
    case STEP_FINISHED:
        o->flag = FLAG_FINISHED;
        optimise_seen(s);
        break;
    case STEP_OVER: session_call_over(s); break;
    }
    return true;
}

static void optimise(struct request *r)
{
    static const struct shape_field shape[] = {
        {"mvs", SHAPE_NUMBERS, false, 0, 0}, {"cvs", SHAPE_NUMBERS, false, 0, 0}, {0}};
    struct buf given = {0};
    if (!asked_query(r, no_parameters) || !asked_body(r, shape, true, &given))
        return;
    struct session_call *s = session_call_open(r, sizeof(struct optimise));
    if (!s) {
        buf_fini(&given);
        return;
    }
    s->given = given;
    call_may_take(&s->call, CHECK_MS);
    session_call_follow(s, optimise_step);
}

static void answer_paused(struct session_call *s, const char *message)
{
    struct pairs p = {.count = 0};
    call_pairs_id(&s->call, &p);
    pairs_truth(&p, "is_paused", true);
    pairs_text(&p, "message", message);
    call_pairs(&s->call, 200, &p);
}

static void paused(struct call *c, const struct record *answer)
{
    (void)answer;
    answer_paused(container_of(c, struct session_call, call), SAID_PAUSED);
}

static void not_paused(struct call *c, unsigned err, struct bytes text)
{
    if (err == ERR_PAUSED)
        answer_paused(container_of(c, struct session_call, call), SAID_ALREADY_PAUSED);
    else
        call_fail(c, err, err == ERR_ENDED ? bytes_text(SAID_NOT_RUNNING) : text);
}

static void pause_seen(struct session_call *s)
{
    struct record ask = {.type = REC_pause, .pause = {.id = s->call.id}};
    s->call.failed = not_paused;
    if (s->now.state == REEVE_SESSION_PAUSED)
        answer_paused(s, SAID_ALREADY_PAUSED);
    else if (session_view_ended(&s->now))
        session_call_refuse(s, ERR_ENDED, SAID_NOT_RUNNING);
    else if (s->now.state != REEVE_SESSION_RUNNING)
        session_call_refuse(s, ERR_NOT_ASKING, SAID_NOT_RUNNING);
    else
        call_ask(&s->call, &ask, paused);
}

static void pause_session(struct request *r)
{
    look(r, pause_seen);
}

static void said_resumed(struct call *c, const struct record *answer)
{
    (void)answer;
    session_call_say(container_of(c, struct session_call, call), SAID_RESUMED);
}

static void resume_seen(struct session_call *s)
{
    struct record ask = {.type = REC_resume, .resume = {.id = s->call.id}};
    s->call.failed = NULL;
    call_ask(&s->call, &ask, said_resumed);
}

static void resume(struct request *r)
{
    look(r, resume_seen);
}

static void said_stopped(struct call *c, const struct record *answer)
{
    (void)answer;
    session_call_say(container_of(c, struct session_call, call), SAID_STOP);
}

/* Looked at first: what is no session is not dropped here. */
static void stop_seen(struct session_call *s)
{
    struct record ask = {.type = REC_drop, .drop = {.id = s->call.id}};
    call_ask(&s->call, &ask, said_stopped);
}

static void stop(struct request *r)
{
    look(r, stop_seen);
}

const struct route api_sessions_routes[] = {
    {"GET", "/v1/sessions", false, list},
    {"POST", "/v1/sessions", false, start},
    {"GET", "/v1/sessions/{id}", false, show},
    {"GET", "/v1/sessions/{id}/objective", false, objective},
    {"POST", "/v1/sessions/{id}/optimise", false, optimise},
    {"POST", "/v1/sessions/{id}/pause", false, pause_session},
    {"POST", "/v1/sessions/{id}/resume", false, resume},
    {"POST", "/v1/sessions/{id}/stop", false, stop},
    {0},
};
