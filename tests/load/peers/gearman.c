/* SPDX-License-Identifier: Apache-2.0
 *
 * gearmand, foreground tasks: the client learns of each end. libgearman sends a batch of tasks and
 * comes back when all of them have ended, so a window is such a batch.
 */
#include <libgearman/gearman.h>
#include <stdlib.h>
#include <string.h>

#include "tests/load/peers/driver.h"

enum { BATCH_MAX = 4096 };

static gearman_client_st *client;
static char jobs[BATCH_MAX][DRIVER_JOB_BYTES]; /* the library borrows them until they have ended */
static unsigned added;
static uint64_t completed;

static gearman_return_t complete(gearman_task_st *task)
{
    (void)task;
    completed++;
    return GEARMAN_SUCCESS;
}

static void connect_to(unsigned port, bool single)
{
    (void)single;
    client = gearman_client_create(NULL);
    gearman_client_add_server(client, "127.0.0.1", (in_port_t)port);
    gearman_client_set_complete_fn(client, complete);
    gearman_client_add_options(client, GEARMAN_CLIENT_FREE_TASKS);
}

static void submit(const char *job)
{
    gearman_return_t rc;
    driver_check(added < BATCH_MAX, "gearman", "the window is too large");
    memcpy(jobs[added], job, DRIVER_JOB_BYTES);
    gearman_client_add_task(client, NULL, NULL, "noop", NULL, jobs[added], DRIVER_JOB_BYTES, &rc);
    driver_check(gearman_success(rc), "gearman", gearman_client_error(client));
    added++;
}

static uint64_t results(uint64_t out)
{
    uint64_t before = completed;
    driver_check(gearman_success(gearman_client_run_tasks(client)), "gearman",
                 gearman_client_error(client));
    added = 0;
    driver_check(completed - before == out, "gearman", "tasks have ended without a result");
    return out;
}

static void *noop(gearman_job_st *job, void *context, size_t *size, gearman_return_t *rc)
{
    (void)job;
    (void)context;
    *size = DRIVER_RESULT_BYTES;
    *rc = GEARMAN_SUCCESS;
    return strdup(DRIVER_RESULT); /* the library frees it */
}

static void serve(unsigned port, bool single)
{
    gearman_worker_st *worker = gearman_worker_create(NULL);
    (void)single;
    gearman_worker_add_server(worker, "127.0.0.1", (in_port_t)port);
    gearman_worker_add_function(worker, "noop", 0, noop, NULL);
    for (;;)
        driver_check(gearman_success(gearman_worker_work(worker)), "gearman",
                     gearman_worker_error(worker));
}

int main(int argc, char **argv)
{
    static const struct driver driver = {
        .serve = serve, .open = connect_to, .submit = submit, .results = results};
    return driver_main(&driver, argc, argv);
}
