/* SPDX-License-Identifier: Apache-2.0
 *
 * invite: one line for another host, which joins the farm by it (join.c). Like keys it asks no
 * broker: it puts the invitation into the list of the one that runs with the folder.
 */
#include <inttypes.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "producer/cli/output.h"
#include "producer/cli/ring.h"
#include "producer/cli/verbs.h"
#include "producer/keyring/token.h"
#include "producer/view/pairs.h"

enum { HOUR_MS = 3600 * 1000, FOR_S_MAX = 30 * 24 * 3600, ADDRESS_BYTES = 320, RANDOM_NAME = 8 };

const struct option invite_options[] = {
    {"name", OPTION_TEXT, "NAME", "what the list calls the new worker (worker-xxxxxxxx)"},
    {"queues", OPTION_TEXT, "LIST",
     "only queues that begin so, with commas: calculator.,bench. (*: all)"},
    {"for", OPTION_SECONDS, "S", "how long the line is good, up to 30 days (1h)"},
    {"address", OPTION_TEXT, "tcp://HOST:PORT",
     "the broker's port for workers, as the other host reaches it (this host's name, the port "
     "behind --broker's)"},
    {"keys", OPTION_TEXT, "DIR", "the broker's folder ($XDG_STATE_HOME/reeve/keys)"},
    {0},
};

/* Nobody needs to know it by heart; it stands in the list and in its worker's log. */
static void random_name(char name[static IDENTITY_NAME])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    unsigned char bytes[RANDOM_NAME];
    must(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    int at = snprintf(name, IDENTITY_NAME, "worker-");
    for (size_t i = 0; i < sizeof bytes; i++)
        name[at++] = digits[bytes[i] & 31];
    name[at] = 0;
}

/* Workers' port is the one behind the clients'; a broker at loopback is told by this host's name
 * all the same: the other host has to reach it some way. */
static void usual_address(const struct cli *cli, char out[static ADDRESS_BYTES])
{
    char host[256] = "";
    const char *colon = strrchr(cli_address(cli), ':');
    long port = colon ? strtol(colon + 1, NULL, 10) : 0;
    if (gethostname(host, sizeof host - 1) != 0)
        snprintf(host, sizeof host, "localhost");
    snprintf(out, ADDRESS_BYTES, "tcp://%s:%ld", host, port + 1);
}

static void print_invitation(const struct cli *cli, const struct keyring *k,
                             const struct identity *made, const char *address, int64_t until_s)
{
    char token[TOKEN_TEXT];
    token_print(made, token);
    if (cli->json) {
        struct pairs p = {0};
        struct buf out = {0};
        pairs_text(&p, "name", made->name);
        pairs_text(&p, "address", address);
        pairs_text(&p, "token", token);
        pairs_integer(&p, "until", until_s);
        if (k->told)
            pairs_integer(&p, "broker", k->told);
        pairs_close(&p, &out);
        output_json(buf_bytes(&out));
        buf_fini(&out);
    } else {
        printf("reeve join %s %s\n", address, token);
        fprintf(stderr, "good once, for %s; %s\n", made->name,
                k->told ? "the broker knows it"
                        : "no broker runs with this folder; one that is started reads it");
    }
    explicit_bzero(token, sizeof token);
}

static int invite(struct cli *cli, struct keyring *k, const char *folder)
{
    const struct options *o = &cli->options;
    const char *queues;
    char chosen[IDENTITY_NAME], usual[ADDRESS_BYTES];
    struct identity made = {0};
    int exit_code = ring_queues(cli, &queues);
    if (exit_code)
        return exit_code;
    random_name(chosen);
    usual_address(cli, usual);
    int64_t now_s = clock_wall_ms() / 1000;
    int64_t until_s = now_s + options_ms(o, "for", HOUR_MS) / 1000;
    enum keyring_end end = keyring_open(k, folder);
    end = end ? end
              : keyring_invite(k, options_text(o, "name", chosen), queues, until_s, now_s, &made);
    if (end)
        return ring_exit(cli, k, end);
    print_invitation(cli, k, &made, options_text(o, "address", usual), until_s);
    identity_wipe(&made);
    return EXIT_DONE;
}

int verb_invite(struct cli *cli)
{
    const struct options *o = &cli->options;
    if (strcmp(cli->words[0], "worker") != 0)
        return cli_usage(cli, "only workers are invited: reeve invite worker; for others there is "
                              "`reeve keys new`");
    if (options_ms(o, "for", HOUR_MS) / 1000 > FOR_S_MAX || options_ms(o, "for", HOUR_MS) < 1000)
        return cli_usage(cli, "--for wants a second to 30 days");
    return ring_run(cli, invite);
}
