/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as an expression and as a constraint. What is refused has a reason and a place within
 * the text; what is accepted comes to the same thing each time, and so does it in parentheses and
 * behind two signs.
 */
#include <math.h>

#include "common/buf.h"
#include "common/utf8.h"
#include "consumer/handlers/models/constraint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"x", "CV 1", "Расход-Б", "a<=b"};
static const double points[][LENGTH(names)] = {
    {2, 3, 4, 5}, {0, -1, 1e308, -0.5}, {(double)INFINITY, (double)NAN, 1e-308, 7}};

static void check_error(struct bytes text, const struct expression_error *error)
{
    const unsigned char *at = text.data, *end = at + text.size;
    size_t characters = 0;
    for (; at < end; characters++)
        utf8_next(&at, end);
    must(error->text[0] && strlen(error->text) < sizeof error->text);
    must(error->column <= characters + 1);
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_value(struct expression *e, struct expression *other, size_t point)
{
    double once, again, others;
    enum expression_result result = expression_evaluate(e, points[point], &once);
    must(result == expression_evaluate(e, points[point], &again) && same(once, again));
    must((result == EXPRESSION_OK) == (isfinite(once) != 0));
    must((result == EXPRESSION_NAN) == (isnan(once) != 0));
    if (!other)
        return;
    must(result == expression_evaluate(other, points[point], &others) && same(once, others));
}

static void try_expression(struct bytes text)
{
    struct expression_error error, ignored;
    struct buf wrapped = {0};
    struct expression *e = expression_new(text, names, LENGTH(names), &error), *other = NULL;
    if (e) {
        buf_put(&wrapped, "-(-(", 4);
        buf_put(&wrapped, text.data, text.size);
        buf_put(&wrapped, "))", 2);
        /* NULL only at a limit. */
        other = expression_new(buf_bytes(&wrapped), names, LENGTH(names), &ignored);
        must(other || strstr(ignored.text, "than"));
        for (size_t i = 0; i < LENGTH(points); i++)
            check_value(e, other, i);
        for (size_t i = 0; other && i < LENGTH(names); i++)
            must(expression_uses(e, i) == expression_uses(other, i));
    } else {
        check_error(text, &error);
    }
    expression_free(other);
    expression_free(e);
    buf_fini(&wrapped);
}

static void try_constraint(struct bytes text)
{
    struct expression_error error;
    struct constraint *c = constraint_new(text, names, LENGTH(names), &error);
    if (!c) {
        check_error(text, &error);
        return;
    }
    for (size_t i = 0; i < LENGTH(points); i++) {
        double parts[CONSTRAINT_PARTS_MAX], violation = constraint_violation(c, points[i]);
        bool told = constraint_evaluate(c, points[i], parts) == EXPRESSION_OK;
        must(violation >= 0 && (told || isinf(violation)));
        for (size_t part = 0; part < constraint_parts(c); part++)
            must(constraint_scale(c, part) > 0 && (!told || isfinite(parts[part])));
    }
    constraint_scale_at(c, points[0]);
    must(constraint_scale(c, 0) > 0);
    constraint_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    try_expression(text);
    try_constraint(text);
    return 0;
}
