/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/farm.h"

#include <reeve/value.h>

#include "common/pack.h"

enum { INCARNATION = 7, BROKER_ID = 1, AUDITED_JOBS = 200 };

static void broker_start(struct farm *f)
{
    struct broker_options options = {.seed = 1,
                                     .incarnation = f->incarnation,
                                     .broker_id = BROKER_ID,
                                     .durable = f->durable,
                                     .now_ms = f->now_ms,
                                     .wall_ms = f->now_ms + 1000000,
                                     .limits = f->limits};
    f->broker = broker_new(&options);
}

static struct farm *farm_make(const struct broker_limits *limits, bool durable)
{
    struct farm *f = must_alloc(sizeof *f);
    f->now_ms = 1000;
    f->incarnation = INCARNATION;
    f->durable = durable;
    if (limits)
        f->limits = *limits;
    disk_init(&f->disk);
    broker_start(f);
    return f;
}

struct farm *farm_new(const struct broker_limits *limits)
{
    return farm_make(limits, false);
}

struct farm *farm_durable(const struct broker_limits *limits)
{
    return farm_make(limits, true);
}

void farm_free(struct farm *f)
{
    broker_audit(f->broker);
    broker_free(f->broker);
    disk_fini(&f->disk);
    effects_fini(&f->fx);
    buf_fini(&f->log);
    free(f);
}

uint64_t job_id(unsigned job)
{
    return (uint64_t)BROKER_ID << 52 | (uint64_t)INCARNATION << 20 | job;
}

uint64_t job_token(unsigned count)
{
    return token_of(INCARNATION, count);
}

/* --- what happens, as text -------------------------------------------------------------------- */

static unsigned id(uint64_t job)
{
    return (unsigned)((job & ((1ull << 52) - 1)) - ((uint64_t)INCARNATION << 20));
}

static const char *name_of(const struct farm *f, uint64_t peer)
{
    for (unsigned i = 0; i < f->peer_count; i++)
        if (f->peers[i].peer == peer)
            return f->peers[i].name;
    return "?";
}

static void log_ended(struct buf *log, const struct msg_ended *m)
{
    buf_printf(log, "ended %u j%u %s", (unsigned)m->number, id(m->id),
               job_state_name((unsigned)m->state));
    if (m->reason)
        buf_printf(log, " (%s)", reason_name((unsigned)m->reason));
    if (m->worker.size)
        buf_printf(log, " by %.*s", BYTES_ARG(m->worker));
    if (m->attempts)
        buf_printf(log, " after %u", (unsigned)m->attempts);
}

/* Of {"done": N}. */
static void log_progress(struct buf *log, struct bytes map)
{
    struct cursor c = cursor_of(map);
    if (!map.size)
        return;
    CHECK_EQ(cursor_map(&c), 1);
    CHECK_BYTES(cursor_str(&c), bytes_text("done"));
    buf_printf(log, " done %u", (unsigned)cursor_uint(&c));
}

static void log_job(struct buf *log, const struct msg_job *m)
{
    const char *state = job_state_name((unsigned)m->state);
    buf_printf(log, "job %u j%u %s", (unsigned)m->number, id(m->id), state);
    if (m->retry_of)
        buf_printf(log, " retry of j%u", id(m->retry_of));
    log_progress(log, m->progress);
}

static void log_accepted(struct buf *log, const struct msg_accepted *m)
{
    if (m->count)
        buf_printf(log, "accepted %u..%u j%u..j%u", (unsigned)m->number,
                   (unsigned)(m->number + m->count - 1), id(m->id), id(m->id + m->count - 1));
    else
        buf_printf(log, "accepted %u j%u", (unsigned)m->number, id(m->id));
}

static void log_lease(struct buf *log, const struct msg_lease *m)
{
    buf_printf(log, "lease j%u ", id(m->id));
    if (m->token >> 32 != INCARNATION)
        buf_printf(log, "%u:", (unsigned)(m->token >> 32) - INCARNATION);
    buf_printf(log, "t%u", (unsigned)m->token);
    if (m->offer)
        buf_printf(log, " offer %u", (unsigned)m->offer);
    if (m->attempt)
        buf_printf(log, " attempt %u", (unsigned)m->attempt);
    if (m->timeout_ms)
        buf_printf(log, " limit %u", (unsigned)m->timeout_ms);
    if (m->args.size > 1) {
        size_t size;
        char *text = reeve_text(m->args.data, m->args.size, &size);
        buf_printf(log, " %.*s", (int)size, text);
        free(text);
    }
}

static void log_session(struct buf *log, const struct msg_session *m)
{
    buf_printf(log, "session %u j%u %s (%s) iteration %u", (unsigned)m->number, id(m->id),
               session_state_name((unsigned)m->state), job_state_name((unsigned)m->job_state),
               (unsigned)m->iteration);
    if (m->reason)
        buf_printf(log, " %s", reason_name((unsigned)m->reason));
}

/* "7 state": the number and the event of an update. */
static void log_update(struct buf *log, const char *what, struct bytes body)
{
    struct cursor c = cursor_of(body);
    uint64_t seq = 0;
    struct bytes event = {0}, state = {0}, progress = {0};
    uint64_t iteration = 0, task = 0;
    for (uint32_t pairs = cursor_map(&c); pairs; pairs--) {
        struct bytes key = cursor_str(&c);
        if (bytes_equal(key, bytes_text("seq")))
            seq = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("event")))
            event = cursor_str(&c);
        else if (bytes_equal(key, bytes_text("state")))
            state = cursor_str(&c);
        else if (bytes_equal(key, bytes_text("iteration")))
            iteration = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("task")))
            task = cursor_uint(&c);
        else if (bytes_equal(key, bytes_text("progress")))
            progress = cursor_value(&c);
        else
            cursor_skip(&c);
    }
    CHECK(cursor_ok(&c) && cursor_done(&c));
    buf_printf(log, "%s%u %.*s", what, (unsigned)seq, BYTES_ARG(event));
    if (state.size)
        buf_printf(log, " %.*s", BYTES_ARG(state));
    if (iteration)
        buf_printf(log, " %u", (unsigned)iteration);
    if (task)
        buf_printf(log, " %u", (unsigned)task);
    log_progress(log, progress);
}

static void log_record(struct buf *log, const struct record *r)
{
    switch (r->type) {
    case REC_accepted: log_accepted(log, &r->accepted); break;
    case REC_ended: log_ended(log, &r->ended); break;
    case REC_lease: log_lease(log, &r->lease); break;
    case REC_job: log_job(log, &r->job); break;
    case REC_session: log_session(log, &r->session); break;
    case REC_explanation:
        buf_printf(log, "explanation %.*s", BYTES_ARG(r->explanation.text));
        break;
    case REC_attempt:
        buf_printf(log, "attempt %u j%u %u %s", (unsigned)r->attempt.number, id(r->attempt.id),
                   (unsigned)r->attempt.attempt, reason_name((unsigned)r->attempt.reason));
        break;
    case REC_error:
        buf_printf(log, "error %u %s", (unsigned)r->error.number,
                   err_name((unsigned)r->error.code));
        break;
    case REC_welcome: buf_printf(log, "welcome last %u", (unsigned)r->welcome.last_number); break;
    case REC_stop:
        buf_printf(log, "stop j%u t%u %s", id(r->stop.id), (unsigned)r->stop.token,
                   reason_name((unsigned)r->stop.reason));
        break;
    case REC_recall:
        buf_printf(log, "recall j%u t%u", id(r->recall.id), (unsigned)r->recall.token);
        break;
    case REC_result_ack: buf_printf(log, "result_ack %u", (unsigned)r->result_ack.number); break;
    case REC_done: buf_printf(log, "done %u", (unsigned)r->done.number); break;
    case REC_end:
        buf_printf(log, "end %u%s", (unsigned)r->end.number, r->end.next ? " more" : "");
        break;
    case REC_queue:
        buf_printf(log, "queue %.*s ready %u running %u delayed %u%s", BYTES_ARG(r->queue.name),
                   (unsigned)r->queue.ready, (unsigned)r->queue.running, (unsigned)r->queue.delayed,
                   r->queue.held ? " held" : "");
        break;
    case REC_worker:
        buf_printf(log, "worker %.*s %s leased %u", BYTES_ARG(r->worker.id),
                   worker_state_name((unsigned)r->worker.state), (unsigned)r->worker.leased);
        break;
    case REC_status:
        buf_printf(log, "status submitted %u executions %u losses %u live %u malformed %u",
                   (unsigned)r->status.submitted, (unsigned)r->status.executions,
                   (unsigned)r->status.lease_losses, (unsigned)r->status.live,
                   (unsigned)r->status.malformed);
        break;
    case REC_task:
        buf_printf(log, "task %u %c %u %.*s", (unsigned)r->task.number,
                   r->task.completed_ms ? 'x' : '-', (unsigned)r->task.task,
                   BYTES_ARG(r->task.title));
        break;
    case REC_feed:
        buf_printf(log, "feed %u %.*s %s %u", (unsigned)r->feed.number, BYTES_ARG(r->feed.topic),
                   r->feed.running ? "running" : "resting", (unsigned)r->feed.updates);
        break;
    case REC_update: log_update(log, "update ", r->update.body); break;
    case REC_snapshot: log_update(log, "snapshot ", r->snapshot.body); break;
    case REC_lost:
        buf_printf(log, "lost %u..%u", (unsigned)r->lost.first, (unsigned)r->lost.last);
        break;
    default: buf_printf(log, "%s", record_name(r->type)); break;
    }
}

static void log_key(struct buf *log, const char *what, struct row_key key)
{
    static const char *const kinds[ROW_KINDS] = {"job",  "ended", "client", "key",  "worker",
                                                 "mark", "queue", "lines",  "task", "joined"};
    buf_printf(log, "%s%s", what, kinds[key.kind]);
    if (key.id)
        buf_printf(log, " j%u", id(key.id));
    if (key.name.size)
        buf_printf(log, " %.*s", (int)strnlen(key.name.data, key.name.size),
                   (const char *)key.name.data);
    if (key.kind == ROW_JOINED)
        buf_printf(log, " %.*s", (int)(key.name.size - PEER_ID_BYTES),
                   (const char *)key.name.data + PEER_ID_BYTES);
}

static void log_put(struct farm *f, const struct effect *e)
{
    if (e->kind == ROW_ENDED)
        buf_printf(&f->log, "store j%u %s%s", id(e->id), job_state_name(e->state),
                   e->settled ? " settled" : "");
    else
        log_key(&f->log, "keep ", effect_key(&f->fx, e));
}

static void log_effect(struct farm *f, const struct effect *e)
{
    struct bytes bytes = effect_bytes(&f->fx, e), topic = effect_name(&f->fx, e);
    struct cursor c = cursor_of(bytes);
    struct record r;
    switch (e->type) {
    case FX_SEND:
        CHECK(record_get(&c, &r) == OK && cursor_done(&c));
        if (r.type == REC_ping || r.type == REC_slot)
            return;
        buf_printf(&f->log, "%s < ", name_of(f, e->peer));
        log_record(&f->log, &r);
        break;
    case FX_PUBLISH:
        buf_printf(&f->log, "%.*s: ", (int)topic.size - 1, (const char *)topic.data);
        log_update(&f->log, "", bytes);
        break;
    case FX_PUT: log_put(f, e); break;
    case FX_DROP: log_key(&f->log, "drop ", effect_key(&f->fx, e)); break;
    case FX_SETTLE:
        buf_printf(&f->log, "settle j%u count %u", id(e->id), (unsigned)e->count);
        break;
    case FX_FIND: buf_printf(&f->log, "find %u j%u", (unsigned)e->ticket, id(e->id)); break;
    case FX_LIST: buf_printf(&f->log, "list %u", (unsigned)e->ticket); break;
    case FX_AUDIT: buf_printf(&f->log, "denied %.*s", BYTES_ARG(bytes)); break;
    }
    buf_printf(&f->log, "\n");
}

void farm_event(struct farm *f, struct event *ev)
{
    ev->now_ms = f->now_ms;
    ev->wall_ms = f->now_ms + 1000000;
    broker_step(f->broker, ev, &f->fx);
    struct broker_totals totals;
    broker_totals(f->broker, &totals);
    if (totals.live <= AUDITED_JOBS) /* it looks at each; farm_free does so in any case */
        broker_audit(f->broker);
    for (size_t i = 0; i < f->fx.count; i++) {
        const struct effect *e = &f->fx.list[i];
        log_effect(f, e);
        if (f->durable && (e->type == FX_PUT || e->type == FX_DROP || e->type == FX_SETTLE))
            disk_order(&f->disk, &f->fx, e);
    }
}

/* --- the store -------------------------------------------------------------------------------- */

void kept(struct farm *f)
{
    uint64_t seq = disk_commit(&f->disk, UINT64_MAX);
    farm_event(f, &(struct event){.type = EV_STORED, .stored = {.seq = seq}});
}

static void load(void *user, const struct disk_row *row)
{
    struct event ev = {.type = EV_LOADED,
                       .loaded = {.key = row->key, .row = buf_bytes(&row->bytes)}};
    farm_event(user, &ev);
}

void restarts(struct farm *f)
{
    must(f->durable);
    broker_free(f->broker);
    disk_crash(&f->disk);
    for (unsigned i = 0; i < f->peer_count; i++) {
        f->peers[i].peer = ++f->peers_made;
        f->peers[i].beats = false;
    }
    f->incarnation++;
    broker_start(f);
    disk_load(&f->disk, load, f);
    farm_event(f, &(struct event){.type = EV_SERVE});
}

const char *farm_log(struct farm *f)
{
    return buf_text(&f->log);
}

void farm_forget(struct farm *f)
{
    buf_clear(&f->log);
}

/* --- peers ------------------------------------------------------------------------------------ */

static struct farm_peer *peer_of(struct farm *f, const char *who)
{
    for (unsigned i = 0; i < f->peer_count; i++)
        if (strcmp(f->peers[i].name, who) == 0)
            return &f->peers[i];
    must(f->peer_count < FARM_PEERS);
    struct farm_peer *p = &f->peers[f->peer_count++];
    *p = (struct farm_peer){
        .name = who, .peer = ++f->peers_made, .port = who[0] == 'w' ? PORT_WORKERS : PORT_CLIENTS};
    return p;
}

void says_bytes(struct farm *f, const char *who, struct bytes body)
{
    const struct farm_peer *p = peer_of(f, who);
    struct event ev = {.type = EV_BODY, .body = {.peer = p->peer, .port = p->port, .bytes = body}};
    ev.body.key = bytes_text(f->key_of ? f->key_of(who) : "");
    farm_event(f, &ev);
}

void says(struct farm *f, const char *who, const struct record *r)
{
    struct buf body = {0};
    record_put(&body, r);
    says_bytes(f, who, buf_bytes(&body));
    buf_fini(&body);
}

static void says_hello(struct farm *f, const char *who, unsigned slots, const char *tags)
{
    char peer_id[PEER_ID_BYTES] = {0};
    strncpy(peer_id, who, sizeof peer_id - 1);
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = 1,
                                 .version_max = 1,
                                 .role = slots ? ROLE_WORKER : ROLE_CLIENT,
                                 .peer_id = bytes_of(peer_id, sizeof peer_id),
                                 .name = bytes_text(slots ? who : ""),
                                 .slots = slots,
                                 .tags = bytes_text(tags)}};
    says(f, who, &r);
}

void client(struct farm *f, const char *who)
{
    says_hello(f, who, 0, "");
    farm_forget(f);
}

void hello_worker(struct farm *f, const char *who, unsigned slots)
{
    hello_tagged(f, who, slots, "");
}

void hello_tagged(struct farm *f, const char *who, unsigned slots, const char *tags)
{
    says_hello(f, who, slots, tags);
    peer_of(f, who)->beats = true;
}

void offers(struct farm *f, const char *who, const char *queue)
{
    says(f, who, &(struct record){.type = REC_offer, .offer = {.queue = bytes_text(queue)}});
}

void feeds(struct farm *f, const char *who, const char *queue, const char *head)
{
    says(f, who,
         &(struct record){.type = REC_offer,
                          .offer = {.queue = bytes_text(queue), .feed = bytes_text(head)}});
}

void ready(struct farm *f, const char *who)
{
    says(f, who, &(struct record){.type = REC_ready});
}

void worker(struct farm *f, const char *who, unsigned slots, const char *queue)
{
    hello_worker(f, who, slots);
    offers(f, who, queue);
    farm_forget(f);
    ready(f, who);
}

void submits_as(struct farm *f, const char *who, struct msg_submit m)
{
    struct farm_peer *p = peer_of(f, who);
    if (!m.number)
        m.number = ++p->numbers;
    if (!m.args.data)
        m.args = bytes_of("\x90", 1);
    says(f, who, &(struct record){.type = REC_submit, .submit = m});
}

void submits(struct farm *f, const char *who, const char *queue)
{
    submits_as(f, who, (struct msg_submit){.queue = bytes_text(queue)});
}

static void result(struct farm *f, const char *who, struct msg_result m)
{
    m.number = ++peer_of(f, who)->results;
    m.value = bytes_of("\x04", 1);
    says(f, who, &(struct record){.type = REC_result, .result = m});
}

void begins(struct farm *f, const char *who, const char *queue)
{
    submits_as(f, who, (struct msg_submit){.queue = bytes_text(queue), .flags = SUBMIT_SESSION});
}

/* In the life of the broker that the lease is of. */
void verdicts(struct farm *f, const char *who, unsigned job, unsigned token, struct msg_verdict v)
{
    struct buf value = {0};
    put_verdict(&value, &v);
    struct record r = {.type = REC_result,
                       .result = {.number = ++peer_of(f, who)->results,
                                  .id = job_id(job),
                                  .token = token_of(f->incarnation, token),
                                  .reason = REASON_VERDICT,
                                  .run_us = 1000000,
                                  .value = buf_bytes(&value)}};
    says(f, who, &r);
    buf_fini(&value);
}

void tells(struct farm *f, const char *who, uint64_t number, unsigned job, uint64_t iteration)
{
    says(f, who,
         &(struct record){.type = REC_tell,
                          .tell = {.number = number,
                                   .id = job_id(job),
                                   .iteration = iteration,
                                   .value = bytes_of("\x2a", 1)}});
}

void results(struct farm *f, const char *who, unsigned job, unsigned token, enum reason reason)
{
    result(f, who,
           (struct msg_result){
               .id = job_id(job), .token = job_token(token), .reason = reason, .run_us = 1000000});
}

void takes_us(struct farm *f, const char *who, unsigned job, unsigned token, uint64_t run_us)
{
    result(f, who,
           (struct msg_result){.id = job_id(job), .token = job_token(token), .run_us = run_us});
}

void starts(struct farm *f, const char *who, unsigned job, unsigned token)
{
    struct record r = {.type = REC_started,
                       .started = {.id = job_id(job), .token = job_token(token)}};
    says(f, who, &r);
}

void progresses(struct farm *f, const char *who, unsigned job, unsigned token, unsigned char done)
{
    unsigned char map[] = {0x81, 0xa4, 'd', 'o', 'n', 'e', done};
    struct record r = {.type = REC_progress,
                       .progress = {.id = job_id(job),
                                    .token = job_token(token),
                                    .value = bytes_of(map, sizeof map)}};
    says(f, who, &r);
}

void returns(struct farm *f, const char *who, unsigned job, unsigned token)
{
    struct record r = {.type = REC_returned,
                       .returned = {.id = job_id(job), .token = job_token(token)}};
    says(f, who, &r);
}

void holds(struct farm *f, const char *who, unsigned job, unsigned token)
{
    struct record r = {.type = REC_holding,
                       .holding = {.id = job_id(job), .token = job_token(token)}};
    says(f, who, &r);
}

void asks(struct farm *f, const char *who, enum record_type what, uint64_t number, unsigned job)
{
    struct record r = {.type = what};
    r.wait.number = number; /* wait, cancel, retry and get_job are alike */
    r.wait.id = job_id(job);
    says(f, who, &r);
}

void found(struct farm *f, uint64_t ticket, struct bytes rows)
{
    farm_event(f, &(struct event){.type = EV_FOUND, .found = {ticket, rows, 0}});
}

/* --- time ------------------------------------------------------------------------------------- */

void after(struct farm *f, int64_t ms)
{
    int64_t until = f->now_ms + ms;
    while (f->now_ms < until) {
        int64_t next = broker_deadline(f->broker), before = f->now_ms;
        f->now_ms = next <= f->now_ms ? f->now_ms + 1 : next < until ? next : until;
        for (unsigned i = 0; i < f->peer_count; i++)
            if (f->peers[i].beats && f->now_ms / 1000 != before / 1000)
                says(f, f->peers[i].name, &(struct record){.type = REC_beat});
        farm_event(f, &(struct event){.type = EV_TICK});
    }
}

void silent(struct farm *f, const char *who)
{
    peer_of(f, who)->beats = false;
}

void gone(struct farm *f, const char *who)
{
    struct farm_peer *p = peer_of(f, who);
    p->beats = false;
    farm_event(f, &(struct event){.type = EV_PEER_GONE, .gone = {.peer = p->peer}});
}

void reconnects(struct farm *f, const char *who)
{
    peer_of(f, who)->peer = ++f->peers_made;
}

void pauses(struct farm *f, int64_t ms)
{
    f->now_ms += ms;
    farm_event(f, &(struct event){.type = EV_TICK});
}

void watches(struct farm *f, const char *topic, bool on)
{
    struct event ev = {.type = EV_WATCH,
                       .watch = {.topic = bytes_of(topic, strlen(topic) + 1), .on = on}};
    farm_event(f, &ev);
}
