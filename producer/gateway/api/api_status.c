/* SPDX-License-Identifier: Apache-2.0
 *
 * api_status: the broker and the farm in figures.
 */
#include "producer/gateway/api/api.h"
#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/call.h"

static const char *const no_parameters[] = {NULL};

struct status {
    struct call call;
    struct msg_status status;
    struct view_dataframes dataframes;
    char release[64]; /* what status.release lends */
};

static void take_queue(struct call *c, const struct record *answer)
{
    struct status *s = container_of(c, struct status, call);
    struct buf b = {0};
    if (answer->type == REC_queue) {
        view_dataframes_take(&s->dataframes, &answer->queue);
        c->rows.count++;
        pack_str(&c->rows.buf, answer->queue.name);
        view_queue_counts(&c->rows.buf, &answer->queue);
        return;
    }
    view_status(&b, &s->status, &s->dataframes, &c->rows);
    call_json(c, 200, &b);
    buf_fini(&b);
}

static void take_status(struct call *c, const struct record *answer)
{
    struct status *s = container_of(c, struct status, call);
    struct record ask = {.type = REC_list_queues};
    s->status = answer->status;
    snprintf(s->release, sizeof s->release, "%.*s", BYTES_ARG(answer->status.release));
    s->status.release = bytes_text(s->release);
    call_ask(c, &ask, take_queue);
}

static void status(struct request *r)
{
    struct record ask = {.type = REC_get_status};
    struct call *c = asked_query(r, no_parameters) ? call_open(r, sizeof(struct status)) : NULL;
    if (c)
        call_ask(c, &ask, take_status);
}

const struct route api_status_routes[] = {
    {"GET", "/v1/status", false, status},
    {0},
};
