/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/load/load.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/must.h"

int load_init(struct load *l, const struct plan_options *plan, FILE *out, bool quiet)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    *l = (struct load){.next_ms = clock_ms()};
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    l->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (l->signal_fd < 0)
        return -1;
    plan_init(&l->plan, plan);
    report_init(&l->report, out, quiet);
    link_init(&l->running);
    return 0;
}

void load_fini(struct load *l)
{
    while (!list_empty(&l->running)) {
        struct running *run = list_first(&l->running, struct running, link);
        link_take(&run->link);
        free(run);
    }
    report_fini(&l->report);
    close(l->signal_fd);
}

static bool all_made(const struct load *l)
{
    return l->drain_until_ms != 0 || (l->tasks_most && l->plan.made >= l->tasks_most);
}

struct running *load_next(struct load *l)
{
    int64_t now_us = clock_us(), now_ms = now_us / 1000;
    if (all_made(l) || l->outstanding >= LOAD_AHEAD || now_ms < l->next_ms)
        return NULL;
    struct running *run = must_alloc(sizeof *run);
    run->load = l;
    run->start_us = now_us;
    plan_next(&l->plan, &run->task);
    list_append(&l->running, &run->link);
    l->outstanding++;
    l->next_ms += l->interval_ms;
    if (l->next_ms < now_ms) /* who fell behind does not catch up in a burst */
        l->next_ms = now_ms;
    report_task(&l->report, &run->task, now_us);
    return run;
}

void load_result(struct running *run, const struct report_result *result)
{
    struct load *l = run->load;
    report_result(&l->report, &run->task, result, clock_us());
    link_take(&run->link);
    must(l->outstanding > 0);
    l->outstanding--;
    free(run);
}

int load_wait_ms(const struct load *l)
{
    int64_t now_ms = clock_ms(), until_ms = -1;
    if (l->drain_until_ms)
        until_ms = l->drain_until_ms;
    else if (!all_made(l) && l->outstanding < LOAD_AHEAD)
        until_ms = l->next_ms;
    if (until_ms < 0)
        return -1;
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

void load_signal(struct load *l)
{
    struct signalfd_siginfo info;
    while (read(l->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        l->signals++;
        l->drain_until_ms = l->signals == 1 ? clock_ms() + LOAD_DRAIN_MS : 1;
    }
}

bool load_over(const struct load *l)
{
    if (all_made(l) && l->outstanding == 0)
        return true;
    return l->drain_until_ms && clock_ms() >= l->drain_until_ms;
}
