/* SPDX-License-Identifier: Apache-2.0
 *
 * driver: what the drivers of other people's systems have in common, so that each is only what is
 * its own. A job is 16 bytes, its result 8; a driver is started as
 *
 *     DRIVER setup PORT                  makes the queues, where the system wants that said before
 *     DRIVER worker PORT [single]        answers jobs until a signal ends it
 *     DRIVER rate PORT JOBS WINDOW       keeps WINDOW jobs on their way: {"rate":...}, jobs a
 * second DRIVER single PORT JOBS            one job at a time: {"p50_us":...,"p99_us":...}
 *
 * and ends 1 with a line on standard error when the system fails it. `single` tells a worker that
 * no more than one job at a time will come.
 */
#ifndef PEERS_DRIVER_H
#define PEERS_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { DRIVER_JOB_BYTES = 16, DRIVER_RESULT_BYTES = 8 };

#define DRIVER_RESULT "rrrrrrrr"

struct driver {
    void (*setup)(unsigned port);              /* NULL: nothing to do */
    void (*serve)(unsigned port, bool single); /* does not return */
    void (*open)(unsigned port, bool single);
    /* Hands in a job of DRIVER_JOB_BYTES, which are copied; it may leave with the next results().
     */
    void (*submit)(const char *job);
    /* Waits until at least one of the `out` jobs that are on their way has its result. How many. */
    uint64_t (*results)(uint64_t out);
};

int driver_main(const struct driver *d, int argc, char **argv);

/* Ends the process unless `ok`. */
void driver_check(bool ok, const char *what, const char *why);

#endif
