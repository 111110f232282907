/* SPDX-License-Identifier: Apache-2.0
 *
 * api_queues: queues: listed, held, released.
 */
#include "producer/gateway/api/api.h"
#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/call.h"

static const char *const no_parameters[] = {NULL};

static void take_queue(struct call *c, const struct record *answer)
{
    if (answer->type == REC_queue) {
        c->rows.count++;
        view_queue(&c->rows.buf, &answer->queue);
        return;
    }
    call_rows(c, "queues");
}

static void list(struct request *r)
{
    struct record ask = {.type = REC_list_queues};
    struct call *c = asked_query(r, no_parameters) ? call_open(r, sizeof *c) : NULL;
    if (c)
        call_ask(c, &ask, take_queue);
}

/* Both begin with a number and the name. */
static void tell(struct request *r, enum record_type type)
{
    struct bytes name = request_part(r, 0);
    if (!asked_query(r, no_parameters))
        return;
    if (!queue_name_valid(name)) {
        answer_invalid(r, "that is no name like handler.method");
        return;
    }
    struct record ask = {.type = type, .hold = {.queue = name}};
    struct call *c = call_open(r, sizeof *c);
    if (c)
        call_ask(c, &ask, call_done);
}

static void hold(struct request *r)
{
    tell(r, REC_hold);
}

static void release(struct request *r)
{
    tell(r, REC_release);
}

const struct route api_queues_routes[] = {
    {"GET", "/v1/queues", false, list},
    {"POST", "/v1/queues/{name}/hold", false, hold},
    {"POST", "/v1/queues/{name}/release", false, release},
    {0},
};
