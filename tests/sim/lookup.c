/* SPDX-License-Identifier: Apache-2.0
 *
 * lookup: what the others of the sim ask the ledger, to choose what to do next. Nothing is checked
 * here, and nothing written down.
 */
#include <inttypes.h>

#include "tests/sim/books.h"

uint64_t ledger_any_job(struct sim *s)
{
    size_t count = s->ledger->ids.size / sizeof(uint64_t);
    if (!count)
        return 0;
    /* The newest are the likeliest: most of what is older has ended. */
    size_t at = count - 1 - (size_t)sim_below(s, count < 8 || sim_chance(s, 0.2) ? count : 8);
    uint64_t id;
    memcpy(&id, s->ledger->ids.data + at * sizeof id, sizeof id);
    return id;
}

uint64_t ledger_token(const struct sim *s, uint64_t id)
{
    const struct work *work = work_of(s, id);
    return work ? work->current : 0;
}

uint64_t ledger_holder(const struct sim *s, uint64_t id)
{
    const struct work *work = work_of(s, id);
    const struct wire *w = work && work->host && !work->released ? work->host->end.wire : NULL;
    return w ? w->peer : 0;
}

uint64_t ledger_open_session(struct sim *s)
{
    uint64_t found = 0, count = 0;
    size_t at = 0;
    for (const struct work *work; (work = idmap_next(&s->ledger->works, &at));)
        if ((work->spec.iterations || spec_task(&work->spec)) && !spec_feed(&work->spec) &&
            work_open(work) && sim_below(s, ++count) == 0)
            found = work->id;
    return found;
}

bool ledger_word(const struct sim *s, uint64_t id, uint64_t iteration, struct buf *word)
{
    const struct work *work = work_of(s, id);
    if (!work || !iteration || story_verdict(&work->spec, iteration - 1) != VERDICT_ASK)
        return false;
    pack_uint(word, story_word(&work->spec, iteration - 1));
    return true;
}

bool ledger_endless(const struct sim *s, uint64_t id)
{
    const struct work *work = work_of(s, id);
    return work && spec_feed(&work->spec);
}

bool ledger_rogue_has(const struct sim *s, uint64_t id)
{
    const struct work *work = work_of(s, id);
    return work && work->token && !work->host;
}

void ledger_explain(const struct sim *s)
{
    size_t at = 0;
    for (const struct work *work; (work = idmap_next(&s->ledger->works, &at));)
        if (work_open(work))
            printf("job %" PRIx64 " of queue %u is open: lent %zu times, run %" PRIu64
                   " times, last by %s\n",
                   work->id, work->spec.queue, work->lents.size / sizeof(struct lent),
                   work->executions, work->host ? work->host->end.name : "nobody");
    feeds_explain(s);
}
