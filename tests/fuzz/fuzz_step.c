/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker's core under any sequence of events. The input is read as triples (letter, who, how):
 * most make a well-formed record that refers to jobs and leases that exist, so that runs go deep;
 * 'b' hands over raw bytes. Limits are tiny, so that each is met. After each run of events every
 * index of the core is checked against every other.
 */
#include "producer/core/broker.h"
#include "proto/acl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PEERS = 8, FIRST_WORKER = 4, KNOWN = 16, INCARNATION = 1 };

struct world {
    struct broker *broker;
    struct effects fx;
    int64_t now_ms;
    uint64_t connection[PEERS]; /* the shell's name of it; changes when it is lost */
    uint64_t connections;
    uint64_t number[PEERS]; /* the last one used */
    struct msg_lease lease[PEERS];
    uint64_t jobs[KNOWN]; /* ids that were accepted lately */
    unsigned job_count;
    uint64_t tickets[KNOWN]; /* lookups that the store has not answered */
    unsigned ticket_count;
};

static void take_effects(struct world *w)
{
    for (size_t i = 0; i < w->fx.count; i++) {
        const struct effect *e = &w->fx.list[i];
        if ((e->type == FX_FIND || e->type == FX_LIST) && w->ticket_count < KNOWN)
            w->tickets[w->ticket_count++] = e->ticket; /* beyond that: a store that never answers */
        if (e->type != FX_SEND)
            continue;
        struct cursor c = cursor_of(effect_bytes(&w->fx, e));
        struct record r = {.type = REC_NONE};
        for (uint32_t left = e->more + 1; left; left--) {
            must(record_next(&c, &r) == OK && r.type != REC_NONE);
            for (unsigned p = 0; p < PEERS; p++)
                if (w->connection[p] == e->peer && r.type == REC_lease)
                    w->lease[p] = (struct msg_lease){.id = r.lease.id, .token = r.lease.token};
            if (r.type == REC_accepted)
                w->jobs[w->job_count++ % KNOWN] = r.accepted.id;
        }
        must(cursor_done(&c));
    }
}

static void step(struct world *w, struct event ev)
{
    ev.now_ms = w->now_ms;
    ev.wall_ms = 1700000000000 + w->now_ms;
    broker_expect(w->broker, &ev, 1);
    broker_step(w->broker, &ev, &w->fx);
    take_effects(w);
}

/* Each has a key of its own, which counts once there is a list. */
static const char *key_of(unsigned who, char key[static ACL_KEY_SIZE + 1])
{
    memset(key, '1' + (int)who, ACL_KEY_SIZE);
    key[ACL_KEY_SIZE] = 0;
    return key;
}

static void body(struct world *w, unsigned who, struct bytes bytes)
{
    char key[ACL_KEY_SIZE + 1];
    step(w, (struct event){.type = EV_BODY,
                           .body = {.peer = w->connection[who],
                                    .port = who < FIRST_WORKER ? PORT_CLIENTS : PORT_WORKERS,
                                    .bytes = bytes,
                                    .key = bytes_text(key_of(who, key))}});
}

static void say(struct world *w, unsigned who, const struct record *r)
{
    struct buf b = {0};
    record_put(&b, r);
    body(w, who, buf_bytes(&b));
    buf_fini(&b);
}

static void say_hello(struct world *w, unsigned who, unsigned how)
{
    unsigned char id[PEER_ID_BYTES] = {(unsigned char)(who + 1)};
    const char name[] = {'w', (char)('0' + who), 0};
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = 1,
                                 .version_max = 1,
                                 .role = who < FIRST_WORKER ? ROLE_CLIENT : ROLE_WORKER,
                                 .peer_id = bytes_of(id, sizeof id),
                                 .name = bytes_text(name),
                                 .slots = 1 + who % 3,
                                 .tags = bytes_text(how & 1 ? "t=1" : ""),
                                 .knows = how & 2 ? KNOWS_ALL : 0}};
    say(w, who, &r);
}

static const char *const queues[] = {"a.a", "b.b", "c.c"};

static void say_offer(struct world *w, unsigned who, unsigned how)
{
    struct record offer = {.type = REC_offer, .offer = {.queue = bytes_text(queues[how % 3])}};
    struct record ready = {.type = REC_ready};
    struct record holding = {.type = REC_holding,
                             .holding = {.id = w->lease[who].id, .token = w->lease[who].token}};
    say(w, who, &offer);
    if (how & 8)
        say(w, who, &holding);
    say(w, who, &ready);
}

static void say_submit(struct world *w, unsigned who, unsigned how)
{
    static const char *const keys[] = {"", "k1", "k2", "k3"};
    struct record r = {.type = REC_submit,
                       .submit = {.number = how == 255 ? w->number[who] : ++w->number[who],
                                  .queue = bytes_text(queues[how % 3]),
                                  .args = bytes_of("\x91\x01", 2),
                                  .priority = (int)(how >> 4 & 3) - 1,
                                  .flags = how & 1 ? SUBMIT_WAIT_FOR_HANDLER : 0,
                                  .delay_ms = how & 4 ? how * 10 : 0,
                                  .deadline_ms = how & 8 ? how * 5 : 0,
                                  .retries = how >> 6,
                                  .key = bytes_text(keys[how >> 3 & 3]),
                                  .tags = bytes_text(how & 32    ? "t=1"
                                                     : how == 17 ? "t=2,u="
                                                                 : "")}};
    say(w, who, &r);
}

static uint64_t known_job(const struct world *w, unsigned how)
{
    return w->jobs[how % KNOWN];
}

/* Few numbers and little credit: they meet, and it is used up. */
static void say_follow(struct world *w, unsigned who, unsigned how)
{
    static const char *const topics[] = {"job/0000000000001", "queue/a.a", "worker/w4", "x/y"};
    uint64_t number = how >> 4 & 1;
    struct record said[] = {
        {.type = REC_follow,
         .follow = {.number = number, .topic = bytes_text(topics[how >> 5 & 3]), .credit = 2}},
        {.type = REC_follow,
         .follow = {number, bytes_text("queue/a.a"), INCARNATION, how >> 5, how & 4}},
        {.type = REC_follow_more, .follow_more = {number, how >> 5}},
        {.type = REC_unfollow, .unfollow = {number}},
    };
    say(w, who, &said[how & 3]);
}

static void say_ask(struct world *w, unsigned who, unsigned how)
{
    uint64_t id = known_job(w, how >> 4), number = how;
    struct bytes queue = bytes_text(queues[how >> 4 & 1]);
    static const char *const topics[] = {"job/0000000000001", "queue/a.a", "worker/w4", "x"};
    struct record asks[] = {
        {.type = REC_wait, .wait = {number, id}},
        {.type = REC_cancel, .cancel = {number, id}},
        {.type = REC_retry, .retry = {number, id}},
        {.type = REC_get_job, .get_job = {number, id}},
        {.type = REC_list_jobs, .list_jobs = {.number = number, .state = how >> 4, .limit = 5}},
        {.type = REC_list_queues, .list_queues = {number}},
        {.type = REC_list_workers, .list_workers = {number}},
        {.type = REC_get_status, .get_status = {number}},
        {.type = REC_hold, .hold = {number, queue}},
        {.type = REC_release, .release = {number, queue}},
        {.type = REC_drain, .drain = {number, bytes_text(how & 16 ? "w4" : "w5")}},
        {.type = REC_watch, .watch = {.number = number, .topic = bytes_text(topics[how >> 4 & 3])}},
        {.type = REC_sync, .sync = {bytes_text("nonce")}},
        {.type = REC_ack, .ack = {.number = 1 + (how >> 4), .count = how & 7, .floor = how >> 5}},
        {.type = REC_goodbye},
        {.type = REC_pong},
    };
    say(w, who, &asks[how & 15]);
}

/* The last lease of that worker, or with how & 1 one that it has not. */
static void say_about_lease(struct world *w, unsigned who, unsigned how)
{
    uint64_t id = w->lease[who].id, token = w->lease[who].token + (how & 1 ? 1 : 0);
    struct record said[] = {
        {.type = REC_started, .started = {id, token}},
        {.type = REC_returned, .returned = {id, token}},
        {.type = REC_beat},
        {.type = REC_draining},
        {.type = REC_slot_state,
         .slot_state = {.index = how >> 4, .pid = 7, .state = how >> 5, .job = id}},
        {.type = REC_holding, .holding = {id, token}},
        {.type = REC_goodbye},
        {.type = REC_pong},
    };
    say(w, who, &said[how >> 1 & 7]);
}

static void say_result(struct world *w, unsigned who, unsigned how)
{
    struct record r = {.type = REC_result,
                       .result = {.number = ++w->number[who],
                                  .id = w->lease[who].id,
                                  .token = w->lease[who].token,
                                  .reason = how % (REASON_COUNT + 2),
                                  .value = bytes_of("\xa1x", 2),
                                  .run_us = how * 100}};
    say(w, who, &r);
}

static void lose(struct world *w, unsigned who)
{
    uint64_t old = w->connection[who];
    w->connection[who] = ++w->connections;
    step(w, (struct event){.type = EV_PEER_GONE, .gone = {.peer = old}});
}

/* Time passes, never beyond the deadline without a tick, as in the shell. */
static void pass_time(struct world *w, int64_t ms)
{
    int64_t until = w->now_ms + ms;
    for (int ticks = 0; ticks < 100; ticks++) {
        int64_t due = broker_deadline(w->broker);
        if (due < 0 || due > until)
            break;
        w->now_ms = due > w->now_ms ? due : w->now_ms;
        step(w, (struct event){.type = EV_TICK});
    }
    w->now_ms = until > w->now_ms ? until : w->now_ms;
    step(w, (struct event){.type = EV_TICK});
}

static void answer_found(struct world *w)
{
    if (w->ticket_count)
        step(w,
             (struct event){.type = EV_FOUND, .found = {.ticket = w->tickets[--w->ticket_count]}});
}

static void watch(struct world *w, unsigned how)
{
    struct bytes topic = how & 1 ? bytes_text("job/") : bytes_of("queue/a.a\0", 10);
    step(w, (struct event){.type = EV_WATCH, .watch = {.topic = topic, .on = how & 2}});
}

/* A list of some of them, in some roles. */
static void another_list(struct world *w, unsigned who, unsigned how)
{
    char key[ACL_KEY_SIZE + 1];
    struct buf list = {0};
    for (unsigned p = 0; p < PEERS; p++) {
        unsigned role = p >= FIRST_WORKER ? ACL_WORKER : (unsigned)ACL_CLIENT + (how + p * who) % 5;
        bool bound = (role == ACL_CLIENT || role == ACL_WORKER) && how & 64;
        if (p != who || how & 128)
            buf_printf(&list, "%s p%u %s %s\n", acl_role_name((enum acl_role)role), p,
                       key_of(p, key), bound ? "a.,b.b" : "*");
    }
    step(w, (struct event){.type = EV_ACL, .acl = {.text = buf_bytes(&list)}});
    buf_fini(&list);
}

static void act(struct world *w, uint8_t letter, unsigned who, unsigned how)
{
    unsigned client = who % FIRST_WORKER, worker = FIRST_WORKER + client;
    switch (letter) {
    case 'h': say_hello(w, who, how); break;
    case 's': say_submit(w, client, how); break;
    case 'a': say_ask(w, client, how); break;
    case 'l': say_follow(w, client, how); break;
    case 'o': say_offer(w, worker, how); break;
    case 't': say_about_lease(w, worker, how); break;
    case 'r': say_result(w, worker, how); break;
    case 'g': lose(w, who); break;
    case 'z': pass_time(w, how * 20); break;
    case 'f': answer_found(w); break;
    case 'w': watch(w, how); break;
    case 'k': another_list(w, who, how); break;
    case 'u': step(w, (struct event){.type = EV_UNWATCHED}); break;
    default:
        step(w, (struct event){.type = EV_STORE,
                               .store = {.kept = who, .refuses = how & 1 ? ERR_BUSY : OK}});
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct broker_options options = {
        .seed = 1,
        .incarnation = INCARNATION,
        .pid = 1,
        .now_ms = 1000,
        .wall_ms = 1700000001000,
        .limits = {.jobs_max = 12,
                   .args_bytes_max = 1000,
                   .queues_max = 5,
                   .keys_max = 2,
                   .clients_max = 3,
                   .workers_max = 3,
                   .topics_max = 2,
                   .peers_max = 7},
    };
    struct world w = {.broker = broker_new(&options), .now_ms = 1000};
    for (unsigned p = 0; p < PEERS; p++)
        w.connection[p] = ++w.connections;
    for (size_t at = 0, steps = 0; at + 3 <= size; at += 3, steps++) {
        unsigned who = data[at + 1] % PEERS, how = data[at + 2];
        if (data[at] == 'b') {
            size_t length = how < size - at - 3 ? how : size - at - 3;
            body(&w, who, bytes_of(data + at + 3, length));
            at += length;
        } else {
            act(&w, data[at], who, how);
        }
        if (steps % 8 == 0)
            broker_audit(w.broker);
    }
    broker_audit(w.broker);
    broker_free(w.broker);
    effects_fini(&w.fx);
    return 0;
}
