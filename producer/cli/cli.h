/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: what every verb of `reeve` shares: its row in the table of verbs, one run of a verb, the
 * connection, the time limit, Ctrl-C, and how a failure is told. A verb returns its exit code.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <poll.h>
#include <reeve/client.h>

#include "common/options.h"
#include "common/pack.h"
#include "producer/client/ask.h"

/* Stable; printed by every --help. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_JOB = 1, /* a job failed or was cancelled */
    EXIT_USAGE = 2,
    EXIT_UNKNOWN = 3,     /* no such job, handler, queue or worker */
    EXIT_UNREACHABLE = 4, /* no broker */
    EXIT_DENIED = 5,      /* it does not know our key, or not for this */
    EXIT_BUSY = 6,        /* at a limit, disk full: try again later */
    EXIT_DATA = 7,        /* configuration or data, a taken port */
    EXIT_BUG = 8,         /* reading or writing failed, or a bug */
    EXIT_WAIT = 124,      /* --wait has passed */
    EXIT_INTERRUPTED = 130,
};

enum { CONNECT_MS = 5000, WORDS_ANY = 1 << 30 };

struct cli;
struct verb {
    const char *name;
    const char *usage;                           /* what stands after `reeve NAME` */
    const char *summary;                         /* one line */
    const char *example;                         /* whole lines */
    const struct option *options, *more_options; /* NULL: none of its own */
    enum options_order order;
    size_t words_min, words_max;
    int (*run)(struct cli *cli);
    bool raw;     /* its words belong to another program, which it starts: nothing is parsed here */
    bool follows; /* --wait without a time says --follow */
    bool apart;   /* needs nobody's settings: what stands in files and environment is not read */
};

const struct verb *verb_table(size_t *count);
const struct verb *verb_find(const char *name);
void verb_help(const struct verb *verb, FILE *out);

struct cli {
    const struct verb *verb;
    struct options options;
    char **words; /* what is no option, lent by options */
    size_t word_count;
    bool json;
    const char *address;  /* of the broker; NULL until known */
    const char *identity; /* --identity; NULL: not said */
    int64_t deadline_ms;  /* by clock_ms; -1: none */
    struct reeve_client *client;
    int64_t lost_ms; /* since when it is seen not to be connected; 0: it is */
    bool patient;    /* a broker that is gone for long is waited for all the same */
};

/* Connects once; 0, or the exit code of a failure it has told. */
int cli_connect(struct cli *cli) MUST_CHECK;
/* The same, waiting no longer than that and telling nothing: 0 or a code of the client library. */
int cli_reach(struct cli *cli, int wait_ms) MUST_CHECK;
/* The address in use: --broker, $REEVE_BROKER or the default. */
const char *cli_address(const struct cli *cli);
/* What is left of --wait in ms, -1 for no limit, 0 when it has passed. */
int cli_left_ms(const struct cli *cli);

/* Tells a failure (standard error; with --json also as a document on standard output) and returns
 * the exit code. */
int cli_fail(struct cli *cli, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for a code of the client library, with what it says of it; "what" leads the line. */
int cli_fail_code(struct cli *cli, int code, const char *what);
/* A mistake in the command line: says it and where help is. */
int cli_usage(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A verb whose first word says which of several it is. */
struct cli_part {
    const char *name, *usage;
    int (*run)(struct cli *cli);
    size_t words_min, words_max; /* behind the name */
};

/* Runs the part that the first word names; an exit code (told). */
int cli_run_part(struct cli *cli, const struct cli_part *parts, size_t count);

/* One request that is answered by done, end or one record; 0 or an exit code (told). */
int cli_ask(struct cli *cli, struct record *request, ask_answer *answer, void *user,
            const char *what) MUST_CHECK;

/* From now on Ctrl-C and TERM are counted instead of ending the program; the second one ends it. */
void cli_catch_interrupts(void);
bool cli_interrupted(void);
/* Waits for something from the broker, an interrupt, or one of more (count <= 4), at most
 * timeout_ms; takes what came. 0 or a code of the client library. */
int cli_turn(struct cli *cli, struct pollfd *more, size_t count, int timeout_ms);

/* An id from the command line: 0 when it is none (told). */
uint64_t cli_id(struct cli *cli, const char *word);

/* Cancels these jobs, one after the other; how many it could cancel. */
size_t cli_cancel_all(struct cli *cli, const uint64_t *ids, size_t count);

#endif
