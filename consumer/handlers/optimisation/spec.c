/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimisation/spec.h"

#include <math.h>
#include <stdio.h>

#include "common/pack.h"
#include "consumer/handlers/excerpt.h"

enum { ITERATIONS_USUAL = 30 };

struct reading {
    struct spec *spec;
    char *text; /* SPEC_TEXT_SIZE */
};

static bool wrong(const struct reading *r, const char *what, const char *wanted, struct bytes value)
{
    snprintf(r->text, SPEC_TEXT_SIZE, "%s must be %s, not %s", what, wanted,
             excerpt_of(value).text);
    return false;
}

/* --- values of one kind ----------------------------------------------------------------------- */

static bool take_text(const struct reading *r, const char *what, struct bytes value,
                      struct bytes *out)
{
    struct cursor c = cursor_of(value);
    if (cursor_peek(&c) != PACK_STR)
        return wrong(r, what, "text", value);
    *out = cursor_str(&c);
    return true;
}

static bool take_number(const struct reading *r, const char *what, struct bytes value, double *out)
{
    struct cursor c = cursor_of(value);
    enum pack_kind kind = cursor_peek(&c);
    *out = kind == PACK_UINT || kind == PACK_INT || kind == PACK_FLOAT ? cursor_float(&c) : NAN;
    return isnan(*out) ? wrong(r, what, "a number", value) : true;
}

static bool take_count(const struct reading *r, const char *what, struct bytes value,
                       uint64_t least, uint64_t most, uint64_t *out)
{
    struct cursor c = cursor_of(value);
    bool number = cursor_peek(&c) == PACK_UINT;
    *out = number ? cursor_uint(&c) : 0;
    if (number && *out >= least && *out <= most)
        return true;
    char wanted[80];
    snprintf(wanted, sizeof wanted, "a whole number from %llu to %llu", (unsigned long long)least,
             (unsigned long long)most);
    return wrong(r, what, wanted, value);
}

static bool take_truth(const struct reading *r, const char *what, struct bytes value, bool *out)
{
    struct cursor c = cursor_of(value);
    if (cursor_peek(&c) != PACK_BOOL)
        return wrong(r, what, "true or false", value);
    *out = cursor_bool(&c);
    return true;
}

/* --- variables -------------------------------------------------------------------------------- */

static bool variable_key(const struct reading *r, const char *list, struct spec_variable *v,
                         struct bytes key, struct bytes value)
{
    char what[120];
    snprintf(what, sizeof what, "\"%.*s\" in \"%s\"", (int)(key.size < 40 ? key.size : 40),
             (const char *)key.data, list);
    if (bytes_equal(key, bytes_text("name")))
        return take_text(r, what, value, &v->name);
    if (bytes_equal(key, bytes_text("expression")))
        return take_text(r, what, value, &v->expression);
    if (bytes_equal(key, bytes_text("lower")))
        return take_number(r, what, value, &v->lower);
    if (bytes_equal(key, bytes_text("upper")))
        return take_number(r, what, value, &v->upper);
    if (bytes_equal(key, bytes_text("start")))
        return take_number(r, what, value, &v->start);
    if (bytes_equal(key, bytes_text("integer")))
        return take_truth(r, what, value, &v->integer);
    snprintf(r->text, SPEC_TEXT_SIZE,
             "%s is not known: a variable has name, lower, upper, start, integer, expression",
             what);
    return false;
}

static bool variable_good(const struct reading *r, const char *list,
                          const struct spec_variable *all, size_t count)
{
    const struct spec_variable *v = &all[count];
    if (!v->name.size) {
        snprintf(r->text, SPEC_TEXT_SIZE, "a variable in \"%s\" has no name", list);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(all[i].name, v->name)) {
            snprintf(r->text, SPEC_TEXT_SIZE, "variable %s stands in \"%s\" twice",
                     excerpt_text(v->name).text, list);
            return false;
        }
    if (v->lower > v->upper) {
        snprintf(r->text, SPEC_TEXT_SIZE, "the bounds of %s are crossed: %g is above %g",
                 excerpt_text(v->name).text, v->lower, v->upper);
        return false;
    }
    return true;
}

static bool take_variables(const struct reading *r, const char *list, struct bytes value,
                           struct spec_variable *all, size_t *count)
{
    struct cursor c = cursor_of(value);
    if (cursor_peek(&c) != PACK_ARRAY)
        return wrong(r, list, "a list of variables", value);
    uint32_t entries = cursor_array(&c);
    if (entries > SPEC_VARIABLES_MAX) {
        snprintf(r->text, SPEC_TEXT_SIZE, "\"%s\" has more than %d variables", list,
                 SPEC_VARIABLES_MAX);
        return false;
    }
    for (*count = 0; *count < entries; ++*count) {
        struct spec_variable *v = &all[*count];
        struct bytes entry = cursor_value(&c);
        struct cursor in = cursor_of(entry);
        *v = (struct spec_variable){.lower = NAN, .upper = NAN, .start = NAN};
        if (cursor_peek(&in) != PACK_MAP)
            return wrong(r, list, "a list of maps, each with a name", entry);
        for (uint32_t pairs = cursor_map(&in); pairs; pairs--) {
            struct bytes key = cursor_str(&in);
            if (!variable_key(r, list, v, key, cursor_value(&in)))
                return false;
        }
        if (!variable_good(r, list, all, *count))
            return false;
    }
    return true;
}

static bool take_constraints(const struct reading *r, struct bytes value)
{
    struct cursor c = cursor_of(value);
    struct spec *spec = r->spec;
    if (cursor_peek(&c) != PACK_ARRAY)
        return wrong(r, "\"constraints\"", "a list of texts", value);
    uint32_t entries = cursor_array(&c);
    if (entries > SPEC_CONSTRAINTS_MAX) {
        snprintf(r->text, SPEC_TEXT_SIZE, "there are more than %d constraints",
                 SPEC_CONSTRAINTS_MAX);
        return false;
    }
    for (; spec->constraint_count < entries; spec->constraint_count++)
        if (!take_text(r, "a constraint", cursor_value(&c),
                       &spec->constraints[spec->constraint_count]))
            return false;
    return true;
}

/* --- the map ---------------------------------------------------------------------------------- */

static bool take_maximise(const struct reading *r, struct bytes value)
{
    bool truth;
    if (!take_truth(r, "\"maximize\"", value, &truth))
        return false;
    r->spec->maximise = truth;
    return true;
}

static bool take_delay(const struct reading *r, struct bytes value)
{
    double *delay_s = &r->spec->delay_s;
    if (!take_number(r, "\"delay\"", value, delay_s))
        return false;
    return *delay_s >= 0 && *delay_s <= SPEC_DELAY_MAX_S
               ? true
               : wrong(r, "\"delay\"", "0 to 3600 seconds", value);
}

static bool take_key(const struct reading *r, struct bytes key, struct bytes value)
{
    struct spec *s = r->spec;
    if (bytes_equal(key, bytes_text("model")))
        return take_text(r, "\"model\"", value, &s->model);
    if (bytes_equal(key, bytes_text("objective")))
        return take_text(r, "\"objective\"", value, &s->objective);
    if (bytes_equal(key, bytes_text("method")))
        return take_text(r, "\"method\"", value, &s->method);
    if (bytes_equal(key, bytes_text("mvs")))
        return take_variables(r, "mvs", value, s->mvs, &s->mv_count);
    if (bytes_equal(key, bytes_text("cvs")))
        return take_variables(r, "cvs", value, s->cvs, &s->cv_count);
    if (bytes_equal(key, bytes_text("constraints")))
        return take_constraints(r, value);
    if (bytes_equal(key, bytes_text("maximize")) || bytes_equal(key, bytes_text("maximise")))
        return take_maximise(r, value);
    if (bytes_equal(key, bytes_text("max_iterations")))
        return take_count(r, "\"max_iterations\"", value, 1, SPEC_ITERATIONS_MAX,
                          &s->max_iterations);
    if (bytes_equal(key, bytes_text("seed")))
        return take_count(r, "\"seed\"", value, 0, INT64_MAX, &s->seed);
    if (bytes_equal(key, bytes_text("islands")))
        return take_count(r, "\"islands\"", value, 1, SPEC_ISLANDS_MAX, &s->islands);
    if (bytes_equal(key, bytes_text("delay")))
        return take_delay(r, value);
    if (bytes_equal(key, bytes_text("external")))
        return take_truth(r, "\"external\"", value, &s->external);
    snprintf(r->text, SPEC_TEXT_SIZE,
             "unknown key %s: known are model, mvs, cvs, objective, maximize, constraints, method, "
             "max_iterations, seed, islands, delay, external",
             excerpt_text(key).text);
    return false;
}

bool spec_read(struct bytes value, struct spec *spec, char text[SPEC_TEXT_SIZE])
{
    struct reading r = {.spec = spec, .text = text};
    struct cursor c = cursor_of(value);
    *spec =
        (struct spec){.maximise = -1, .max_iterations = ITERATIONS_USUAL, .seed = 1, .islands = 1};
    if (cursor_peek(&c) != PACK_MAP || !pack_valid(value))
        return wrong(&r, "what is to be optimised", "a map", value);
    for (uint32_t pairs = cursor_map(&c); pairs; pairs--) {
        struct bytes key = cursor_str(&c);
        struct bytes entry = cursor_value(&c);
        if (!cursor_ok(&c))
            return wrong(&r, "what is to be optimised", "a map with text keys", value);
        if (!take_key(&r, key, entry))
            return false;
    }
    return true;
}
