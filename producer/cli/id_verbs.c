/* SPDX-License-Identifier: Apache-2.0
 *
 * id_verbs: wait, result, cancel, retry, explain: one after the other for each id.
 */
#include "producer/cli/ids.h"
#include "producer/cli/outcome.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"
#include "producer/view/view.h"

enum { SLICE_MS = 60000 };

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
    return ids_each(cli, 0, wait_one, NULL);
}

/* --- result --------------------------------------------------------------------------------- */

static int result_one(struct cli *cli, const char *word, uint64_t id, void *user)
{
    struct outcome o = {0};
    enum job_state state;
    (void)user;
    int exit_code = ids_state(cli, word, id, &state);
    if (exit_code)
        return exit_code;
    if (!job_ended(state))
        return cli_fail(cli, EXIT_JOB, "%s: not ended yet, it is %s", word, job_state_name(state));
    exit_code = wait_for(cli, word, id, &o);
    if (exit_code == EXIT_DONE)
        exit_code = outcome_print(cli, &o, word);
    outcome_fini(&o);
    return exit_code;
}

int verb_result(struct cli *cli)
{
    return ids_each(cli, 0, result_one, NULL);
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
    return ids_each(cli, 0, cancel_one, NULL);
}

/* --- retry ---------------------------------------------------------------------------------- */

static int retry_one(struct cli *cli, const char *word, uint64_t id, void *user)
{
    uint64_t new_id;
    char text[14];
    (void)user;
    int exit_code = ids_retry(cli, word, id, &new_id);
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
    return ids_each(cli, 0, retry_one, NULL);
}

/* --- explain -------------------------------------------------------------------------------- */

struct reasons {
    const char *lead; /* "", or the id, when there are several */
    bool json;
    struct view_rows rows;
};

static void take_reason(void *user, const struct record *answer)
{
    struct reasons *reasons = user;
    if (answer->type != REC_explanation)
        return;
    const struct msg_explanation *e = &answer->explanation;
    const char *code = why_name((unsigned)e->code);
    if (reasons->json) {
        reasons->rows.count++;
        view_reason(&reasons->rows.buf, code, e->text);
        return;
    }
    printf("%s%s%s: ", reasons->lead, *reasons->lead ? " " : "", code);
    output_bytes(e->text);
    putchar('\n');
}

static int explain_one(struct cli *cli, const char *word, uint64_t id, void *user)
{
    struct record ask = {.type = REC_explain, .explain = {.id = id}};
    struct reasons reasons = {.lead = cli->word_count > 1 ? word : "", .json = cli->json};
    (void)user;
    int exit_code = cli_ask(cli, &ask, take_reason, &reasons, word);
    if (exit_code == EXIT_DONE && cli->json) {
        struct buf b = {0};
        view_reasons(&b, id, &reasons.rows);
        output_json(buf_bytes(&b));
        buf_fini(&b);
    }
    view_rows_fini(&reasons.rows);
    return exit_code;
}

int verb_explain(struct cli *cli)
{
    return ids_each(cli, 0, explain_one, NULL);
}
