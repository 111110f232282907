/* SPDX-License-Identifier: Apache-2.0
 *
 * top_verb: `reeve top`: asks the broker for picture after picture, shows them, and does what keys
 * wish. What is shown and what keys mean is in top.h.
 */
#include <unistd.h>

#include "common/clock.h"
#include "producer/cli/screen.h"
#include "producer/cli/top.h"
#include "producer/cli/verbs.h"
#include "producer/view/session_view.h"

enum { EVERY_MS = 1000, KEY_MS = 200 /* between pictures, however fast the keys come */ };

struct live {
    struct cli *cli;
    struct top top;
    struct picture coming;
    struct sheet sheet;
    unsigned open;            /* answers of this round that have not come */
    uint64_t round;           /* answers to an earlier one are not looked at */
    int64_t begun_ms, due_ms; /* the last round; the next one */
    bool dirty;               /* what is shown has changed */
};

/* What a request has been asked for; freed by the client. */
struct question {
    struct live *live;
    uint64_t round;
    enum record_type type;
    struct top_wish wish;
};

static void ask(struct live *l, struct record request, ask_answer *answer,
                const struct top_wish *wish)
{
    struct question *q = must_alloc(sizeof *q);
    *q = (struct question){.live = l, .round = l->round, .type = request.type};
    if (wish)
        q->wish = *wish;
    client_ask_start(l->cli->client, &request, answer, q);
}

/* --- pictures ------------------------------------------------------------------------------- */

static void take_part(void *user, const struct record *answer);

static void ask_part(struct live *l, struct record request)
{
    l->open++;
    ask(l, request, take_part, NULL);
}

static void ask_sessions(struct live *l)
{
    for (size_t i = 0; i < l->coming.session_count; i++)
        if (!picture_recall(&l->coming, i, &l->top.picture))
            ask_part(l, (struct record){.type = REC_get_session,
                                        .get_session = {.id = l->coming.sessions[i].id}});
}

static void close_round(struct live *l)
{
    l->top.wall_ms = clock_wall_ms();
    picture_close(&l->coming, &l->top.picture, l->top.now_ms);
    top_take(&l->top, &l->coming);
    l->dirty = true;
    if (l->due_ms < l->begun_ms + KEY_MS) /* nobody has pressed a key since */
        l->due_ms = l->begun_ms + EVERY_MS;
}

static bool is_last(const struct record *answer)
{
    return answer->type == REC_end || answer->type == REC_error || answer->type == REC_status ||
           answer->type == REC_session;
}

static void take_part(void *user, const struct record *answer)
{
    const struct question *q = user;
    struct live *l = q->live;
    if (q->round != l->round)
        return;
    picture_take(&l->coming, answer);
    if (!is_last(answer))
        return;
    if (q->type == REC_list_jobs)
        ask_sessions(l);
    if (--l->open == 0)
        close_round(l);
}

static void begin_round(struct live *l)
{
    struct msg_list_jobs sessions = {.queue = bytes_text(SESSION_METHOD),
                                     .limit = PICTURE_SESSIONS};
    l->round++;
    l->open = 0;
    l->begun_ms = l->top.now_ms;
    l->due_ms = 0;
    picture_clear(&l->coming);
    ask_part(l, (struct record){.type = REC_get_status});
    ask_part(l, (struct record){.type = REC_list_queues});
    ask_part(l, (struct record){.type = REC_list_workers});
    ask_part(l, (struct record){.type = REC_list_jobs, .list_jobs = sessions});
}

/* --- wishes --------------------------------------------------------------------------------- */

static void wish_answer(void *user, const struct record *answer)
{
    const struct question *q = user;
    struct live *l = q->live;
    char text[TOP_NOTICE];
    if (answer->type == REC_NONE) /* asked once more */
        return;
    if (answer->type == REC_error) {
        struct bytes why = answer->error.text;
        if (!why.size)
            why = bytes_text(err_text((unsigned)answer->error.code));
        top_tell(&l->top, "%s: %.*s", q->wish.name, BYTES_ARG(why));
    } else {
        top_tell(&l->top, "%s", top_wish_text(&q->wish, text));
    }
    l->dirty = true;
    l->due_ms = l->begun_ms + KEY_MS; /* what came of it is seen soon */
}

static struct record request_of(const struct top_wish *wish)
{
    struct bytes name = bytes_text(wish->name);
    switch (wish->kind) {
    case TOP_HOLD: return (struct record){.type = REC_hold, .hold = {.queue = name}};
    case TOP_RELEASE: return (struct record){.type = REC_release, .release = {.queue = name}};
    case TOP_DRAIN: return (struct record){.type = REC_drain, .drain = {.worker = name}};
    case TOP_CANCEL: return (struct record){.type = REC_cancel, .cancel = {.id = wish->id}};
    case TOP_STOP: return (struct record){.type = REC_drop, .drop = {.id = wish->id}};
    case TOP_PAUSE: return (struct record){.type = REC_pause, .pause = {.id = wish->id}};
    case TOP_RESUME: return (struct record){.type = REC_resume, .resume = {.id = wish->id}};
    default: return (struct record){.type = REC_NONE};
    }
}

/* --- the run -------------------------------------------------------------------------------- */

/* Keys that wait; true: it is to end. */
static bool take_keys(struct live *l)
{
    for (int key; (key = screen_press()) != PRESS_NONE;) {
        struct top_wish wish = top_press(&l->top, key);
        if (wish.kind == TOP_QUIT)
            return true;
        if (wish.kind != TOP_NOTHING)
            ask(l, request_of(&wish), wish_answer, &wish);
        l->dirty = true;
        l->due_ms = l->begun_ms + KEY_MS;
    }
    return false;
}

/* The answers of a round that a lost connection has cut in two would be half old, half new. */
static void follow_connection(struct live *l)
{
    bool lost = !reeve_connected(l->cli->client);
    if (lost == l->top.lost)
        return;
    l->top.lost = lost;
    l->dirty = true;
    l->round++;
    l->open = 0;
    l->due_ms = l->top.now_ms;
}

static void draw(struct live *l)
{
    unsigned rows, columns;
    if (!l->dirty && l->top.now_ms - l->top.notice_ms < TOP_NOTICE_MS)
        return;
    screen_size(&rows, &columns);
    top_draw(&l->top, &l->sheet, rows, columns);
    screen_show(&l->sheet);
    l->dirty = false;
}

/* How long nothing is to be done unless something comes. */
static int idle_ms(const struct live *l, int left_ms)
{
    int64_t until = l->open || l->top.lost ? EVERY_MS : l->due_ms - l->top.now_ms;
    if (until < 0)
        until = 0;
    return left_ms >= 0 && left_ms < until ? left_ms : (int)until;
}

/* REEVE_OK: a key or a signal has ended it; else why it cannot go on. */
static int run_live(struct live *l)
{
    for (;;) {
        int left_ms = cli_left_ms(l->cli);
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        l->top.now_ms = clock_ms();
        if (left_ms == 0)
            return REEVE_ETIMEOUT;
        follow_connection(l);
        if (!l->open && !l->top.lost && l->top.now_ms >= l->due_ms)
            begin_round(l);
        draw(l);
        int code = cli_turn(l->cli, &in, 1, idle_ms(l, left_ms));
        if (code)
            return code;
        if (cli_interrupted() || (in.revents & (POLLHUP | POLLERR | POLLNVAL)) || take_keys(l))
            return REEVE_OK;
    }
}

static int check_terminal(struct cli *cli)
{
    if (cli->json)
        return cli_usage(cli, "it is a screen for people; for programs: reeve status --json");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return cli_usage(cli, "it needs a terminal; without one: reeve status");
    return 0;
}

int verb_top(struct cli *cli)
{
    struct live l = {.cli = cli, .dirty = true};
    int exit_code = check_terminal(cli);
    if (!exit_code)
        exit_code = cli_connect(cli);
    if (exit_code)
        return exit_code;
    cli->patient = true; /* a screen shows that nobody answers, too */
    cli_catch_interrupts();
    if (screen_open())
        return cli_usage(cli, "this terminal (TERM) cannot be drawn on; without: reeve status");
    int code = run_live(&l);
    screen_close();
    if (code)
        exit_code = cli_fail_code(cli, code, "the screen");
    reeve_close(cli->client); /* what it still has to say would be said to l */
    cli->client = NULL;
    top_fini(&l.top);
    picture_fini(&l.coming);
    sheet_fini(&l.sheet);
    return exit_code;
}
