/* SPDX-License-Identifier: Apache-2.0
 *
 * client: who hands in jobs. Its submissions are numbered; a number makes one job however often it
 * is sent. Which number became which job is kept as runs (neighbouring numbers mostly become
 * neighbouring ids), until the client says that it needs them no longer.
 */
#include "producer/core/core.h"

enum { RETRIES_MAX = 200 };

static struct client *client_make(struct broker *b, struct bytes peer_id)
{
    if (b->clients.count >= b->limits.clients_max && !b->loading) {
        if (list_empty(&b->clients_idle))
            return NULL;
        client_forget(b, list_first(&b->clients_idle, struct client, link));
    }
    struct client *client = must_alloc(sizeof *client);
    memcpy(client->peer_id, peer_id.data, PEER_ID_BYTES);
    link_init(&client->link);
    link_init(&client->late);
    namemap_put(&b->clients, bytes_of(client->peer_id, PEER_ID_BYTES), client);
    return client;
}

/* The oldest ones go: nobody will ask for them. */
static void runs_drop(struct broker *b, struct client *client, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct run *run = &client->runs[i];
        for (uint64_t n = 0; run->joined && n < run->count; n++)
            forget_joined(b, client, run->number + n);
    }
    client->runs_count -= count;
    if (count)
        memmove(client->runs, client->runs + count, client->runs_count * sizeof *client->runs);
}

void client_forget(struct broker *b, struct client *client)
{
    must(!client->peer && !client->live);
    link_take(&client->link);
    link_take(&client->late);
    runs_drop(b, client, client->runs_count);
    struct bytes peer_id = bytes_of(client->peer_id, PEER_ID_BYTES);
    if (client->kept_number)
        forget(b, (struct row_key){.kind = ROW_CLIENT, .name = peer_id});
    namemap_take(&b->clients, peer_id);
    free(client->runs);
    free(client);
}

static void client_idle(struct broker *b, struct client *client)
{
    link_take(&client->link);
    if (!client->peer && !client->live)
        list_append(&b->clients_idle, &client->link);
}

void client_release(struct broker *b, struct client *client, uint64_t jobs)
{
    must(client->live >= jobs);
    client->live -= jobs;
    client_idle(b, client);
}

void client_left(struct broker *b, struct client *client, bool goodbye)
{
    client->peer = NULL;
    client->left = goodbye;
    client_idle(b, client);
}

void client_hello(struct broker *b, struct peer *peer, const struct msg_hello *hello)
{
    struct client *client = namemap_find(&b->clients, hello->peer_id);
    struct owner *owner = owner_of_peer(b, peer);
    accepted_flush(b);
    if (owner && client && client->owner && client->owner != owner) {
        permit_deny(b, peer, &(struct record){.type = REC_hello});
        return;
    }
    follows_end(b, peer);                         /* it says them again */
    if (peer->client && peer->client != client) { /* the same connection under another name */
        client_left(b, peer->client, false);
        peer->client = NULL;
    }
    if (!client && !(client = client_make(b, hello->peer_id))) {
        send_error(b, peer, 0, ERR_BUSY, "too many clients");
        return;
    }
    if (client->peer && client->peer != peer) {
        follows_end(b, client->peer);
        client->peer->client = NULL; /* its older connection says hello again or dies */
    }
    if (owner)
        usage_claim(client, owner);
    client->peer = peer;
    client->left = false;
    peer->client = client;
    client_idle(b, client);
    struct record welcome = {
        .type = REC_welcome,
        .welcome = {.version = PROTOCOL_VERSION,
                    .incarnation = b->options.incarnation,
                    .last_number = client->last_number,
                    .value_bytes_max = VALUE_BYTES_MAX,
                    .frame_bytes_max = FRAME_BYTES_MAX,
                    .workers_port = b->options.workers_port,
                    .updates_port = permit_all(b, peer) ? b->options.updates_port : 0,
                    .durability = b->options.durable ? CLASS_DURABLE : CLASS_RECEIVED,
                    .pid = b->options.pid,
                    .release = bytes_text(REEVE_RELEASE),
                    .knows = KNOWS_ALL}};
    send_record(b, peer, &welcome);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* The first run that ends after number. */
static size_t run_after(const struct client *client, uint64_t number)
{
    size_t low = 0, high = client->runs_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (client->runs[mid].number + client->runs[mid].count <= number)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static uint64_t number_job(const struct client *client, uint64_t number)
{
    size_t at = run_after(client, number);
    if (at == client->runs_count || client->runs[at].number > number)
        return 0;
    return client->runs[at].id + (number - client->runs[at].number);
}

static bool run_extends(const struct run *run, uint64_t number, uint64_t id)
{
    return run->count && number == run->number + run->count && id == run->id + run->count;
}

/* Of numbers above all that are kept. */
static void run_keep(struct client *client, struct run run)
{
    struct run *last = client->runs_count ? &client->runs[client->runs_count - 1] : NULL;
    if (last && last->joined == run.joined && run_extends(last, run.number, run.id)) {
        last->count += run.count;
        return;
    }
    if (client->runs_count == client->runs_capacity) {
        client->runs_capacity = client->runs_capacity ? client->runs_capacity * 2 : 8;
        client->runs = must_realloc(client->runs, client->runs_capacity * sizeof *client->runs);
    }
    must(client->runs);
    client->runs[client->runs_count++] = run;
}

static void number_keep(struct client *client, uint64_t number, uint64_t id, bool joined)
{
    run_keep(client, (struct run){.number = number, .id = id, .count = 1, .joined = joined});
}

/* --- from the life before --------------------------------------------------------------------- */

static struct client *client_restore(struct broker *b, struct bytes peer_id, uint64_t number)
{
    struct client *client = namemap_find(&b->clients, peer_id);
    if (!client)
        client = client_make(b, peer_id);
    if (number > client->last_number)
        client->last_number = number;
    return client;
}

void client_load(struct broker *b, struct bytes peer_id, const struct msg_client_row *row)
{
    struct client *client = client_restore(b, peer_id, row->last_number);
    owner_load(b, client, row->principal);
    client->kept_number = client->due_number = row->last_number;
}

/* The row of a job of its; the numbers that became jobs are in no order yet. */
struct client *client_load_job(struct broker *b, struct bytes peer_id, uint64_t number, uint64_t id)
{
    struct client *client = client_restore(b, peer_id, number);
    if (number)
        number_keep(client, number, id, false);
    return client;
}

void client_load_joined(struct broker *b, struct bytes peer_id, const struct msg_joined_row *row)
{
    number_keep(client_restore(b, peer_id, row->number), row->number, row->id, true);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct run *)a)->number, y = ((const struct run *)b)->number;
    return x < y ? -1 : x > y;
}

void clients_loaded(struct broker *b)
{
    size_t at = 0;
    for (struct client *client; (client = namemap_next(&b->clients, &at));) {
        struct run *runs = client->runs;
        size_t count = client->runs_count, kept = 0;
        if (count)
            qsort(runs, count, sizeof *runs, by_number);
        for (size_t i = 1; i < count; i++)
            if (runs[kept].joined == runs[i].joined &&
                run_extends(&runs[kept], runs[i].number, runs[i].id))
                runs[kept].count += runs[i].count;
            else
                runs[++kept] = runs[i];
        client->runs_count = count ? kept + 1 : 0;
        client_idle(b, client);
    }
}

/* --- fetched ---------------------------------------------------------------------------------- */

/* So that all numbers up to here are kept. */
static void fresh_flush(struct broker *b)
{
    if (b->accepting.fresh)
        accepted_flush(b);
}

static void fetched(struct broker *b, uint64_t id, uint64_t count)
{
    if (bygone_settle(b, id, count) < count)
        settle_later(b, id, count);
}

static void acknowledge(struct broker *b, struct client *client, const struct msg_ack *ack)
{
    uint64_t count = ack->count ? ack->count : 1, end = ack->number + count;
    if (end < ack->number || end > client->last_number + 1)
        return;
    fresh_flush(b);
    for (size_t at = run_after(client, ack->number);
         at < client->runs_count && client->runs[at].number < end; at++) {
        const struct run *run = &client->runs[at];
        uint64_t from = ack->number > run->number ? ack->number : run->number;
        uint64_t to = end < run->number + run->count ? end : run->number + run->count;
        if (!run->joined) /* or whoever submitted it may not have it yet */
            fetched(b, run->id + (from - run->number), to - from);
    }
    if (ack->floor > client->floor)
        client->floor = ack->floor;
}

/* The runs that lie below the floor as a whole go; not before, for the floor that is said with one
 * range counts those behind it, which are yet to be settled. */
void client_heard(struct broker *b, struct client *client)
{
    size_t settled = 0;
    while (settled < client->runs_count &&
           client->runs[settled].number + client->runs[settled].count <= client->floor)
        settled++;
    runs_drop(b, client, settled);
    client->floor = 0;
    keep_client(b, client);
}

/* --- accepting -------------------------------------------------------------------------------- */

void accepted_flush(struct broker *b)
{
    struct client *client = b->accepting.client;
    const struct run *run = &b->accepting.run;
    if (!client)
        return;
    b->accepting.client = NULL;
    if (b->accepting.fresh)
        run_keep(client, *run);
    if (!client->peer)
        return;
    struct record r = {.type = REC_accepted,
                       .accepted = {.number = run->number,
                                    .id = run->id,
                                    .count = run->count > 1 ? run->count : 0,
                                    .durability = b->accepting.durability}};
    bool waits = b->accepting.durability == CLASS_DURABLE;
    if (waits) {
        keep_client(b, client);
        gate_open(b);
    }
    if (b->accepting.lazily)
        send_lazily(b, client->peer, &r);
    else
        send_record(b, client->peer, &r);
    if (waits)
        gate_close(b);
}

void accepted_on(struct broker *b, uint64_t number, uint64_t count)
{
    struct client *client = b->accepting.client;
    must(client && client->last_number + count == number);
    client->last_number = number;
    b->accepting.run.count += count;
}

/* Neighbouring acceptances of one step leave as one record. */
static void accept(struct broker *b, struct client *client, uint64_t number, uint64_t id,
                   uint8_t durability, bool lazily, bool fresh)
{
    if (durability == CLASS_DURABLE && number > client->due_number)
        client->due_number = number;
    if (b->accepting.client == client && b->accepting.durability == durability &&
        b->accepting.lazily == lazily && b->accepting.fresh == fresh &&
        run_extends(&b->accepting.run, number, id)) {
        b->accepting.run.count++;
        return;
    }
    accepted_flush(b);
    b->accepting.client = client;
    b->accepting.durability = durability;
    b->accepting.lazily = lazily;
    b->accepting.fresh = fresh;
    b->accepting.run = (struct run){.number = number, .id = id, .count = 1};
}

/* Most say nothing but what is to be run. */
static bool says_more(const struct msg_submit *s)
{
    return s->session.size | s->tenant.size | s->after.size | s->schedule.size |
           s->content_type.size | s->key.size | s->tags.size | s->delay_ms | s->deadline_ms |
           s->timeout_ms | s->retries;
}

static enum err more_check(const struct msg_submit *s, const char **text)
{
    if (s->session.size || s->tenant.size || s->after.size || s->schedule.size ||
        s->content_type.size)
        return ERR_RESERVED;
    *text = "delay, deadline and time limit are at most 10 years";
    if (s->delay_ms > DURATION_MS_MAX || s->deadline_ms > DURATION_MS_MAX ||
        s->timeout_ms > DURATION_MS_MAX)
        return ERR_INVALID;
    *text = "retries are at most 200, keys at most 200 bytes";
    if (s->retries > RETRIES_MAX + 1 || s->key.size > KEY_BYTES_MAX)
        return ERR_INVALID;
    *text = "tags are at most 8, like gpu=1,zone=eu, by name";
    if (!tagset_valid(s->tags) || (s->tags.size && todo_named(s->queue)))
        return ERR_INVALID;
    *text = NULL;
    return OK;
}

static enum err room_check(const struct broker *b, const struct msg_submit *s)
{
    if (s->args.size > VALUE_BYTES_MAX)
        return ERR_TOO_LARGE;
    if (b->store_refuses)
        return b->store_refuses;
    if (bygones_crowded(b) || b->totals.live >= b->limits.jobs_max ||
        b->args_bytes + s->args.size > b->limits.args_bytes_max ||
        b->held.bytes.size > b->limits.held_bytes_max)
        return ERR_BUSY;
    return OK;
}

static enum err submit_check(const struct broker *b, const struct msg_submit *s, const char **text)
{
    *text = NULL;
    enum err err = says_more(s) ? more_check(s, text) : OK;
    if (err)
        return err;
    *text = "priority is -100..100";
    if (s->priority > PRIORITY_MAX || s->priority < -PRIORITY_MAX)
        return ERR_INVALID;
    *text = "unknown flags or durability";
    if (s->flags & ~(uint64_t)SUBMIT_FLAGS || s->durability > CLASS_DURABLE)
        return ERR_INVALID;
    *text = NULL;
    if (s->durability == CLASS_DURABLE && !b->options.durable)
        return ERR_NOT_DURABLE;
    return room_check(b, s);
}

static struct queue *submit_queue(struct broker *b, struct client *client,
                                  const struct msg_submit *s, enum err *err, const char **text)
{
    struct queue *last = client->queue_last, *q;
    bool waits = s->flags & SUBMIT_WAIT_FOR_HANDLER;
    if (last && bytes_equal(last->name, s->queue))
        q = last->plain;
    else
        q = todo_named(s->queue) ? todo_queue(b) : queue_find(b, s->queue);
    if (!q && !queue_name_valid(s->queue)) {
        *text = "handler names are like handler.method: letters, digits, _ - and a dot inside";
        *err = ERR_INVALID;
        return NULL;
    }
    if (!waits && (!q || !q->offered)) {
        *err = b->recovering_on ? ERR_BUSY : ERR_UNKNOWN_HANDLER; /* who is awaited may offer it */
        return NULL;
    }
    if (!q)
        q = queue_make(b, s->queue);
    if (q && s->tags.size)
        q = queue_tagged(b, q, s->tags);
    *err = q ? OK : ERR_BUSY;
    client->queue_last = q;
    return q;
}

/* The same in each life of the broker: it is kept. Nobody's key leads to the job of another. */
static uint64_t body_hash_of(const struct client *client, const struct msg_submit *s)
{
    uint64_t whose = client->owner ? bytes_hash(client->owner->name, 0) : 0;
    uint64_t hash = bytes_hash(s->args, bytes_hash(s->queue, whose));
    return s->tags.size ? bytes_hash(s->tags, hash) : hash;
}

/* One that has ended has a row, or is a bygone. */
static uint8_t class_of(const struct broker *b, uint64_t id)
{
    const struct job *job = job_find(b, id);
    if (job)
        return job->durability;
    return b->options.durable && !bygone_find(b, id) ? CLASS_DURABLE : CLASS_RECEIVED;
}

static void submit_answer(struct broker *b, struct peer *peer, uint64_t number, uint64_t id)
{
    struct job *job = job_find(b, id);
    accept(b, peer->client, number, id, class_of(b, id), false, false);
    if (!job)
        find_ask(b, peer, &(struct find){.number = number, .kind = FIND_SUBMITTED}, id);
    else if (job->client != peer->client || job->number != number)
        job_wait(b, job, peer, number);
}

/* This number was taken before: the same answer again. */
static void submit_again(struct broker *b, struct peer *peer, uint64_t number)
{
    fresh_flush(b); /* it may be of this very body */
    uint64_t id = number_job(peer->client, number);
    if (id)
        submit_answer(b, peer, number, id);
    else
        send_error(b, peer, number, ERR_FORGOTTEN, NULL);
}

/* A user's key leads to a job there was before: this number waits for that one. It has a row of its
 * own, for the key may lead to a newer job by the time that it is asked for again. */
static void submit_joins(struct broker *b, struct peer *peer, uint64_t number, uint64_t id)
{
    fresh_flush(b);
    number_keep(peer->client, number, id, true);
    if (class_of(b, id) == CLASS_DURABLE)
        keep_joined(b, peer->client, number, id);
    submit_answer(b, peer, number, id);
}

/* A session's arguments are its first input. */
static struct job *submit_make(struct broker *b, struct client *client, const struct msg_submit *s,
                               struct queue *q)
{
    if (!(s->flags & SUBMIT_SESSION) && q != b->todo.queue)
        return job_make(b, client, NULL, s, q);
    struct msg_submit head = *s;
    head.args = (struct bytes){0};
    struct job *job = job_make(b, client, NULL, &head, q);
    if (q == b->todo.queue)
        todo_begin(b, job, s->args);
    else
        chain_begin(b, job, s->args);
    return job;
}

static void submit_refuse(struct broker *b, struct peer *peer, uint64_t number, enum err err,
                          const char *text)
{
    accepted_flush(b);
    send_error(b, peer, number, err, text);
}

static void submit_begin(struct broker *b, struct client *client, const struct msg_submit *s,
                         struct job *job)
{
    accept(b, client, s->number, job->id, job->durability, s->flags & SUBMIT_ACCEPT_LAZILY, true);
    job_new(b, job, s->delay_ms);
}

/* It is well-formed and within what its client may have. */
static void submit_new(struct broker *b, struct peer *peer, const struct msg_submit *s)
{
    struct client *client = peer->client;
    const char *text = NULL;
    uint64_t known = 0, body_hash = 0;
    enum err err;
    struct queue *q = submit_queue(b, client, s, &err, &text);
    if (!err && q == b->todo.queue)
        err = todo_check(b, s->args, &text);
    if (!err && s->key.size) {
        body_hash = body_hash_of(client, s);
        err = key_check(b, s->key, body_hash, &known);
        const struct job *job = known ? job_find(b, known) : NULL;
        if (job && owner_of_job(job) != client->owner)
            err = ERR_KEY_TAKEN;
        if (known && !err && peer->waiters_count >= b->limits.waits_max)
            err = ERR_BUSY; /* it would have to be waited for */
    }
    if (err) {
        submit_refuse(b, peer, s->number, err, text);
        return;
    }
    if (known) {
        submit_joins(b, peer, s->number, known);
        return;
    }
    struct job *job = submit_make(b, client, s, q);
    if (s->key.size) {
        job_more(job)->body_hash = body_hash;
        key_put(b, s->key, body_hash, job);
    }
    submit_begin(b, client, s, job);
    if (q == b->todo.queue)
        todo_added(b, job);
    else if (!b->permits.on) /* else each is looked at: may it, has it room */
        intake_open(b, job);
}

static bool within_quota(struct broker *b, struct peer *peer, const struct msg_submit *s)
{
    bool session = s->flags & SUBMIT_SESSION || todo_named(s->queue);
    return usage_submits(b, peer, s->number, s->args.size, session);
}

static void submit(struct broker *b, struct peer *peer, const struct msg_submit *s, bool permitted)
{
    struct client *client = peer->client;
    if (s->number <= client->last_number && s->number) {
        submit_again(b, peer, s->number);
        return;
    }
    if (s->number != client->last_number + 1) {
        send_error(b, peer, s->number, ERR_UNEXPECTED, "submissions are numbered 1, 2, 3, ...");
        return;
    }
    client->last_number = s->number;
    const char *text;
    enum err err = permitted ? submit_check(b, s, &text) : ERR_DENIED;
    if (err == ERR_DENIED)
        permit_deny(b, peer, &(struct record){.type = REC_submit, .submit = *s});
    else if (err)
        submit_refuse(b, peer, s->number, err, text);
    else if (!b->permits.on || within_quota(b, peer, s))
        submit_new(b, peer, s);
}

void client_record(struct broker *b, struct peer *peer, const struct record *r)
{
    bool permitted = !b->permits.on || permit_record(b, peer, r);
    if (!permitted && r->type != REC_submit) { /* which has a number to be taken */
        permit_deny(b, peer, r);
        return;
    }
    switch (r->type) {
    case REC_submit: submit(b, peer, &r->submit, permitted); break;
    case REC_ack: acknowledge(b, peer->client, &r->ack); break;
    case REC_ping: send_record(b, peer, &(struct record){.type = REC_pong}); break;
    case REC_pong: break;
    case REC_goodbye:
        accepted_flush(b);
        client_left(b, peer->client, true);
        follows_end(b, peer);
        peer->client = NULL;
        break;
    default:
        if (!follow_record(b, peer, r) && !ask_record(b, peer, r))
            send_error(b, peer, 0, ERR_UNEXPECTED, NULL);
        break;
    }
}
