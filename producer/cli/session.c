/* SPDX-License-Identifier: Apache-2.0
 *
 * session: `reeve session`: start a session, steer it, be its plant. Each verb finds its session,
 * asks one thing of it, and prints what is said to that.
 */
#include <errno.h>
#include <math.h>

#include "producer/cli/jobspec.h"
#include "producer/cli/session_verbs.h"
#include "producer/cli/sessionspec.h"
#include "producer/cli/verbs.h"
#include "producer/view/field.h"

enum { SPEC_BYTES_MAX = 1 << 20, ISLANDS_MAX = 1024 };

const struct option session_options[] = {
    {"model", OPTION_TEXT, "ID", "start: one of `session models`"},
    {"objective", OPTION_TEXT, "TEXT", "start: over [names]; tell: its value"},
    {"constraint", OPTION_TEXT, "TEXT", "start: such as '[XA] <= 0.12'; may be given again"},
    {"maximize", OPTION_FLAG, NULL, "start: look for the most"},
    {"minimize", OPTION_FLAG, NULL, "start: look for the least"},
    {"method", OPTION_TEXT, "NAME", "start: how to look for it"},
    {"mv", OPTION_TEXT, "V", "start: NAME[=START]:LOW..HIGH; optimise: NAME=VALUE; again for each"},
    {"cv", OPTION_TEXT, "V", "start: NAME[=EXPRESSION][:LOW..HIGH]; optimise: NAME=VALUE; again"},
    {"max-iterations", OPTION_NUMBER, "N", "start: end after N iterations"},
    {"seed", OPTION_NUMBER, "N", "start: same seed, same run"},
    {"islands", OPTION_NUMBER, "K", "start: K searches side by side", 1, ISLANDS_MAX},
    {"delay", OPTION_SECONDS, "S", "start: each evaluation of the model takes S seconds longer"},
    {"external", OPTION_FLAG, NULL, "start: you are the plant: propose, tell"},
    {"file", OPTION_TEXT, "SPEC.json", "start: all of this from a file; options stand over it"},
    {"follow", OPTION_FLAG, NULL, "optimise: stay until it has ended; --wait alone says the same"},
    {"iteration", OPTION_NUMBER, "N", "tell: the proposal this answers (the last one)"},
    {"limit", OPTION_NUMBER, "N", "list: at most so many, newest first (100; 0: all)", 0,
     1000000000},
    {"quiet", OPTION_FLAG, NULL, "start, list: only ids"},
    {0},
};

/* --- saying --------------------------------------------------------------------------------- */

int session_answer(struct session *s, int exit_code, struct pairs *p)
{
    const struct cli *cli = s->cli;
    const char *text = buf_text(&s->said);
    if (cli->json) {
        pairs_text(p, "message", text);
        if (exit_code) {
            struct pairs error = {.count = 0};
            pairs_integer(&error, "exit", exit_code);
            pairs_text(&error, "message", text);
            pairs_close(&error, pairs_key(p, "error"));
        }
        pairs_print(p);
    } else {
        buf_fini(&p->buf);
        if (!exit_code)
            puts(text);
    }
    fflush(stdout);
    if (exit_code)
        fprintf(stderr, "reeve session %s: %s\n", cli->words[0], text);
    return exit_code;
}

int session_answer_id(struct session *s, int exit_code)
{
    struct pairs p = {.count = 0};
    char id[JOB_ID_TEXT];
    if (s->now.id)
        reeve_job_id_format(s->now.id, id);
    pairs_text(&p, "id", s->now.id ? id : s->cli->words[1]);
    return session_answer(s, exit_code, &p);
}

int session_values(struct cli *cli, size_t first, struct tags *tags)
{
    char error[TAG_ERROR];
    for (size_t i = first; i < cli->word_count; i++) {
        struct tag tag;
        if (tag_value(&tag, cli->words[i], error) || tags_add(tags, &tag, error))
            return cli_usage(cli, "%s", error);
    }
    return 0;
}

static int read_options(struct cli *cli, const char *name, struct tags *tags)
{
    char error[TAG_ERROR];
    size_t at = 0;
    for (const char *word; (word = options_next(&cli->options, name, &at));) {
        struct tag tag;
        if (tag_value(&tag, word, error) || tags_add(tags, &tag, error))
            return cli_usage(cli, "--%s: %s", name, error);
    }
    return 0;
}

/* --- start ---------------------------------------------------------------------------------- */

static int read_file(struct cli *cli, const char *path, struct reeve_value *out)
{
    char why[160];
    struct buf text = {0};
    FILE *file = fopen(path, "rb");
    size_t got = 1;
    while (file && got && text.size <= SPEC_BYTES_MAX) {
        got = fread(buf_extend(&text, 4096), 1, 4096, file);
        text.size -= 4096 - got;
    }
    int error = file && !ferror(file) ? 0 : errno;
    if (file)
        fclose(file);
    int exit_code = 0;
    if (!file || error)
        exit_code = cli_fail(cli, EXIT_DATA, "%s: %s", path, strerror(error));
    else if (text.size > SPEC_BYTES_MAX)
        exit_code = cli_fail(cli, EXIT_DATA, "%s: longer than 1 MiB", path);
    else if (reeve_put_json(out, buf_text(&text), text.size, why, sizeof why))
        exit_code = cli_fail(cli, EXIT_DATA, "%s: %s", path, why);
    buf_fini(&text);
    struct cursor c = cursor_of(bytes_of(reeve_value_data(out), reeve_value_size(out)));
    if (!exit_code && cursor_peek(&c) != PACK_MAP)
        exit_code = cli_fail(cli, EXIT_DATA, "%s: not one JSON object", path);
    return exit_code;
}

static int read_spec(struct cli *cli, struct buf *out)
{
    char error[TAG_ERROR];
    struct sessionspec spec = {0};
    struct buf over = {0};
    struct reeve_value *file = reeve_value_new();
    const char *path = options_text(&cli->options, "file", NULL);
    int exit_code = path ? read_file(cli, path, file) : 0;
    if (!exit_code && sessionspec_options(&spec, &cli->options, error))
        exit_code = cli_usage(cli, "%s", error);
    sessionspec_pack(&spec, &over);
    sessionspec_merge(out, bytes_of(reeve_value_data(file), reeve_value_size(file)),
                      buf_bytes(&over));
    if (!exit_code && fields_of(buf_bytes(out)).left == 0)
        exit_code = cli_usage(cli, "what is it to do? --model, --objective or --file");
    reeve_value_free(file);
    buf_fini(&over);
    sessionspec_fini(&spec);
    return exit_code;
}

static int verb_start(struct session *s)
{
    struct cli *cli = s->cli;
    struct reeve_job_options options;
    struct buf spec = {0};
    struct pairs p = {.count = 0};
    char error[128], id[JOB_ID_TEXT];
    if (jobspec_read(&cli->options, &options, error))
        return cli_usage(cli, "%s", error);
    options.delay_ms = 0; /* --delay is the model's */
    options.kind = REEVE_SESSION;
    int exit_code = read_spec(cli, &spec);
    if (!exit_code)
        exit_code = cli_connect(cli);
    if (exit_code) {
        buf_fini(&spec);
        return exit_code;
    }
    exit_code = session_start(s, buf_bytes(&spec), &options);
    buf_fini(&spec);
    if (exit_code)
        return session_answer(s, exit_code, &p);
    reeve_job_id_format(s->now.id, id);
    if (cli->json) {
        session_view_pairs(&s->now, &p, false);
        pairs_print(&p);
        return 0;
    }
    puts(id);
    if (!options_flag(&cli->options, "quiet", false) && s->said.size)
        fprintf(stderr, "%s\n", buf_text(&s->said)); /* so that the id alone is on the output */
    return 0;
}

/* --- optimise, pause, stop ------------------------------------------------------------------ */

static bool stays(const struct cli *cli)
{
    return options_flag(&cli->options, "follow", false) || options_given(&cli->options, "wait");
}

static int answer_optimise(struct session *s, int exit_code, bool followed)
{
    struct pairs p = {.count = 0};
    char id[JOB_ID_TEXT];
    reeve_job_id_format(s->now.id, id);
    pairs_text(&p, "id", id);
    pairs_text(&p, "state", reeve_session_state_name(s->now.state));
    pairs_integer(&p, "iteration", (int64_t)s->now.iteration);
    pairs_integer(&p, "flag", s->flag);
    pairs_value(&p, "mvs", session_view_mvs(&s->now));
    pairs_value(&p, "best", session_view_best(&s->now));
    exit_code = session_answer(s, exit_code, &p);
    if (exit_code || s->cli->json)
        return exit_code;
    if (followed)
        session_print_best(s);
    else
        session_print_numbers(session_view_mvs(&s->now));
    return 0;
}

static int verb_optimise(struct session *s)
{
    struct tags cvs = {0}, mvs = {0};
    int exit_code = read_options(s->cli, "cv", &cvs);
    if (!exit_code)
        exit_code = read_options(s->cli, "mv", &mvs);
    if (exit_code) {
        tags_fini(&cvs);
        tags_fini(&mvs);
        return exit_code;
    }
    bool follow = stays(s->cli);
    exit_code = session_optimise(s, &cvs, &mvs);
    tags_fini(&cvs);
    tags_fini(&mvs);
    /* One that runs already is followed as well as one that begins. */
    if (follow && (exit_code == 0 || s->flag == FLAG_RUNNING))
        exit_code = session_follow(s);
    return answer_optimise(s, exit_code, follow);
}

static int verb_pause(struct session *s)
{
    struct pairs p = {.count = 0};
    char id[JOB_ID_TEXT];
    int exit_code = session_pause(s);
    reeve_job_id_format(s->now.id, id);
    pairs_text(&p, "id", id);
    pairs_truth(&p, "is_paused", exit_code == 0);
    return session_answer(s, exit_code, &p);
}

static int verb_stop(struct session *s)
{
    return session_answer_id(s, session_stop(s));
}

/* --- the client as the plant ---------------------------------------------------------------- */

static int verb_propose(struct session *s)
{
    struct pairs p = {.count = 0};
    char id[JOB_ID_TEXT];
    int exit_code = session_propose(s);
    if (exit_code == 0 && !s->cli->json) {
        session_print_numbers(session_view_mvs(&s->now));
        return 0;
    }
    reeve_job_id_format(s->now.id, id);
    pairs_text(&p, "id", id);
    pairs_text(&p, "state", reeve_session_state_name(s->now.state));
    pairs_integer(&p, "iteration", (int64_t)s->now.iteration);
    pairs_value(&p, "mvs", session_view_mvs(&s->now));
    return session_answer(s, exit_code, &p);
}

static int verb_tell(struct session *s)
{
    struct cli *cli = s->cli;
    struct tags cvs = {0};
    const char *text = options_text(&cli->options, "objective", "");
    double objective;
    int exit_code = session_values(cli, 2, &cvs);
    if (!exit_code && !(tag_number(bytes_text(text), &objective) && isfinite(objective)))
        exit_code = cli_usage(cli, "--objective wants the value of the objective");
    if (!exit_code) {
        exit_code =
            session_tell(s, options_number(&cli->options, "iteration", -1), objective, &cvs);
        exit_code = session_answer_id(s, exit_code);
    }
    tags_fini(&cvs);
    return exit_code;
}

/* --- which ---------------------------------------------------------------------------------- */

static const struct session_verb {
    const char *name, *usage;
    int (*run)(struct session *s);
    size_t words_min, words_max; /* behind the name */
    bool finds;                  /* the first one is an id */
} session_verbs[] = {
    {"start", "[OPTION]...", verb_start, 0, 0, false},
    {"optimise", "ID [--mv NAME=VALUE]... [--cv NAME=VALUE]... [--wait]", verb_optimise, 1, 1,
     true},
    {"pause", "ID", verb_pause, 1, 1, true},
    {"stop", "ID", verb_stop, 1, 1, true},
    {"show", "ID", session_show, 1, 1, true},
    {"list", "[--limit N]", session_list, 0, 0, false},
    {"objective", "ID", session_objective, 1, 1, true},
    {"cv", "ID NAME=VALUE...", session_cv, 2, WORDS_ANY, true},
    {"models", "", session_models, 0, 0, false},
    {"status", "", session_status, 0, 0, false},
    {"propose", "ID", verb_propose, 1, 1, true},
    {"tell", "ID NAME=VALUE... --objective VALUE", verb_tell, 1, WORDS_ANY, true},
};

const char *session_verb_name(size_t i)
{
    return i < LENGTH(session_verbs) ? session_verbs[i].name : NULL;
}

static const struct session_verb *find_verb(struct cli *cli)
{
    const char *names[LENGTH(session_verbs)], *near;
    for (size_t i = 0; i < LENGTH(session_verbs); i++) {
        names[i] = session_verbs[i].name;
        if (strcmp(names[i], cli->words[0]) == 0)
            return &session_verbs[i];
    }
    near = options_nearest(cli->words[0], names, LENGTH(names));
    cli_usage(cli, "no \"%.40s\"%s%s%s", cli->words[0], near ? "; did you mean \"" : "",
              near ? near : "", near ? "\"?" : "");
    return NULL;
}

int verb_session(struct cli *cli)
{
    struct session s = {.cli = cli};
    const struct session_verb *verb = find_verb(cli);
    size_t words = cli->word_count - 1;
    if (!verb)
        return EXIT_USAGE;
    if (words < verb->words_min || words > verb->words_max)
        return cli_usage(cli, "it is: reeve session %s %s", verb->name, verb->usage);
    cli_catch_interrupts();
    int exit_code = verb->finds ? cli_connect(cli) : 0;
    if (!exit_code && verb->finds) {
        exit_code = session_find(&s, cli->words[1]);
        if (exit_code)
            exit_code = session_answer_id(&s, exit_code);
    }
    if (!exit_code)
        exit_code = verb->run(&s);
    reeve_close(cli->client); /* what it still has to say would be said to s */
    cli->client = NULL;
    session_fini(&s);
    return exit_code;
}
