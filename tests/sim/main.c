/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-sim: runs seeds. A seed that fails is printed with the command that runs it again.
 *
 *     reeve-sim --seed 42 --trace         one run, all of it to be read
 *     reeve-sim --seeds 1..1000           many; every tenth twice, which must not differ
 *     reeve-sim --forever --from 100000   until it is stopped, whatever is found
 *     reeve-sim --prove                   every planted bug must be found
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/options.h"
#include "tests/sim/sim.h"

enum { PROVE_SEEDS = 1000, TWICE_EVERY = 10, FOREVER_BATCH = 500 };

static const struct option rows[] = {
    {"seed", OPTION_NUMBER, "N", "run this seed, twice", 0, INT64_MAX},
    {"seeds", OPTION_TEXT, "A..B", "run all of these", 0, 0},
    {"forever", OPTION_FLAG, NULL, "run one after the other until it is stopped", 0, 0},
    {"from", OPTION_NUMBER, "N", "the first of them", 0, INT64_MAX},
    {"trace", OPTION_FLAG, NULL, "print what happens", 0, 0},
    {"plant", OPTION_TEXT, "BUG", "put a bug in: see --plants", 0, 0},
    {"plants", OPTION_FLAG, NULL, "list the bugs that can be put in", 0, 0},
    {"prove", OPTION_FLAG, NULL, "show that each of them is found", 0, 0},
    {NULL, OPTION_FLAG, NULL, NULL, 0, 0}};

static const char *const plant_names[] = {
#define X(name, text, what) text,
    PLANTS(X)
#undef X
};

static const char *const plant_texts[] = {
#define X(name, text, what) what,
    PLANTS(X)
#undef X
};

static struct sim_outcome run_twice(uint64_t seed, bool tracing, enum plant plant)
{
    struct sim_outcome one = sim_run(seed, 0, tracing, plant);
    struct sim_outcome two = sim_run(seed, 1, false, plant);
    if (one.hash == two.hash)
        return one;
    printf("seed %" PRIu64 ": S17: two runs differ: %016" PRIx64 " and %016" PRIx64 "\n", seed,
           one.hash, two.hash);
    exit(1);
}

static void sum_up(struct sim_outcome *sum, const struct sim_outcome *o)
{
    sum->steps += o->steps;
    sum->virtual_us += o->virtual_us;
    sum->counts.accepted += o->counts.accepted;
    sum->counts.ended += o->counts.ended;
    sum->counts.leases += o->counts.leases;
    sum->counts.executions += o->counts.executions;
    sum->counts.refused += o->counts.refused;
    sum->counts.crashes += o->counts.crashes;
    sum->counts.vanished += o->counts.vanished;
}

static int run_many(uint64_t from, uint64_t to, enum plant plant)
{
    struct sim_outcome sum = {0};
    int64_t start_ms = clock_ms();
    for (uint64_t seed = from; seed <= to; seed++) {
        struct sim_outcome o = seed % TWICE_EVERY == 0 ? run_twice(seed, false, plant)
                                                       : sim_run(seed, 0, false, plant);
        sum_up(&sum, &o);
    }
    printf("seeds=%" PRIu64 "..%" PRIu64 " steps=%" PRIu64 " virtual_s=%" PRId64 " jobs=%" PRIu64
           " leases=%" PRIu64 " executions=%" PRIu64 " refused=%" PRIu64 " broker_deaths=%" PRIu64
           " vanished=%" PRIu64 " seconds=%.1f\n",
           from, to, sum.steps, sum.virtual_us / SEC_US, sum.counts.accepted, sum.counts.leases,
           sum.counts.executions, sum.counts.refused, sum.counts.crashes, sum.counts.vanished,
           (double)(clock_ms() - start_ms) / 1000);
    fflush(stdout);
    return 0;
}

/* Runs seeds in a child, for a bug found ends the process. The first that fails, or 0. */
static uint64_t first_that_fails(uint64_t from, uint64_t to, enum plant plant)
{
    uint64_t *at =
        mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED);
    fflush(stdout);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        for (*at = from; *at <= to; ++*at)
            if (plant == PLANT_DRIFT)
                run_twice(*at, false, plant);
            else if (plant)
                sim_run(*at, 0, false, plant);
            else
                run_many(*at, *at + FOREVER_BATCH - 1, plant), *at += FOREVER_BATCH - 1;
        fflush(stdout);
        _exit(0);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid);
    uint64_t failed = status ? *at : 0;
    munmap(at, sizeof *at);
    return failed;
}

static _Noreturn void forever(uint64_t from)
{
    uint64_t failures = 0;
    for (;; from += FOREVER_BATCH)
        if (first_that_fails(from, from + FOREVER_BATCH - 1, PLANT_NONE))
            printf("%" PRIu64 " batches with failures so far\n", ++failures);
}

static int prove(void)
{
    int missed = 0;
    for (int p = PLANT_NONE + 1; p < PLANT_COUNT; p++) {
        printf("%s: %s: ", plant_names[p], plant_texts[p]);
        uint64_t seed = first_that_fails(1, PROVE_SEEDS, (enum plant)p);
        if (seed)
            printf("found after %" PRIu64 " seeds\n", seed);
        else
            printf("NOT FOUND in %d seeds\n", PROVE_SEEDS), missed++;
    }
    printf("%d of %d planted bugs found\n", PLANT_COUNT - 1 - missed, PLANT_COUNT - 1);
    return missed > 0;
}

static int usage(const char *why)
{
    fprintf(stderr, "reeve-sim: %s\nusage: reeve-sim --seed N [--trace] | --seeds A..B | --prove\n",
            why);
    return 2;
}

static int run(const struct options *o)
{
    enum plant plant = PLANT_NONE;
    const char *name = options_text(o, "plant", "none");
    while (plant < PLANT_COUNT && strcmp(plant_names[plant], name) != 0)
        plant++;
    if (plant == PLANT_COUNT)
        return usage("no such bug to plant");
    if (options_flag(o, "plants", false)) {
        for (int p = 1; p < PLANT_COUNT; p++)
            printf("%-16s %s\n", plant_names[p], plant_texts[p]);
        return 0;
    }
    if (options_flag(o, "prove", false))
        return prove();
    if (options_flag(o, "forever", false))
        forever((uint64_t)options_number(o, "from", 1));
    const char *range = options_text(o, "seeds", NULL);
    uint64_t from, to;
    if (range) {
        if (sscanf(range, "%" SCNu64 "..%" SCNu64, &from, &to) != 2 || from > to)
            return usage("--seeds wants A..B");
        return run_many(from, to, plant);
    }
    uint64_t seed = (uint64_t)options_number(o, "seed", 1);
    run_twice(seed, options_flag(o, "trace", false), plant);
    printf("seed %" PRIu64 " is well\n", seed);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    options_add(&o, rows);
    int rc = options_parse(&o, OPTIONS_ANYWHERE, argc - 1, argv + 1) ? usage(o.error) : run(&o);
    options_fini(&o);
    return rc;
}
