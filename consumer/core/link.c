/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/core/parts.h"

static void tell_hello(struct agent *a)
{
    const struct agent_options *o = &a->options;
    struct record r = {.type = REC_hello,
                       .hello = {.version_min = PROTOCOL_VERSION,
                                 .version_max = PROTOCOL_VERSION,
                                 .role = ROLE_WORKER,
                                 .peer_id = o->peer_id,
                                 .last_number = a->next_result,
                                 .name = o->name,
                                 .host = o->host,
                                 .pid = o->pid,
                                 .slots = o->slots,
                                 .incarnation = a->incarnation,
                                 .tags = o->tags,
                                 .knows = KNOWS_ALL}};
    agent_send(a, &r);
    for (unsigned i = 0; i < a->offer_count; i++) {
        const struct agent_program *program = &o->programs[a->offers[i].program];
        unsigned method = a->offers[i].method;
        const char *feed = program->feeds ? program->feeds[method] : NULL;
        struct record offer = {.type = REC_offer,
                               .offer = {.queue = bytes_text(program->methods[method]),
                                         .feed = bytes_text(feed ? feed : "")}};
        agent_send(a, &offer);
    }
}

static void tell_holding(struct agent *a, const struct link *jobs)
{
    list_each(l, jobs)
    {
        const struct agent_job *j = container_of(l, struct agent_job, link);
        struct record r = {.type = REC_holding, .holding = {.id = j->id, .token = j->token}};
        if (!j->local && !j->orphan)
            agent_send(a, &r);
    }
}

void link_hello(struct agent *a)
{
    a->brief = false;
    agent_effect(a, AGENT_RESET);
    tell_hello(a);
    for (unsigned i = 0; i < a->runner_count; i++)
        tell_holding(a, &a->runners[i].ring);
    tell_holding(a, &a->held);
    agent_send(a, &(struct record){.type = REC_ready});
    list_each(l, &a->held) agent_job_tell(a, container_of(l, struct agent_job, link));
    for (unsigned s = 0; s < a->options.slots; s++)
        a->slots[s].told_state = SLOT_NONE;
    for (unsigned i = 0; i < a->runner_count; i++) {
        struct agent_job *j = runner_head(&a->runners[i]);
        if (j)
            j->told = false;
        note_again(a, &a->runners[i]);
    }
    if (a->draining)
        agent_send(a, &(struct record){.type = REC_draining});
    a->link = LINK_HELLO;
    a->hello_us = a->now_us;
    a->again_us = INT64_MAX;
}

void link_lose(struct agent *a, const char *why)
{
    if (a->link == LINK_UP)
        agent_trace(a, "link lost: %s", why);
    a->link = LINK_LOST;
    /* What has not started is the broker's again: the hello will not name it. */
    for (unsigned p = 0; p < a->options.program_count; p++)
        list_each_safe(l, &a->programs[p].waiting)
        {
            struct agent_job *j = container_of(l, struct agent_job, link);
            if (!j->local)
                agent_job_free(a, j);
        }
    for (unsigned i = 0; i < a->runner_count; i++)
        runner_recall(a, &a->runners[i], a->runners[i].started);
}

void link_reopen(struct agent *a, const char *why)
{
    link_lose(a, why);
    if (!a->connected)
        return;
    a->connected = false;
    agent_effect(a, AGENT_REOPEN);
}

/* --- leases --------------------------------------------------------------------------------- */

/* A newer lease of the same job: the old one is nobody's any more. */
static void supersede(struct agent *a, struct agent_job *j)
{
    index_take(a, j);
    j->orphan = true;
    if (j->place == AT_RING)
        agent_job_stop(a, j, REASON_SUPERSEDED);
    else
        agent_job_free(a, j);
}

static void take_lease(struct agent *a, const struct msg_lease *m)
{
    if (a->link != LINK_UP || m->id == 0)
        return; /* sent before our hello arrived */
    struct agent_job *old = index_find(a, m->id);
    if (old && old->token >= m->token)
        return; /* sent twice */
    if (old)
        supersede(a, old);
    bool known = m->offer < a->offer_count, fits = m->args.size <= VALUE_BYTES_MAX;
    struct agent_job *j = agent_job_new(a, known && fits ? m->args : bytes_of(NULL, 0));
    j->id = m->id;
    j->token = m->token;
    j->attempt = m->attempt ? (uint32_t)m->attempt : 1;
    j->timeout_ms = m->timeout_ms < UINT32_MAX ? (uint32_t)m->timeout_ms : UINT32_MAX;
    j->together = m->together;
    j->order = a->next_order++;
    index_add(a, j);
    if (a->draining) {
        agent_job_return(a, j);
    } else if (!known || !fits) {
        agent_job_end(a, j, known ? REASON_TOO_LARGE : REASON_NO_HANDLER, 0, bytes_of(NULL, 0));
    } else {
        j->program = a->offers[m->offer].program;
        j->method = a->offers[m->offer].method;
        agent_job_wait(a, j);
    }
}

static void take_recall(struct agent *a, uint64_t id, uint64_t token)
{
    struct agent_job *j = index_find(a, id);
    if (!j) { /* never arrived, or long over: either way not going to start here */
        struct record r = {.type = REC_returned, .returned = {.id = id, .token = token}};
        agent_send(a, &r);
    } else if (j->token != token || j->place == AT_HELD) {
        return;
    } else if (j->place == AT_WAITING) {
        agent_job_return(a, j);
    } else {
        j->wanted_back = true;
        runner_recall(a, j->runner, j->ring_number);
    }
}

static void take_stop(struct agent *a, const struct msg_stop *m)
{
    struct agent_job *j = index_find(a, m->id);
    if (!j)
        take_recall(a, m->id, m->token);
    else if (j->token == m->token)
        agent_job_stop(a, j, (unsigned)m->reason < REASON_COUNT ? (unsigned)m->reason : 0);
}

static void take_result_ack(struct agent *a, uint64_t number)
{
    while (!list_empty(&a->held)) {
        struct agent_job *j = list_first(&a->held, struct agent_job, link);
        if (j->number > number)
            break;
        agent_job_leave(a, j, AT_HELD);
        agent_job_free(a, j);
    }
}

/* --- the rest of what a broker says --------------------------------------------------------- */

static void take_welcome(struct agent *a, const struct msg_welcome *m)
{
    if (a->link != LINK_HELLO)
        return;
    a->link = LINK_UP;
    a->brief = m->knows & KNOWS_AGAIN;
    a->incarnation = (uint32_t)m->incarnation;
    a->beat_us = a->now_us; /* tells all slots at once */
    agent_trace(a, "joined broker incarnation=%u", a->incarnation);
}

static void take_error(struct agent *a, const struct msg_error *m)
{
    agent_trace(a, "broker says error=%s: %.*s", err_name((unsigned)m->code), BYTES_ARG(m->text));
    /* No welcome is going to come: the name is taken until its last owner is given up, ... */
    if (a->link == LINK_HELLO && m->number == 0)
        a->again_us = a->now_us + AGAIN_US;
    if (m->code != ERR_VERSION)
        return;
    struct agent_effect *e = agent_effect(a, AGENT_QUIT);
    e->number = (uint32_t)err_exit_code(ERR_VERSION);
    a->quit = true;
}

static void take_record(struct agent *a, const struct record *r)
{
    a->heard_us = a->now_us;
    switch (r->type) {
    case REC_welcome: take_welcome(a, &r->welcome); break;
    case REC_hello_wanted:
        /* Says so to each body it gets; one hello is enough. */
        if (a->link == LINK_UP || a->now_us - a->hello_us > BEAT_US)
            link_reopen(a, "the broker does not know us");
        break;
    case REC_error: take_error(a, &r->error); break;
    case REC_goodbye: link_reopen(a, "the broker said goodbye"); break;
    case REC_ping: agent_send(a, &(struct record){.type = REC_pong}); break;
    case REC_lease: take_lease(a, &r->lease); break;
    case REC_recall: take_recall(a, r->recall.id, r->recall.token); break;
    case REC_stop: take_stop(a, &r->stop); break;
    case REC_result_ack: take_result_ack(a, r->result_ack.number); break;
    case REC_draining: agent_drain(a); break;
    default: break; /* not for us; a newer broker may say more than we know */
    }
}

void link_body(struct agent *a, struct bytes body)
{
    struct cursor c = cursor_of(body);
    struct record r;
    r.type = REC_NONE; /* the rest is written when it is read */
    while (!a->quit && !cursor_done(&c)) {
        if (record_next(&c, &r)) {
            agent_trace(a, "what the broker says does not decode, bytes_dropped=%zu",
                        cursor_left(&c));
            return;
        }
        take_record(a, &r);
    }
}
