/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/load/peers/driver.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/histogram.h"
#include "common/must.h"

void driver_check(bool ok, const char *what, const char *why)
{
    if (ok)
        return;
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void submit(const struct driver *d, uint64_t number)
{
    char job[DRIVER_JOB_BYTES + 1];
    snprintf(job, sizeof job, "%016" PRIx64, number);
    d->submit(job);
}

static int run_rate(const struct driver *d, uint64_t jobs, uint64_t window)
{
    uint64_t sent = 0, done = 0;
    int64_t start_ns = clock_ns();
    while (done < jobs) {
        for (; sent < jobs && sent - done < window; sent++)
            submit(d, sent);
        done += d->results(sent - done);
    }
    double seconds = (double)(clock_ns() - start_ns) / 1e9;
    printf("{\"jobs\":%" PRIu64 ",\"seconds\":%.4f,\"rate\":%.1f}\n", jobs, seconds,
           (double)jobs / seconds);
    return 0;
}

static int run_single(const struct driver *d, uint64_t jobs)
{
    struct histogram *h = must_alloc(sizeof *h);
    for (uint64_t i = 0; i < jobs; i++) {
        int64_t start_ns = clock_ns();
        submit(d, i);
        d->results(1);
        histogram_add(h, (uint64_t)(clock_ns() - start_ns));
    }
    printf("{\"jobs\":%" PRIu64 ",\"p50_us\":%.1f,\"p99_us\":%.1f}\n", jobs,
           (double)histogram_percentile(h, 0.5) / 1e3, (double)histogram_percentile(h, 0.99) / 1e3);
    free(h);
    return 0;
}

int driver_main(const struct driver *d, int argc, char **argv)
{
    const char *role = argc > 1 ? argv[1] : "";
    unsigned port = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    if (strcmp(role, "setup") == 0 && argc == 3) {
        if (d->setup)
            d->setup(port);
        return 0;
    }
    if (strcmp(role, "worker") == 0 && (argc == 3 || argc == 4)) {
        d->serve(port, argc == 4);
        return 0;
    }
    if (strcmp(role, "rate") == 0 && argc == 5) {
        d->open(port, false);
        return run_rate(d, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
    }
    if (strcmp(role, "single") == 0 && argc == 4) {
        d->open(port, true);
        return run_single(d, strtoull(argv[3], NULL, 10));
    }
    fprintf(stderr, "usage: see tests/load/peers/driver.h\n");
    return 2;
}
