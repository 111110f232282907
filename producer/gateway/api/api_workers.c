/* SPDX-License-Identifier: Apache-2.0
 *
 * api_workers: workers and their slots: listed, drained.
 */
#include "producer/gateway/api/api.h"
#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/call.h"

static const char *const no_parameters[] = {NULL};

struct listing {
    struct call call;
    struct view_workers view;
};

static void listing_clear(struct call *c)
{
    struct listing *l = container_of(c, struct listing, call);
    view_rows_fini(&l->view.rows);
    view_rows_fini(&l->view.slots);
}

static void take_worker(struct call *c, const struct record *answer)
{
    struct listing *l = container_of(c, struct listing, call);
    if (answer->type == REC_worker) {
        view_worker(&l->view, &answer->worker);
    } else if (answer->type == REC_slot) {
        view_slot(&l->view, &answer->slot);
    } else {
        view_workers_close(&l->view);
        c->rows = l->view.rows;
        l->view.rows = (struct view_rows){0};
        call_rows(c, "workers");
    }
}

static void list(struct request *r)
{
    struct record ask = {.type = REC_list_workers};
    struct call *c = asked_query(r, no_parameters) ? call_open(r, sizeof(struct listing)) : NULL;
    if (!c)
        return;
    c->again = c->fini = listing_clear;
    call_ask(c, &ask, take_worker);
}

static void drain(struct request *r)
{
    struct record ask = {.type = REC_drain, .drain = {.worker = request_part(r, 0)}};
    struct call *c = asked_query(r, no_parameters) ? call_open(r, sizeof *c) : NULL;
    if (c)
        call_ask(c, &ask, call_done);
}

const struct route api_workers_routes[] = {
    {"GET", "/v1/workers", false, list},
    {"POST", "/v1/workers/{id}/drain", false, drain},
    {0},
};
