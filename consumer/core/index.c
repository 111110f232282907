/* SPDX-License-Identifier: Apache-2.0
 *
 * index: leases by their ids. One is looked for by its id when it is recalled, stopped or leased
 * again, which is rare: mostly a lease has a larger id than all before it, runs, and is
 * acknowledged by its result's number. So there is an index only from the first look that needs one
 * until the next beat. Orphans and local jobs are not in it.
 */
#include "consumer/core/parts.h"

static void add_all(struct idmap *index, const struct link *jobs)
{
    list_each(l, jobs)
    {
        struct agent_job *j = container_of(l, struct agent_job, link);
        if (!j->local && !j->orphan)
            must(!idmap_put(index, j->id, j));
    }
}

static void build(const struct agent *a, struct idmap *index)
{
    for (unsigned p = 0; p < a->options.program_count; p++)
        add_all(index, &a->programs[p].waiting);
    for (unsigned i = 0; i < a->runner_count; i++)
        add_all(index, &a->runners[i].ring);
    add_all(index, &a->held);
}

struct agent_job *index_find(struct agent *a, uint64_t id)
{
    if (id > a->largest_id)
        return NULL;
    if (!a->indexed)
        build(a, &a->jobs);
    a->indexed = true;
    return idmap_find(&a->jobs, id);
}

void index_add(struct agent *a, struct agent_job *j)
{
    if (j->id > a->largest_id)
        a->largest_id = j->id;
    if (a->indexed)
        must(!idmap_put(&a->jobs, j->id, j));
}

void index_take(struct agent *a, const struct agent_job *j)
{
    if (a->indexed)
        idmap_take(&a->jobs, j->id);
}

void index_drop(struct agent *a)
{
    idmap_fini(&a->jobs);
    a->indexed = false;
}

/* All leases there are, and nothing else. */
void index_audit(const struct agent *a)
{
    struct idmap all = {0};
    build(a, &all);
    size_t at = 0;
    for (struct agent_job *j; (j = idmap_next(&all, &at));) {
        must(j->id <= a->largest_id);
        must(!a->indexed || idmap_find(&a->jobs, j->id) == j);
    }
    must(!a->indexed || a->jobs.count == all.count);
    idmap_fini(&all);
}
