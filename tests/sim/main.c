/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-sim: runs seeds. A seed that fails is printed with the command that runs it again.
 *
 *     reeve-sim --seed 42 --trace      one run, all of it to be read
 *     reeve-sim --seeds 1..1000        many; every tenth twice, which must not differ
 *     reeve-sim --prove                every planted bug must be found
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/options.h"
#include "tests/sim/sim.h"

enum { PROVE_SEEDS = 200, TWICE_EVERY = 10 };

static const struct option rows[] = {
    {"seed", OPTION_NUMBER, "N", "run this seed, twice", 0, INT64_MAX},
    {"seeds", OPTION_TEXT, "A..B", "run all of these", 0, 0},
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

static void run_twice(uint64_t seed, bool tracing, enum plant plant)
{
    struct sim_outcome one = sim_run(seed, 0, tracing, plant);
    struct sim_outcome two = sim_run(seed, 1, false, plant);
    if (one.hash == two.hash)
        return;
    printf("seed %" PRIu64 ": S17: two runs differ: %016" PRIx64 " and %016" PRIx64 "\n", seed,
           one.hash, two.hash);
    exit(1);
}

static int run_many(uint64_t from, uint64_t to, enum plant plant)
{
    struct sim_outcome sum = {0};
    int64_t start_ms = clock_ms();
    for (uint64_t seed = from; seed <= to; seed++) {
        if (seed % TWICE_EVERY == 0) {
            run_twice(seed, false, plant);
            continue;
        }
        struct sim_outcome o = sim_run(seed, 0, false, plant);
        sum.steps += o.steps;
        sum.virtual_us += o.virtual_us;
        sum.counts.accepted += o.counts.accepted;
        sum.counts.ended += o.counts.ended;
        sum.counts.leases += o.counts.leases;
        sum.counts.executions += o.counts.executions;
        sum.counts.refused += o.counts.refused;
    }
    printf("seeds=%" PRIu64 " steps=%" PRIu64 " virtual_s=%" PRId64 " jobs=%" PRIu64
           " leases=%" PRIu64 " executions=%" PRIu64 " refused=%" PRIu64 " seconds=%.1f\n",
           to - from + 1, sum.steps, sum.virtual_us / SEC_US, sum.counts.accepted,
           sum.counts.leases, sum.counts.executions, sum.counts.refused,
           (double)(clock_ms() - start_ms) / 1000);
    return 0;
}

/* Seeds run in a child, for a bug found ends the process. */
static bool found(enum plant plant)
{
    fflush(stdout);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        for (uint64_t seed = 1; seed <= PROVE_SEEDS; seed++)
            if (plant == PLANT_DRIFT)
                run_twice(seed, false, plant);
            else
                sim_run(seed, 0, false, plant);
        fflush(stdout);
        _exit(0);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid);
    return status != 0;
}

static int prove(void)
{
    int missed = 0;
    for (int p = PLANT_NONE + 1; p < PLANT_COUNT; p++) {
        printf("%s: %s: ", plant_names[p], plant_texts[p]);
        if (!found((enum plant)p)) {
            printf("NOT FOUND in %d seeds\n", PROVE_SEEDS);
            missed++;
        }
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
