/* SPDX-License-Identifier: Apache-2.0
 *
 * ticker_verb: `reeve ticker`: follows the feeds of symbols. On a terminal a table is drawn over
 * and over in its place, elsewhere each update is a line. What is typed meanwhile adds symbols, or
 * takes them off.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "common/clock.h"
#include "producer/cli/clean.h"
#include "producer/cli/edit.h"
#include "producer/cli/news.h"
#include "producer/cli/output.h"
#include "producer/cli/quotes.h"
#include "producer/cli/verbs.h"
#include "producer/view/field.h"

enum { DRAW_EVERY_MS = 100, INTERVAL_MIN_MS = 10, INTERVAL_MAX_MS = 3600000, NOTICE = 160 };

const struct option ticker_options[] = {
    {"interval", OPTION_SECONDS, "S", "a price every S seconds (0.01 to 3600; 2)"},
    {"count", OPTION_NUMBER, "N", "end after N updates in all", 1, INT64_MAX},
    {0},
};

struct ticker {
    struct cli *cli;
    struct quotes quotes;
    char interval[32];     /* of the topics: "" or "/0.5" */
    uint64_t lines, count; /* updates so far; at most (0: any number) */
    struct edit edit;      /* what is being typed */
    bool input_ended;
    bool table, dirty; /* is there one; has it changed */
    size_t drawn;      /* lines of it on the screen, above the cursor */
    int64_t drawn_ms;
    char notice[NOTICE];
    bool own_keys; /* the terminal gives keys, not lines */
    struct termios before;
    int exit_code;
    bool over;
};

/* --- telling -------------------------------------------------------------------------------- */

/* Beside the prices, never among them. */
static void tell(struct ticker *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct ticker *t, const char *format, ...)
{
    char text[NOTICE];
    struct buf shown = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    clean_put(&shown, bytes_text(text));
    snprintf(t->notice, sizeof t->notice, "%s", buf_text(&shown));
    buf_fini(&shown);
    t->dirty = true;
    if (!t->table)
        fprintf(stderr, "reeve ticker: %s\n", t->notice);
}

/* --- the table ------------------------------------------------------------------------------ */

/* Beside the quotes stand a head, a notice, what is typed, and a line that stays free. */
static size_t table_rows(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
        return 20;
    return size.ws_row > 5 ? size.ws_row - 4 : 1;
}

/* What stands there is written over: moving up, and to the end of each line. */
static void draw(struct ticker *t)
{
    struct buf table = {0}, out = {0};
    size_t columns = output_width(STDOUT_FILENO);
    size_t lines =
        quotes_table(&t->quotes, &table, table_rows(), columns, output_styled(STDOUT_FILENO));
    if (t->drawn)
        buf_printf(&out, "\033[%zuA", t->drawn);
    buf_printf(&out, "\r");
    for (size_t i = 0; i < table.size; i++) {
        if (table.data[i] == '\n')
            buf_printf(&out, "\033[K");
        buf_put(&out, &table.data[i], 1);
    }
    buf_printf(&out, "%.*s\033[K\n", (int)(columns - 1), t->notice);
    buf_printf(&out, "> %.*s\033[K\033[J", (int)(columns > 4 ? columns - 4 : 0),
               t->edit.whole ? "" : t->edit.text);
    fwrite(out.data, 1, out.size, stdout);
    buf_fini(&out);
    buf_fini(&table);
    t->drawn = lines + 1;
    t->drawn_ms = clock_ms();
    t->dirty = false;
}

/* Keys come one by one and are shown by us, so that they do not get between the lines. */
static void open_terminal(struct ticker *t)
{
    const char *term = getenv("TERM");
    t->table = !t->cli->json && output_width(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
    t->dirty = true;
    if (!t->table || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t->before) != 0)
        return;
    struct termios keys = t->before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    t->own_keys = tcsetattr(STDIN_FILENO, TCSADRAIN, &keys) == 0;
}

static void close_terminal(struct ticker *t)
{
    if (t->table) {
        draw(t); /* so that the last state stands there */
        fputs("\r\033[K", stdout);
        fflush(stdout);
    }
    if (t->own_keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &t->before);
}

/* --- symbols -------------------------------------------------------------------------------- */

enum { TOPIC = 64 };
static const char *topic_of(const struct ticker *t, const char *symbol, char topic[static TOPIC])
{
    snprintf(topic, TOPIC, "ticker/%s%s", symbol, t->interval);
    return topic;
}

static void drop(struct ticker *t, struct quote *quote)
{
    char topic[TOPIC];
    reeve_unsubscribe(t->cli->client, topic_of(t, quote->symbol, topic));
    quotes_remove(&t->quotes, quote);
    t->dirty = true;
}

static void print_quote(struct ticker *t, const struct quote *quote, const struct reeve_update *u)
{
    struct buf line = {0};
    t->lines++;
    t->dirty = true;
    if (t->cli->json) {
        news_json(u);
    } else if (!t->table) {
        quote_line(quote, &line);
        puts(buf_text(&line));
        buf_fini(&line);
    }
}

/* When it was quoted: to the millisecond where the update says so, else as the quote has it. */
static uint64_t quote_time(const struct reeve_update *u)
{
    uint64_t seconds = field_uint(news_body(u), "timestamp");
    return field_uint(news_body(u), "time") || !seconds ? news_time(u) : seconds * 1000;
}

/* A feed that has ended (it failed: an interval its handler does not like, ...) says no more. */
static bool has_ended(const struct reeve_update *u)
{
    char state[24];
    snprintf(state, sizeof state, "%.*s", BYTES_ARG(field_text(news_body(u), "state")));
    return job_ended((enum job_state)job_state_parse(state));
}

/* One symbol less, and why; without any there is nothing to wait for. */
static void give_up(struct ticker *t, struct quote *quote, struct bytes why, int exit_code)
{
    tell(t, "%s: %.*s", quote->symbol, BYTES_ARG(why));
    drop(t, quote);
    t->over = t->quotes.count == 0;
    t->exit_code = t->over ? exit_code : EXIT_DONE;
}

static void on_update(void *user, const struct reeve_update *u)
{
    struct ticker *t = user;
    const char *name = u->topic + strlen("ticker/");
    char symbol[SYMBOL_MAX + 1];
    snprintf(symbol, sizeof symbol, "%.*s", (int)strcspn(name, "/"), name);
    struct quote *quote = quotes_find(&t->quotes, symbol);
    if (!quote || (t->count && t->lines >= t->count))
        return;
    if (strcmp(u->event, "error") == 0) {
        give_up(t, quote, field_text(news_body(u), "text"), EXIT_UNKNOWN);
    } else if (has_ended(u)) {
        give_up(t, quote, bytes_text("the feed has ended: its handler failed"), EXIT_JOB);
    } else if (quote_take(quote, news_body(u), quote_time(u))) {
        print_quote(t, quote, u);
    }
}

static void add(struct ticker *t, const char *word)
{
    char symbol[SYMBOL_MAX + 1], topic[TOPIC];
    if (!symbol_read(word, symbol)) {
        tell(t, "\"%.40s\" is no symbol: 1 to 12 letters, digits and . ^ = -", word);
        return;
    }
    if (quotes_find(&t->quotes, symbol))
        return;
    if (!quotes_add(&t->quotes, symbol)) {
        tell(t, "%s: there are %d symbols already", symbol, QUOTES_MAX);
        return;
    }
    t->dirty = true;
    int code = reeve_subscribe(t->cli->client, topic_of(t, symbol, topic), on_update, t);
    if (!code)
        return;
    tell(t, "%s: %s", symbol, reeve_error(t->cli->client));
    quotes_remove(&t->quotes, quotes_find(&t->quotes, symbol));
}

/* A line that was typed: symbols, each with a - before it to be taken off. */
static void obey(struct ticker *t)
{
    char *rest = t->edit.text;
    t->notice[0] = 0;
    if (t->edit.size > EDIT_MAX) {
        tell(t, "that is too long to be a symbol");
        return;
    }
    for (char *word; (word = strsep(&rest, " \t,"));) {
        char symbol[SYMBOL_MAX + 1];
        if (*word == 0)
            continue;
        if (*word != '-') {
            add(t, word);
            continue;
        }
        struct quote *quote =
            symbol_read(word + 1, symbol) ? quotes_find(&t->quotes, symbol) : NULL;
        if (quote)
            drop(t, quote);
        else
            tell(t, "\"%.40s\" is not followed", word + 1);
    }
}

static void take_input(struct ticker *t)
{
    char keys[256];
    ssize_t got = read(STDIN_FILENO, keys, sizeof keys);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        if (edit_take(&t->edit, '\n')) /* the last line may lack its end */
            obey(t);
        t->input_ended = true;
    }
    for (ssize_t i = 0; i < got; i++)
        if (edit_take(&t->edit, keys[i]))
            obey(t);
    t->dirty = true;
}

/* --- the run -------------------------------------------------------------------------------- */

static bool is_over(const struct ticker *t)
{
    return t->over || (t->count && t->lines >= t->count) ||
           (t->input_ended && t->quotes.count == 0);
}

static int idle_ms(const struct ticker *t, int left_ms)
{
    int64_t until = t->drawn_ms + DRAW_EVERY_MS - clock_ms();
    if (!t->table || !t->dirty)
        return left_ms;
    if (until < 0)
        until = 0;
    return left_ms >= 0 && left_ms < until ? left_ms : (int)until;
}

static int follow(struct ticker *t)
{
    for (;;) {
        if (t->table && t->dirty && clock_ms() - t->drawn_ms >= DRAW_EVERY_MS)
            draw(t);
        if (fflush(stdout) != 0 || cli_interrupted() || is_over(t))
            return REEVE_OK;
        int left_ms = cli_left_ms(t->cli);
        if (left_ms == 0)
            return REEVE_ETIMEOUT;
        /* Not to write, but to hear that the reader has gone. */
        struct pollfd fds[2] = {{.fd = STDOUT_FILENO},
                                {.fd = t->input_ended ? -1 : STDIN_FILENO, .events = POLLIN}};
        int code = cli_turn(t->cli, fds, 2, idle_ms(t, left_ms));
        if (code)
            return code;
        if (fds[0].revents & POLLERR)
            return REEVE_OK;
        if (fds[1].revents)
            take_input(t);
    }
}

static int read_interval(struct ticker *t)
{
    int64_t ms = options_ms(&t->cli->options, "interval", 0);
    if (!options_given(&t->cli->options, "interval"))
        return 0;
    if (ms < INTERVAL_MIN_MS || ms > INTERVAL_MAX_MS)
        return cli_usage(t->cli, "--interval is from 0.01 to 3600 seconds");
    snprintf(t->interval, sizeof t->interval, "/%.10g", (double)ms / 1e3);
    return 0;
}

int verb_ticker(struct cli *cli)
{
    struct ticker t = {.cli = cli};
    t.count = (uint64_t)options_number(&cli->options, "count", 0);
    int exit_code = read_interval(&t);
    if (!exit_code)
        exit_code = cli_connect(cli);
    if (exit_code)
        return exit_code;
    cli_catch_interrupts();
    open_terminal(&t);
    for (size_t i = 0; i < cli->word_count; i++)
        add(&t, cli->words[i]);
    /* None of them is a symbol: whoever is no person has nothing to add. */
    if (t.quotes.count == 0 && !t.own_keys)
        t.exit_code = EXIT_USAGE;
    int code = t.exit_code ? REEVE_OK : follow(&t);
    close_terminal(&t);
    exit_code = code ? cli_fail_code(cli, code, "the prices") : t.exit_code;
    reeve_close(cli->client); /* what it still has to say would be said to t */
    cli->client = NULL;
    quotes_fini(&t.quotes);
    return exit_code;
}
