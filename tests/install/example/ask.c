/* SPDX-License-Identifier: Apache-2.0
 *
 * A client: ask HANDLER.METHOD JSON prints the answer.
 */
#include <reeve/client.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct reeve_client *c;
    struct reeve_result r;
    if (argc != 3)
        return 2;
    int rc = reeve_connect(&c, NULL, 2000);
    if (rc == 0)
        rc = reeve_call_json(c, argv[1], argv[2], 10000, &r);
    if (rc == 0)
        puts(r.text);
    else
        fprintf(stderr, "ask: %s\n", reeve_error(c));
    reeve_close(c);
    return rc;
}
