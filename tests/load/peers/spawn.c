/* SPDX-License-Identifier: Apache-2.0
 *
 * spawn: the least that running N commands can cost. `spawn COMMANDS SLOTS PROGRAM` starts the
 * program with posix_spawn and waits for it, so many at a time, in an environment that is empty;
 * prints {"rate":...}, commands a second.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: spawn COMMANDS SLOTS PROGRAM\n");
        return 2;
    }
    unsigned long commands = strtoul(argv[1], NULL, 10), slots = strtoul(argv[2], NULL, 10);
    unsigned long started = 0, ended = 0;
    char *words[] = {argv[3], NULL}, *environment[] = {NULL};
    int64_t start_ns = clock_ns();
    while (ended < commands) {
        pid_t pid;
        int status;
        for (; started < commands && started - ended < slots; started++) {
            int failed = posix_spawn(&pid, argv[3], NULL, NULL, words, environment);
            if (failed) {
                fprintf(stderr, "spawn: %s: %s\n", argv[3], strerror(failed));
                return 1;
            }
        }
        if (wait(&status) > 0)
            ended++;
    }
    double seconds = (double)(clock_ns() - start_ns) / 1e9;
    printf("{\"commands\":%lu,\"seconds\":%.4f,\"rate\":%.1f}\n", commands, seconds,
           (double)commands / seconds);
    return 0;
}
