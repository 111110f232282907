/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimisation/iteration.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/pack.h"
#include "consumer/handlers/models/model_file.h"
#include "consumer/handlers/optimisation/delay.h"
#include "consumer/handlers/optimisation/show.h"
#include "consumer/handlers/optimisation/word.h"

enum { VALUES_MAX = 2 * MODEL_VARIABLES_MAX + 2 * SPEC_VARIABLES_MAX, ENDED_OK = 6 };

/* All that an iteration works with. */
struct iteration {
    struct reeve_job *job;
    struct task *task;
    struct progress progress;
    struct bytes input;
    struct buf settled; /* the spec, when the first word has changed it */
    char text[SPEC_TEXT_SIZE];
};

static struct bytes argument(struct reeve_job *job, size_t i)
{
    const void *data;
    size_t size;
    return reeve_arg_value(job, i, &data, &size) ? (struct bytes){0} : bytes_of(data, size);
}

static bool is_nil(struct bytes value)
{
    struct cursor c = cursor_of(value);
    return cursor_peek(&c) == PACK_NIL;
}

/* What a session was submitted with: [spec]. What is not so stays, and is no spec. */
static struct bytes only_argument(struct bytes args)
{
    struct cursor c = cursor_of(args);
    return cursor_peek(&c) == PACK_ARRAY && cursor_array(&c) == 1 ? cursor_value(&c) : args;
}

static struct task *task_of(struct bytes spec, char text[SPEC_TEXT_SIZE])
{
    struct buf folder = {0};
    model_folder(&folder);
    struct task *t = task_new(spec, buf_text(&folder), text);
    buf_fini(&folder);
    return t;
}

/* --- computing -------------------------------------------------------------------------------- */

struct computing {
    struct task *task;
    struct progress *progress; /* NULL: nobody is shown the last point */
};

static double worst(const struct task *t, const double *constraints)
{
    struct optimiser_problem p = task_problem(t);
    double most = 0;
    for (size_t i = 0; i < p.inequalities + p.equalities; i++) {
        double by = i < p.inequalities ? constraints[i] : fabs(constraints[i]);
        if (by / p.scales[i] > most)
            most = by / p.scales[i];
    }
    return most;
}

static void last_take(struct progress *p, const struct task *t, const double *values, double f,
                      const double *constraints)
{
    buf_clear(&p->last);
    buf_put(&p->last, values, task_values(t) * sizeof *values);
    p->last_f = f;
    p->last_violation = worst(t, constraints);
}

static bool compute(void *context, const double *x, double *f, double *constraints)
{
    struct computing *c = context;
    double values[VALUES_MAX];
    char why[SPEC_TEXT_SIZE];
    task_place(c->task, x, values);
    delay_wait(task_spec(c->task)->delay_s);
    if (!task_compute(c->task, values, why) || !task_judge(c->task, values, f, constraints))
        return false;
    if (c->progress)
        last_take(c->progress, c->task, values, *f, constraints);
    return true;
}

/* The best point with all its values, where the model can be computed in passing. */
static void best_compute(struct iteration *it)
{
    const struct optimiser *leader = progress_leader(&it->progress);
    double values[VALUES_MAX], f, constraints[OPTIMISER_CONSTRAINTS_MAX];
    char why[SPEC_TEXT_SIZE];
    if (!leader)
        return;
    task_place(it->task, optimiser_status(leader).x, values);
    if (!task_compute(it->task, values, why) || !task_judge(it->task, values, &f, constraints))
        return;
    buf_clear(&it->progress.best);
    buf_put(&it->progress.best, values, task_values(it->task) * sizeof *values);
}

/* An iteration has been done: the best of all islands goes into the history. */
static const struct optimiser *count_iteration(struct iteration *it)
{
    const struct optimiser *leader = progress_leader(&it->progress);
    it->progress.iterations++;
    progress_remember(&it->progress,
                      leader ? task_shown(it->task, optimiser_status(leader).f) : NAN);
    return leader;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void show(struct iteration *it, const char *message)
{
    struct buf state = {0}, view = {0}, line = {0};
    progress_save(&it->progress, &state);
    show_view(it->task, &it->progress, message, &view);
    show_line(it->task, &it->progress, message, &line);
    reeve_session_state(it->job, state.data, state.size);
    reeve_session_view(it->job, view.data, view.size);
    reeve_session_line(it->job, buf_text(&line));
    buf_fini(&state);
    buf_fini(&view);
    buf_fini(&line);
}

static void finish(struct iteration *it, const char *message)
{
    struct buf value = {0};
    show(it, message);
    show_result(it->task, &it->progress, message, &value);
    reeve_session_done(it->job, value.data, value.size);
    buf_fini(&value);
}

/* How it ended, when it has. */
static const char *ended(const struct iteration *it)
{
    const struct progress *p = &it->progress;
    bool going = false;
    for (size_t i = 0; i < p->island_count; i++)
        going |= optimiser_status(p->islands[i]).end == OPTIMISER_GOING;
    if (!going)
        return optimiser_end_text(optimiser_status(p->islands[0]).end);
    return p->iterations >= task_spec(it->task)->max_iterations ? "max_iterations" : NULL;
}

/* --- the first -------------------------------------------------------------------------------- */

static void created(struct reeve_job *job, struct bytes spec)
{
    struct iteration it = {.job = job, .progress = {.spec = spec}};
    it.task = task_of(spec, it.text);
    if (!it.task) {
        reeve_fail(job, "%s", it.text);
        return;
    }
    struct buf state = {0}, view = {0}, line = {0};
    show_created(it.task, &view);
    show_event(&line, "created, objective ");
    buf_printf(&line, "%s %s", task_maximises(it.task) ? "maximize" : "minimize",
               task_objective(it.task));
    reeve_session_line(job, buf_text(&line));
    for (size_t i = 0; i < task_values(it.task); i++) {
        buf_clear(&line);
        show_header(it.task, &line, i);
        reeve_session_line(job, buf_text(&line));
    }
    progress_save(&it.progress, &state);
    reeve_session_state(job, state.data, state.size);
    reeve_session_view(job, view.data, view.size);
    reeve_session_ask(job);
    buf_fini(&state);
    buf_fini(&view);
    buf_fini(&line);
    progress_fini(&it.progress);
    task_free(it.task);
}

/* --- started ---------------------------------------------------------------------------------- */

/* The CVs that stand still do so where it was said. The spec is as good as before: only numbers
 * have changed. */
static void rests_take(struct iteration *it)
{
    struct bytes cvs = word_member(it->input, "cvs");
    if (!word_settle(it->progress.spec, cvs, &it->settled))
        return;
    it->progress.spec = buf_bytes(&it->settled);
    task_free(it->task);
    it->task = task_of(it->progress.spec, it->text);
}

static void starts_take(struct iteration *it)
{
    struct bytes mvs = word_member(it->input, "mvs");
    struct cursor c = cursor_of(mvs);
    if (!mvs.size || cursor_peek(&c) != PACK_MAP)
        return;
    for (uint32_t pairs = cursor_map(&c); pairs && cursor_ok(&c); pairs--) {
        struct bytes name = cursor_str(&c), value = cursor_value(&c);
        task_start(it->task, name, word_number(value));
    }
}

/* The first island begins where it was said, the others wherever their seeds lead. */
static bool islands_make(struct iteration *it)
{
    const struct spec *spec = task_spec(it->task);
    struct optimiser_problem problem = task_problem(it->task);
    char method[OPTIMISER_METHOD_SIZE + 1] = "", why[OPTIMISER_TEXT_SIZE];
    if (spec->method.size && spec->method.size < sizeof method)
        memcpy(method, spec->method.data, spec->method.size);
    struct optimiser_settings settings = {
        .method = *method ? method : NULL,
        .seed = spec->seed,
        .evaluations_max = spec->max_iterations * (spec->external ? 1 : PROGRESS_BATCH_MAX)};
    for (size_t i = 0; i < spec->islands; i++, settings.seed += 7919) {
        if (i == 1)
            problem.start = NULL;
        struct optimiser *o = optimiser_new(&problem, &settings, why);
        if (!o) {
            snprintf(it->text, sizeof it->text, "%s", why);
            return false;
        }
        it->progress.islands[it->progress.island_count++] = o;
    }
    it->progress.begun = true;
    return true;
}

/* --- computed here ---------------------------------------------------------------------------- */

static void run_here(struct iteration *it)
{
    struct progress *p = &it->progress;
    struct computing c = {.task = it->task, .progress = p};
    p->evaluations += optimiser_run(p->islands[0], PROGRESS_BATCH_MAX, compute, &c);
    best_compute(it);
    count_iteration(it);
    const char *end = ended(it);
    if (end) {
        finish(it, end);
        return;
    }
    show(it, "");
    reeve_session_continue(it->job, 0);
}

/* --- told: by children, or by the client ------------------------------------------------------ */

static const double *pending_at(const struct iteration *it, size_t i)
{
    const double *all = (const double *)(const void *)it->progress.pending.data;
    return all + i * task_problem(it->task).variables;
}

static size_t pending_count(const struct iteration *it)
{
    return it->progress.pending.size / (task_problem(it->task).variables * sizeof(double));
}

/* What somebody else has computed for a point: {"cvs": {name: value}, ["objective": f]}. */
static bool judged(struct iteration *it, const double *x, struct bytes answer, double *values,
                   double *f, double *constraints)
{
    struct bytes cvs = word_member(answer, "cvs");
    struct cursor c = cursor_of(cvs);
    task_place(it->task, x, values);
    if (cvs.size && cursor_peek(&c) == PACK_MAP)
        for (uint32_t pairs = cursor_map(&c); pairs && cursor_ok(&c); pairs--) {
            struct bytes name = cursor_str(&c), value = cursor_value(&c);
            task_set(it->task, name, word_number(value), values);
        }
    double objective = word_number(word_member(answer, "objective"));
    return task_spec(it->task)->external && !isnan(objective)
               ? task_judge_by(it->task, values, objective, word_text(answer, "objective_cv"), f,
                               constraints)
               : task_judge(it->task, values, f, constraints);
}

static void tell_one(struct iteration *it, const double *x, struct bytes answer)
{
    struct progress *p = &it->progress;
    double values[VALUES_MAX], constraints[OPTIMISER_CONSTRAINTS_MAX] = {0};
    struct optimiser_answer told = {.x = x, .constraints = constraints};
    told.failed = !judged(it, x, answer, values, &told.f, constraints);
    optimiser_tell(p->islands[0], &told, 1);
    p->evaluations++;
    if (told.failed)
        return;
    last_take(p, it->task, values, told.f, constraints);
    struct optimiser_status s = optimiser_status(p->islands[0]);
    if (!s.found || memcmp(s.x, x, task_problem(it->task).variables * sizeof *x) != 0)
        return;
    buf_clear(&p->best);
    buf_put(&p->best, values, task_values(it->task) * sizeof *values);
}

static void tell_pending(struct iteration *it)
{
    struct cursor c = cursor_of(it->input);
    size_t count = pending_count(it);
    if (task_spec(it->task)->external) {
        tell_one(it, pending_at(it, 0), it->input);
    } else {
        uint32_t results = cursor_peek(&c) == PACK_ARRAY ? cursor_array(&c) : 0;
        for (size_t i = 0; i < count && i < results && cursor_ok(&c); i++) {
            bool pair = cursor_array(&c) == 2;
            bool well = pair && cursor_uint(&c) == ENDED_OK;
            struct bytes answer = cursor_value(&c);
            tell_one(it, pending_at(it, i), well ? answer : (struct bytes){0});
        }
    }
    buf_clear(&it->progress.pending);
    count_iteration(it);
}

static void values_pack(const struct iteration *it, const double *x, struct buf *out)
{
    double values[VALUES_MAX];
    task_place(it->task, x, values);
    pack_map(out, (uint32_t)task_mv_count(it->task));
    for (size_t i = 0; i < task_mv_count(it->task); i++) {
        pack_text(out, task_name(it->task, i));
        pack_float(out, values[i]);
    }
}

static void child_for(struct iteration *it, const double *x)
{
    const struct model *m = task_model(it->task);
    struct buf args = {0};
    pack_array(&args, 1);
    pack_map(&args, m->compute ? 3 : 2); /* a user's program knows of no delay */
    pack_text(&args, "model");
    pack_text(&args, task_model_id(it->task));
    pack_text(&args, "mvs");
    values_pack(it, x, &args);
    if (m->compute) {
        pack_text(&args, "delay");
        pack_float(&args, task_spec(it->task)->delay_s);
    }
    reeve_session_child(it->job, m->compute ? "optimisation.cv" : m->method, args.data, args.size);
    buf_fini(&args);
}

/* The point that the client is to try is what the view shows. */
static void propose(struct iteration *it)
{
    double values[VALUES_MAX];
    task_place(it->task, pending_at(it, 0), values);
    buf_clear(&it->progress.last);
    buf_put(&it->progress.last, values, task_values(it->task) * sizeof *values);
    it->progress.last_f = it->progress.last_violation = NAN;
    show(it, "");
    reeve_session_ask(it->job);
}

static void run_elsewhere(struct iteration *it)
{
    struct progress *p = &it->progress;
    bool external = task_spec(it->task)->external;
    if (p->pending.size)
        tell_pending(it);
    double xs[OPTIMISER_ASK_MAX * OPTIMISER_VARIABLES_MAX];
    const char *end = ended(it);
    size_t count = end ? 0 : optimiser_ask(p->islands[0], external ? 1 : PROGRESS_BATCH_MAX, xs);
    if (count == 0) {
        finish(it, end ? end : ended(it) ? ended(it) : "");
        return;
    }
    size_t variables = task_problem(it->task).variables;
    buf_put(&p->pending, xs, count * variables * sizeof *xs);
    if (external) {
        propose(it);
        return;
    }
    for (size_t i = 0; i < count; i++)
        child_for(it, xs + i * variables);
    show(it, "");
    reeve_session_fork(it->job);
}

/* --- islands ---------------------------------------------------------------------------------- */

static void islands_take(struct iteration *it)
{
    struct progress *p = &it->progress;
    struct cursor c = cursor_of(it->input);
    char why[OPTIMISER_TEXT_SIZE];
    uint32_t count = cursor_peek(&c) == PACK_ARRAY ? cursor_array(&c) : 0;
    for (size_t i = 0; i < p->island_count && i < count && cursor_ok(&c); i++) {
        bool pair = cursor_array(&c) == 2;
        bool well = pair && cursor_uint(&c) == ENDED_OK;
        struct bytes value = cursor_value(&c);
        struct cursor v = cursor_of(value);
        struct optimiser *o =
            well && cursor_peek(&v) == PACK_BIN ? optimiser_load(cursor_bin(&v), why) : NULL;
        if (!o)
            continue; /* this island stands where it was */
        p->evaluations +=
            optimiser_status(o).evaluations - optimiser_status(p->islands[i]).evaluations;
        optimiser_free(p->islands[i]);
        p->islands[i] = o;
    }
    for (size_t i = 0; i < p->island_count; i++)
        optimiser_merge(p->islands[i], p->islands, p->island_count);
    best_compute(it);
    const struct optimiser *leader = count_iteration(it);
    buf_clear(&p->last);
    buf_put(&p->last, p->best.data, p->best.size);
    p->last_f = leader ? optimiser_status(leader).f : NAN;
    p->last_violation = leader ? optimiser_status(leader).violation : NAN;
}

static void run_islands(struct iteration *it)
{
    struct progress *p = &it->progress;
    struct cursor c = cursor_of(it->input);
    if (cursor_peek(&c) == PACK_ARRAY)
        islands_take(it);
    const char *end = ended(it);
    if (end) {
        finish(it, end);
        return;
    }
    for (size_t i = 0; i < p->island_count; i++) {
        struct buf args = {0}, state = {0};
        optimiser_save(p->islands[i], &state);
        pack_array(&args, 3);
        pack_bin(&args, p->spec);
        pack_bin(&args, buf_bytes(&state));
        pack_uint(&args, PROGRESS_BATCH_MAX);
        reeve_session_child(it->job, "optimisation.island", args.data, args.size);
        buf_fini(&state);
        buf_fini(&args);
    }
    show(it, "");
    reeve_session_fork(it->job);
}

void island_run(struct reeve_job *job)
{
    const void *spec, *state;
    size_t spec_size, state_size;
    int64_t budget;
    char text[SPEC_TEXT_SIZE], why[OPTIMISER_TEXT_SIZE];
    if (reeve_arg_bytes(job, 0, &spec, &spec_size) ||
        reeve_arg_bytes(job, 1, &state, &state_size) || reeve_arg_int(job, 2, &budget))
        return;
    struct task *t = task_of(bytes_of(spec, spec_size), text);
    struct optimiser *o = optimiser_load(bytes_of(state, state_size), why);
    if (!t || !o || budget < 0 || optimiser_variables(o) != task_problem(t).variables) {
        reeve_fail(job, "%s", !t ? text : !o ? why : "the optimiser is of another problem");
    } else {
        struct computing c = {.task = t};
        struct buf after = {0};
        optimiser_run(o, (size_t)budget, compute, &c);
        optimiser_save(o, &after);
        reeve_reply_bytes(job, after.data, after.size);
        buf_fini(&after);
    }
    optimiser_free(o);
    task_free(t);
}

/* --- each ------------------------------------------------------------------------------------- */

static void go_on(struct iteration *it)
{
    if (!it->progress.begun) {
        rests_take(it);
        if (it->task)
            starts_take(it);
        it->input = (struct bytes){0};
        if (!it->task || !islands_make(it)) {
            reeve_fail(it->job, "%s", it->text);
            return;
        }
    }
    const struct spec *spec = task_spec(it->task);
    if (spec->islands > 1 && !spec->external)
        run_islands(it);
    else if (task_computes(it->task))
        run_here(it);
    else
        run_elsewhere(it);
}

void iteration_run(struct reeve_job *job)
{
    struct iteration it = {.job = job};
    if (reeve_args_expect(job, 2, 2))
        return;
    struct bytes state = argument(job, 0);
    it.input = argument(job, 1);
    if (is_nil(state)) {
        created(job, only_argument(it.input));
        return;
    }
    if (!progress_load(state, &it.progress, it.text) ||
        !(it.task = task_of(it.progress.spec, it.text)))
        reeve_fail(job, "%s", it.text);
    else
        go_on(&it);
    progress_fini(&it.progress);
    buf_fini(&it.settled);
    task_free(it.task);
}
