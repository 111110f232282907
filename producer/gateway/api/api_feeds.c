/* SPDX-License-Identifier: Apache-2.0
 *
 * api_feeds: feeds that somebody watches, or has watched: listed. Watching is events.c.
 */
#include "producer/gateway/api/api.h"
#include "producer/gateway/api/asked.h"
#include "producer/gateway/api/call.h"

static void take_feed(struct call *c, const struct record *answer)
{
    struct pairs p = {.count = 0};
    const struct msg_feed *feed = &answer->feed;
    char id[JOB_ID_TEXT];
    if (answer->type != REC_feed) {
        call_rows(c, "feeds");
        return;
    }
    c->rows.count++;
    pack_str(pairs_key(&p, "topic"), feed->topic);
    pairs_text(&p, "id", job_id_text(feed->id, id));
    pack_str(pairs_key(&p, "queue"), feed->queue);
    pairs_integer(&p, "updates", (int64_t)feed->updates);
    pairs_truth(&p, "running", feed->running != 0);
    pairs_value(&p, "view", feed->view);
    pairs_close(&p, &c->rows.buf);
}

static void list(struct request *r)
{
    static const char *const none[] = {NULL};
    struct record ask = {.type = REC_list_feeds};
    struct call *c = asked_query(r, none) ? call_open(r, sizeof *c) : NULL;
    if (c)
        call_ask(c, &ask, take_feed);
}

const struct route api_feeds_routes[] = {
    {"GET", "/v1/feeds", false, list},
    {0},
};
