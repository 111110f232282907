/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/formulas.h"

#include "consumer/handlers/excerpt.h"

struct formulas {
    size_t input_count, count;
    const char **names; /* inputs, then expressions; as all arrays here */
    double *values;
    struct expression **expressions; /* these only of the expressions */
    size_t *order;
};

/* --- the order -------------------------------------------------------------------------------- */

/* A walk along what needs what. */
struct walk {
    struct formulas *f;
    enum { UNSEEN, ON_PATH, ORDERED } * marks;
    size_t *path; /* from where the walk began to where it is */
    size_t depth, ordered;
    char *text;
};

/* Says the part of the path that leads from again back to again. */
static int refuse_cycle(struct walk *w, size_t again)
{
    size_t from = 0, at = 0;
    while (w->path[from] != again)
        from++;
    for (size_t i = from; i < w->depth && at < MODEL_TEXT_SIZE; i++)
        at += (size_t)snprintf(w->text + at, MODEL_TEXT_SIZE - at, "%s needs ",
                               w->f->names[w->f->input_count + w->path[i]]);
    if (at < MODEL_TEXT_SIZE)
        snprintf(w->text + at, MODEL_TEXT_SIZE - at, "%s again",
                 w->f->names[w->f->input_count + again]);
    return -1;
}

/* Puts what i needs into the order, then i. Recurs no deeper than there are expressions. */
static int visit(struct walk *w, size_t i)
{
    struct formulas *f = w->f;
    if (w->marks[i] == ORDERED)
        return 0;
    if (w->marks[i] == ON_PATH)
        return refuse_cycle(w, i);
    w->marks[i] = ON_PATH;
    w->path[w->depth++] = i;
    for (size_t j = 0; j < f->count; j++)
        if (expression_uses(f->expressions[i], f->input_count + j) && visit(w, j))
            return -1;
    w->depth--;
    w->marks[i] = ORDERED;
    f->order[w->ordered++] = i;
    return 0;
}

static int put_in_order(struct formulas *f, char text[MODEL_TEXT_SIZE])
{
    struct walk w = {.f = f, .text = text};
    int err = 0;
    w.marks = must_alloc(f->count * sizeof *w.marks);
    w.path = must_alloc(f->count * sizeof *w.path);
    for (size_t i = 0; i < f->count && !err; i++)
        err = visit(&w, i);
    free(w.marks);
    free(w.path);
    return err;
}

/* --- making and evaluating -------------------------------------------------------------------- */

static int compile(struct formulas *f, const char *const *texts, char text[MODEL_TEXT_SIZE])
{
    size_t all = f->input_count + f->count;
    for (size_t i = 0; i < f->count; i++) {
        struct expression_error error;
        f->expressions[i] = expression_new(bytes_text(texts[i]), f->names, all, &error);
        if (f->expressions[i])
            continue;
        snprintf(text, MODEL_TEXT_SIZE, "expression of %s, column %zu: %s",
                 excerpt_text(bytes_text(f->names[f->input_count + i])).text, error.column,
                 error.text);
        return -1;
    }
    return 0;
}

struct formulas *formulas_new(const struct formulas_spec *spec, char text[MODEL_TEXT_SIZE])
{
    struct formulas *f = must_alloc(sizeof *f);
    size_t all = spec->input_count + spec->count;
    f->input_count = spec->input_count;
    f->count = spec->count;
    f->names = must_alloc(all * sizeof *f->names);
    f->values = must_alloc(all * sizeof *f->values);
    f->expressions = must_alloc(spec->count * sizeof(struct expression *));
    f->order = must_alloc(spec->count * sizeof *f->order);
    for (size_t i = 0; i < all; i++)
        f->names[i] = i < spec->input_count ? spec->inputs[i] : spec->names[i - spec->input_count];
    if (compile(f, spec->texts, text) == 0 && put_in_order(f, text) == 0)
        return f;
    formulas_free(f);
    return NULL;
}

void formulas_free(struct formulas *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++)
        expression_free(f->expressions[i]);
    free(f->names);
    free(f->values);
    free(f->expressions);
    free(f->order);
    free(f);
}

int formulas_evaluate(struct formulas *f, const double *inputs, double *outputs,
                      char text[MODEL_TEXT_SIZE])
{
    bytes_copy(f->values, bytes_of(inputs, f->input_count * sizeof *inputs));
    for (size_t i = 0; i < f->count; i++) {
        size_t at = f->order[i];
        enum expression_result result =
            expression_evaluate(f->expressions[at], f->values, &outputs[at]);
        f->values[f->input_count + at] = outputs[at];
        if (result == EXPRESSION_OK)
            continue;
        snprintf(text, MODEL_TEXT_SIZE, "%s is %s at this point", f->names[f->input_count + at],
                 expression_result_text(result));
        return -1;
    }
    return 0;
}
