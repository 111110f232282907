/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/expression.h"

#include <math.h>
#include <muParserDLL.h>

#include "consumer/handlers/models/expression_text.h"
#include "consumer/handlers/models/function.h"

struct expression {
    muParserHandle_t parser;
    double *values; /* of the slots; the parser knows their addresses */
    size_t *names;  /* of the slots: an index, or SLOT_NUMBER */
    size_t slot_count;
};

static void define_functions(muParserHandle_t parser)
{
    const struct function *f;
    mupClearFun(parser);
    for (size_t i = 0; (f = function_at(i)); i++) {
        char name[24];
        snprintf(name, sizeof name, "f%zx", i);
        if (f->one)
            mupDefineFun1(parser, name, f->one, 1);
        else if (f->two)
            mupDefineFun2(parser, name, f->two, 1);
        else
            mupDefineMultFun(parser, name, f->any, 1);
    }
}

static struct expression *expression_of(const struct expression_text *text)
{
    struct expression *e = must_alloc(sizeof *e);
    e->slot_count = text->slot_count;
    e->values = must_alloc(e->slot_count * sizeof *e->values);
    e->names = must_alloc(e->slot_count * sizeof *e->names);
    e->parser = mupCreate(muBASETYPE_FLOAT);
    define_functions(e->parser);
    for (size_t i = 0; i < e->slot_count; i++) {
        char name[24];
        snprintf(name, sizeof name, "v%zx", i);
        e->names[i] = text->slots[i].name;
        e->values[i] = text->slots[i].number;
        mupDefineVar(e->parser, name, &e->values[i]);
    }
    return e;
}

struct expression *expression_new(struct bytes text, const char *const *names, size_t count,
                                  struct expression_error *error)
{
    struct expression_text *read = must_alloc(sizeof *read);
    struct expression *e = NULL;
    *error = (struct expression_error){0};
    if (expression_text_read(read, text, names, count, error) == 0) {
        e = expression_of(read);
        mupSetExpr(e->parser, buf_text(&read->formula));
        mupEval(e->parser); /* compiles */
        if (mupError(e->parser)) {
            snprintf(error->text, sizeof error->text, "cannot be compiled (error %d of the parser)",
                     mupGetErrorCode(e->parser));
            expression_free(e);
            e = NULL;
        }
    }
    expression_text_fini(read);
    free(read);
    return e;
}

void expression_free(struct expression *e)
{
    if (!e)
        return;
    mupRelease(e->parser);
    free(e->values);
    free(e->names);
    free(e);
}

enum expression_result expression_evaluate(struct expression *e, const double *values,
                                           double *result)
{
    for (size_t i = 0; i < e->slot_count; i++)
        if (e->names[i] != SLOT_NUMBER)
            e->values[i] = values[e->names[i]];
    *result = mupEval(e->parser);
    if (mupError(e->parser)) /* it has none of its own for numbers; a NaN is what it would be */
        *result = (double)NAN;
    if (isnan(*result))
        return EXPRESSION_NAN;
    return isinf(*result) ? EXPRESSION_INFINITE : EXPRESSION_OK;
}

bool expression_uses(const struct expression *e, size_t index)
{
    for (size_t i = 0; i < e->slot_count; i++)
        if (e->names[i] == index && index != SLOT_NUMBER)
            return true;
    return false;
}

bool expression_is_constant(const struct expression *e)
{
    for (size_t i = 0; i < e->slot_count; i++)
        if (e->names[i] != SLOT_NUMBER)
            return false;
    return true;
}

const char *expression_result_text(enum expression_result result)
{
    static const char *const texts[] = {
        [EXPRESSION_OK] = "a number",
        [EXPRESSION_NAN] = "not a number",
        [EXPRESSION_INFINITE] = "infinite",
    };
    return texts[result];
}
