/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimisation/progress.h"

#include <math.h>
#include <stdio.h>

#include "common/pack.h"

enum { VERSION = 2, FIELDS = 12 };

static void numbers_put(struct buf *out, const struct buf *numbers)
{
    const double *all = (const double *)(const void *)numbers->data;
    uint32_t count = (uint32_t)(numbers->size / sizeof *all);
    pack_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        pack_float(out, all[i]);
}

static void numbers_get(struct cursor *c, struct buf *numbers)
{
    uint32_t count = cursor_array(c);
    for (uint32_t i = 0; i < count && cursor_ok(c); i++) {
        double number = cursor_float(c);
        buf_put(numbers, &number, sizeof number);
    }
}

void progress_save(const struct progress *p, struct buf *out)
{
    pack_array(out, FIELDS);
    pack_uint(out, VERSION);
    pack_bin(out, p->spec);
    pack_bool(out, p->begun);
    pack_uint(out, p->iterations);
    pack_uint(out, p->evaluations);
    pack_array(out, (uint32_t)p->island_count);
    for (size_t i = 0; i < p->island_count; i++) {
        struct buf state = {0};
        optimiser_save(p->islands[i], &state);
        pack_bin(out, buf_bytes(&state));
        buf_fini(&state);
    }
    numbers_put(out, &p->pending);
    numbers_put(out, &p->best);
    numbers_put(out, &p->last);
    pack_float(out, p->last_f);
    pack_float(out, p->last_violation);
    numbers_put(out, &p->history);
}

static bool islands_get(struct cursor *c, struct progress *p, char text[SPEC_TEXT_SIZE])
{
    char why[OPTIMISER_TEXT_SIZE];
    uint32_t count = cursor_array(c);
    if (count > SPEC_ISLANDS_MAX)
        return false;
    for (; p->island_count < count; p->island_count++) {
        struct bytes state = cursor_bin(c);
        p->islands[p->island_count] = cursor_ok(c) ? optimiser_load(state, why) : NULL;
        if (p->islands[p->island_count])
            continue;
        snprintf(text, SPEC_TEXT_SIZE, "an optimiser's state cannot be read: %s",
                 cursor_ok(c) ? why : "it is no value");
        return false;
    }
    return true;
}

bool progress_load(struct bytes state, struct progress *p, char text[SPEC_TEXT_SIZE])
{
    struct cursor c = cursor_of(state);
    *p = (struct progress){0};
    snprintf(text, SPEC_TEXT_SIZE, "the session's state is of another version or damaged");
    if (cursor_array(&c) != FIELDS || cursor_uint(&c) != VERSION || !cursor_ok(&c))
        return false;
    p->spec = cursor_bin(&c);
    p->begun = cursor_bool(&c);
    p->iterations = cursor_uint(&c);
    p->evaluations = cursor_uint(&c);
    if (!islands_get(&c, p, text))
        return false;
    numbers_get(&c, &p->pending);
    numbers_get(&c, &p->best);
    numbers_get(&c, &p->last);
    p->last_f = cursor_float(&c);
    p->last_violation = cursor_float(&c);
    numbers_get(&c, &p->history);
    return cursor_ok(&c) && cursor_done(&c);
}

void progress_fini(struct progress *p)
{
    for (size_t i = 0; i < p->island_count; i++)
        optimiser_free(p->islands[i]);
    struct buf *all[] = {&p->pending, &p->best, &p->last, &p->history};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_fini(all[i]);
}

static bool better(const struct optimiser_status *a, const struct optimiser_status *b)
{
    if (a->feasible != b->feasible)
        return a->feasible;
    return a->feasible ? a->f < b->f : a->violation < b->violation;
}

struct optimiser *progress_leader(const struct progress *p)
{
    struct optimiser *leader = NULL;
    struct optimiser_status best = {0};
    for (size_t i = 0; i < p->island_count; i++) {
        struct optimiser_status s = optimiser_status(p->islands[i]);
        if (s.found && (!leader || better(&s, &best))) {
            leader = p->islands[i];
            best = s;
        }
    }
    return leader;
}

/* Every second one goes when they become too many: what is left still shows the way. */
void progress_remember(struct progress *p, double objective)
{
    buf_put(&p->history, &objective, sizeof objective);
    double *all = (double *)(void *)p->history.data;
    size_t count = p->history.size / sizeof *all, kept = 0;
    if (count <= PROGRESS_HISTORY_MAX)
        return;
    for (size_t i = 1; i < count; i += 2)
        all[kept++] = all[i];
    all[kept - 1] = objective;
    p->history.size = kept * sizeof *all;
}
