/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimisation/task.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumer/handlers/excerpt.h"
#include "consumer/handlers/models/constraint.h"
#include "consumer/handlers/models/expression.h"
#include "consumer/handlers/models/nearest.h"
#include "consumer/handlers/models/user_model.h"

enum {
    VALUES_MAX = 2 * MODEL_VARIABLES_MAX + 2 * SPEC_VARIABLES_MAX,
    PARTS_MAX = OPTIMISER_CONSTRAINTS_MAX
};

struct value {
    char *name;
    double lower, upper, start;    /* of an MV; a CV's bounds are constraints, infinite: none */
    bool moves;                    /* an MV that the optimiser moves */
    bool whole;                    /* by whole numbers */
    struct expression *expression; /* of a CV that is one */
};

struct task {
    struct spec spec;
    const struct model *model;
    struct model *owned; /* the same, when it is the user's */
    char *model_id;
    struct value values[VALUES_MAX];
    const char *names[VALUES_MAX];
    size_t count, mv_count;
    char *objective_text;
    struct expression *objective; /* NULL: the client computes it */
    bool maximise;
    struct constraint *constraints[SPEC_CONSTRAINTS_MAX + MODEL_VARIABLES_MAX];
    size_t constraint_count;
    /* as the optimiser sees it */
    double lower[OPTIMISER_VARIABLES_MAX], upper[OPTIMISER_VARIABLES_MAX],
        start[OPTIMISER_VARIABLES_MAX];
    bool whole[OPTIMISER_VARIABLES_MAX];
    double scales[PARTS_MAX];
    size_t moves, inequalities, equalities;
    char *text; /* SPEC_TEXT_SIZE, while it is made */
};

static bool says(struct task *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool says(struct task *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(t->text, SPEC_TEXT_SIZE, format, args);
    va_end(args);
    return false;
}

static char *copy_of(struct bytes b)
{
    char *copy = must_alloc(b.size + 1);
    if (b.size)
        memcpy(copy, b.data, b.size);
    return copy;
}

void task_free(struct task *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++) {
        free(t->values[i].name);
        expression_free(t->values[i].expression);
    }
    for (size_t i = 0; i < t->constraint_count; i++)
        constraint_free(t->constraints[i]);
    expression_free(t->objective);
    free(t->objective_text);
    free(t->model_id);
    user_model_free(t->owned);
    free(t);
}

/* --- the model -------------------------------------------------------------------------------- */

static const char *nearest_model(struct bytes id)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; model_at(i); i++) {
        size_t distance = nearest_distance(id, bytes_text(model_at(i)->id));
        if (distance < least)
            best = model_at(i)->id, least = distance;
    }
    return best;
}

/* One of the table; or the user's, whose file is named or has the id as its name. */
static bool model_take(struct task *t, const char *folder)
{
    struct bytes id = t->spec.model.size ? t->spec.model : bytes_text("none");
    char why[MODEL_TEXT_SIZE], file[MODEL_NAME_MAX + 8];
    t->model_id = copy_of(id);
    t->model = model_find(id);
    if (t->model)
        return true;
    bool named = id.size > 5 && memcmp((const char *)id.data + id.size - 5, ".json", 5) == 0;
    snprintf(file, sizeof file, "%.*s%s",
             (int)(id.size < MODEL_NAME_MAX ? id.size : MODEL_NAME_MAX), (const char *)id.data,
             named ? "" : ".json");
    t->owned = user_model_read(folder, bytes_text(file), why);
    t->model = t->owned;
    if (t->owned)
        return true;
    return says(t,
                "unknown model %s: there is %s, and no file of the models folder can be read: %s",
                excerpt_text(id).text, nearest_model(id), why);
}

/* --- variables -------------------------------------------------------------------------------- */

static int index_of(const struct task *t, struct bytes name)
{
    for (size_t i = 0; i < t->count; i++)
        if (bytes_equal(name, bytes_text(t->values[i].name)))
            return (int)i;
    return -1;
}

static struct value *add(struct task *t, struct bytes name)
{
    struct value *v = &t->values[t->count];
    *v = (struct value){.name = copy_of(name), .lower = -INFINITY, .upper = INFINITY, .start = NAN};
    t->names[t->count++] = v->name;
    return v;
}

static double bound(double said, double otherwise)
{
    if (isnan(said))
        return otherwise;
    return said <= -SPEC_NO_BOUND ? -INFINITY : said >= SPEC_NO_BOUND ? INFINITY : said;
}

static bool mv_narrow(struct task *t, struct value *v, const struct spec_variable *said)
{
    v->moves = true;
    v->whole = said->integer;
    v->lower = bound(said->lower, v->lower);
    v->upper = bound(said->upper, v->upper);
    if (!isnan(said->start))
        v->start = said->start;
    if (said->expression.size)
        return says(t, "MV %s has an expression: that is for CVs", v->name);
    if (v->lower > v->upper)
        return says(t, "the bounds of %s are crossed: %g is above %g", v->name, v->lower, v->upper);
    if (v->whole && ceil(v->lower) > floor(v->upper))
        return says(t, "there is no whole number between the bounds of %s, %g and %g", v->name,
                    v->lower, v->upper);
    return isfinite(v->start) || isnan(v->start) ? true
                                                 : says(t, "the start of %s is no number", v->name);
}

/* What a model has of its own moves, except what is given; what it does not have is the spec's. */
static bool mvs_take(struct task *t)
{
    for (size_t i = 0; i < t->model->mv_count; i++) {
        const struct variable *mv = &t->model->mvs[i];
        struct value *v = add(t, bytes_text(mv->name));
        v->lower = mv->lower;
        v->upper = mv->upper;
        v->start = mv->nominal;
        v->moves = !mv->optional;
    }
    for (size_t i = 0; i < t->spec.mv_count; i++) {
        const struct spec_variable *said = &t->spec.mvs[i];
        int at = index_of(t, said->name);
        if (at < 0 && t->model->mv_count)
            return says(t, "model %s has no MV %s", t->model_id, excerpt_text(said->name).text);
        struct value *v = at < 0 ? add(t, said->name) : &t->values[at];
        if (!mv_narrow(t, v, said))
            return false;
    }
    t->mv_count = t->count;
    return true;
}

static bool cv_expression(struct task *t, struct value *v, struct bytes text)
{
    struct expression_error error;
    v->expression = expression_new(text, t->names, t->count - 1, &error); /* not over itself */
    if (v->expression)
        return true;
    return says(t, "the expression of CV %s, column %zu: %s", v->name, error.column, error.text);
}

static bool cv_take(struct task *t, const struct spec_variable *said)
{
    int at = index_of(t, said->name);
    if (at >= 0 && (size_t)at < t->mv_count)
        return says(t, "%s is an MV and a CV", t->values[at].name);
    if (at >= 0 && said->expression.size)
        return says(t, "model %s computes CV %s: it takes no expression", t->model_id,
                    t->values[at].name);
    struct value *v = at < 0 ? add(t, said->name) : &t->values[at];
    v->lower = bound(said->lower, v->lower);
    v->upper = bound(said->upper, v->upper);
    if (said->expression.size)
        return cv_expression(t, v, said->expression);
    if (at < 0 && !t->spec.external)
        return says(t, "CV %s has no expression, and model %s does not compute it", v->name,
                    t->model_id);
    return true;
}

static bool cvs_take(struct task *t)
{
    for (size_t i = 0; i < t->model->cv_count; i++)
        add(t, bytes_text(t->model->cvs[i].name));
    for (size_t i = 0; i < t->spec.cv_count; i++)
        if (!cv_take(t, &t->spec.cvs[i]))
            return false;
    return true;
}

/* --- what is asked ---------------------------------------------------------------------------- */

static bool objective_take(struct task *t)
{
    struct expression_error error;
    struct bytes text = t->spec.objective;
    bool own = !text.size && t->model->objective;
    if (own)
        text = bytes_text(t->model->objective);
    t->maximise = t->spec.maximise < 0 ? own && t->model->maximise : t->spec.maximise;
    t->objective_text = copy_of(text);
    if (!text.size)
        return t->spec.external ? true
                                : says(t, "there is no objective, and model %s has none of its own",
                                       t->model_id);
    t->objective = expression_new(text, t->names, t->count, &error);
    if (!t->objective)
        return says(t, "the objective, column %zu: %s", error.column, error.text);
    return true;
}

static bool constraint_take(struct task *t, struct bytes text)
{
    struct expression_error error;
    struct constraint *c = constraint_new(text, t->names, t->count, &error);
    if (!c)
        return says(t, "constraint %s, column %zu: %s", excerpt_text(text).text, error.column,
                    error.text);
    t->constraints[t->constraint_count++] = c;
    return true;
}

/* A model's own constraints hold unless others are given. */
static bool constraints_take(struct task *t)
{
    bool own = t->spec.constraint_count == 0 && !t->spec.objective.size;
    for (size_t i = 0; own && i < t->model->constraint_count; i++)
        if (!constraint_take(t, bytes_text(t->model->constraints[i])))
            return false;
    for (size_t i = 0; i < t->spec.constraint_count; i++)
        if (!constraint_take(t, t->spec.constraints[i]))
            return false;
    return true;
}

/* --- as the optimiser sees it ----------------------------------------------------------------- */

static double scale_of(double bound)
{
    return bound != 0 ? fabs(bound) : 1;
}

static bool scale_add(struct task *t, size_t *count, double scale)
{
    size_t total = t->inequalities + t->equalities;
    if (total >= PARTS_MAX)
        return says(t, "there are more than %d constraints, bounds of CVs included", PARTS_MAX);
    t->scales[total] = scale;
    ++*count;
    return true;
}

/* Inequalities before equalities: those of the texts, the bounds of CVs, then the equalities. */
static bool parts_count(struct task *t, bool equalities)
{
    size_t *count = equalities ? &t->equalities : &t->inequalities;
    for (size_t i = 0; i < t->constraint_count; i++) {
        const struct constraint *c = t->constraints[i];
        for (size_t k = 0; constraint_is_equality(c) == equalities && k < constraint_parts(c); k++)
            if (!scale_add(t, count, constraint_scale(c, k)))
                return false;
    }
    for (size_t i = t->mv_count; !equalities && i < t->count; i++) {
        const struct value *v = &t->values[i];
        if ((isfinite(v->lower) && !scale_add(t, count, scale_of(v->lower))) ||
            (isfinite(v->upper) && !scale_add(t, count, scale_of(v->upper))))
            return false;
    }
    return true;
}

/* What is shown, and begun with, is what can be. */
static double start_of(const struct value *v, double start)
{
    return v->whole ? optimiser_whole(start, v->lower, v->upper) : start;
}

static bool moves_take(struct task *t)
{
    for (size_t i = 0; i < t->mv_count; i++) {
        const struct value *v = &t->values[i];
        if (!v->moves)
            continue;
        if (t->moves >= OPTIMISER_VARIABLES_MAX)
            return says(t, "there are more than %d MVs to move", OPTIMISER_VARIABLES_MAX);
        t->lower[t->moves] = v->lower;
        t->upper[t->moves] = v->upper;
        double middle = isfinite(v->lower) && isfinite(v->upper) ? (v->lower + v->upper) / 2
                        : isfinite(v->lower)                     ? v->lower
                        : isfinite(v->upper)                     ? v->upper
                                                                 : 0;
        t->whole[t->moves] = v->whole;
        t->start[t->moves++] = start_of(v, isnan(v->start) ? middle : v->start);
    }
    return t->moves ? true : says(t, "there is no MV to move");
}

/* The size of constraints whose sides are both variable is taken where the search begins. */
static void scales_at_start(struct task *t)
{
    double values[VALUES_MAX], f, parts[PARTS_MAX];
    char why[SPEC_TEXT_SIZE];
    task_place(t, t->start, values);
    if (!task_computes(t) || !task_compute(t, values, why))
        return;
    task_judge(t, values, &f, parts); /* the CVs that are expressions */
    for (size_t i = 0; i < t->constraint_count; i++)
        constraint_scale_at(t->constraints[i], values);
}

static bool understood(struct task *t, const char *folder)
{
    char why[OPTIMISER_TEXT_SIZE], method[OPTIMISER_METHOD_SIZE + 1];
    struct bytes name = t->spec.method;
    snprintf(method, sizeof method, "%.*s",
             (int)(name.size < OPTIMISER_METHOD_SIZE ? name.size : OPTIMISER_METHOD_SIZE),
             name.size ? (const char *)name.data : "");
    if (name.size && !optimiser_method_known(method, why))
        return says(t, "%s", why);
    if (!model_take(t, folder) || !mvs_take(t) || !cvs_take(t) || !objective_take(t) ||
        !constraints_take(t) || !moves_take(t))
        return false;
    scales_at_start(t);
    return parts_count(t, false) && parts_count(t, true);
}

struct task *task_new(struct bytes spec, const char *folder, char text[SPEC_TEXT_SIZE])
{
    struct task *t = must_alloc(sizeof *t);
    t->text = text;
    if (spec_read(spec, &t->spec, text) && understood(t, folder)) {
        t->text = NULL;
        return t;
    }
    task_free(t);
    return NULL;
}

const struct spec *task_spec(const struct task *t)
{
    return &t->spec;
}

const struct model *task_model(const struct task *t)
{
    return t->model;
}

const char *task_model_id(const struct task *t)
{
    return t->model_id;
}

const char *task_objective(const struct task *t)
{
    return t->objective_text;
}

bool task_maximises(const struct task *t)
{
    return t->maximise;
}

bool task_computes(const struct task *t)
{
    return !t->spec.external && t->spec.delay_s == 0 && (t->model->compute || !t->model->cv_count);
}

struct optimiser_problem task_problem(const struct task *t)
{
    return (struct optimiser_problem){.variables = t->moves,
                                      .inequalities = t->inequalities,
                                      .equalities = t->equalities,
                                      .lower = t->lower,
                                      .upper = t->upper,
                                      .start = t->start,
                                      .whole = t->whole,
                                      .scales = t->scales};
}

bool task_start(struct task *t, struct bytes name, double value)
{
    size_t at = 0;
    for (size_t i = 0; i < t->mv_count; i++) {
        if (!t->values[i].moves)
            continue;
        if (bytes_equal(name, bytes_text(t->values[i].name)) && isfinite(value)) {
            t->start[at] = start_of(&t->values[i], value);
            return true;
        }
        at++;
    }
    return false;
}

/* --- points ----------------------------------------------------------------------------------- */

size_t task_values(const struct task *t)
{
    return t->count;
}

size_t task_mv_count(const struct task *t)
{
    return t->mv_count;
}

const char *task_name(const struct task *t, size_t i)
{
    return t->values[i].name;
}

bool task_moves(const struct task *t, size_t i)
{
    return t->values[i].moves;
}

void task_bounds(const struct task *t, size_t i, double *lower, double *upper)
{
    *lower = t->values[i].lower;
    *upper = t->values[i].upper;
}

void task_place(const struct task *t, const double *x, double *values)
{
    size_t at = 0;
    for (size_t i = 0; i < t->mv_count; i++) {
        const struct value *v = &t->values[i];
        values[i] = v->moves ? x[at++] : isnan(v->start) ? 0 : v->start;
    }
    for (size_t i = t->mv_count; i < t->count; i++)
        values[i] = NAN;
}

bool task_compute(const struct task *t, double *values, char text[SPEC_TEXT_SIZE])
{
    char why[MODEL_TEXT_SIZE] = "";
    if (!t->model->cv_count ||
        model_compute(t->model, values, values + t->mv_count, why) == MODEL_OK)
        return true;
    snprintf(text, SPEC_TEXT_SIZE, "%s", why);
    return false;
}

bool task_set(const struct task *t, struct bytes name, double number, double *values)
{
    int at = index_of(t, name);
    if (at < (int)t->mv_count || t->values[at].expression)
        return false;
    values[at] = number;
    return true;
}

static bool expressions_fill(struct task *t, double *values)
{
    for (size_t i = t->mv_count; i < t->count; i++) {
        struct value *v = &t->values[i];
        if (v->expression && expression_evaluate(v->expression, values, &values[i]))
            return false;
    }
    return true;
}

/* Of a CV whose bounds do not hold for what it is: they are kept, and by far. */
static void bounds_fill_kept(const struct value *v, double *out, size_t *at)
{
    if (isfinite(v->lower))
        out[(*at)++] = -scale_of(v->lower);
    if (isfinite(v->upper))
        out[(*at)++] = -scale_of(v->upper);
}

/* In the order of parts_count. unbound: the CV that is free of its bounds, or -1. */
static bool constraints_fill(struct task *t, const double *values, int unbound, double *out)
{
    size_t at = 0;
    for (int equalities = 0; equalities < 2; equalities++) {
        for (size_t i = 0; i < t->constraint_count; i++) {
            double parts[CONSTRAINT_PARTS_MAX];
            if (constraint_is_equality(t->constraints[i]) != equalities)
                continue;
            if (constraint_evaluate(t->constraints[i], values, parts))
                return false;
            for (size_t k = 0; k < constraint_parts(t->constraints[i]); k++)
                out[at++] = parts[k];
        }
        for (size_t i = t->mv_count; !equalities && i < t->count; i++) {
            const struct value *v = &t->values[i];
            bool bounded = isfinite(v->lower) || isfinite(v->upper);
            if ((int)i == unbound) {
                bounds_fill_kept(v, out, &at);
                continue;
            }
            if (bounded && !isfinite(values[i]))
                return false;
            if (isfinite(v->lower))
                out[at++] = v->lower - values[i];
            if (isfinite(v->upper))
                out[at++] = values[i] - v->upper;
        }
    }
    return true;
}

bool task_judge(struct task *t, double *values, double *f, double *constraints)
{
    double objective = 0;
    if (!expressions_fill(t, values) || !constraints_fill(t, values, -1, constraints) ||
        !t->objective || expression_evaluate(t->objective, values, &objective))
        return false;
    *f = t->maximise ? -objective : objective;
    return true;
}

bool task_judge_by(struct task *t, double *values, double objective, struct bytes cv, double *f,
                   double *constraints)
{
    int at = index_of(t, cv);
    bool is_cv = at >= (int)t->mv_count && !t->values[at].expression;
    if (is_cv)
        values[at] = objective;
    *f = t->maximise ? -objective : objective;
    return isfinite(objective) && expressions_fill(t, values) &&
           constraints_fill(t, values, is_cv ? at : -1, constraints);
}

double task_shown(const struct task *t, double f)
{
    return t->maximise ? -f : f;
}
