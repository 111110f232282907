/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/farm.h"

#include "common/pack.h"

enum { BROKER_ID = 1, AUDITED_JOBS = 200 };

static void broker_start(struct farm *f)
{
    struct broker_options options = {.seed = 1,
                                     .incarnation = f->incarnation,
                                     .broker_id = BROKER_ID,
                                     .durable = f->durable,
                                     .tells_ends = true,
                                     .now_ms = f->now_ms,
                                     .wall_ms = f->now_ms + 1000000,
                                     .limits = f->limits};
    f->broker = broker_new(&options);
}

static struct farm *farm_make(const struct broker_limits *limits, bool durable)
{
    struct farm *f = must_alloc(sizeof *f);
    f->now_ms = 1000;
    f->incarnation = FARM_INCARNATION;
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

struct farm *farm_kept(unsigned slots)
{
    struct farm *f = farm_durable(NULL);
    client(f, "c1");
    worker(f, "w1", slots, "calc.add");
    kept(f);
    farm_forget(f);
    return f;
}

struct farm *farm_leased(void)
{
    struct farm *f = farm_kept(1);
    submits(f, "c1", "calc.add");
    kept(f);
    farm_forget(f);
    return f;
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
    return (uint64_t)BROKER_ID << 52 | (uint64_t)FARM_INCARNATION << 20 | job;
}

uint64_t job_token(unsigned count)
{
    return token_of(FARM_INCARNATION, count);
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
        farm_write_down(f, e);
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
    farm_event(user,
               &(struct event){.type = EV_LOADED, .loaded = {row->key, buf_bytes(&row->bytes)}});
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
                                 .tags = bytes_text(tags),
                                 .knows = KNOWS_ALL}};
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
    says(f, who, &(struct record){.type = REC_started, .started = {job_id(job), job_token(token)}});
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
    says(f, who,
         &(struct record){.type = REC_returned, .returned = {job_id(job), job_token(token)}});
}

void holds(struct farm *f, const char *who, unsigned job, unsigned token)
{
    says(f, who, &(struct record){.type = REC_holding, .holding = {job_id(job), job_token(token)}});
}

void asks(struct farm *f, const char *who, enum record_type what, uint64_t number, unsigned job)
{
    says(f, who, &(struct record){.type = what, .wait = {number, job_id(job)}}); /* all alike */
}

void found(struct farm *f, uint64_t ticket, struct bytes rows)
{
    farm_event(f, &(struct event){.type = EV_FOUND, .found = {.ticket = ticket, .rows = rows}});
}

void found_some(struct farm *f, uint64_t ticket, const struct buf *rows, uint64_t next)
{
    struct event ev = {.type = EV_FOUND,
                       .found = {.ticket = ticket, .rows = buf_bytes(rows), .next = next}};
    farm_event(f, &ev);
}

void rows_take(const struct farm *f, struct buf *rows)
{
    for (size_t i = 0; i < f->fx.count; i++) {
        struct bytes row = effect_bytes(&f->fx, &f->fx.list[i]);
        if (f->fx.list[i].type == FX_PUT)
            buf_put(rows, row.data, row.size);
    }
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
    farm_event(
        f, &(struct event){.type = EV_WATCH, .watch = {bytes_of(topic, strlen(topic) + 1), on}});
}
