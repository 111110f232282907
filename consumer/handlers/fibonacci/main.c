/* SPDX-License-Identifier: Apache-2.0
 *
 * The handler program of fibonacci_generator.calculate; the number is made in fibonacci.h.
 */
#include <reeve/handler.h>

#include "consumer/handlers/fibonacci/fibonacci.h"

static void run(struct reeve_job *job)
{
    struct buf reply = {0};
    char error[FIBONACCI_ERROR_SIZE];
    size_t size;
    const void *args = reeve_args(job, &size);
    if (fibonacci_answer(bytes_of(args, size), &reply, error) == 0)
        reeve_reply_value(job, reply.data, reply.size);
    else
        reeve_fail(job, "%s", error);
    buf_fini(&reply);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"fibonacci_generator.calculate", run}, {0}};
    return reeve_serve(handlers, argc, argv);
}
