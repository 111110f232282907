/* SPDX-License-Identifier: Apache-2.0
 *
 * plant: a model of a user's own, as a program: answers CalculateCV, y = (x - 1)^2. For scenario
 * tests; never installed.
 */
#include <reeve/handler.h>

#include <stdlib.h>
#include <string.h>

/* [{"model": id, "mvs": {"x": x}}] */
static void calculate_cv(struct reeve_job *job)
{
    const char *json, *x;
    if (reeve_args_expect(job, 1, 1) || reeve_arg_words(job, 0, &json))
        return;
    if (!strstr(json, "\"model\":\"plant\"") || !(x = strstr(json, "\"x\":"))) {
        reeve_fail(job, "this plant has x, and was asked for %s", json);
        return;
    }
    double by = strtod(x + strlen("\"x\":"), NULL) - 1;
    struct reeve_value *answer = reeve_value_new();
    reeve_put_map(answer, 1);
    reeve_put_text(answer, "cvs");
    reeve_put_map(answer, 1);
    reeve_put_text(answer, "y");
    reeve_put_double(answer, by * by);
    reeve_reply_value(job, reeve_value_data(answer), reeve_value_size(answer));
    reeve_value_free(answer);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"my_plant.calculate_cv", calculate_cv}, {0}};
    return reeve_serve(handlers, argc, argv);
}
