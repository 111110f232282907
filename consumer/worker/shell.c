/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/shell.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#include <reeve/value.h>

#include "common/clock.h"
#include "common/conn.h"
#include "common/log.h"
#include "consumer/worker/hand.h"
#include "proto/text_command.h"

_Static_assert((int)AGENT_AHEAD_JOBS <= (int)PAGE_JOBS, "the core knows how much a ring holds");
_Static_assert((int)AGENT_AHEAD_BYTES <= (int)PAGE_RING_USE, "the core knows how much it holds");
_Static_assert((int)AGENT_LARGE_BYTES <= (int)PAGE_SMALL_MAX, "the core knows what is large");

enum {
    FRAMES_PER_TURN = 64,
    SECOND_US = 1000000,
    REFUSED_US = 1000000,
    RECONNECT_MAX_MS = 1000,
    RECONNECT_SPREAD_MS = 400,
    WATCH_US = 50000, /* between looks at the memory of runners that work */
    EXIT_BUG = 8,
    /* Polled besides the runners' bells: broker, its monitor, spawner, signals, what runners say,
     * text port. */
    POLLS_FIXED = 5,
    POLLS_TEXT = TEXT_CLIENTS_MAX + 1,
};

struct shell {
    const struct shell_options *options;
    struct agent *agent;
    struct agent_effects effects;
    void *context, *broker, *monitor;
    int broker_fd, monitor_fd;
    unsigned connections; /* opened so far */
    struct conn_refusal refusal;
    const char
        *refused;     /* the sentence of it that was logged last; NULL after a connection stood */
    int64_t again_us; /* the broker has refused us: when to try again */
    struct outbox outbox;
    struct hands hands;
    struct pollfd *items;
    bool broker_more; /* the broker's socket has more, whatever its descriptor says */
    bool working;     /* a runner has jobs */
    int64_t now_us, second_us, watch_us;
    bool quit, drained;
    int status;
};

static void apply_all(struct shell *s);

static void step(struct shell *s, struct agent_event *e)
{
    e->now_us = s->now_us;
    agent_step(s->agent, e, &s->effects);
}

/* --- runners -------------------------------------------------------------------------------- */

/* Everything new on a runner's page. What follows from it is done at once, while it is at hand: a
 * turn may bring a thousand results. */
static void hand_collect(struct shell *s, unsigned i)
{
    struct agent_event e;
    while (hands_next(&s->hands, i, s->now_us, &e)) {
        step(s, &e);
        apply_all(s);
    }
}

static void spawner_lost(struct shell *s)
{
    log_error("the spawner is gone, and with it all slots");
    step(s, &(struct agent_event){.type = AGENT_STOP});
    s->status = EXIT_BUG;
}

static void runner_spawn(struct shell *s, unsigned i, unsigned program)
{
    bool lost;
    int error = hands_start(&s->hands, i, program, s->options->spawner, s->now_us / 1000, &lost);
    if (error) {
        log_error("runner=%u cannot be started: %s", i, strerror(error));
        step(s, &(struct agent_event){
                    .type = AGENT_SPAWN_FAILED, .runner = i, .job = {.number = (uint32_t)error}});
    } else if (lost) {
        spawner_lost(s);
    }
}

static void take_report(struct shell *s, const struct spawner_report *r)
{
    struct agent_event e = {.runner = r->runner};
    switch (r->kind) {
    case SPAWNER_SPAWNED:
        e.type = AGENT_SPAWNED;
        e.pid = (unsigned)r->pid;
        s->hands.at[r->runner].pid = r->pid;
        break;
    case SPAWNER_FAILED:
        if (r->measure >= 0 && r->measure < SANDBOX_MEASURES)
            log_error("runner=%u cannot be started: sandbox=%s: %s", r->runner,
                      sandbox_name((enum sandbox_measure)r->measure), strerror(r->error));
        else
            log_error("runner=%u cannot be started: %s", r->runner, strerror(r->error));
        hand_close(&s->hands, r->runner);
        e.type = AGENT_SPAWN_FAILED;
        e.job.number = (uint32_t)r->error;
        break;
    default:
        /* Its last results count. */
        hands_rung(&s->hands, r->runner);
        hand_collect(s, r->runner);
        hands_exited(&s->hands, r, &e);
        log_debug("runner=%u pid=%d ended signal=%d status=%d oom=%d peak_kib=%lld", r->runner,
                  r->pid, r->signal, r->status, r->oom, (long long)r->peak_kib);
    }
    step(s, &e);
}

static void take_reports(struct shell *s)
{
    struct spawner_report r;
    int rc;
    while ((rc = spawner_next(s->options->spawner, &r)) > 0)
        take_report(s, &r);
    if (rc < 0)
        spawner_lost(s);
}

/* --- the broker ----------------------------------------------------------------------------- */

/* A ZeroMQ descriptor tells of changes only: it is to be trusted once a receive has said EAGAIN,
 * and no more after a send. */
static void take_broker(struct shell *s)
{
    s->broker_more = false;
    for (int i = 0; i < FRAMES_PER_TURN; i++) {
        zmq_msg_t msg;
        zmq_msg_init(&msg);
        int n = zmq_msg_recv(&msg, s->broker, ZMQ_DONTWAIT);
        if (n > 0)
            step(s, &(struct agent_event){.type = AGENT_BODY,
                                          .body = bytes_of(zmq_msg_data(&msg), (size_t)n)});
        zmq_msg_close(&msg);
        if (n < 0)
            return;
    }
    s->broker_more = true;
}

/* Whom the broker lets in may change: it is asked again, by hundreds of us not at once. */
static void take_refusal(struct shell *s, enum conn_event event)
{
    if (conn_refused(&s->refusal, event))
        s->again_us = s->now_us + REFUSED_US + random() % REFUSED_US;
    const char *why = conn_refusal(&s->refusal, identity_there(&s->options->identity));
    if (why && why != s->refused)
        log_error("broker=%s: %s", s->options->broker, why);
    if (why || event == CONN_UP)
        s->refused = why;
}

static void take_monitor(struct shell *s)
{
    for (enum conn_event event; (event = conn_event(s->monitor)) != CONN_QUIET;) {
        take_refusal(s, event);
        if (event == CONN_UP)
            step(s, &(struct agent_event){.type = AGENT_CONNECTED});
        else if (event == CONN_DOWN)
            step(s, &(struct agent_event){.type = AGENT_DISCONNECTED});
    }
}

static int open_broker(struct shell *s)
{
    char monitor[48];
    if (!s->options->broker)
        return 0;
    if (!s->context)
        s->context = conn_context();
    snprintf(monitor, sizeof monitor, "inproc://reeve-worker-link-%u", s->connections++);
    s->refusal.last = CONN_QUIET;
    s->monitor = zmq_socket(s->context, ZMQ_PAIR);
    must(s->monitor);
    s->broker = conn_open(s->context, CONN_DEALER, s->options->broker,
                          &(struct conn_options){.reconnect_max_ms = RECONNECT_MAX_MS,
                                                 .reconnect_spread_ms = RECONNECT_SPREAD_MS,
                                                 .linger_ms = 1000,
                                                 .monitor = monitor,
                                                 .identity = &s->options->identity});
    if (!s->broker) {
        log_error("broker=%s: %s", s->options->broker, strerror(errno));
        return -1;
    }
    if (zmq_connect(s->monitor, monitor)) {
        log_error("monitor: %s", zmq_strerror(errno));
        return -1;
    }
    s->broker_fd = conn_fd(s->broker);
    s->monitor_fd = conn_fd(s->monitor);
    /* What has happened since is not told again: look once. */
    take_monitor(s);
    s->broker_more = true;
    return 0;
}

static void close_broker(struct shell *s)
{
    conn_monitor_end(s->broker, s->monitor);
    if (s->broker)
        zmq_close(s->broker);
    s->broker = s->monitor = NULL;
    s->broker_fd = s->monitor_fd = -1;
    s->broker_more = false;
}

/* Another connection: what the old one still had to say is not to be heard. */
static void reopen_broker(struct shell *s)
{
    int linger_ms = 0;
    must(zmq_setsockopt(s->broker, ZMQ_LINGER, &linger_ms, sizeof linger_ms) == 0);
    close_broker(s);
    outbox_fini(&s->outbox);
    if (open_broker(s)) {
        step(s, &(struct agent_event){.type = AGENT_STOP});
        s->status = EXIT_BUG;
    }
}

static void flush_broker(struct shell *s)
{
    int events = 0, rc = 0;
    size_t size = sizeof events;
    if (!s->broker || outbox_empty(&s->outbox))
        return;
    do { /* asking for events may swallow the news that there is room again: then go on at once */
        rc = outbox_flush(&s->outbox, s->broker, bytes_of(NULL, 0));
        must(zmq_getsockopt(s->broker, ZMQ_EVENTS, &events, &size) == 0);
        s->broker_more |= (events & ZMQ_POLLIN) != 0;
    } while (rc == EAGAIN && (events & ZMQ_POLLOUT));
    if (rc && rc != EAGAIN)
        log_error("sending to the broker: %s", zmq_strerror(rc));
}

/* --- the text port -------------------------------------------------------------------------- */

static void answer_error(struct shell *s, uint32_t number, const char *text)
{
    struct buf b = {0};
    buf_printf(&b, "error: ");
    text_error_put(&b, bytes_text(text));
    text_answer(s->options->text, number, buf_bytes(&b), s->now_us);
    buf_fini(&b);
}

static void run_command(struct shell *s, uint32_t number, struct bytes line)
{
    struct text_command c;
    struct reeve_value *args = reeve_value_new();
    unsigned program, method;
    bool known_class;
    char error[QUEUE_NAME_MAX + 40];
    if (!text_command_read(line, &c, args)) {
        answer_error(s, number, c.error);
    } else if (!programs_find(s->options->programs, c.queue, &program, &method, &known_class)) {
        char *dot = strrchr(c.queue, '.');
        *dot = 0;
        snprintf(error, sizeof error, "unknown %s %s", known_class ? "method" : "class",
                 known_class ? dot + 1 : c.queue);
        answer_error(s, number, error);
    } else {
        step(s, &(struct agent_event){
                    .type = AGENT_LOCAL_JOB,
                    .local = {.number = number,
                              .program = program,
                              .method = method,
                              .args = bytes_of(reeve_value_data(args), reeve_value_size(args))}});
    }
    reeve_value_free(args);
}

static void take_text(struct shell *s, const struct pollfd *fds, size_t count)
{
    uint32_t gone, number;
    struct bytes command;
    text_turn(s->options->text, fds, count, s->now_us, &gone);
    if (gone)
        step(s, &(struct agent_event){.type = AGENT_LOCAL_CANCEL, .job = {.number = gone}});
    while ((number = text_next(s->options->text, &command)))
        run_command(s, number, command);
}

static void take_local_done(struct shell *s, const struct agent_effect *e, struct bytes value)
{
    size_t size = 0;
    char reason[48], *text = value.size ? reeve_text(value.data, value.size, &size) : NULL;
    if (e->reason == REASON_NONE) {
        text_answer(s->options->text, e->number, bytes_of(text, size), s->now_us);
    } else {
        answer_error(s, e->number, text ? text : reason_text(e->reason, e->detail, reason));
    }
    free(text);
}

/* --- effects -------------------------------------------------------------------------------- */

static void put(struct shell *s, size_t i)
{
    const struct agent_effects *fx = &s->effects;
    struct outbox_row row = {.whole = agent_effect_bytes(fx, i),
                             .brief = agent_effect_brief(fx, i),
                             .behind = fx->at[i].behind,
                             .mark = fx->at[i].mark,
                             .last_mark = fx->at[i].mark + fx->at[i].more};
    outbox_put_row(&s->outbox, &row);
    if (outbox_ripe(&s->outbox))
        flush_broker(s);
}

static void apply(struct shell *s, size_t i)
{
    const struct agent_effect *e = &s->effects.at[i];
    struct bytes bytes = agent_effect_bytes(&s->effects, i);
    switch (e->type) {
    case AGENT_SEND: put(s, i); break;
    case AGENT_RESET: outbox_fini(&s->outbox); break;
    case AGENT_REOPEN: reopen_broker(s); break;
    case AGENT_SPAWN: runner_spawn(s, e->runner, e->program); break;
    case AGENT_KILL:
        if (spawner_kill(s->options->spawner, e->runner, (int)e->number))
            spawner_lost(s);
        break;
    case AGENT_PUSH:
        must(s->hands.at[e->runner].page.limit == e->number);
        hands_push(&s->hands, e->runner, s->effects.pushes + e->pushes, e->push_count);
        break;
    case AGENT_RECALL:
        step(s, &(struct agent_event){
                    .type = AGENT_RECALLED,
                    .runner = e->runner,
                    .job = {.number = hands_recall(&s->hands, e->runner, e->number)}});
        break;
    case AGENT_LISTEN: hands_listen(&s->hands, e->runner, e->number != 0); break;
    case AGENT_FLAG: hands_flag(&s->hands, e->runner, e->number); break;
    case AGENT_LOCAL_DONE: take_local_done(s, e, bytes); break;
    case AGENT_TRACE: log_info("%.*s", BYTES_ARG(bytes)); break;
    case AGENT_QUIT:
        s->quit = true;
        if (s->status == 0)
            s->status = (int)e->number;
        break;
    }
}

static void apply_all(struct shell *s)
{
    /* By index: applying a recall appends effects, which may move them all. It is done with its
     * own by then. */
    for (size_t i = 0; i < s->effects.count; i++)
        apply(s, i);
    agent_effects_clear(&s->effects);
}

/* --- the loop ------------------------------------------------------------------------------- */

static int timeout_ms(const struct shell *s)
{
    int64_t at = agent_deadline(s->agent), text = text_deadline(s->options->text);
    if (text < at)
        at = text;
    if (s->second_us < at)
        at = s->second_us;
    if (s->working && s->watch_us < at)
        at = s->watch_us;
    if (s->again_us < at)
        at = s->again_us;
    int64_t now_us = clock_us(), left_us = at - now_us;
    if (left_us <= 0 || s->effects.count)
        return 0;
    int64_t left_ms = left_us < 3600000000 ? (left_us + 999) / 1000 : 3600000;
    return (int)notify_wait(s->options->notify, left_ms, now_us / 1000);
}

/* Fills the poll's items; *text_count of them, after the fixed ones, are the text port's. True:
 * there is something to do already. */
static bool prepare(struct shell *s, int *count, size_t *text_count)
{
    struct pollfd *items = s->items;
    int n = 0;
    bool something = s->broker_more;
    items[n++] = (struct pollfd){.fd = s->broker_fd, .events = POLLIN}; /* -1 when alone */
    items[n++] = (struct pollfd){.fd = s->monitor_fd, .events = POLLIN};
    items[n++] = (struct pollfd){.fd = s->options->spawner->socket, .events = POLLIN};
    items[n++] = (struct pollfd){.fd = s->options->signals, .events = POLLIN};
    items[n++] = (struct pollfd){.fd = s->hands.ears, .events = POLLIN};
    *text_count = text_polls(s->options->text, items + n);
    n += (int)*text_count;
    s->working = false;
    for (unsigned i = 0; i < s->hands.count; i++) {
        struct hand *h = &s->hands.at[i];
        h->item = -1;
        if (!hand_expects(h))
            continue;
        s->working |= h->ready;
        short events = hand_events(h);
        h->item = n;
        items[n++] = (struct pollfd){.fd = events ? h->page.bell : -1, .events = events};
        something |= page_sleep(&h->page) || (!h->ready && page_ready(&h->page));
    }
    *count = n;
    return something;
}

static void collect(struct shell *s)
{
    for (unsigned i = 0; i < s->hands.count; i++) {
        struct hand *h = &s->hands.at[i];
        if (h->item < 0 || !h->open)
            continue;
        page_awake(&h->page);
        if (s->items[h->item].revents)
            hands_rung(&s->hands, i);
        hand_collect(s, i);
    }
}

static void take_signals(struct shell *s)
{
    struct signalfd_siginfo info;
    while (read(s->options->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) { /* nothing is read again, and nothing ends */
            log_info("signal=%u settings are read at the start only", info.ssi_signo);
            notify_reloading(s->options->notify);
            notify_ready(s->options->notify);
            continue;
        }
        notify_stopping(s->options->notify);
        log_info("signal=%u %s", info.ssi_signo, s->drained ? "stopping at once" : "draining");
        step(s, &(struct agent_event){.type = s->drained ? AGENT_STOP : AGENT_DRAIN});
        s->drained = true;
    }
}

/* The memory of all, or of those that work. */
static void look_at_memory(struct shell *s, bool all)
{
    struct agent_event e;
    for (unsigned i = 0; i < s->hands.count; i++)
        if ((all || hand_works(&s->hands.at[i])) && hands_memory(&s->hands, i, &e))
            step(s, &e);
}

static void watch(struct shell *s)
{
    const struct agent_options *o = &s->options->agent;
    bool second = s->now_us >= s->second_us && (o->slot_kib || o->recycle_kib);
    if (!second && s->now_us < s->watch_us)
        return;
    look_at_memory(s, second);
    if (o->slot_kib)
        s->watch_us = s->now_us + WATCH_US;
}

static void tell_manager(struct shell *s)
{
    unsigned busy = 0;
    for (unsigned i = 0; i < s->hands.count; i++)
        busy += hand_works(&s->hands.at[i]);
    notify_status(s->options->notify, "slots %u, busy %u%s", s->options->agent.slots, busy,
                  s->drained ? ", draining" : "");
}

static void try_again(struct shell *s)
{
    if (s->now_us < s->again_us)
        return;
    s->again_us = INT64_MAX;
    reopen_broker(s);
}

static void each_second(struct shell *s)
{
    if (s->now_us < s->second_us)
        return;
    s->second_us = s->now_us + SECOND_US;
    hands_second(&s->hands, s->now_us);
    tell_manager(s);
}

static int turn(struct shell *s)
{
    int count;
    size_t text_count;
    bool something = prepare(s, &count, &text_count);
    int rc = poll(s->items, (nfds_t)count, something ? 0 : timeout_ms(s));
    if (rc < 0 && errno != EINTR) {
        log_error("poll: %s", strerror(errno));
        return -1;
    }
    if (rc < 0) /* interrupted: nothing was filled in */
        for (int i = 0; i < count; i++)
            s->items[i].revents = 0;
    s->now_us = clock_us();
    collect(s);
    if (s->items[2].revents)
        take_reports(s);
    if (s->items[1].revents)
        take_monitor(s);
    if (s->items[0].revents || s->broker_more)
        take_broker(s);
    if (s->items[3].revents)
        take_signals(s);
    if (s->items[4].revents)
        hands_hear(&s->hands);
    take_text(s, s->items + POLLS_FIXED, text_count);
    watch(s);
    try_again(s);
    step(s, &(struct agent_event){.type = AGENT_TICK});
    apply_all(s);
    hands_publish(&s->hands);
    /* After the core has seen the time: one that was frozen has recalled by now. */
    each_second(s);
    flush_broker(s);
    notify_turn(s->options->notify, s->now_us / 1000);
    return 0;
}

static int serve(struct shell *s)
{
    if (open_broker(s))
        return 7;
    notify_ready(s->options->notify);
    while (!s->quit)
        if (turn(s))
            return EXIT_BUG;
    return s->status;
}

int shell_run(const struct shell_options *options)
{
    struct shell s = {.options = options,
                      .now_us = clock_us(),
                      .broker_fd = -1,
                      .monitor_fd = -1,
                      .again_us = INT64_MAX,
                      .watch_us = options->agent.slot_kib ? 0 : INT64_MAX};
    if (hands_open(&s.hands, &options->agent, STDERR_FILENO)) {
        log_error("epoll: %s", strerror(errno));
        s.status = EXIT_BUG;
    } else {
        s.items = must_alloc((POLLS_FIXED + POLLS_TEXT + s.hands.count) * sizeof *s.items);
        s.agent = agent_new(&options->agent, s.now_us);
        s.status = serve(&s);
        text_finish(options->text);
    }
    hands_hear(&s.hands);
    hands_close(&s.hands);
    outbox_fini(&s.outbox);
    close_broker(&s);
    if (s.context)
        zmq_ctx_term(s.context);
    agent_effects_fini(&s.effects);
    agent_free(s.agent);
    free(s.items);
    return s.status;
}
