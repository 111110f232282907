/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/ring.h"

#include "common/paths.h"

int ring_run(struct cli *cli, ring_verb *verb)
{
    struct keyring k = {0};
    char *usual = path_state("keys");
    const char *folder = options_text(&cli->options, "keys", usual);
    int exit_code = folder && *folder
                        ? verb(cli, &k, folder)
                        : cli_fail(cli, EXIT_DATA, "no home for the keys: say --keys DIR");
    keyring_close(&k);
    free(usual);
    return exit_code;
}

int ring_exit(struct cli *cli, const struct keyring *k, enum keyring_end end)
{
    static const int codes[] = {[KEYRING_DONE] = EXIT_DONE,
                                [KEYRING_WRONG] = EXIT_DATA,
                                [KEYRING_TAKEN] = EXIT_DATA,
                                [KEYRING_UNKNOWN] = EXIT_UNKNOWN,
                                [KEYRING_BUSY] = EXIT_BUSY};
    return end == KEYRING_DONE ? EXIT_DONE : cli_fail(cli, codes[end], "%s", k->why);
}

int ring_queues(struct cli *cli, const char **queues)
{
    *queues = options_text(&cli->options, "queues", NULL);
    if (!*queues || acl_queues_valid(bytes_text(*queues)))
        return EXIT_DONE;
    return cli_usage(cli, "--queues wants * or beginnings of queues with commas, not \"%.60s\"",
                     *queues);
}
