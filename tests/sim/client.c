/* SPDX-License-Identifier: Apache-2.0
 *
 * client: who hands in jobs. Numbers, resubmission and hello are the real library's pure parts;
 * what to submit, ask and cancel is left to chance.
 */
#include "tests/sim/sim.h"

const uint64_t ASK_NUMBERS_SIM = 1ull << 40;
const uint64_t WATCH_NUMBERS_SIM = 1ull << 41;
static const int64_t TURN_US = 50 * MS_US;
enum { WORKERS_BACK_MS = 5000 };

struct asked {
    enum record_type type;
    struct buf bytes;
};

void client_say(struct client_sim *c, const struct record *r)
{
    record_put(&c->out, r);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void ask(struct client_sim *c, struct record *r)
{
    struct asked *asked = must_alloc(sizeof *asked);
    uint64_t number = ASK_NUMBERS_SIM + ++c->asked;
    r->wait.number = number; /* every request begins with its number */
    asked->type = r->type;
    record_put(&asked->bytes, r);
    buf_put(&c->out, asked->bytes.data, asked->bytes.size);
    idmap_put(&c->asks, number, asked);
}

/* In the calm people still look what there is. */
static void ask_calmly(struct sim *s, struct client_sim *c)
{
    struct record r = {.type = sim_chance(s, 0.5) ? REC_list_workers : REC_get_status};
    if (s->calm && c->asks.count == 0 && sim_chance(s, 0.05))
        ask(c, &r);
}

/* Somebody looks after each session: says the word it waits for, and lets it go on. */
static void look_after(struct sim *s, struct client_sim *c)
{
    struct record r = {.type = REC_get_session};
    r.get_session.id = ledger_open_session(s);
    bool few = s->calm || c->asks.count < 20; /* others are waited for */
    if (r.get_session.id && few && sim_chance(s, s->calm ? 0.7 : 0.3))
        ask(c, &r);
}

/* Somebody has done it, and says so by its number or to its session. */
static void completes(struct sim *s, struct client_sim *c, const struct msg_session *m)
{
    struct record r = {.type = REC_complete_task,
                       .complete_task = {.task = task_read(m->view).task}};
    if (job_ended((enum job_state)m->job_state) || !sim_chance(s, s->calm ? 1 : 0.2))
        return;
    if (sim_chance(s, 0.4))
        r = (struct record){.type = REC_tell, .tell = {.id = m->id, .iteration = m->iteration}};
    ask(c, &r);
}

static void looked(struct sim *s, struct client_sim *c, const struct msg_session *m)
{
    struct buf word = {0};
    struct record r = {.type = REC_NONE};
    r.resume.id = m->id;
    if (bytes_equal(m->queue, bytes_text(s->queues[TODO_QUEUE])))
        completes(s, c, m);
    else if (m->state == SESSION_PAUSED && sim_chance(s, s->calm ? 1 : 0.3))
        r.type = REC_resume;
    else if (m->job_state == JOB_ASKING && ledger_word(s, m->id, m->iteration, &word))
        r = (struct record){
            .type = REC_tell,
            .tell = {.id = m->id, .iteration = m->iteration, .value = buf_bytes(&word)}};
    if (r.type)
        ask(c, &r);
    buf_fini(&word);
}

static bool is_last(enum record_type asked, const struct record *r)
{
    switch (r->type) {
    case REC_job: return asked == REC_get_job;
    case REC_queue:
    case REC_worker:
    case REC_slot:
    case REC_attempt: return false;
    case REC_explanation:
    case REC_task:
    case REC_feed: return false;
    default: return true;
    }
}

static void answered(struct sim *s, struct client_sim *c, uint64_t number, const struct record *r)
{
    struct asked *asked = idmap_find(&c->asks, number);
    if (!asked || !is_last(asked->type, r))
        return;
    if (r->type == REC_session)
        looked(s, c, &r->session);
    idmap_take(&c->asks, number);
    buf_fini(&asked->bytes);
    free(asked);
}

static void watch_something(struct sim *s, struct client_sim *c, uint64_t id)
{
    char text[JOB_ID_TEXT], topic[32];
    if (sim_chance(s, s->knobs.feed))
        watcher_toggle(s, c, feed_topics[sim_below(s, FEED_NAMES)]);
    if (s->knobs.todo > 0 && sim_chance(s, 0.02))
        watcher_add(s, c, "todo");
    if (!sim_chance(s, s->knobs.watch))
        return;
    switch (sim_below(s, 7)) {
    case 0: snprintf(topic, sizeof topic, "queue/%s", s->queues[0]); break;
    case 1: snprintf(topic, sizeof topic, "worker/%s", s->hosts[0].name); break;
    case 2: snprintf(topic, sizeof topic, "worker/w1"); break;
    case 3: snprintf(topic, sizeof topic, "session/%s", job_id_text(id, text)); break;
    default: snprintf(topic, sizeof topic, "job/%s", job_id_text(id, text)); break;
    }
    watcher_add(s, c, topic);
}

/* People look at the list, and at the feeds there are. */
static void ask_lists(struct sim *s, struct client_sim *c)
{
    struct record r = {.type = REC_list_tasks,
                       .list_tasks = {.after = sim_chance(s, 0.5) ? sim_below(s, 10) : 0,
                                      .limit = sim_chance(s, 0.5) ? 1 + sim_below(s, 5) : 0}};
    if (s->knobs.todo > 0 && c->asks.count < 20 && sim_chance(s, 0.05))
        ask(c, &r);
    r = (struct record){.type = REC_list_feeds};
    if (s->knobs.feed > 0 && c->asks.count < 20 && sim_chance(s, 0.01))
        ask(c, &r);
}

static void ask_something(struct sim *s, struct client_sim *c)
{
    const struct knobs *k = &s->knobs;
    uint64_t id = ledger_any_job(s);
    struct record r = {.type = REC_NONE};
    if (!id || s->calm)
        return;
    r.wait.id = id; /* number, id: alike in these */
    if (sim_chance(s, k->cancel))
        r.type = REC_cancel;
    else if (sim_chance(s, k->wait))
        r.type = ledger_endless(s, id) ? REC_get_job : REC_wait;
    else if (sim_chance(s, k->retry))
        r.type = REC_retry;
    else if (sim_chance(s, k->drop))
        r.type = REC_drop;
    else if (k->session > 0 && sim_chance(s, 0.1))
        r.type = sim_chance(s, 0.5) ? REC_pause : REC_resume;
    else if (sim_chance(s, 0.02))
        r.type = REC_explain;
    else if (sim_chance(s, 0.05))
        r.type = REC_get_job;
    else if (sim_chance(s, 0.02))
        r = (struct record){.type = REC_list_jobs,
                            .list_jobs = {.state = sim_below(s, JOB_STATES), .limit = 5}};
    else if (sim_chance(s, 0.02))
        r.type = sim_chance(s, 0.5) ? REC_list_queues : REC_list_workers;
    if (r.type)
        ask(c, &r);
    watch_something(s, c, id);
}

/* --- submitting ------------------------------------------------------------------------------- */

static struct spec spec_make(struct sim *s)
{
    const struct knobs *k = &s->knobs;
    struct spec spec = {.serial = ++s->serials, .queue = (unsigned)sim_below(s, k->queues)};
    spec.run_us = (uint64_t)sim_spread(s, k->run_us << spec.queue);
    if (spec.run_us > 3 * SEC_US)
        spec.run_us = 3 * SEC_US;
    spec.times = 1 + sim_below(s, 7);
    if (sim_chance(s, k->crash))
        spec.behaviour = CRASHES;
    else if (sim_chance(s, k->error))
        spec.behaviour = SAYS_ERROR;
    else if (sim_chance(s, k->hang))
        spec.behaviour = HANGS;
    return spec;
}

static void submit_one(struct sim *s, struct client_sim *c, const struct spec *spec,
                       struct msg_submit *m)
{
    struct buf args = {0};
    spec_put(&args, spec);
    m->args = buf_bytes(&args);
    m->tags = spec_tags(s, spec);
    ledger_submitted(s, spec, m);
    pending_terms(&c->pending, m);
    pending_add(&c->pending, m->args)->told = spec->serial;
    buf_fini(&args);
}

static void submit(struct sim *s, struct client_sim *c)
{
    const struct knobs *k = &s->knobs;
    struct spec spec = spec_make(s);
    bool fits = !k->limits.args_bytes_max || spec.serial % TITLES_TOO_LONG; /* or never */
    bool task = fits && sim_chance(s, k->todo);
    char key[16];
    if (task)
        spec = (struct spec){.serial = spec.serial, .queue = TODO_QUEUE};
    struct msg_submit submit = {.queue = bytes_text(s->queues[spec.queue]),
                                .flags = sim_chance(s, 0.7) ? SUBMIT_WAIT_FOR_HANDLER : 0};
    struct msg_submit *m = &submit;
    if (sim_chance(s, k->key)) {
        /* A few names, the same body under one of them: but one in ten has another. */
        uint64_t name = sim_below(s, 8);
        snprintf(key, sizeof key, "%c%u", task ? 't' : 'k', (unsigned)name);
        m->key = bytes_text(key);
        spec = (struct spec){.serial = (1ull << 32) + name + 100 * sim_chance(s, 0.1),
                             .queue = (unsigned)(name % k->queues),
                             .run_us = (uint64_t)k->run_us};
        if (task)
            spec = (struct spec){.serial = spec.serial + 1001, .queue = TODO_QUEUE};
        m->queue = bytes_text(s->queues[spec.queue]);
    }
    if (!m->key.size && !task && sim_chance(s, k->session)) {
        spec.iterations = 1 + sim_below(s, 8);
        m->flags |= SUBMIT_SESSION;
    }
    if (sim_chance(s, k->priority))
        m->priority = (int64_t)sim_below(s, 201) - 100;
    if (sim_chance(s, k->delayed))
        m->delay_ms = sim_below(s, 10000);
    if (sim_chance(s, k->deadline))
        m->deadline_ms = 1 + sim_below(s, 15000);
    if (sim_chance(s, k->retries))
        m->retries = 1 + sim_below(s, 5);
    if (sim_chance(s, k->received))
        m->durability = CLASS_RECEIVED;
    else if (k->durable && sim_chance(s, 0.3))
        m->durability = CLASS_DURABLE;
    if (spec.behaviour == HANGS || sim_chance(s, 0.1))
        m->timeout_ms = 1 + sim_below(s, 3000);
    if (sim_chance(s, 0.01))
        m->tenant = bytes_text("x"); /* reserved */
    m->together = !m->key.size && sim_chance(s, k->together);
    submit_one(s, c, &spec, m);
    while (!m->key.size && !task && c->to_submit > 1 && sim_chance(s, k->rows)) {
        c->to_submit--;
        spec.serial = ++s->serials;
        submit_one(s, c, &spec, m);
    }
}

static void acknowledge(struct client_sim *c, uint64_t number)
{
    if (acks_add(&c->acks, number))
        return;
    acks_put(&c->acks, pending_floor(&c->pending), &c->out);
    must(acks_add(&c->acks, number));
}

static void accepted(struct client_sim *c, const struct msg_accepted *m)
{
    uint64_t end = m->number + (m->count ? m->count : 1);
    must(pending_accept(&c->pending, m->number, end, m->durability == CLASS_RECEIVED) == end);
}

static void ended(struct client_sim *c, const struct msg_ended *m)
{
    struct submission sub;
    if (pending_settle(&c->pending, m->number, &sub) || m->number < c->pending.next)
        acknowledge(c, m->number);
}

static void put_off(struct sim *s, struct client_sim *c, const struct msg_error *m)
{
    pending_again(&c->pending, m->number, 0);
    c->busy_us = s->now_us + (m->retry_ms ? (int64_t)m->retry_ms * 1000 : 100 * MS_US);
}

static void refused(struct sim *s, struct client_sim *c, const struct msg_error *m)
{
    struct submission *sub = pending_find(&c->pending, m->number), gone;
    if (m->code == ERR_UNEXPECTED) {
        session_lose(&c->session, sim_ms(s));
        return;
    }
    if (!sub)
        return;
    ledger_told_error(s, c->index, m->number, sub->told, (unsigned)m->code);
    if (m->code == ERR_BUSY)
        put_off(s, c, m);
    else if (m->code == ERR_UNKNOWN_HANDLER && sub->taken)
        pending_again(&c->pending, m->number, SUBMIT_WAIT_FOR_HANDLER);
    else if (m->code == ERR_UNKNOWN_HANDLER && sim_ms(s) < c->settled_ms)
        put_off(s, c, m);
    else
        must(pending_settle(&c->pending, m->number, &gone));
}

/* --- its turns -------------------------------------------------------------------------------- */

static void hello(struct client_sim *c)
{
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = PROTOCOL_VERSION,
                                 .version_max = PROTOCOL_VERSION,
                                 .role = ROLE_CLIENT,
                                 .peer_id = bytes_of(c->session.peer_id, PEER_ID_BYTES),
                                 .knows = KNOWS_ALL}};
    buf_clear(&c->out);
    client_say(c, &r);
}

static void welcomed(struct sim *s, struct client_sim *c, const struct msg_welcome *m)
{
    if (c->session.up)
        return;
    if (pending_gapped(&c->pending, m->last_number) && !c->renewed) {
        /* Answers to the old numbers may still be under way here. */
        c->renewed = true;
        buf_clear(&c->out);
        c->session.hello_ms = sim_ms(s);
        end_reopen(s, &c->end);
        return;
    }
    c->renewed = false;
    if (c->session.met && m->incarnation != c->session.incarnation)
        c->settled_ms = sim_ms(s) + WORKERS_BACK_MS;
    session_welcome(&c->session, m->incarnation, sim_ms(s));
    pending_resume(&c->pending, m->last_number);
    c->busy_us = 0;
    size_t at = 0;
    for (struct asked *asked; (asked = idmap_next(&c->asks, &at));)
        buf_put(&c->out, asked->bytes.data, asked->bytes.size);
    watcher_resume(s, c);
}

static void record_take(struct sim *s, struct client_sim *c, const struct record *r)
{
    switch (r->type) {
    case REC_welcome: welcomed(s, c, &r->welcome); return;
    case REC_hello_wanted: session_lose(&c->session, sim_ms(s)); return;
    case REC_ping:
        if (c->session.up)
            client_say(c, &(struct record){.type = REC_pong});
        return;
    case REC_pong: return;
    default: break;
    }
    uint64_t number = r->done.number; /* every answer begins with it */
    if (number >= WATCH_NUMBERS_SIM)
        must(watcher_record(s, c, r));
    else if (number >= ASK_NUMBERS_SIM)
        answered(s, c, number, r);
    else if (r->type == REC_accepted)
        accepted(c, &r->accepted);
    else if (r->type == REC_ended)
        ended(c, &r->ended);
    else if (r->type == REC_error && number)
        refused(s, c, &r->error);
}

static void takes(struct sim *s, struct end *end, struct bytes body)
{
    struct client_sim *c = container_of(end, struct client_sim, end);
    struct cursor at = cursor_of(body);
    struct record r;
    c->session.heard_ms = sim_ms(s);
    while (!cursor_done(&at)) {
        if (record_get(&at, &r) != OK)
            sim_fail(s, "S19", "the broker sent %s what does not decode", end->name);
        record_take(s, c, &r);
    }
    if (!c->left)
        client_turn(s, c);
}

/* What it says goes out as one body, or sometimes twice, or with rubbish behind. */
static void send_out(struct sim *s, struct client_sim *c)
{
    static const unsigned char rubbish[] = {0x93, 0x10, 0xc1};
    if (!c->out.size)
        return;
    if (sim_chance(s, s->knobs.malformed))
        buf_put(&c->out, rubbish, sizeof rubbish);
    end_send(s, &c->end, buf_bytes(&c->out));
    if (sim_chance(s, s->knobs.duplicate))
        end_send(s, &c->end, buf_bytes(&c->out));
    buf_clear(&c->out);
}

void client_turn(struct sim *s, struct client_sim *c)
{
    if (session_silent(&c->session, sim_ms(s)))
        trace(s, c->end.name, "has not heard of the broker for long");
    if (session_probe_due(&c->session, sim_ms(s)))
        client_say(c, &(struct record){.type = REC_ping});
    if (session_hello_due(&c->session, sim_ms(s)))
        hello(c);
    if (c->session.up) {
        if (sim_chance(s, 0.5))
            acks_put(&c->acks, pending_floor(&c->pending), &c->out);
        watcher_turn(s, c);
        struct sending at = {0};
        while (s->now_us >= c->busy_us && c->out.size < FRAME_BYTES &&
               pending_send(&c->pending, &at)) {
            put_submit(&c->out, &at.submit);
            struct bytes row =
                pending_send_again(&c->pending, sim_chance(s, 0.5) ? FRAME_BYTES : 0);
            buf_put(&c->out, row.data, row.size);
        }
    }
    send_out(s, c);
}

static void turns(struct sim *s, struct happening *h)
{
    struct client_sim *c = h->who;
    if (c->left)
        return;
    if (c->to_submit && (s->calm || sim_chance(s, 0.3)))
        for (uint64_t n = 1 + sim_below(s, 6); n && c->to_submit; n--, c->to_submit--)
            submit(s, c);
    if (c->session.up)
        ask_something(s, c);
    if (c->session.up)
        look_after(s, c);
    if (c->session.up)
        ask_calmly(s, c);
    if (c->session.up)
        ask_lists(s, c);
    client_turn(s, c);
    sim_at(s, s->now_us + TURN_US + (int64_t)sim_below(s, (uint64_t)TURN_US), turns, c);
}

void client_start(struct sim *s, struct client_sim *c)
{
    snprintf(c->end.name, sizeof c->end.name, "c%u", c->index);
    c->end.kind = END_CLIENT;
    for (unsigned i = 0; i < PEER_ID_BYTES; i++)
        c->session.peer_id[i] = (unsigned char)sim_below(s, 256);
    pending_init(&c->pending);
    link_init(&c->watches);
    c->end.port = PORT_CLIENTS;
    c->end.take = takes;
    c->sub_up = true;
    end_open(s, &c->end);
    sim_at(s, s->now_us + 10, turns, c);
}

void client_stop(struct sim *s, struct client_sim *c, bool goodbye)
{
    if (c->left)
        return;
    trace(s, c->end.name, "leaves");
    buf_clear(&c->out);
    if (goodbye) {
        client_say(c, &(struct record){.type = REC_goodbye});
        end_send(s, &c->end, buf_bytes(&c->out));
    }
    c->left = true;
    watcher_cut(s, c);
    end_close(s, &c->end, goodbye);
}

void client_explain(const struct client_sim *c)
{
    printf("%s: %zu unsettled from %llu on, %u to be submitted, %zu asks open, session %s\n",
           c->end.name, c->pending.count,
           (unsigned long long)pending_above(&c->pending, c->pending.floor), c->to_submit,
           c->asks.count, c->session.up ? "up" : "down");
}

bool client_settled(const struct client_sim *c)
{
    return c->pending.count == 0 && c->to_submit == 0 && c->asks.count == 0;
}

void client_fini(struct sim *s, struct client_sim *c)
{
    size_t at = 0;
    for (struct asked *asked; (asked = idmap_next(&c->asks, &at));) {
        buf_fini(&asked->bytes);
        free(asked);
    }
    idmap_fini(&c->asks);
    watcher_fini(s, c);
    pending_fini(&c->pending);
    buf_fini(&c->out);
    buf_fini(&c->end.backlog);
}
