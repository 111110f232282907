/* SPDX-License-Identifier: Apache-2.0
 *
 * text: the text protocol of a consumer (text_command.h), answered by the whole farm: each command
 * is a job.
 */
#include <reeve/value.h>

#include "producer/gateway/doors/plain.h"
#include "proto/text_command.h"

enum { QUIET_MS = 50 };

static ptrdiff_t end(struct plain *p, struct bytes arrived)
{
    (void)p;
    return text_command_end(arrived);
}

static void refuse(struct plain *p, struct bytes text)
{
    struct buf out = {0};
    buf_printf(&out, "error: ");
    text_error_put(&out, text);
    plain_answer(p, &out);
}

static void run(struct plain *p, struct bytes text)
{
    struct text_command command;
    struct reeve_value *args = reeve_value_new();
    if (!text_command_read(text, &command, args))
        refuse(p, bytes_text(command.error));
    else
        plain_job(p, command.queue, bytes_of(reeve_value_data(args), reeve_value_size(args)));
    reeve_value_free(args);
}

static void done(struct plain *p, const struct reeve_result *result)
{
    struct bytes text = bytes_of(result->text, result->text_size);
    struct buf out = {0};
    if (result->state != REEVE_JOB_OK) {
        refuse(p, text);
        return;
    }
    buf_put(&out, text.data, text.size);
    plain_answer(p, &out);
}

const struct plain_service text_service = {.name = "text",
                                           .bytes_max = TEXT_COMMAND_MAX,
                                           .quiet_ms = QUIET_MS,
                                           .cancels = true,
                                           .end = end,
                                           .run = run,
                                           .done = done,
                                           .refuse = refuse};
