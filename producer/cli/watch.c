/* SPDX-License-Identifier: Apache-2.0
 *
 * watch: prints the updates of topics as they come, a line each, until Ctrl-C, --count, --wait, or
 * until everything that is watched is jobs and sessions that have ended. That nothing is missed is
 * the client library's doing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "producer/cli/news.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"
#include "producer/view/field.h"
#include "producer/view/progress_view.h"

const struct option watch_options[] = {
    {"since", OPTION_NUMBER, "SEQ",
     "first what came after number SEQ, as far as it is still there"},
    {"count", OPTION_NUMBER, "N", "end after N lines", 1, INT64_MAX},
    {0},
};

struct watched {
    struct watch_run *run;
    const char *topic;
    bool ended; /* a job's or a session's, and that has ended */
};

struct watch_run {
    struct cli *cli;
    struct watched *topics;
    uint64_t lines, count; /* printed; at most (0: any number) */
    int exit_code;
};

/* --- one update ----------------------------------------------------------------------------- */

/* "running on host-1", "failed (error) after 3 ms" */
static void print_state(const struct reeve_update *u)
{
    struct bytes body = news_body(u), state = field_text(body, "state");
    struct bytes worker = field_text(body, "worker"), reason = field_text(body, "reason");
    uint64_t run_us = field_uint(body, "run_us");
    char span[SPAN_TEXT];
    output_bytes(state);
    if (reason.size && !bytes_equal(reason, state)) {
        fputs(" (", stdout);
        output_bytes(reason);
        putchar(')');
    }
    if (worker.size) {
        fputs(" on ", stdout);
        output_bytes(worker);
    }
    if (run_us)
        printf(", ran %s", span_text(run_us, span));
}

/* "progress 3 of 10 (30 %)" */
static void print_progress(const char *lead, struct bytes progress)
{
    struct buf words = {0};
    progress_words(&words, progress);
    printf("%sprogress ", lead);
    output_bytes(buf_bytes(&words));
    buf_fini(&words);
}

/* Whatever else there is to say, as key=value. */
static void print_pairs(const struct reeve_update *u)
{
    for (struct fields f = fields_of(news_body(u)); fields_next(&f);) {
        if (news_leading(f.key))
            continue;
        char *text = reeve_text(f.value.data, f.value.size, NULL);
        putchar(' ');
        output_bytes(f.key);
        putchar('=');
        output_bytes(bytes_text(text ? text : "?"));
        free(text);
    }
}

static bool is_job(const char *topic)
{
    return strncmp(topic, "job/", 4) == 0 && topic[4];
}

static bool is_session(const char *topic)
{
    return strncmp(topic, "session/", 8) == 0 && topic[8];
}

static void print_number(const char *name, struct bytes map, const char *key)
{
    double number;
    if (field_number(map, key, &number))
        printf(" %s=%.10g", name, number);
}

/* "iteration=4 objective=190.1 best=190.9 violation=0 state=running"; of a session that shows no
 * best point all its numbers. The rest of the view is for --json. */
static void print_session(const struct reeve_update *u)
{
    struct bytes body = news_body(u), best = field_of(body, "best");
    double number;
    if (strcmp(u->event, "iteration") != 0)
        printf("%s ", u->event);
    printf("iteration=%" PRIu64, field_uint(body, "iteration"));
    if (fields_of(best).left) {
        print_number("objective", body, "objective");
        print_number("best", best, "objective");
        print_number("violation", body, "violation");
    }
    for (struct fields f = fields_of(body); !fields_of(best).left && fields_next(&f);)
        if (!news_leading(f.key) && !bytes_equal(f.key, bytes_text("iteration")) &&
            number_of(f.value, &number)) {
            putchar(' ');
            output_bytes(f.key);
            printf("=%.10g", number);
        }
    fputs(" state=", stdout);
    output_bytes(field_text(body, "state"));
}

static void print_line(const struct reeve_update *u)
{
    time_t seconds = (time_t)(news_time(u) / 1000);
    struct tm local;
    char clock[16];
    localtime_r(&seconds, &local);
    strftime(clock, sizeof clock, "%H:%M:%S", &local);
    printf("%s.%03u %s #%" PRIu64 " ", clock, (unsigned)(news_time(u) % 1000), u->topic, u->seq);
    bool job = is_job(u->topic);
    struct bytes progress = field_of(news_body(u), "progress");
    if (job && strcmp(u->event, "state") == 0) {
        print_state(u);
    } else if (job && strcmp(u->event, "progress") == 0) {
        print_progress("", progress);
    } else if (job && strcmp(u->event, "snapshot") == 0) {
        fputs("is ", stdout);
        print_state(u);
        if (progress.size)
            print_progress(", ", progress);
    } else if (is_session(u->topic) && strcmp(u->event, "lost") != 0) {
        print_session(u);
    } else {
        fputs(u->event, stdout);
        print_pairs(u);
    }
    putchar('\n');
}

static bool state_ended(const struct reeve_update *u)
{
    char name[24];
    snprintf(name, sizeof name, "%.*s", BYTES_ARG(field_text(news_body(u), "state")));
    if (!is_session(u->topic))
        return job_ended((enum job_state)job_state_parse(name));
    for (unsigned state = REEVE_SESSION_FINISHED; state <= REEVE_SESSION_FAILED; state++)
        if (strcmp(name, reeve_session_state_name((enum reeve_session_state)state)) == 0)
            return true;
    return false;
}

/* What was watched is there no more, or never was: no further word of it will come. */
static void on_error(struct watched *w, const struct reeve_update *u)
{
    struct bytes text = field_text(news_body(u), "text");
    w->ended = true;
    w->run->exit_code = cli_fail(w->run->cli, EXIT_UNKNOWN, "%s: %.*s", w->topic, BYTES_ARG(text));
}

static void on_update(void *user, const struct reeve_update *u)
{
    struct watched *w = user;
    struct watch_run *run = w->run;
    if (run->count && run->lines >= run->count)
        return;
    if (strcmp(u->event, "error") == 0) {
        on_error(w, u);
        return;
    }
    run->lines++;
    if (run->cli->json)
        news_json(u);
    else
        print_line(u);
    if (is_job(w->topic) || is_session(w->topic))
        w->ended = state_ended(u);
}

/* --- the run -------------------------------------------------------------------------------- */

static bool all_ended(const struct watch_run *run)
{
    for (size_t i = 0; i < run->cli->word_count; i++)
        if (!run->topics[i].ended)
            return false;
    return true;
}

static int run_watch(struct watch_run *run)
{
    for (;;) {
        if (fflush(stdout) != 0)
            return EXIT_DONE; /* told, where it is a failure, by main */
        if (cli_interrupted() || (run->count && run->lines >= run->count) || all_ended(run))
            return run->exit_code;
        int left = cli_left_ms(run->cli);
        if (left == 0)
            return cli_fail(run->cli, EXIT_WAIT, "the time to wait has passed");
        /* Not to write, but to hear that the reader has gone. */
        struct pollfd out = {.fd = STDOUT_FILENO};
        int code = cli_turn(run->cli, &out, 1, left);
        if (code)
            return cli_fail_code(run->cli, code, "watch");
        if (out.revents & POLLERR)
            return EXIT_DONE;
    }
}

/* How a job is now: with --since, what comes after its last update is nothing. */
static void take_snapshot(void *user, const struct record *answer)
{
    struct watched *w = user;
    const struct msg_snapshot *m = &answer->snapshot;
    if (answer->type != REC_snapshot || !options_given(&w->run->cli->options, "since"))
        return;
    struct reeve_update now = {.topic = w->topic, .body = m->body.data, .size = m->body.size};
    if (m->seq <= (uint64_t)options_number(&w->run->cli->options, "since", 0))
        w->ended = state_ended(&now);
}

/* Below any other head lie feeds, which begin with whoever subscribes: there is none before. */
static bool is_feed(const char *topic)
{
    static const char *const heads[] = {"job/", "session/", "queue/", "worker/"};
    for (size_t i = 0; i < LENGTH(heads); i++)
        if (strncmp(topic, heads[i], strlen(heads[i])) == 0)
            return false;
    return strchr(topic, '/') != NULL;
}

/* A job, queue or worker that is not there is told at once: nothing would ever come. */
static int check_topic(struct cli *cli, struct watched *w)
{
    const char *topic = w->topic;
    struct record ask = {.type = REC_watch, .watch = {.topic = bytes_text(topic)}};
    if (*topic == 0 || strlen(topic) > TOPIC_BYTES_MAX)
        return cli_usage(cli, "\"%.60s\" is no topic", topic);
    if (is_job(topic) && cli_id(cli, topic) == 0)
        return EXIT_USAGE;
    if (is_session(topic) && !reeve_job_id_parse(topic + 8))
        return cli_fail(cli, EXIT_UNKNOWN, "%s: err_sessionNotFound", topic);
    if (topic[strlen(topic) - 1] == '/' || is_feed(topic))
        return cli_connect(cli);
    return cli_ask(cli, &ask, take_snapshot, w, topic);
}

static int subscribe(struct watch_run *run, struct watched *w)
{
    struct cli *cli = run->cli;
    bool since = options_given(&cli->options, "since");
    int exit_code = check_topic(cli, w);
    if (exit_code)
        return exit_code;
    int code = since ? client_subscribe_after(
                           cli->client, w->topic, client_welcome(cli->client)->incarnation,
                           (uint64_t)options_number(&cli->options, "since", 0), on_update, w)
                     : reeve_subscribe(cli->client, w->topic, on_update, w);
    return code ? cli_fail_code(cli, code, w->topic) : EXIT_DONE;
}

int verb_watch(struct cli *cli)
{
    struct watch_run run = {.cli = cli};
    run.count = (uint64_t)options_number(&cli->options, "count", 0);
    run.topics = must_alloc(cli->word_count * sizeof *run.topics);
    cli_catch_interrupts();
    int exit_code = EXIT_DONE;
    for (size_t i = 0; i < cli->word_count && exit_code == EXIT_DONE; i++) {
        run.topics[i] = (struct watched){.run = &run, .topic = cli->words[i]};
        exit_code = subscribe(&run, &run.topics[i]);
    }
    if (exit_code == EXIT_DONE)
        exit_code = run_watch(&run);
    reeve_close(cli->client);
    cli->client = NULL;
    free(run.topics);
    return exit_code;
}
