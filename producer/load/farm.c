/* SPDX-License-Identifier: Apache-2.0
 *
 * farm: the load through the broker, as any program would hand it in: reeve/client.h and nothing
 * else.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <reeve/client.h>

#include "common/clock.h"
#include "common/must.h"
#include "producer/load/answer.h"
#include "producer/load/load.h"

enum { DISPATCH_MS = 500 }; /* the library wants to be asked this often */

static void on_result(void *user, const struct reeve_result *r)
{
    struct running *run = user;
    char job[14] = "";
    if (r->id)
        reeve_job_id_format(r->id, job);
    struct report_result result = {
        .state = r->code ? "refused" : reeve_state_name(r->state),
        .value = bytes_text(r->text),
        .worker = r->worker,
        .job = r->id ? job : NULL,
        .took_us = clock_us() - run->start_us,
    };
    if (r->code == REEVE_OK && r->state == REEVE_JOB_OK) {
        result.ok = answer_check(&run->task, result.value) == ANSWER_RIGHT;
        if (!result.ok)
            result.state = "wrong";
    }
    load_result(run, &result);
}

static int submit(struct reeve_client *c, struct reeve_value *args, struct running *run)
{
    reeve_value_clear(args);
    reeve_put_array(args, 1);
    switch (run->task.kind) {
    case TASK_FIBONACCI: reeve_put_uint(args, run->task.n); break;
    case TASK_REACTOR:
        if (reeve_put_json(args, run->task.words, strlen(run->task.words), NULL, 0))
            return REEVE_EINVALID;
        break;
    default: reeve_put_text(args, run->task.words);
    }
    return reeve_submit(c, task_method(&run->task), reeve_value_data(args), reeve_value_size(args),
                        NULL, NULL, on_result, run, NULL);
}

static void submit_due(struct load *l, struct reeve_client *c, struct reeve_value *args)
{
    for (struct running *run; (run = load_next(l));) {
        int code = submit(c, args, run);
        if (code)
            load_result(run, &(struct report_result){.state = "refused",
                                                     .value = bytes_text(reeve_error(c))});
    }
}

static int wait_for_news(struct load *l, struct reeve_client *c)
{
    int wait_ms = load_wait_ms(l);
    if (wait_ms < 0 || wait_ms > DISPATCH_MS)
        wait_ms = DISPATCH_MS;
    struct pollfd fds[] = {{reeve_fd(c), POLLIN, 0}, {l->signal_fd, POLLIN, 0}};
    if (poll(fds, LENGTH(fds), wait_ms) < 0 && errno != EINTR)
        return -1;
    if (fds[1].revents)
        load_signal(l);
    return 0;
}

/* Goes on through a lost connection, which the library makes again, until the broker has been
 * away for wait_ms. */
static int run(struct load *l, struct reeve_client *c, struct reeve_value *args)
{
    int64_t away_since_ms = 0;
    while (!load_over(l)) {
        submit_due(l, c, args);
        int code = reeve_dispatch(c, 0);
        if (code && code != REEVE_EUNREACHABLE) {
            fprintf(stderr, "reeve-load: %s\n", reeve_error(c));
            return 1;
        }
        if (code == 0)
            away_since_ms = 0;
        else if (away_since_ms == 0)
            away_since_ms = clock_ms();
        if (away_since_ms && clock_ms() - away_since_ms > l->wait_ms) {
            fprintf(stderr, "reeve-load: %s\n", reeve_error(c));
            return 4;
        }
        if (!load_over(l) && wait_for_news(l, c)) {
            fprintf(stderr, "reeve-load: poll: %s\n", strerror(errno));
            return 1;
        }
    }
    return 0;
}

int load_run_farm(struct load *l, const struct reeve_options *farm)
{
    struct reeve_client *c;
    int code = reeve_connect_with(&c, farm, (int)l->wait_ms);
    if (code) {
        fprintf(stderr, "reeve-load: %s\n", reeve_error(NULL));
        return code == REEVE_EDENIED ? 5 : 4;
    }
    struct reeve_value *args = reeve_value_new();
    int status = run(l, c, args);
    reeve_value_free(args);
    reeve_close(c);
    return status;
}
