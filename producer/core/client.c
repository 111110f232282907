/* SPDX-License-Identifier: Apache-2.0
 *
 * client: who hands in jobs. Its submissions are numbered; a number makes one job however often it
 * is sent. Which number became which job is kept as runs (neighbouring numbers mostly become
 * neighbouring ids), until the client says that it needs them no longer.
 */
#include "producer/core/core.h"

#define DURATION_MS_MAX (10ull * 366 * 24 * 3600 * 1000)
enum { RETRIES_MAX = 200 };

static struct client *client_make(struct broker *b, struct bytes peer_id)
{
    if (b->clients.count >= b->limits.clients_max) {
        if (list_empty(&b->clients_idle))
            return NULL;
        client_forget(b, list_first(&b->clients_idle, struct client, link));
    }
    struct client *client = must_alloc(sizeof *client);
    memcpy(client->peer_id, peer_id.data, PEER_ID_BYTES);
    link_init(&client->link);
    namemap_put(&b->clients, bytes_of(client->peer_id, PEER_ID_BYTES), client);
    return client;
}

void client_forget(struct broker *b, struct client *client)
{
    must(!client->peer && !client->live);
    link_take(&client->link);
    namemap_take(&b->clients, bytes_of(client->peer_id, PEER_ID_BYTES));
    free(client->runs);
    free(client);
}

static void client_idle(struct broker *b, struct client *client)
{
    link_take(&client->link);
    if (!client->peer && !client->live)
        list_append(&b->clients_idle, &client->link);
}

void client_release(struct broker *b, struct client *client)
{
    must(client->live);
    client->live--;
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
    accepted_flush(b);
    if (peer->client && peer->client != client) { /* the same connection under another name */
        client_left(b, peer->client, false);
        peer->client = NULL;
    }
    if (!client && !(client = client_make(b, hello->peer_id))) {
        send_error(b, peer, 0, ERR_BUSY, "too many clients");
        return;
    }
    if (client->peer && client->peer != peer)
        client->peer->client = NULL; /* its older connection says hello again or dies */
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
                    .updates_port = b->options.updates_port,
                    .durability = b->options.durable ? CLASS_DURABLE : CLASS_RECEIVED,
                    .pid = b->options.pid,
                    .release = bytes_text(REEVE_RELEASE)}};
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

static void number_keep(struct client *client, uint64_t number, uint64_t id)
{
    if (client->runs_count && run_extends(&client->runs[client->runs_count - 1], number, id)) {
        client->runs[client->runs_count - 1].count++;
        return;
    }
    if (client->runs_count == client->runs_capacity) {
        client->runs_capacity = client->runs_capacity ? client->runs_capacity * 2 : 8;
        client->runs = must_realloc(client->runs, client->runs_capacity * sizeof *client->runs);
    }
    client->runs[client->runs_count++] = (struct run){.number = number, .id = id, .count = 1};
}

static void acknowledge(struct broker *b, struct client *client, const struct msg_ack *ack)
{
    uint64_t count = ack->count ? ack->count : 1, end = ack->number + count;
    if (end < ack->number || end > client->last_number + 1)
        return;
    for (size_t at = run_after(client, ack->number);
         at < client->runs_count && client->runs[at].number < end; at++) {
        const struct run *run = &client->runs[at];
        uint64_t from = ack->number > run->number ? ack->number : run->number;
        uint64_t to = end < run->number + run->count ? end : run->number + run->count;
        struct effect *e = effect_add(b, FX_SETTLE);
        e->id = run->id + (from - run->number);
        e->count = to - from;
    }
    size_t settled = 0; /* runs that lie below the floor as a whole */
    while (settled < client->runs_count &&
           client->runs[settled].number + client->runs[settled].count <= ack->floor)
        settled++;
    if (!settled)
        return;
    client->runs_count -= settled;
    memmove(client->runs, client->runs + settled, client->runs_count * sizeof *client->runs);
}

/* --- accepting -------------------------------------------------------------------------------- */

void accepted_flush(struct broker *b)
{
    struct client *client = b->accepting.client;
    const struct run *run = &b->accepting.run;
    b->accepting.client = NULL;
    if (!client || !client->peer)
        return;
    struct record r = {.type = REC_accepted,
                       .accepted = {.number = run->number,
                                    .id = run->id,
                                    .count = run->count > 1 ? run->count : 0,
                                    .durability = b->accepting.durability}};
    if (b->accepting.lazily)
        send_lazily(b, client->peer, &r);
    else
        send_record(b, client->peer, &r);
}

/* Neighbouring acceptances of one step leave as one record. */
static void accept(struct broker *b, struct client *client, uint64_t number, uint64_t id,
                   uint8_t durability, bool lazily)
{
    if (b->accepting.client == client && b->accepting.durability == durability &&
        b->accepting.lazily == lazily && run_extends(&b->accepting.run, number, id)) {
        b->accepting.run.count++;
        return;
    }
    accepted_flush(b);
    b->accepting.client = client;
    b->accepting.durability = durability;
    b->accepting.lazily = lazily;
    b->accepting.run = (struct run){.number = number, .id = id, .count = 1};
}

static enum err submit_check(const struct broker *b, const struct msg_submit *s, const char **text)
{
    *text = NULL;
    if (s->session.size || s->tenant.size || s->tags.size || s->after.size || s->schedule.size ||
        s->content_type.size)
        return ERR_RESERVED;
    if (s->args.size > VALUE_BYTES_MAX)
        return ERR_TOO_LARGE;
    *text = "priority is -100..100";
    if (s->priority > PRIORITY_MAX || s->priority < -PRIORITY_MAX)
        return ERR_INVALID;
    *text = "delay, deadline and time limit are at most 10 years";
    if (s->delay_ms > DURATION_MS_MAX || s->deadline_ms > DURATION_MS_MAX ||
        s->timeout_ms > DURATION_MS_MAX)
        return ERR_INVALID;
    *text = "retries are at most 200, keys at most 200 bytes";
    if (s->retries > RETRIES_MAX + 1 || s->key.size > KEY_BYTES_MAX)
        return ERR_INVALID;
    *text = "unknown flags or durability";
    if (s->flags & ~(uint64_t)(SUBMIT_WAIT_FOR_HANDLER | SUBMIT_ACCEPT_LAZILY) ||
        s->durability > CLASS_DURABLE)
        return ERR_INVALID;
    *text = NULL;
    if (s->durability == CLASS_DURABLE && !b->options.durable)
        return ERR_NOT_DURABLE;
    if (b->store_full || b->jobs.count >= b->limits.jobs_max ||
        b->args_bytes + s->args.size > b->limits.args_bytes_max)
        return ERR_BUSY;
    return OK;
}

static struct queue *submit_queue(struct broker *b, struct client *client,
                                  const struct msg_submit *s, enum err *err, const char **text)
{
    struct queue *q = client->queue_last;
    if (!q || !bytes_equal(q->name, s->queue))
        q = queue_find(b, s->queue);
    bool waits = s->flags & SUBMIT_WAIT_FOR_HANDLER;
    if (!q && !queue_name_valid(s->queue)) {
        *text = "handler names are like handler.method: letters, digits, _ - and a dot inside";
        *err = ERR_INVALID;
        return NULL;
    }
    if (!waits && (!q || !q->offered)) {
        *err = ERR_UNKNOWN_HANDLER;
        return NULL;
    }
    if (!q)
        q = queue_make(b, s->queue);
    *err = q ? OK : ERR_BUSY;
    client->queue_last = q;
    return q;
}

/* This number was taken before: the same answer again. */
static void submit_again(struct broker *b, struct peer *peer, uint64_t number)
{
    uint64_t id = number_job(peer->client, number);
    if (!id) {
        send_error(b, peer, number, ERR_FORGOTTEN, NULL);
        return;
    }
    accept(b, peer->client, number, id, CLASS_RECEIVED, false);
    struct job *job = job_find(b, id);
    if (!job)
        find_ask(b, peer, number, FIND_SUBMITTED, id);
    else if (job->client != peer->client || job->number != number)
        job_wait(b, job, peer, number);
}

/* A user's key leads to a job there was before: this number waits for that one. */
static void submit_joins(struct broker *b, struct peer *peer, uint64_t number, uint64_t id)
{
    number_keep(peer->client, number, id);
    submit_again(b, peer, number);
}

static void submit(struct broker *b, struct peer *peer, const struct msg_submit *s)
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
    enum err err = submit_check(b, s, &text);
    struct queue *q = err ? NULL : submit_queue(b, client, s, &err, &text);
    uint64_t known = 0, body_hash = 0;
    if (!err && s->key.size) {
        body_hash = bytes_hash(s->args, bytes_hash(s->queue, b->options.seed));
        err = key_check(b, s->key, body_hash, &known);
    }
    if (err) {
        accepted_flush(b);
        send_error(b, peer, s->number, err, text);
        return;
    }
    if (known) {
        submit_joins(b, peer, s->number, known);
        return;
    }
    struct job *job = job_make(b, client, s, q);
    number_keep(client, s->number, job->id);
    if (s->key.size)
        key_put(b, s->key, body_hash, job->id);
    accept(b, client, s->number, job->id, job->durability, s->flags & SUBMIT_ACCEPT_LAZILY);
    job_enter(b, job, s->delay_ms);
}

void client_record(struct broker *b, struct peer *peer, const struct record *r)
{
    switch (r->type) {
    case REC_submit: submit(b, peer, &r->submit); break;
    case REC_ack: acknowledge(b, peer->client, &r->ack); break;
    case REC_ping: send_record(b, peer, &(struct record){.type = REC_pong}); break;
    case REC_pong: break;
    case REC_goodbye:
        accepted_flush(b);
        client_left(b, peer->client, true);
        peer->client = NULL;
        break;
    default:
        if (!ask_record(b, peer, r))
            send_error(b, peer, 0, ERR_UNEXPECTED, NULL);
        break;
    }
}
