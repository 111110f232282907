/* SPDX-License-Identifier: Apache-2.0
 *
 * A handler program: hello.greet NAME.
 */
#include <reeve/handler.h>
#include <stdio.h>

static void greet(struct reeve_job *job)
{
    const char *name;
    char text[200];
    if (reeve_args_expect(job, 1, 1) || reeve_arg_text(job, 0, &name))
        return;
    snprintf(text, sizeof text, "Hello, %s!", name);
    reeve_reply_text(job, text);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"hello.greet", greet}, {0}};
    return reeve_serve(handlers, argc, argv);
}
