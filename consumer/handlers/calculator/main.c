/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of calculator.calculate; the reckoning is in calculator.h.
 */
#include <reeve/handler.h>

#include "consumer/handlers/calculator/calculator.h"

static void run(struct reeve_job *job)
{
    struct buf reply = {0};
    char error[NUMBER_ERROR_SIZE];
    size_t size;
    const void *args = reeve_args(job, &size);
    if (calculator_answer(bytes_of(args, size), &reply, error) == 0)
        reeve_reply_value(job, reply.data, reply.size);
    else
        reeve_fail(job, "%s", error);
    buf_fini(&reply);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"calculator.calculate", run}, {0}};
    return reeve_serve(handlers, argc, argv);
}
