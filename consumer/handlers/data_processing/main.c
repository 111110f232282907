/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of data_processing.calculate_cv; the job itself is in calculate_cv.h. Here
 * is only what a text door needs: a JSON object that came as text is turned into the map it is.
 */
#include <reeve/handler.h>

#include "common/pack.h"
#include "consumer/handlers/data_processing/calculate_cv.h"
#include "consumer/handlers/models/model_file.h"

/* The one text argument as a value, in an array again; NULL when it is not JSON (the job has
 * failed then). */
static struct reeve_value *args_of_text(struct reeve_job *job, struct bytes text)
{
    char error[120];
    struct reeve_value *v = reeve_value_new();
    reeve_put_array(v, 1);
    if (reeve_put_json(v, text.data, text.size, error, sizeof error) == 0)
        return v;
    reeve_fail(job, "the argument is not JSON: %s", error);
    reeve_value_free(v);
    return NULL;
}

static void answer(struct reeve_job *job, struct bytes args)
{
    struct buf reply = {0}, folder = {0};
    char text[MODEL_TEXT_SIZE];
    model_folder(&folder);
    if (calculate_cv(args, buf_text(&folder), &reply, text) == 0)
        reeve_reply_value(job, reply.data, reply.size);
    else
        reeve_fail(job, "%s", text);
    buf_fini(&folder);
    buf_fini(&reply);
}

static void run(struct reeve_job *job)
{
    size_t size;
    const void *data = reeve_args(job, &size);
    struct bytes args = bytes_of(data, size);
    struct cursor c = cursor_of(args);
    if (cursor_array(&c) != 1 || cursor_peek(&c) != PACK_STR) {
        answer(job, args);
        return;
    }
    struct reeve_value *v = args_of_text(job, cursor_str(&c));
    if (v)
        answer(job, bytes_of(reeve_value_data(v), reeve_value_size(v)));
    reeve_value_free(v);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"data_processing.calculate_cv", run}, {0}};
    return reeve_serve(handlers, argc, argv);
}
