/* SPDX-License-Identifier: Apache-2.0
 *
 * program: verbs that are programs of their own (broker, worker, bench, load): this process becomes
 * that program.
 */
#include "producer/cli/program.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/paths.h"
#include "producer/cli/verbs.h"

static int beside(char path[static PROGRAM_PATH], const char *rest)
{
    char *found = path_beside(rest);
    if (!found)
        return -1;
    int size = snprintf(path, PROGRAM_PATH, "%s", found);
    free(found);
    errno = ENAMETOOLONG;
    return size < PROGRAM_PATH ? 0 : -1;
}

int program_path(const char *name, char path[static PROGRAM_PATH])
{
    char file[64];
    snprintf(file, sizeof file, "reeve-%s", name);
    return beside(path, file);
}

int program_handlers(char path[static PROGRAM_PATH])
{
    return beside(path, "../libexec/reeve");
}

void program_become(char *const argv[])
{
    signal(SIGPIPE, SIG_DFL); /* that program decides for itself */
    execv(argv[0], argv);
}

int verb_program(struct cli *cli)
{
    char path[PROGRAM_PATH];
    if (program_path(cli->verb->name, path))
        return cli_fail(cli, EXIT_DATA, "/proc/self/exe: %s", strerror(errno));
    char **argv = must_alloc((cli->word_count + 2) * sizeof *argv);
    argv[0] = path;
    for (size_t i = 0; i < cli->word_count; i++)
        argv[1 + i] = cli->words[i];
    program_become(argv);
    int error = errno;
    free(argv);
    return cli_fail(cli, EXIT_DATA, "cannot start %s: %s", path, strerror(error));
}
