/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor_sandbox: what a worker's sandbox can do on this host. Only a worker knows, since it tries:
 * it is asked, a line a measure, LEVEL NAME ok|lacks TEXT.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "producer/cli/doctor.h"
#include "producer/cli/program.h"

enum { WORD = 32 };

struct sandbox_answer {
    char level[WORD]; /* of the last line */
    struct buf text;
    unsigned lacking; /* at this level */
    bool basic_lacks, come;
};

/* Closes what is said of a level. */
static void end_level(struct sandbox_answer *a)
{
    if (*a->level)
        buf_printf(&a->text, "%s", a->lacking ? "" : "all of it");
    a->lacking = 0;
}

static void take_line(struct sandbox_answer *a, const char *line)
{
    char level[WORD], name[WORD], state[WORD];
    int at = 0;
    if (sscanf(line, "%31s %31s %31s %n", level, name, state, &at) != 3 || at == 0)
        return;
    a->come = true;
    if (strcmp(level, a->level) != 0) {
        end_level(a);
        buf_printf(&a->text, "%s%s: ", *a->level ? "; " : "", level);
        snprintf(a->level, sizeof a->level, "%s", level);
    }
    if (strcmp(state, "lacks") != 0)
        return;
    buf_printf(&a->text, "%s%s, %s", a->lacking++ ? "; no " : "no ", name, line + at);
    a->basic_lacks |= strcmp(level, "basic") == 0;
}

static int read_lines(struct sandbox_answer *a, int fd)
{
    size_t capacity = 0;
    char *line = NULL;
    FILE *lines = fdopen(fd, "r");
    if (!lines) {
        int error = errno;
        close(fd);
        return error;
    }
    while (getline(&line, &capacity, lines) > 0) {
        line[strcspn(line, "\n")] = 0;
        take_line(a, line);
    }
    end_level(a);
    free(line);
    fclose(lines);
    return 0;
}

/* 0 or an errno. */
static int ask_worker(struct sandbox_answer *a)
{
    char path[PROGRAM_PATH], option[] = "--check-sandbox", *argv[] = {path, option, NULL};
    int ends[2], status;
    pid_t pid;
    posix_spawn_file_actions_t files;
    if (program_path("worker", path) || pipe2(ends, O_CLOEXEC))
        return errno;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    int error = posix_spawn(&pid, path, &files, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return error;
    }
    error = read_lines(a, ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return error;
}

void doctor_sandbox(struct doctor *d)
{
    struct sandbox_answer a = {0};
    int error = ask_worker(&a);
    if (error || !a.come)
        checkup_say(&d->checkup, FINDING_WARN, "sandbox", "reeve-worker cannot be asked%s%s",
                    error ? ": " : "", error ? strerror(error) : "");
    else
        checkup_say(&d->checkup, a.basic_lacks ? FINDING_WARN : FINDING_OK, "sandbox", "%s",
                    buf_text(&a.text));
    buf_fini(&a.text);
}
