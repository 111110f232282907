/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/ids.h"

int ids_each(struct cli *cli, size_t first, ids_run *run, void *user)
{
    int exit_code = EXIT_DONE;
    for (size_t i = first; i < cli->word_count; i++)
        if (cli_id(cli, cli->words[i]) == 0)
            return EXIT_USAGE;
    int failed = cli_connect(cli);
    if (failed)
        return failed;
    for (size_t i = first; i < cli->word_count; i++) {
        int code = run(cli, cli->words[i], cli_id(cli, cli->words[i]), user);
        if (exit_code == EXIT_DONE)
            exit_code = code;
        if (code == EXIT_UNREACHABLE || code == EXIT_WAIT)
            break; /* it will not be better for the others */
    }
    return exit_code;
}

static void take_state(void *user, const struct record *answer)
{
    enum job_state *state = user;
    if (answer->type == REC_job)
        *state = (enum job_state)answer->job.state;
}

int ids_state(struct cli *cli, const char *word, uint64_t id, enum job_state *state)
{
    struct record ask = {.type = REC_get_job, .get_job = {.id = id}};
    *state = JOB_NONE;
    return cli_ask(cli, &ask, take_state, state, word);
}

static void take_new_id(void *user, const struct record *answer)
{
    uint64_t *id = user;
    if (answer->type == REC_accepted)
        *id = answer->accepted.id;
}

int ids_retry(struct cli *cli, const char *word, uint64_t id, uint64_t *new_id)
{
    struct record ask = {.type = REC_retry, .retry = {.id = id}};
    *new_id = 0;
    return cli_ask(cli, &ask, take_new_id, new_id, word);
}
