/* SPDX-License-Identifier: Apache-2.0
 *
 * id_verbs: wait, result, cancel, retry: one after the other for each id. A verb goes on to the
 * next id after a failure and tells the first one with its exit code.
 */
#include "producer/cli/outcome.h"
#include "producer/cli/verbs.h"
#include "producer/cli/view.h"

enum { SLICE_MS = 60000 };

typedef int each_id(struct cli *cli, const char *word, uint64_t id, void *user);

static int for_each_id(struct cli *cli, each_id *run, void *user)
{
    int exit_code = EXIT_DONE;
    /* All ids are looked at before anything happens: a mistyped one changes nothing. */
    for (size_t i = 0; i < cli->word_count; i++)
        if (cli_id(cli, cli->words[i]) == 0)
            return EXIT_USAGE;
    int failed = cli_connect(cli);
    if (failed)
        return failed;
    for (size_t i = 0; i < cli->word_count; i++) {
        int code = run(cli, cli->words[i], cli_id(cli, cli->words[i]), user);
        if (exit_code == EXIT_DONE)
            exit_code = code;
        if (code == EXIT_UNREACHABLE || code == EXIT_WAIT)
            break; /* it will not be better for the others */
    }
    return exit_code;
}

static int wait_for(struct cli *cli, const char *word, uint64_t id, struct outcome *o)
{
    struct reeve_result result;
    int code, left;
    /* In slices, so that a broker that is gone for good is noticed. */
    do {
        left = cli_left_ms(cli);
        code = reeve_wait(cli->client, id, left >= 0 && left < SLICE_MS ? left : SLICE_MS, &result);
    } while (code == REEVE_ETIMEOUT && (left < 0 || left > SLICE_MS));
    if (code != REEVE_OK)
        return cli_fail_code(cli, code, word);
    outcome_take(o, &result);
    o->id = id;
    return EXIT_DONE;
}

/* --- wait ----------------------------------------------------------------------------------- */

static int wait_one(struct cli *cli, const char *word, uint64_t id, void *user)
{
    struct outcome o = {0};
    (void)user;
    int exit_code = wait_for(cli, word, id, &o);
    if (exit_code == EXIT_DONE) {
        exit_code = outcome_exit(&o);
        if (cli->json)
            outcome_print(cli, &o, word);
    }
    outcome_fini(&o);
    return exit_code;
}

int verb_wait(struct cli *cli)
{
    return for_each_id(cli, wait_one, NULL);
}

/* --- result --------------------------------------------------------------------------------- */

static void take_state(void *user, const struct record *answer)
{
    unsigned *state = user;
    if (answer->type == REC_job)
        *state = (unsigned)answer->job.state;
}

static int result_one(struct cli *cli, const char *word, uint64_t id, void *user)
{
    struct record ask = {.type = REC_get_job, .get_job = {.id = id}};
    struct outcome o = {0};
    unsigned state = JOB_NONE;
    (void)user;
    int exit_code = cli_ask(cli, &ask, take_state, &state, word);
    if (exit_code)
        return exit_code;
    if (!job_ended((enum job_state)state))
        return cli_fail(cli, EXIT_JOB, "%s: not ended yet, it is %s", word, job_state_name(state));
    exit_code = wait_for(cli, word, id, &o);
    if (exit_code == EXIT_DONE)
        exit_code = outcome_print(cli, &o, word);
    outcome_fini(&o);
    return exit_code;
}

int verb_result(struct cli *cli)
{
    return for_each_id(cli, result_one, NULL);
}

/* --- cancel --------------------------------------------------------------------------------- */

static int cancel_one(struct cli *cli, const char *word, uint64_t id, void *user)
{
    struct record ask = {.type = REC_cancel, .cancel = {.id = id}};
    (void)user;
    int exit_code = cli_ask(cli, &ask, NULL, NULL, word);
    if (exit_code == EXIT_DONE && cli->json)
        printf("{\"id\":\"%s\",\"cancelled\":true}\n", word);
    return exit_code;
}

int verb_cancel(struct cli *cli)
{
    return for_each_id(cli, cancel_one, NULL);
}

/* --- retry ---------------------------------------------------------------------------------- */

static void take_new_id(void *user, const struct record *answer)
{
    uint64_t *id = user;
    if (answer->type == REC_accepted)
        *id = answer->accepted.id;
}

static int retry_one(struct cli *cli, const char *word, uint64_t id, void *user)
{
    struct record ask = {.type = REC_retry, .retry = {.id = id}};
    uint64_t new_id = 0;
    char text[14];
    (void)user;
    int exit_code = cli_ask(cli, &ask, take_new_id, &new_id, word);
    if (exit_code)
        return exit_code;
    reeve_job_id_format(new_id, text);
    if (cli->json)
        printf("{\"id\":\"%s\",\"retry_of\":\"%s\"}\n", text, word);
    else
        puts(text);
    return EXIT_DONE;
}

int verb_retry(struct cli *cli)
{
    return for_each_id(cli, retry_one, NULL);
}
