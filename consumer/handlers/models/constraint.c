/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/constraint.h"

#include <math.h>

#include "common/utf8.h"

enum { SIDES_MAX = CONSTRAINT_PARTS_MAX + 1 };

/* What may stand between two sides. Longer ones before those that they begin with. */
enum sign { AT_MOST, AT_LEAST, EQUAL };

static const struct {
    const char *text;
    enum sign sign;
} signs[] = {
    {"<=", AT_MOST}, {">=", AT_LEAST}, {"==", EQUAL},  {"<", AT_MOST},
    {">", AT_LEAST}, {"=", EQUAL},     {"≤", AT_MOST}, {"≥", AT_LEAST},
};

struct constraint {
    struct expression *sides[SIDES_MAX];
    size_t side_count;
    enum sign sign; /* between all of them */
    double scales[CONSTRAINT_PARTS_MAX];
};

/* The text, cut at its signs. */
struct cuts {
    struct bytes sides[SIDES_MAX];
    size_t side_count;
    enum sign sign;
};

/* --- cutting ---------------------------------------------------------------------------------- */

static size_t characters(struct bytes text)
{
    const unsigned char *at = text.data, *end = at + text.size;
    size_t count = 0;
    for (; at < end; count++)
        utf8_next(&at, end);
    return count;
}

static size_t offset_in(struct bytes text, const void *at)
{
    return (size_t)((const char *)at - (const char *)text.data);
}

static int refuse(struct expression_error *error, struct bytes text, const void *at,
                  const char *why)
{
    error->column = at ? 1 + characters(bytes_of(text.data, offset_in(text, at))) : 0;
    snprintf(error->text, sizeof error->text, "%s", why);
    return -1;
}

/* The length of the sign at the head of rest; 0 when there is none. */
static size_t sign_at(struct bytes rest, enum sign *sign)
{
    for (size_t i = 0; i < LENGTH(signs); i++) {
        struct bytes head = bytes_text(signs[i].text);
        if (!bytes_starts(rest, head))
            continue;
        *sign = signs[i].sign;
        return head.size;
    }
    return 0;
}

/* The length of the text before the first sign; names in brackets may hold signs, and what stands
 * in parentheses is left to the expression, which says that it does not belong there. */
static size_t side_length(struct bytes rest)
{
    const char *text = rest.data;
    enum sign sign;
    size_t depth = 0;
    for (size_t i = 0; i < rest.size; i++) {
        const char *close = text[i] == '[' ? memchr(text + i, ']', rest.size - i) : NULL;
        if (close)
            i = (size_t)(close - text);
        else if (text[i] == '(')
            depth++;
        else if (text[i] == ')' && depth)
            depth--;
        else if (!depth && sign_at(bytes_of(text + i, rest.size - i), &sign))
            return i;
    }
    return rest.size;
}

static int cut(struct cuts *c, struct bytes text, struct expression_error *error)
{
    struct bytes rest = text;
    for (;;) {
        size_t length = side_length(rest);
        const char *at = (const char *)rest.data + length;
        enum sign sign = EQUAL;
        c->sides[c->side_count++] = bytes_of(rest.data, length);
        rest = bytes_of(at, rest.size - length);
        if (!rest.size)
            break;
        size_t size = sign_at(rest, &sign);
        rest = bytes_of(at + size, rest.size - size);
        if (c->side_count == SIDES_MAX)
            return refuse(error, text, at, "a constraint compares two or three expressions");
        if (c->side_count == 2 && (sign != c->sign || sign == EQUAL))
            return refuse(error, text, at, "both signs of a chain are <= or both are >=");
        c->sign = sign;
    }
    return 0;
}

/* --- making ----------------------------------------------------------------------------------- */

/* The size of a constant side; 0 when it is none. */
static double constant_size(struct expression *side)
{
    double value = 0;
    if (expression_is_constant(side))
        expression_evaluate(side, NULL, &value);
    return fabs(value);
}

/* The expression of a side, NULL with an error; a constant one has to be a number. */
static struct expression *side_new(struct bytes side, struct bytes text, const char *const *names,
                                   size_t count, struct expression_error *error)
{
    double value;
    struct expression *e = expression_new(side, names, count, error);
    if (!e && error->column)
        error->column += characters(bytes_of(text.data, offset_in(text, side.data)));
    if (!e || !expression_is_constant(e) || expression_evaluate(e, NULL, &value) == EXPRESSION_OK)
        return e;
    refuse(error, text, side.data, "this side has no finite value");
    expression_free(e);
    return NULL;
}

static struct constraint *constraint_of(const struct cuts *cuts, struct bytes text,
                                        const char *const *names, size_t count,
                                        struct expression_error *error)
{
    struct constraint *c = must_alloc(sizeof *c);
    bool constant = true;
    c->sign = cuts->sign;
    for (; c->side_count < cuts->side_count; c->side_count++) {
        struct expression *e = side_new(cuts->sides[c->side_count], text, names, count, error);
        if (!e)
            goto refused;
        c->sides[c->side_count] = e;
        constant = constant && expression_is_constant(e);
    }
    if (constant) {
        refuse(error, text, NULL, "a constraint names at least one variable");
        goto refused;
    }
    for (size_t i = 0; i < constraint_parts(c); i++) {
        double size = fmax(constant_size(c->sides[i]), constant_size(c->sides[i + 1]));
        c->scales[i] = size > 0 ? size : 1;
    }
    return c;
refused:
    constraint_free(c);
    return NULL;
}

/* What has no sign outside of brackets and parentheses may still be wrong in a way of its own. */
static void refuse_single(struct bytes text, const char *const *names, size_t count,
                          struct expression_error *error)
{
    struct expression *e = expression_new(text, names, count, error);
    if (e)
        refuse(error, text, NULL, "a constraint needs a <=, >= or = between two expressions");
    expression_free(e);
}

struct constraint *constraint_new(struct bytes text, const char *const *names, size_t count,
                                  struct expression_error *error)
{
    struct cuts cuts = {0};
    *error = (struct expression_error){0};
    text.data = text.data ? text.data : "";
    if (text.size > EXPRESSION_BYTES_MAX) {
        refuse(error, text, NULL, "the constraint is longer than 64 KiB");
        return NULL;
    }
    if (cut(&cuts, text, error))
        return NULL;
    if (cuts.side_count < 2) {
        refuse_single(text, names, count, error);
        return NULL;
    }
    return constraint_of(&cuts, text, names, count, error);
}

void constraint_free(struct constraint *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->side_count; i++)
        expression_free(c->sides[i]);
    free(c);
}

/* --- asking ----------------------------------------------------------------------------------- */

size_t constraint_parts(const struct constraint *c)
{
    must(c->side_count >= 2);
    return c->side_count - 1;
}

bool constraint_is_equality(const struct constraint *c)
{
    return c->sign == EQUAL;
}

bool constraint_uses(const struct constraint *c, size_t index)
{
    for (size_t i = 0; i < c->side_count; i++)
        if (expression_uses(c->sides[i], index))
            return true;
    return false;
}

static enum expression_result worse(enum expression_result a, enum expression_result b)
{
    return a == EXPRESSION_OK || b == EXPRESSION_NAN ? b : a;
}

static enum expression_result evaluate_sides(struct constraint *c, const double *values,
                                             double sides[SIDES_MAX])
{
    enum expression_result result = EXPRESSION_OK;
    for (size_t i = 0; i < c->side_count; i++)
        result = worse(result, expression_evaluate(c->sides[i], values, &sides[i]));
    return result;
}

enum expression_result constraint_evaluate(struct constraint *c, const double *values,
                                           double parts[CONSTRAINT_PARTS_MAX])
{
    double sides[SIDES_MAX] = {0};
    enum expression_result result = evaluate_sides(c, values, sides);
    for (size_t i = 0; i < constraint_parts(c); i++) {
        parts[i] = c->sign == AT_LEAST ? sides[i + 1] - sides[i] : sides[i] - sides[i + 1];
        if (result == EXPRESSION_OK && isinf(parts[i]))
            result = EXPRESSION_INFINITE;
    }
    return result;
}

double constraint_scale(const struct constraint *c, size_t part)
{
    must(part < constraint_parts(c));
    return c->scales[part];
}

void constraint_scale_at(struct constraint *c, const double *values)
{
    double sides[SIDES_MAX] = {0};
    if (evaluate_sides(c, values, sides) != EXPRESSION_OK)
        return;
    for (size_t i = 0; i < constraint_parts(c); i++) {
        bool given = constant_size(c->sides[i]) > 0 || constant_size(c->sides[i + 1]) > 0;
        double size = fmax(fabs(sides[i]), fabs(sides[i + 1]));
        if (!given && size > 0)
            c->scales[i] = size;
    }
}

double constraint_violation(struct constraint *c, const double *values)
{
    double parts[CONSTRAINT_PARTS_MAX], worst = 0;
    if (constraint_evaluate(c, values, parts) != EXPRESSION_OK)
        return (double)INFINITY;
    for (size_t i = 0; i < constraint_parts(c); i++) {
        double over = c->sign == EQUAL ? fabs(parts[i]) : parts[i];
        worst = fmax(worst, over / c->scales[i]);
    }
    return worst;
}
