/* SPDX-License-Identifier: Apache-2.0
 *
 * chain: a session is a job that runs again and again. Each lease is one iteration: it gets the
 * state that the one before left and an input, and its result is a verdict: done, continue (after a
 * delay), ask (for a client's word), fork (children, then go on with their results). None of them
 * holds a slot. What an iteration changes is one row, put in one step with the rows of its children
 * and the lines for its file, and the next one begins when that is kept: so a crash of a worker
 * costs one iteration, and one of the broker none that was told.
 *
 *   step            where the job is                        what leads on
 *   CHAIN_READY     in its queue, delayed, running          its result
 *   CHAIN_ASKS      JOB_ASKING                              chain_tell
 *   CHAIN_FORKED    JOB_FORKED                              the end of its last child
 *   any, paused     JOB_PAUSED once no worker has it        chain_resume
 */
#include "producer/core/core.h"

static const struct bytes nil = {"\xc0", 1}; /* as a value */

struct chain *job_chain(const struct job *job)
{
    return job->more ? job->more->chain : NULL;
}

/* One of the three that are counted. */
static void replace(struct broker *b, const struct job *job, struct bytes *old, struct bytes value)
{
    struct bytes copy = bytes_keep(value);
    usage_grow(b, job, (int64_t)copy.size - (int64_t)old->size);
    bytes_drop(old);
    *old = copy;
}

static size_t weight(const struct chain *chain)
{
    return chain->state.size + chain->input.size + chain->view.size;
}

size_t chain_bytes(const struct job *job)
{
    const struct chain *chain = job_chain(job);
    return chain ? weight(chain) : 0;
}

static struct chain *chain_make(struct broker *b, struct job *job, struct bytes state,
                                struct bytes input, struct bytes view)
{
    struct chain *chain = must_alloc(sizeof *chain);
    chain->state = bytes_keep(state);
    chain->input = bytes_keep(input);
    chain->view = bytes_keep(view);
    job_more(job)->chain = chain;
    usage_session(job);
    usage_grow(b, job, (int64_t)weight(chain));
    return chain;
}

void chain_begin(struct broker *b, struct job *job, struct bytes input)
{
    chain_make(b, job, nil, input, (struct bytes){0});
}

void chain_show(struct broker *b, struct job *job, struct bytes view)
{
    replace(b, job, &job_chain(job)->view, view);
}

static void results_drop(struct chain *chain)
{
    for (uint32_t i = 0; chain->results && i < chain->children_count; i++)
        bytes_drop(&chain->results[i]);
    free(chain->results);
    chain->results = NULL;
    chain->results_bytes = 0;
}

void chain_free(struct chain *chain)
{
    if (!chain)
        return;
    results_drop(chain);
    bytes_drop(&chain->state);
    bytes_drop(&chain->input);
    bytes_drop(&chain->view);
    free(chain);
}

void chain_args(const struct chain *chain, struct buf *out)
{
    *buf_extend(out, 1) = 0x92; /* [state, input] */
    buf_put(out, chain->state.data, chain->state.size);
    buf_put(out, chain->input.data, chain->input.size);
}

static void settle_children(struct broker *b, struct chain *chain)
{
    if (chain->children_count)
        settle(b, chain->children, chain->children_count);
    results_drop(chain);
    chain->children = chain->children_count = chain->children_left = 0;
}

/* --- where it stands, for people -------------------------------------------------------------- */

static enum session_state state_of(unsigned job_state, const struct msg_chain_row *row)
{
    if (job_state == JOB_OK)
        return SESSION_FINISHED;
    if (job_state == JOB_CANCELLED)
        return SESSION_STOPPED;
    if (job_ended((enum job_state)job_state))
        return SESSION_FAILED;
    if (row->paused)
        return SESSION_PAUSED;
    return row->begun ? SESSION_RUNNING : SESSION_CREATED;
}

void chain_row_of(const struct chain *chain, struct msg_chain_row *row)
{
    *row = (struct msg_chain_row){.iteration = chain->iteration,
                                  .step = chain->step,
                                  .paused = chain->paused,
                                  .begun = chain->begun,
                                  .state = chain->state,
                                  .input = chain->input,
                                  .view = chain->view,
                                  .children = chain->children,
                                  .children_count = chain->children_count,
                                  .removed = chain->removed,
                                  .delay_ms = chain->delay_ms};
}

void session_view(const struct msg_job *job, const struct msg_chain_row *row,
                  struct msg_session *out)
{
    *out = (struct msg_session){.id = job->id,
                                .queue = job->queue,
                                .state = state_of((unsigned)job->state, row),
                                .job_state = job->state,
                                .iteration = row->iteration,
                                .view = row->view,
                                .submitted_ms = job->submitted_ms,
                                .ended_ms = job->ended_ms,
                                .reason = job->reason,
                                .detail = job->detail};
}

static void told(struct broker *b, struct job *job, enum chain_event event)
{
    bool durable = job->durability == CLASS_DURABLE;
    accepted_flush(b);
    if (durable)
        gate_open(b);
    chain_event(b, job, NULL, event);
    if (durable)
        gate_close(b);
}

/* --- verdicts --------------------------------------------------------------------------------- */

/* Whole lines, for they are added to others. */
static bool lines_valid(struct bytes lines)
{
    return !lines.size || ((const char *)lines.data)[lines.size - 1] == '\n';
}

static bool children_valid(struct broker *b, const struct job *job, struct bytes run,
                           uint32_t *count)
{
    struct cursor c = cursor_of(run);
    struct record r;
    *count = 0;
    while (!cursor_done(&c))
        if (record_get(&c, &r) != OK || r.type != REC_child || !queue_name_valid(r.child.queue) ||
            todo_named(r.child.queue) /* for people */ || !permit_child(b, job, r.child.queue) ||
            !queue_make(b, r.child.queue) || ++*count > CHILDREN_MAX)
            return false;
    return *count > 0;
}

/* REASON_NONE: it can be followed. */
static enum reason verdict_read(struct broker *b, const struct job *job, struct bytes value,
                                struct msg_verdict *v, uint32_t *children)
{
    struct cursor c = cursor_of(value);
    struct record r;
    if (!value.size || record_get(&c, &r) != OK || r.type != REC_verdict || !cursor_done(&c))
        return REASON_PROTOCOL;
    *v = r.verdict;
    if (v->state.size > STATE_BYTES_MAX || v->view.size > VIEW_BYTES_MAX ||
        v->lines.size > VIEW_BYTES_MAX || v->delay_ms > DURATION_MS_MAX)
        return REASON_TOO_LARGE;
    if (v->kind < VERDICT_DONE || v->kind > VERDICT_FORK ||
        (v->kind == VERDICT_FORK && !children_valid(b, job, v->children, children)) ||
        !lines_valid(v->lines) || (v->view.size && !view_valid(v->view)))
        return REASON_PROTOCOL;
    return REASON_NONE;
}

static void fork_children(struct broker *b, struct job *job, struct chain *chain, struct bytes run,
                          uint32_t count)
{
    struct cursor c = cursor_of(run);
    struct record r;
    chain->children = job_last_id(b) + 1;
    chain->children_count = chain->children_left = count;
    chain->results = must_alloc(count * sizeof *chain->results);
    for (uint32_t i = 0; i < count; i++) {
        must(record_get(&c, &r) == OK);
        struct msg_submit submit = {
            .args = r.child.args, .priority = job->priority, .durability = job->durability};
        struct job *child =
            job_make(b, NULL, owner_of_job(job), &submit, queue_find(b, r.child.queue));
        must(child->id == chain->children + i);
        job_more(child)->parent = job->id;
        child->more->place = i;
        job_new(b, child, 0);
    }
}

static void state_take(struct broker *b, struct job *job, const struct msg_verdict *v)
{
    struct chain *chain = job_chain(job);
    replace(b, job, &chain->state, v->state.size ? v->state : nil);
    replace(b, job, &chain->input, nil);
    if (v->view.size)
        replace(b, job, &chain->view, v->view);
}

/* A feed that shows nothing has nothing new. */
static void iterated(struct broker *b, struct job *job, const struct msg_verdict *v)
{
    if (!job->more->feed || v->view.size)
        told(b, job, CHAIN_ITERATED);
}

/* The iteration is over. outcome: what the job ends with, when that is what is left to do. */
bool chain_verdict(struct broker *b, struct job *job, struct outcome *outcome)
{
    struct chain *chain = job_chain(job);
    struct msg_verdict v;
    uint32_t count = 0;
    outcome->reason = chain ? verdict_read(b, job, outcome->value, &v, &count) : REASON_PROTOCOL;
    if (outcome->reason != REASON_NONE) {
        outcome->value = (struct bytes){0};
        return false;
    }
    settle_children(b, chain);
    state_take(b, job, &v);
    chain->iteration++;
    chain->begun |= v.kind != VERDICT_ASK;
    chain->step = v.kind == VERDICT_ASK    ? CHAIN_ASKS
                  : v.kind == VERDICT_FORK ? CHAIN_FORKED
                                           : CHAIN_READY;
    job->attempts = 0;
    job->leased = false;
    buf_clear(&job->more->attempts);
    chain->delay_ms = v.delay_ms;
    job->more->due_ms = v.delay_ms ? b->now_ms + (int64_t)v.delay_ms : 0;
    if (v.lines.size && !job->more->feed)
        keep_lines(b, job, v.lines);
    if (v.kind == VERDICT_DONE) {
        iterated(b, job, &v);
        outcome->value = v.value;
        return false;
    }
    if (v.kind == VERDICT_FORK)
        fork_children(b, job, chain, v.children, count);
    job_store(b, job);
    iterated(b, job, &v);
    return true;
}

/* --- children --------------------------------------------------------------------------------- */

/* The results in the order of the children, each [state, value]. */
static void gathered(struct broker *b, struct job *job)
{
    struct chain *chain = job_chain(job);
    struct buf input = {0};
    pack_array(&input, chain->children_count);
    for (uint32_t i = 0; i < chain->children_count; i++)
        buf_put(&input, chain->results[i].data, chain->results[i].size);
    replace(b, job, &chain->input, buf_bytes(&input));
    buf_fini(&input);
    results_drop(chain);
    chain->step = CHAIN_READY;
}

/* The session that waits for just this child, of the fork that is under way; NULL: none does. */
static struct job *parent_of(const struct broker *b, uint64_t id, uint64_t parent, uint64_t place)
{
    struct job *job = parent ? job_find(b, parent) : NULL;
    const struct chain *chain = job ? job_chain(job) : NULL;
    bool waits = chain && chain->step == CHAIN_FORKED && place < chain->children_count &&
                 id == chain->children + place && chain->results && !chain->results[place].size;
    return waits ? job : NULL;
}

/* True when it was the last one. All of them together must fit into one lease: what does not is
 * told as a failure. */
static bool result_take(struct chain *chain, uint32_t place, const struct msg_ended *ended)
{
    enum { RESULTS_BYTES_MAX = VALUE_BYTES_MAX - STATE_BYTES_MAX - CHILDREN_MAX * 64 };
    struct buf pair = {0};
    char why[48];
    bool fits = ended->value.size <= RESULTS_BYTES_MAX - chain->results_bytes;
    unsigned reason = fits ? (unsigned)ended->reason : REASON_TOO_LARGE;
    pack_array(&pair, 2);
    pack_uint(&pair, fits ? ended->state : JOB_FAILED);
    if (fits && ended->value.size)
        buf_put(&pair, ended->value.data, ended->value.size);
    else
        pack_text(&pair, reason_text(reason, (unsigned)ended->detail, why));
    chain->results_bytes += fits ? ended->value.size : 0;
    chain->results[place] = bytes_keep(buf_bytes(&pair));
    buf_fini(&pair);
    return --chain->children_left == 0;
}

void chain_child_ended(struct broker *b, const struct job_more *more, const struct msg_ended *ended)
{
    struct job *job = parent_of(b, ended->id, more->parent, more->place);
    if (!job) {
        settle(b, ended->id, 1); /* nobody waits for it any more */
        return;
    }
    if (!result_take(job_chain(job), more->place, ended))
        return;
    gathered(b, job);
    if (!job->recovering && job->state != JOB_PAUSED)
        job_aside(b, job); /* until the end of this child is kept */
}

/* The session is over, and with it what it has under way. */
void chain_ended(struct broker *b, const struct job *job, struct chain *chain)
{
    uint64_t first = chain->children;
    uint32_t count = chain->step == CHAIN_FORKED ? chain->children_count : 0;
    settle_children(b, chain);
    if (chain->removed)
        drop_ended(b, job->id);
    for (uint32_t i = 0; i < count; i++) {
        struct job *child = job_find(b, first + i);
        if (child)
            job_stop(b, child, REASON_CANCELLED);
    }
}

/* --- what clients say ------------------------------------------------------------------------- */

void chain_pause(struct broker *b, struct job *job)
{
    job_chain(job)->paused = true;
    if (job->state == JOB_WAITING || job->state == JOB_DELAYED || job->state == JOB_BACKOFF)
        job_pause(b, job);
    keep_job(b, job);
    told(b, job, CHAIN_PAUSED);
}

void chain_resume(struct broker *b, struct job *job)
{
    struct chain *chain = job_chain(job);
    chain->paused = false;
    chain->begun = true;
    if (job->state == JOB_PAUSED)
        job_store(b, job);
    else
        keep_job(b, job);
    told(b, job, CHAIN_RESUMED);
}

void chain_tell(struct broker *b, struct job *job, struct bytes value)
{
    if (job->queue == b->todo.queue) {
        todo_complete(b, job);
        return;
    }
    struct chain *chain = job_chain(job);
    replace(b, job, &chain->input, value.size ? value : nil);
    chain->step = CHAIN_READY;
    chain->begun = true;
    if (job->state == JOB_PAUSED || job->recovering)
        keep_job(b, job);
    else
        job_store(b, job);
    told(b, job, CHAIN_TOLD);
}

/* --- from the life before --------------------------------------------------------------------- */

void chain_load(struct broker *b, struct job *job, const struct msg_chain_row *row)
{
    struct chain *chain = chain_make(b, job, row->state, row->input, row->view);
    chain->iteration = row->iteration;
    chain->step = row->step <= CHAIN_FORKED ? (enum chain_step)row->step : CHAIN_READY;
    chain->paused = row->paused;
    chain->begun = row->begun;
    chain->removed = row->removed;
    chain->delay_ms = row->delay_ms;
    if (row->children_count > CHILDREN_MAX || !row->children_count)
        return;
    chain->children = row->children;
    chain->children_count = chain->children_left = (uint32_t)row->children_count;
    if (chain->step == CHAIN_FORKED)
        chain->results = must_alloc(chain->children_count * sizeof *chain->results);
}

void chain_load_child(struct broker *b, const struct row *row)
{
    struct job *job = parent_of(b, row->origin.id, row->origin.parent, row->origin.place);
    if (job && result_take(job_chain(job), (uint32_t)row->origin.place, &row->ended))
        gathered(b, job);
}

/* A child of which nothing is left counts as dead. */
void chain_loaded(struct broker *b, struct job *job)
{
    struct chain *chain = job_chain(job);
    if (!chain || chain->step != CHAIN_FORKED)
        return;
    for (uint32_t i = 0; i < chain->children_count; i++) {
        struct msg_ended lost = {.state = JOB_DEAD, .reason = REASON_WORKER_LOST};
        if (!chain->results[i].size && !job_find(b, chain->children + i) &&
            result_take(chain, i, &lost)) {
            gathered(b, job);
            return;
        }
    }
}
