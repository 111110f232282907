/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/sessionspec.h"

#include <stdio.h>

#include "common/must.h"
#include "producer/view/field.h"
#include "producer/view/pairs.h"

static int options_tags(struct tags *tags, const struct options *o, const char *name,
                        int (*read)(struct tag *, const char *, char *),
                        char error[static TAG_ERROR])
{
    size_t at = 0;
    for (const char *word; (word = options_next(o, name, &at));) {
        struct tag tag;
        if (read(&tag, word, error) || tags_add(tags, &tag, error))
            return -1;
    }
    return 0;
}

static bool options_integer(const struct options *o, const char *name, int64_t *out)
{
    *out = options_number(o, name, 0);
    return options_given(o, name);
}

int sessionspec_options(struct sessionspec *s, const struct options *o,
                        char error[static TAG_ERROR])
{
    bool up = options_flag(o, "maximize", false), down = options_flag(o, "minimize", false);
    if (up && down) {
        snprintf(error, TAG_ERROR, "--maximize or --minimize, not both");
        return -1;
    }
    s->maximize = up ? 1 : down ? -1 : 0;
    s->model = options_text(o, "model", NULL);
    s->objective = options_text(o, "objective", NULL);
    s->method = options_text(o, "method", NULL);
    s->has_max_iterations = options_integer(o, "max-iterations", &s->max_iterations);
    s->has_seed = options_integer(o, "seed", &s->seed);
    s->has_islands = options_integer(o, "islands", &s->islands);
    s->has_delay = options_given(o, "delay");
    s->delay = (double)options_ms(o, "delay", 0) / 1e3;
    s->external = options_flag(o, "external", false);
    size_t at = 0;
    for (const char *word; (word = options_next(o, "constraint", &at));)
        sessionspec_constraint(s, bytes_text(word));
    return options_tags(&s->mvs, o, "mv", tag_mv, error) ||
                   options_tags(&s->cvs, o, "cv", tag_cv, error)
               ? -1
               : 0;
}

void sessionspec_constraint(struct sessionspec *s, struct bytes text)
{
    pack_str(&s->constraints, text);
    s->constraint_count++;
}

void sessionspec_fini(struct sessionspec *s)
{
    tags_fini(&s->mvs);
    tags_fini(&s->cvs);
    buf_fini(&s->constraints);
}

/* --- packing -------------------------------------------------------------------------------- */

static void put_tags(struct pairs *p, const char *name, const struct tags *tags, bool starts)
{
    if (!tags->count)
        return;
    pack_array(pairs_key(p, name), (uint32_t)tags->count);
    for (size_t i = 0; i < tags->count; i++) {
        const struct tag *tag = &tags->at[i];
        struct pairs one = {.count = 0};
        pack_str(pairs_key(&one, "name"), tag->name);
        if (tag->expression.size)
            pack_str(pairs_key(&one, "expression"), tag->expression);
        if (tag->has_value && starts)
            pairs_number(&one, "start", tag->value);
        if (tag->has_lower)
            pairs_number(&one, "lower", tag->lower);
        if (tag->has_upper)
            pairs_number(&one, "upper", tag->upper);
        pairs_close(&one, &p->buf);
    }
}

void sessionspec_pack(const struct sessionspec *s, struct buf *out)
{
    struct pairs p = {.count = 0};
    pairs_text(&p, "model", s->model);
    pairs_text(&p, "objective", s->objective);
    if (s->maximize)
        pairs_truth(&p, "maximize", s->maximize > 0);
    pairs_text(&p, "method", s->method);
    if (s->has_max_iterations)
        pairs_integer(&p, "max_iterations", s->max_iterations);
    if (s->has_seed)
        pairs_integer(&p, "seed", s->seed);
    if (s->has_islands)
        pairs_integer(&p, "islands", s->islands);
    if (s->has_delay)
        pairs_number(&p, "delay", s->delay);
    if (s->external)
        pairs_truth(&p, "external", true);
    put_tags(&p, "mvs", &s->mvs, true);
    put_tags(&p, "cvs", &s->cvs, false); /* what a CV comes to is not for us to say */
    if (s->constraint_count) {
        pack_array(pairs_key(&p, "constraints"), s->constraint_count);
        buf_put(&p.buf, s->constraints.data, s->constraints.size);
    }
    pairs_close(&p, out);
}

/* --- one over another ----------------------------------------------------------------------- */

static bool is_array(struct bytes value)
{
    struct cursor c = cursor_of(value);
    return cursor_peek(&c) == PACK_ARRAY;
}

/* over's keys, and those of base that it does not have. */
static void merge_pairs(struct pairs *p, struct bytes base, struct bytes over)
{
    for (struct fields f = fields_of(base); fields_next(&f);) {
        bool mine = false;
        for (struct fields g = fields_of(over); fields_next(&g);)
            mine = mine || bytes_equal(f.key, g.key);
        if (!mine)
            pairs_copy(p, f.key, f.value);
    }
    for (struct fields f = fields_of(over); fields_next(&f);)
        pairs_copy(p, f.key, f.value);
}

/* The element of a list that has this name; size 0: none has. */
static struct bytes named(struct bytes list, struct bytes name)
{
    struct cursor c = cursor_of(list);
    for (uint32_t left = cursor_array(&c); left-- > 0 && cursor_ok(&c);) {
        struct bytes element = cursor_value(&c);
        if (name.size && bytes_equal(field_text(element, "name"), name))
            return element;
    }
    return bytes_of(NULL, 0);
}

static void merge_variables(struct buf *out, struct bytes base, struct bytes over)
{
    struct buf elements = {0};
    struct cursor c = cursor_of(base);
    uint32_t count = 0;
    for (uint32_t left = cursor_array(&c); left-- > 0 && cursor_ok(&c); count++) {
        struct bytes element = cursor_value(&c);
        struct bytes mine = named(over, field_text(element, "name"));
        struct pairs p = {.count = 0};
        if (mine.size) {
            merge_pairs(&p, element, mine);
            pairs_close(&p, &elements);
        } else {
            buf_put(&elements, element.data, element.size);
        }
    }
    c = cursor_of(over);
    for (uint32_t left = cursor_array(&c); left-- > 0 && cursor_ok(&c);) {
        struct bytes element = cursor_value(&c);
        if (named(base, field_text(element, "name")).size)
            continue;
        buf_put(&elements, element.data, element.size);
        count++;
    }
    pack_array(out, count);
    buf_put(out, elements.data, elements.size);
    buf_fini(&elements);
}

static void merge_lists(struct buf *out, struct bytes base, struct bytes over)
{
    struct cursor a = cursor_of(base), b = cursor_of(over);
    uint32_t first = cursor_array(&a), second = cursor_array(&b);
    pack_array(out, first + second);
    buf_put(out, a.at, cursor_left(&a));
    buf_put(out, b.at, cursor_left(&b));
}

void sessionspec_merge(struct buf *out, struct bytes base, struct bytes over)
{
    static const struct {
        const char *key;
        void (*merge)(struct buf *, struct bytes, struct bytes);
    } lists[] = {{"mvs", merge_variables}, {"cvs", merge_variables}, {"constraints", merge_lists}};
    struct pairs both = {.count = 0}, whole = {.count = 0};
    struct buf put = {0};
    for (size_t i = 0; i < LENGTH(lists); i++) {
        struct bytes mine = field_of(over, lists[i].key), theirs = field_of(base, lists[i].key);
        if (is_array(mine) && is_array(theirs))
            lists[i].merge(pairs_key(&both, lists[i].key), theirs, mine);
    }
    pairs_close(&both, &put);
    struct buf plain = {0};
    merge_pairs(&whole, base, over);
    pairs_close(&whole, &plain);
    struct pairs p = {.count = 0};
    merge_pairs(&p, buf_bytes(&plain), buf_bytes(&put));
    pairs_close(&p, out);
    buf_fini(&plain);
    buf_fini(&put);
}
