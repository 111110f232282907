/* SPDX-License-Identifier: Apache-2.0
 *
 * job_verbs: call and run, the verbs that hand in one job and stay for its end.
 */
#include "producer/cli/command.h"
#include "producer/cli/jobspec.h"
#include "producer/cli/outcome.h"
#include "producer/cli/verbs.h"

static int check_method(struct cli *cli, const char *method)
{
    if (jobspec_method(method))
        return 0;
    return cli_usage(cli, "\"%.60s\" is no HANDLER.METHOD", method);
}

static struct bytes packed(const struct reeve_value *args)
{
    return bytes_of(reeve_value_data(args), reeve_value_size(args));
}

int verb_call(struct cli *cli)
{
    const char *method = cli->words[0];
    int failed = check_method(cli, method);
    if (failed)
        return failed;
    struct outcome o = {0};
    struct spec spec;
    struct reeve_value *args = reeve_value_new();
    spec_init(&spec, method, false, cli->json);
    spec_words(&spec, args, cli->words + 1, cli->word_count - 1);
    int exit_code = outcome_run(cli, method, packed(args), &o);
    if (exit_code == 0)
        exit_code = outcome_print(cli, &o, method);
    outcome_fini(&o);
    reeve_value_free(args);
    return exit_code;
}

int verb_run(struct cli *cli)
{
    struct outcome o = {0};
    struct command_end end;
    struct reeve_value *args = reeve_value_new();
    spec_texts(args, cli->words, cli->word_count);
    int exit_code = outcome_run(cli, "shell.run", packed(args), &o);
    reeve_value_free(args);
    if (exit_code) {
        outcome_fini(&o);
        return exit_code;
    }
    bool well = o.code == REEVE_OK && o.state == REEVE_JOB_OK;
    if (!well) {
        exit_code = outcome_print(cli, &o, "shell.run");
        if (o.code == REEVE_EUNKNOWN_HANDLER)
            fputs("Commands run on workers that were started with --allow-shell.\n", stderr);
    } else if (!command_read(buf_bytes(&o.value), &end)) {
        exit_code = cli_fail(cli, EXIT_BUG, "shell.run answered something else than a status");
    } else {
        if (cli->json) {
            outcome_print(cli, &o, "shell.run");
        } else {
            fwrite(end.out.size ? end.out.data : "", 1, end.out.size, stdout);
            fflush(stdout);
            fwrite(end.err.size ? end.err.data : "", 1, end.err.size, stderr);
        }
        exit_code = end.status;
    }
    outcome_fini(&o);
    return exit_code;
}
