/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve: the command line. Finds the verb, reads its options, runs it, and looks after what all
 * verbs share: help, the broker's address, --wait, and that standard output was really written.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/settings.h"
#include "producer/cli/output.h"
#include "producer/cli/verbs.h"

#define DEFAULT_ADDRESS "tcp://127.0.0.1:7710"

const struct option common_options[] = {
    {"json", OPTION_FLAG, NULL, "JSON for programs"},
    {"broker", OPTION_TEXT, "ADDRESS", "else $REEVE_BROKER, else " DEFAULT_ADDRESS,
     .environment = "REEVE_BROKER"},
    {"identity", OPTION_TEXT, "FILE",
     "our key, for a broker that asks for one; else $REEVE_IDENTITY",
     .environment = "REEVE_IDENTITY"},
    {"wait", OPTION_SECONDS, "S", "give up after S seconds: exit 124", .line_only = true},
    {"help", OPTION_FLAG, NULL, "this help", .line_only = true},
    {0},
};

static void print_verbs(FILE *out)
{
    size_t count;
    const struct verb *verbs = verb_table(&count);
    fputs("Reeve hands out jobs.\n\nusage: reeve VERB [OPTION]... [WORD]...\n\n", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-12s%s\n", verbs[i].name, verbs[i].summary);
    fputs("\nreeve help VERB tells more. A first try: `reeve up` in one terminal, in another\n"
          "`reeve call calculator.calculate 2 + 2`.\n",
          out);
}

static void add_options(struct options *o, const struct verb *verb)
{
    if (verb->options)
        options_add(o, verb->options);
    if (verb->more_options)
        options_add(o, verb->more_options);
    options_add(o, common_options);
    options_add(o, settings_options);
}

void verb_help(const struct verb *verb, FILE *out)
{
    struct options o = {0};
    fprintf(out, "reeve %s: %s\n\nusage: reeve %s %s\n\n", verb->name, verb->summary, verb->name,
            verb->usage);
    if (verb->raw) {
        fprintf(out, "All options: reeve-%s --help\n", verb->name);
    } else {
        add_options(&o, verb);
        options_help(&o, out);
    }
    fputs("\nExample:\n", out);
    for (const char *at = verb->example; *at;) {
        size_t size = strcspn(at, "\n");
        fprintf(out, "  %.*s\n", (int)size, at);
        at += size + (at[size] == '\n');
    }
    fputs("\nExit codes: 0 success, 1 a job failed or was cancelled, 2 usage, 3 no such job,\n"
          "handler, queue or worker, 4 no broker within 5 s, 5 it does not know our key or not for "
          "this,\n"
          "6 at a limit or disk full, try later, 7 configuration or data, 8 internal,\n"
          "124 --wait has passed, 128+n ended by signal n\n",
          out);
}

static int fail_verb(const char *name)
{
    size_t count;
    const struct verb *verbs = verb_table(&count);
    const char *names[64], *near;
    must(count <= LENGTH(names));
    for (size_t i = 0; i < count; i++)
        names[i] = verbs[i].name;
    near = options_nearest(name, names, count);
    fprintf(stderr, "reeve: no verb \"%.60s\"", name);
    if (near)
        fprintf(stderr, "; did you mean \"%s\"?", near);
    fputs("\nreeve help lists them.\n", stderr);
    return EXIT_USAGE;
}

int verb_help_verb(struct cli *cli)
{
    if (cli->word_count == 0) {
        print_verbs(stdout);
        return EXIT_DONE;
    }
    const struct verb *verb = verb_find(cli->words[0]);
    if (!verb)
        return fail_verb(cli->words[0]);
    verb_help(verb, stdout);
    return EXIT_DONE;
}

int verb_version(struct cli *cli)
{
    if (cli->json)
        puts("{\"version\":\"" REEVE_RELEASE "\"}");
    else
        puts("reeve " REEVE_RELEASE);
    return EXIT_DONE;
}

static int check_words(struct cli *cli)
{
    const struct verb *verb = cli->verb;
    if (cli->word_count < verb->words_min)
        return cli_usage(cli, "something is missing");
    if (cli->word_count > verb->words_max)
        return cli_usage(cli, "\"%.60s\" is too much", cli->words[verb->words_max]);
    return EXIT_DONE;
}

/* "HOST:PORT" is as good as "tcp://HOST:PORT". Owned by the caller. */
static char *whole_address(const char *address)
{
    struct buf b = {0};
    buf_printf(&b, "%s%s", strstr(address, "://") ? "" : "tcp://", address);
    char *whole = strdup(buf_text(&b));
    must(whole);
    buf_fini(&b);
    return whole;
}

static int run_parsed(struct cli *cli)
{
    char *whole = whole_address(options_text(&cli->options, "broker", DEFAULT_ADDRESS));
    int64_t wait_ms = options_ms(&cli->options, "wait", -1);
    cli->address = whole;
    cli->identity = options_text(&cli->options, "identity", NULL);
    cli->deadline_ms = wait_ms < 0 ? -1 : clock_ms() + wait_ms;
    cli->words = cli->options.words;
    cli->word_count = cli->options.word_count;
    int exit_code = check_words(cli);
    if (exit_code == EXIT_DONE)
        exit_code = cli->verb->run(cli);
    reeve_close(cli->client);
    free(whole);
    return exit_code;
}

/* --wait that no time follows; an id may look like one. */
static bool is_bare_wait(int argc, char **argv)
{
    if (strcmp(argv[0], "--wait") != 0)
        return false;
    return argc < 2 || options_duration(argv[1]) < 0 || reeve_job_id_parse(argv[1]) != 0;
}

static void follow_bare_waits(int argc, char **argv)
{
    static char follow[] = "--follow";
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (is_bare_wait(argc - i, argv + i))
            argv[i] = follow;
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
    struct cli cli = {.verb = verb, .deadline_ms = -1};
    if (verb->raw) {
        cli.words = argv;
        cli.word_count = (size_t)argc;
        return verb->run(&cli);
    }
    add_options(&cli.options, verb);
    if (verb->follows)
        follow_bare_waits(argc, argv);
    int failed = options_parse(&cli.options, verb->order, argc, argv), exit_code;
    if (options_flag(&cli.options, "help", false)) {
        verb_help(verb, stdout);
        exit_code = EXIT_DONE;
    } else if (failed) {
        cli.json = options_flag(&cli.options, "json", false);
        exit_code = cli_usage(&cli, "%s", cli.options.error);
    } else {
        failed = !verb->apart && settings_fill(&cli.options, "client", false);
        cli.json = options_flag(&cli.options, "json", false);
        exit_code = failed ? cli_fail(&cli, EXIT_DATA, "%s", cli.options.error) : run_parsed(&cli);
    }
    options_fini(&cli.options);
    return exit_code;
}

/* What did not get written was not said: no success then. A reader that has had enough (head) is
 * no failure. */
static int finish_output(int exit_code)
{
    struct pollfd out = {.fd = STDOUT_FILENO};
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return exit_code;
    int error = errno;
    if (error == EPIPE || (poll(&out, 1, 0) > 0 && (out.revents & POLLERR)))
        return exit_code;
    fprintf(stderr, "reeve: cannot write to standard output%s%s\n", error ? ": " : "",
            error ? strerror(error) : "");
    return exit_code == EXIT_DONE ? EXIT_BUG : exit_code;
}

/* A closed standard descriptor must not become one of our sockets. Reading or writing it fails as
 * it would have. */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            must(open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) == fd);
}

int main(int argc, char **argv)
{
    hold_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_verbs(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    else if (strcmp(name, "--version") == 0)
        name = "version";
    const struct verb *verb = verb_find(name);
    if (!verb && name[0] == '-') {
        fprintf(stderr, "reeve: options stand after the verb: reeve VERB %.60s ...\n", name);
        return EXIT_USAGE;
    }
    return finish_output(verb ? run_verb(verb, argc - 2, argv + 2) : fail_verb(name));
}
