/* SPDX-License-Identifier: Apache-2.0
 *
 * plain_ask: what a plain connection asks the broker: questions, and a job whose end it waits for.
 */
#include <stdlib.h>

#include "producer/gateway/doors/plain.h"

/* --- questions ------------------------------------------------------------------------------ */

struct plain_question {
    struct call call;
    struct plain *plain;
};

struct plain *plain_of(struct call *c)
{
    return container_of(c, struct plain_question, call)->plain;
}

static void refuse(struct plain *p, unsigned err, struct bytes text)
{
    p->service->refuse(p, text.size ? text : bytes_text(err_text(err)));
}

static void on_failed(struct call *c, unsigned err, struct bytes text)
{
    refuse(plain_of(c), err, text);
}

struct call *plain_call(struct plain *p)
{
    enum err err;
    struct call *c = call_open_bare(p->plains->gateway, sizeof(struct plain_question), &err);
    if (!c) {
        refuse(p, err, bytes_of(NULL, 0));
        return NULL;
    }
    container_of(c, struct plain_question, call)->plain = p;
    c->failed = on_failed;
    p->call = c;
    return c;
}

/* --- a job ---------------------------------------------------------------------------------- */

/* It lives until its result has come, also when nobody waits for that any more. */
struct errand {
    struct link link; /* plains::errands */
    struct plains *plains;
    struct plain *plain; /* NULL: it has left */
    uint64_t id;         /* 0: not accepted yet */
    bool unwanted;
};

static void ignore(void *user, const struct record *answer)
{
    (void)user, (void)answer;
}

static void cancel_unwanted(const struct errand *e)
{
    struct record ask = {.type = REC_cancel, .cancel = {.id = e->id}};
    if (e->id && e->unwanted)
        client_ask_start(e->plains->gateway->client, &ask, ignore, NULL);
}

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    struct errand *e = user;
    (void)number;
    e->id = id;
    cancel_unwanted(e);
}

static void on_result(void *user, const struct reeve_result *result)
{
    struct errand *e = user;
    struct plain *p = e->plain;
    link_take(&e->link);
    free(e);
    if (!p)
        return;
    p->errand = NULL;
    if (result->code != REEVE_OK)
        refuse(p, (unsigned)result->code, bytes_of(result->text, result->text_size));
    else if (p->plains->held >= PLAIN_HELD_BYTES_MAX)
        refuse(p, ERR_BUSY, bytes_text("too many answers wait to be read: ask again later"));
    else
        p->service->done(p, result);
}

void plain_job(struct plain *p, const char *method, struct bytes args)
{
    static const struct reeve_job_options impatient = {.refuse_busy = true};
    struct reeve_client *client = p->plains->gateway->client;
    plain_drop(p);
    if (!reeve_connected(client)) {
        refuse(p, ERR_UNREACHABLE, bytes_of(NULL, 0));
        return;
    }
    struct errand *e = must_alloc(sizeof *e);
    *e = (struct errand){.plains = p->plains, .plain = p};
    list_append(&p->plains->errands, &e->link);
    p->errand = e;
    int code = reeve_submit(client, method, args.data, args.size, &impatient, on_accepted,
                            on_result, e, NULL);
    if (!code)
        return;
    link_take(&e->link);
    free(e);
    p->errand = NULL;
    refuse(p, (unsigned)code, bytes_text(reeve_error(client)));
}

/* --- leaving -------------------------------------------------------------------------------- */

void plain_drop(struct plain *p)
{
    if (p->call)
        call_drop(p->call);
    p->call = NULL;
    if (!p->errand)
        return;
    p->errand->plain = NULL;
    p->errand->unwanted = p->service->cancels;
    cancel_unwanted(p->errand);
    p->errand = NULL;
}

void plains_forget(struct plains *all)
{
    list_each_safe(l, &all->errands)
    {
        link_take(l);
        free(container_of(l, struct errand, link));
    }
}
