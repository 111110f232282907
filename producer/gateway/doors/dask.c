/* SPDX-License-Identifier: Apache-2.0
 *
 * dask: the JSON door (dask_words.h): what the farm is doing, and jobs on data frames, which are
 * jobs of dataframe.run like any other.
 */
#include <stdlib.h>

#include "producer/gateway/doors/dask_words.h"
#include "producer/gateway/doors/plain.h"
#include "producer/view/view.h"
#include "proto/states.h"

enum { REQUEST_BYTES_MAX = 64 << 10, QUIET_MS = 300 };

struct asking {
    struct dask_request request;
    struct view_dataframes dataframes;
};

static ptrdiff_t end(struct plain *p, struct bytes arrived)
{
    return json_end(&p->json, arrived);
}

static struct asking *asking_new(struct plain *p)
{
    struct asking *a = must_alloc(sizeof *a);
    *a = (struct asking){.dataframes = {0}};
    p->user = a;
    return a;
}

static void fini(struct plain *p)
{
    struct asking *a = p->user;
    if (a)
        dask_request_fini(&a->request);
    free(a);
}

/* --- answers -------------------------------------------------------------------------------- */

static void answer(struct plain *p, bool complete, struct bytes said)
{
    struct asking *a = p->user;
    struct buf json = {0};
    dask_answer(&json, &a->request, complete, said);
    plain_answer(p, &json);
}

static void answer_text(struct plain *p, bool complete, struct bytes text)
{
    struct buf said = {0};
    pack_str(&said, text);
    answer(p, complete, buf_bytes(&said));
    buf_fini(&said);
}

static void refuse(struct plain *p, struct bytes text)
{
    struct buf words = {0};
    buf_put(&words, text.data, text.size);
    if (!p->user) /* it has not been read */
        dask_read_bad(&asking_new(p)->request, buf_text(&words));
    answer_text(p, false, buf_bytes(&words));
    buf_fini(&words);
}

static void done(struct plain *p, const struct reeve_result *result)
{
    if (result->state == REEVE_JOB_OK && result->size)
        answer(p, true, bytes_of(result->value, result->size));
    else
        refuse(p, bytes_of(result->text, result->text_size));
}

/* --- questions ------------------------------------------------------------------------------ */

static void take_status(struct call *c, const struct record *answer_)
{
    struct plain *p = plain_of(c);
    struct asking *a = p->user;
    struct dask_counts counts = {.jobs = a->dataframes.running,
                                 .processes = view_processes(&answer_->status)};
    struct buf text = {0};
    dask_say(&text, a->request.kind, &counts);
    answer_text(p, true, buf_bytes(&text));
    buf_fini(&text);
}

static void count_done(struct call *c)
{
    struct plain *p = plain_of(c);
    struct asking *a = p->user;
    struct record ask = {.type = REC_get_status};
    if (a->request.kind != DASK_RUN)
        call_ask(c, &ask, take_status);
    else if (a->dataframes.workers)
        plain_job(p, DATAFRAME_METHOD, buf_bytes(&a->request.args));
    else
        refuse(p, bytes_text("No worker of this farm runs dataframe jobs (" DATAFRAME_METHOD ")."));
}

static void take_queue(struct call *c, const struct record *answer_)
{
    struct asking *a = plain_of(c)->user;
    if (answer_->type == REC_end)
        count_done(c);
    else if (answer_->type == REC_queue)
        view_dataframes_take(&a->dataframes, &answer_->queue);
}

/* Also when answers begin anew: then all is counted once more. */
static void ask_queues(struct call *c)
{
    struct asking *a = plain_of(c)->user;
    struct record ask = {.type = REC_list_queues};
    a->dataframes = (struct view_dataframes){0};
    call_ask(c, &ask, take_queue);
}

static void run(struct plain *p, struct bytes text)
{
    struct asking *a = asking_new(p);
    struct buf why = {0};
    dask_read(&a->request, text);
    dask_say(&why, a->request.kind, &(struct dask_counts){0});
    switch (a->request.kind) {
    case DASK_BAD: refuse(p, bytes_text(a->request.error)); break;
    case DASK_UNKNOWN:
    case DASK_NO_REQUEST:
    case DASK_NO_FILES: refuse(p, buf_bytes(&why)); break;
    default: {
        struct call *c = plain_call(p);
        if (c) {
            c->again = ask_queues;
            ask_queues(c);
        }
    }
    }
    buf_fini(&why);
}

const struct plain_service dask_service = {.name = "dask",
                                           .bytes_max = REQUEST_BYTES_MAX,
                                           .quiet_ms = QUIET_MS,
                                           .end = end,
                                           .run = run,
                                           .done = done,
                                           .refuse = refuse,
                                           .fini = fini};
