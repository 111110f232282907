/* SPDX-License-Identifier: Apache-2.0
 *
 * control_verbs: hold, release and drain: the operator's hand on queues and workers.
 */
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"

/* The request for one name, and the state the name is in afterwards. */
struct control {
    const char *kind, *state;
    struct record (*request)(struct bytes name);
};

static int control(struct cli *cli, const struct control *c)
{
    int exit_code = EXIT_DONE;
    for (size_t i = 0; i < cli->word_count; i++) {
        struct record ask = c->request(bytes_text(cli->words[i]));
        int code = cli_ask(cli, &ask, NULL, NULL, cli->words[i]);
        if (code == EXIT_UNREACHABLE || code == EXIT_WAIT)
            return code;
        if (code != EXIT_DONE) {
            exit_code = exit_code ? exit_code : code;
        } else if (cli->json) {
            struct buf b = {0};
            pack_map(&b, 2);
            pack_text(&b, c->kind);
            pack_text(&b, cli->words[i]);
            pack_text(&b, "state");
            pack_text(&b, c->state);
            output_json(buf_bytes(&b));
            buf_fini(&b);
        } else {
            printf("%s is %s\n", cli->words[i], c->state);
        }
    }
    return exit_code;
}

static struct record ask_hold(struct bytes name)
{
    return (struct record){.type = REC_hold, .hold = {.queue = name}};
}

static struct record ask_release(struct bytes name)
{
    return (struct record){.type = REC_release, .release = {.queue = name}};
}

static struct record ask_drain(struct bytes name)
{
    return (struct record){.type = REC_drain, .drain = {.worker = name}};
}

int verb_hold(struct cli *cli)
{
    static const struct control hold = {"queue", "held", ask_hold};
    return control(cli, &hold);
}

int verb_release(struct cli *cli)
{
    static const struct control release = {"queue", "released", ask_release};
    return control(cli, &release);
}

int verb_drain(struct cli *cli)
{
    static const struct control drain = {"worker", "draining", ask_drain};
    return control(cli, &drain);
}
