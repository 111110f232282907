/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/doors/rto_words.h"

#include <math.h>

#include "producer/view/field.h"
#include "producer/view/pairs.h"

#define NO_BOUND 1e100

struct variable {
    const char *name;
    double lower, upper; /* infinite: none */
    bool integer;        /* of MVs */
};

struct variables {
    struct variable at[RTO_TAGS_MAX];
    size_t count;
};

/* --- tags ----------------------------------------------------------------------------------- */

static const char *key_of(const Grpc__RtoApi__TagType *tag)
{
    return *tag->id ? tag->id : tag->name;
}

static struct variable *find(struct variables *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->at[i].name, name) == 0)
            return &all->at[i];
    return NULL;
}

static struct variable variable_of(const Grpc__RtoApi__TagType *tag)
{
    bool truth = strcmp(tag->datatype, "Bool") == 0;
    struct variable v = {.name = key_of(tag), .lower = tag->lower_bound, .upper = tag->upper_bound};
    v.integer = truth || strcmp(tag->datatype, "Integer") == 0;
    if (v.lower == 0 && v.upper == 0) {
        v.lower = -INFINITY;
        v.upper = INFINITY;
    }
    if (fabs(v.lower) >= NO_BOUND)
        v.lower = -INFINITY;
    if (fabs(v.upper) >= NO_BOUND)
        v.upper = INFINITY;
    if (truth) {
        v.lower = fmax(v.lower, 0);
        v.upper = fmin(v.upper, 1);
    }
    return v;
}

static bool tag_good(const Grpc__RtoApi__TagType *tag, char why[static RTO_WHY])
{
    const char *key = key_of(tag);
    if (strlen(tag->id) > RTO_NAME_BYTES_MAX || strlen(tag->name) > RTO_NAME_BYTES_MAX)
        snprintf(why, RTO_WHY, "an id or name has %d bytes at most", RTO_NAME_BYTES_MAX);
    else if (!*key)
        snprintf(why, RTO_WHY, "a tag has no id");
    else if (isnan(tag->lower_bound) || isnan(tag->upper_bound))
        snprintf(why, RTO_WHY, "a bound of %.100s is no number", key);
    else
        return true;
    return false;
}

static bool gather(struct variables *all, Grpc__RtoApi__TagType *const *tags, size_t count,
                   struct variables *before, char why[static RTO_WHY])
{
    if (count > RTO_TAGS_MAX) {
        snprintf(why, RTO_WHY, "more than %d tags of a kind", RTO_TAGS_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!tag_good(tags[i], why))
            return false;
        struct variable v = variable_of(tags[i]);
        struct variable *same = find(all, v.name);
        v.integer &= !before; /* CVs are what they are */
        if (before && find(before, v.name))
            continue;
        if (!same) {
            all->at[all->count++] = v;
            continue;
        }
        same->lower = fmax(same->lower, v.lower);
        same->upper = fmin(same->upper, v.upper);
        same->integer |= v.integer;
    }
    return true;
}

/* --- the objective -------------------------------------------------------------------------- */

/* The id of the tag that a name in brackets means: an id itself, else the tag of that name. What is
 * neither stays: it may be the model's. */
static struct bytes meant(const struct rto_start *start, struct bytes word)
{
    struct bytes found = word;
    bool named = false;
    for (size_t i = 0; i < start->mv_count + start->cv_count; i++) {
        const Grpc__RtoApi__TagType *tag =
            i < start->mv_count ? start->mvs[i] : start->cvs[i - start->mv_count];
        if (bytes_equal(word, bytes_text(key_of(tag))))
            return word;
        if (named || !bytes_equal(word, bytes_text(tag->name)))
            continue;
        found = bytes_text(key_of(tag));
        named = true;
    }
    return found;
}

static void objective_put(const struct rto_start *start, struct buf *out)
{
    struct buf text = {0};
    const char *at = start->objective;
    while (*at) {
        size_t plain = strcspn(at, "["), inside = strcspn(at + plain, "]");
        bool whole = at[plain] && at[plain + inside];
        if (!whole) {
            buf_put(&text, at, strlen(at));
            break;
        }
        struct bytes name = meant(start, bytes_of(at + plain + 1, inside - 1));
        buf_put(&text, at, plain + 1);
        buf_put(&text, name.data, name.size);
        buf_put(&text, "]", 1);
        at += plain + inside + 1;
    }
    pack_str(out, buf_bytes(&text));
    buf_fini(&text);
}

/* --- the spec ------------------------------------------------------------------------------- */

static void put_resting(struct pairs *p, const struct variable *v)
{
    char number[32];
    snprintf(number, sizeof number, "%.17g", fmax(v->lower, fmin(v->upper, 0)));
    pairs_text(p, "expression", number);
}

static void put_variables(struct pairs *spec, const char *name, const struct variables *all,
                          bool resting)
{
    if (!all->count)
        return;
    pack_array(pairs_key(spec, name), (uint32_t)all->count);
    for (size_t i = 0; i < all->count; i++) {
        const struct variable *v = &all->at[i];
        struct pairs p = {.count = 0};
        pairs_text(&p, "name", v->name);
        if (isfinite(v->lower))
            pairs_number(&p, "lower", v->lower);
        if (isfinite(v->upper))
            pairs_number(&p, "upper", v->upper);
        if (v->integer)
            pairs_truth(&p, "integer", true);
        if (resting)
            put_resting(&p, v);
        pairs_close(&p, &spec->buf);
    }
}

/* A model's own objective has a direction of its own, which "not maximize" says nothing about. */
static void put_aim(struct pairs *p, const struct rto_start *start)
{
    bool said = *start->objective || start->plant;
    if (*start->objective)
        objective_put(start, pairs_key(p, "objective"));
    if (said || start->maximize)
        pairs_truth(p, "maximize", start->maximize);
    if (*start->method)
        pairs_text(p, "method", start->method);
    if (start->max_iterations > 0)
        pairs_integer(p, "max_iterations", start->max_iterations);
    if (start->plant)
        pairs_truth(p, "external", true);
}

bool rto_spec(const struct rto_start *start, const char *model, struct buf *out,
              char why[static RTO_WHY])
{
    struct variables *mvs = must_alloc(sizeof *mvs), *cvs = must_alloc(sizeof *cvs);
    bool good = gather(mvs, start->mvs, start->mv_count, NULL, why) &&
                gather(cvs, start->cvs, start->cv_count, mvs, why);
    if (good && strlen(start->objective) > RTO_OBJECTIVE_BYTES_MAX) {
        snprintf(why, RTO_WHY, "an objective has %d bytes at most", RTO_OBJECTIVE_BYTES_MAX);
        good = false;
    }
    if (good) {
        struct pairs p = {.count = 0};
        if (*model)
            pairs_text(&p, "model", model);
        put_aim(&p, start);
        put_variables(&p, "mvs", mvs, false);
        put_variables(&p, "cvs", cvs, !*model && !start->plant);
        pairs_close(&p, out);
    }
    free(mvs);
    free(cvs);
    return good;
}

/* --- values --------------------------------------------------------------------------------- */

static void put_number(struct buf *out, double number)
{
    if (isfinite(number))
        pack_float(out, number);
    else
        pack_nil(out);
}

void rto_pack_values(Grpc__RtoApi__TagVal *const *values, size_t count, struct buf *out)
{
    pack_map(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        pack_text(out, values[i]->tagid);
        put_number(out, values[i]->numericvalue);
    }
}

void rto_pack_beginning(const Grpc__RtoApi__StartOptimizeRequest *said, struct buf *out)
{
    struct pairs p = {.count = 0};
    rto_pack_values(said->initial_cvs, said->n_initial_cvs, pairs_key(&p, "cvs"));
    rto_pack_values(said->initial_mvs, said->n_initial_mvs, pairs_key(&p, "mvs"));
    pairs_close(&p, out);
}

bool rto_has_outcome(const Grpc__RtoApi__OptimizeIterationRequest *said)
{
    const Grpc__RtoApi__TagVal *objective = said->objective_function_value;
    return objective && (*objective->tagid || objective->timestamp || objective->numericvalue != 0);
}

void rto_pack_outcome(const Grpc__RtoApi__OptimizeIterationRequest *said, struct buf *out)
{
    struct pairs p = {.count = 0};
    put_number(pairs_key(&p, "objective"), said->objective_function_value->numericvalue);
    pairs_text(&p, "objective_cv", said->objective_function_value->tagid);
    rto_pack_values(said->cv_values, said->n_cv_values, pairs_key(&p, "cvs"));
    pairs_close(&p, out);
}

static Grpc__RtoApi__TagVal *value_new(struct bytes name, double number, uint64_t time_ms)
{
    Grpc__RtoApi__TagVal *value = must_alloc(sizeof *value);
    grpc__rto_api__tag_val__init(value);
    value->tagid = must_alloc(name.size + 1);
    bytes_copy(value->tagid, name);
    value->timestamp = time_ms;
    value->numericvalue = number;
    value->isgood = true;
    return value;
}

struct rto_values rto_values_of(struct bytes map, uint64_t time_ms)
{
    struct rto_values values = {.count = 0};
    double number;
    struct fields f = fields_of(map);
    values.at = must_alloc(f.left * sizeof *values.at);
    while (fields_next(&f))
        if (number_of(f.value, &number))
            values.at[values.count++] = value_new(f.key, number, time_ms);
    return values;
}

void rto_values_free(struct rto_values *values)
{
    for (size_t i = 0; i < values->count; i++) {
        free(values->at[i]->tagid);
        free(values->at[i]);
    }
    free(values->at);
}
