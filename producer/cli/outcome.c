/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/outcome.h"

#include "common/clock.h"
#include "producer/cli/jobspec.h"
#include "producer/cli/output.h"

void outcome_take(struct outcome *o, const struct reeve_result *result)
{
    o->done = true;
    o->id = result->id ? result->id : o->id;
    o->code = result->code;
    o->state = result->state;
    o->attempts = result->attempts;
    buf_clear(&o->value);
    buf_clear(&o->text);
    buf_put(&o->value, result->value, result->size);
    /* A text may hold zero bytes of its own, which result->text cannot tell. */
    struct cursor c = cursor_of(bytes_of(result->value, result->size));
    struct bytes whole = cursor_peek(&c) == PACK_STR ? cursor_str(&c) : bytes_text(result->text);
    buf_put(&o->text, whole.data, whole.size);
    snprintf(o->reason, sizeof o->reason, "%s", result->reason ? result->reason : "");
}

void outcome_fini(struct outcome *o)
{
    buf_fini(&o->value);
    buf_fini(&o->text);
}

int outcome_exit(const struct outcome *o)
{
    if (o->code != REEVE_OK)
        return err_exit_code((unsigned)o->code);
    return o->state == REEVE_JOB_OK ? EXIT_DONE : EXIT_JOB;
}

/* Where there is no text of the job's own, the library gives the reason once more. */
static bool says_more(const struct outcome *o)
{
    struct cursor c = cursor_of(buf_bytes(&o->value));
    return cursor_peek(&c) == PACK_STR && o->text.size > 0;
}

const char *outcome_text(const struct outcome *o, struct buf *scratch)
{
    struct bytes text = buf_bytes(&o->text);
    buf_clear(scratch);
    if (o->code != REEVE_OK) {
        buf_printf(scratch, "%.*s", BYTES_ARG(text));
        if (text.size == 0)
            buf_printf(scratch, "%s", err_text((unsigned)o->code));
        return buf_text(scratch);
    }
    const char *state = reeve_state_name(o->state);
    buf_printf(scratch, "%s", state);
    /* "error" says no more than "failed" does. */
    if (*o->reason && strcmp(o->reason, "error") != 0 && strcmp(o->reason, state) != 0)
        buf_printf(scratch, " (%s)", o->reason);
    if (says_more(o))
        buf_printf(scratch, ": %.*s", BYTES_ARG(text));
    return buf_text(scratch);
}

static void pack_error(struct buf *b, const struct outcome *o)
{
    struct buf scratch = {0};
    if (o->code == REEVE_OK && o->state == REEVE_JOB_OK)
        pack_nil(b);
    else if (o->code == REEVE_OK && o->text.size)
        pack_str(b, buf_bytes(&o->text));
    else
        pack_text(b, outcome_text(o, &scratch));
    buf_fini(&scratch);
}

void outcome_pack(const struct outcome *o, uint64_t line, struct buf *json)
{
    struct buf b = {0};
    char id[14];
    bool ended = o->code == REEVE_OK && o->done;
    pack_map(&b, line ? 5 : 4);
    if (line) {
        pack_text(&b, "line");
        pack_uint(&b, line);
    }
    pack_text(&b, "id");
    if (o->id) {
        reeve_job_id_format(o->id, id);
        pack_text(&b, id);
    } else {
        pack_nil(&b);
    }
    pack_text(&b, "state");
    if (ended)
        pack_text(&b, reeve_state_name(o->state));
    else
        pack_nil(&b);
    pack_text(&b, "value");
    if (ended && o->state == REEVE_JOB_OK && o->value.size)
        buf_put(&b, o->value.data, o->value.size);
    else
        pack_nil(&b);
    pack_text(&b, "error");
    pack_error(&b, o);
    char *text = reeve_json(b.data, b.size);
    /* A value is what a handler made of it: it may be no proper msgpack. */
    if (!text)
        text = strdup("null");
    must(text);
    buf_put(json, text, strlen(text));
    free(text);
    buf_fini(&b);
}

static void print_json(const struct outcome *o)
{
    struct buf json = {0};
    outcome_pack(o, 0, &json);
    fwrite(json.data, 1, json.size, stdout);
    putchar('\n');
    buf_fini(&json);
}

/* A refusal is of the request, not of what a job did: it names what was asked for. */
static void print_failure(struct cli *cli, const struct outcome *o, const char *what)
{
    struct buf scratch = {0};
    const char *text = outcome_text(o, &scratch);
    fflush(stdout); /* what was printed before stands before it */
    if (o->code == REEVE_OK)
        fprintf(stderr, "%s\n", text);
    else
        fprintf(stderr, "reeve %s: %s: %s\n", cli->verb->name, what, text);
    buf_fini(&scratch);
}

int outcome_print(struct cli *cli, const struct outcome *o, const char *what)
{
    bool well = o->code == REEVE_OK && o->state == REEVE_JOB_OK;
    if (cli->json) {
        print_json(o);
    } else if (well) {
        fwrite(o->text.size ? (char *)o->text.data : "", 1, o->text.size, stdout);
        putchar('\n');
    }
    if (!well)
        print_failure(cli, o, what);
    return outcome_exit(o);
}

enum { ACCEPT_MS = 2000 };

/* --- one job from beginning to end ---------------------------------------------------------- */

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    struct outcome *o = user;
    (void)number;
    o->id = id;
}

static void on_result(void *user, const struct reeve_result *result)
{
    outcome_take(user, result);
}

static int abandon(struct cli *cli, struct outcome *o)
{
    char id[14] = "";
    int64_t until_ms = clock_ms() + ACCEPT_MS;
    /* A job is known by its id from its acceptance on, which is on its way. */
    while (!o->id && !o->done && clock_ms() < until_ms)
        if (reeve_dispatch(cli->client, 100) != REEVE_OK)
            break;
    if (o->id)
        reeve_job_id_format(o->id, id);
    if (o->id && reeve_cancel(cli->client, o->id, CONNECT_MS) == REEVE_OK)
        fprintf(stderr, "interrupted: job %s is cancelled\n", id);
    else
        fprintf(stderr, "interrupted; job %s may still run\n", *id ? id : "(no id yet)");
    return EXIT_INTERRUPTED;
}

int outcome_run(struct cli *cli, const char *method, struct bytes args, struct outcome *o)
{
    struct reeve_job_options options;
    char error[128];
    if (jobspec_read(&cli->options, &options, error))
        return cli_usage(cli, "%s", error);
    int failed = cli_connect(cli);
    if (failed)
        return failed;
    cli_catch_interrupts();
    int code = reeve_submit(cli->client, method, args.data, args.size, &options, on_accepted,
                            on_result, o, NULL);
    while (code == REEVE_OK && !o->done) {
        int left = cli_left_ms(cli);
        if (left == 0) {
            char id[14] = "";
            if (o->id)
                reeve_job_id_format(o->id, id);
            return cli_fail(cli, EXIT_WAIT, "not ended in time; job %s goes on", id);
        }
        code = cli_turn(cli, NULL, 0, left);
        if (cli_interrupted() && !o->done)
            return abandon(cli, o);
    }
    return code == REEVE_OK ? 0 : cli_fail_code(cli, code, method);
}
