/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/mix.h"

#include <stdio.h>
#include <stdlib.h>

#include "producer/cli/jobspec.h"

int mix_one(struct mix *m, const char *method)
{
    *m = (struct mix){.count = 1};
    if (!jobspec_method(method))
        return -1;
    m->parts[0].until = 1;
    m->parts[0].echoes = strcmp(method, "bench.echo") == 0;
    snprintf(m->parts[0].method, sizeof m->parts[0].method, "%s", method);
    return 0;
}

void mix_fini(struct mix *m)
{
    for (size_t i = 0; i < m->count; i++)
        buf_fini(&m->parts[i].args);
    *m = (struct mix){0};
}

/* Where the = of the first part stands: it has a number behind it and then a comma or the end, so
 * that arguments may hold both signs. *next: behind the comma, or the end. */
static const char *weight_find(const char *text, double *weight, const char **next)
{
    for (const char *at = text; (at = strchr(at, '=')); at++) {
        char *end;
        if (at[1] < '0' || at[1] > '9')
            continue;
        *weight = strtod(at + 1, &end);
        if (*end == ',' || *end == 0) {
            *next = *end ? end + 1 : end;
            return at;
        }
    }
    return NULL;
}

static int part_read(struct mix_part *p, struct bytes text, char error[static 160])
{
    static const char blanks[] = " \t";
    const char *at = text.data, *end = at + text.size;
    at += strspn(at, blanks);
    size_t name = strcspn(at, " \t=");
    snprintf(p->method, sizeof p->method, "%.*s", (int)name, at);
    if (name >= sizeof p->method || !jobspec_method(p->method)) {
        snprintf(error, 160, "--mix: %.*s is no HANDLER.METHOD", (int)(name < 99 ? name : 99), at);
        return -1;
    }
    at += name;
    at += strspn(at, blanks);
    p->echoes = at >= end && strcmp(p->method, "bench.echo") == 0;
    if (at >= end)
        return 0;
    struct spec spec;
    struct reeve_value *args = reeve_value_new();
    spec_init(&spec, p->method, false, false);
    const char *wrong = spec_line(&spec, args, bytes_of(at, (size_t)(end - at)));
    if (wrong)
        snprintf(error, 160, "--mix: %s: %s", p->method, wrong);
    buf_put(&p->args, reeve_value_data(args), reeve_value_size(args));
    reeve_value_free(args);
    spec_fini(&spec);
    return wrong ? -1 : 0;
}

int mix_read(struct mix *m, const char *text, char error[static 160])
{
    double sum = 0;
    *m = (struct mix){0};
    do {
        double weight;
        const char *next, *equals = weight_find(text, &weight, &next);
        if (!equals) {
            snprintf(error, 160, "--mix wants METHOD [ARG]...=WEIGHT, with commas between");
            return -1;
        }
        if (m->count == MIX_MAX) {
            snprintf(error, 160, "--mix: at most %d kinds of jobs", MIX_MAX);
            return -1;
        }
        struct mix_part *p = &m->parts[m->count++];
        if (part_read(p, bytes_of(text, (size_t)(equals - text)), error))
            return -1;
        p->until = sum += weight;
        text = next;
    } while (*text);
    if (!(sum > 0)) {
        snprintf(error, 160, "--mix: the weights are all 0");
        return -1;
    }
    for (size_t i = 0; i < m->count; i++)
        m->parts[i].until /= sum;
    return 0;
}

size_t mix_draw(const struct mix *m, struct random *r)
{
    if (m->count == 1)
        return 0;
    double at = random_unit(r);
    size_t i = 0;
    while (i + 1 < m->count && at >= m->parts[i].until)
        i++;
    return i;
}
