/* SPDX-License-Identifier: Apache-2.0
 *
 * prisoner: a handler program that tries to get out of its slot, one way a method, and answers how
 * that went: 0, or the errno. For scenario tests; never installed.
 */
#include <reeve/handler.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FDS_MAX = 1024, CHILDREN_MAX = 1000 };

static void reply_errno(struct reeve_job *job, int rc)
{
    reeve_reply_int(job, rc < 0 ? errno : 0);
}

static void reply_open(struct reeve_job *job, int flags)
{
    const char *path;
    if (reeve_arg_text(job, 0, &path))
        return;
    int fd = open(path, flags | O_CLOEXEC, 0600);
    reply_errno(job, fd);
    if (fd >= 0)
        close(fd);
}

static void read_file(struct reeve_job *job)
{
    reply_open(job, O_RDONLY);
}

static void write_file(struct reeve_job *job)
{
    reply_open(job, O_WRONLY | O_CREAT);
}

/* What the worker that started it has in memory; the spawner has the same. */
static void memory(struct reeve_job *job)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    reply_errno(job, fd);
    if (fd >= 0)
        close(fd);
}

/* Seizing stops nobody; it is over with this process at the latest. */
static void trace(struct reeve_job *job)
{
    long rc = ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
    reply_errno(job, rc < 0 ? -1 : 0);
}

static void signal_parent(struct reeve_job *job)
{
    reply_errno(job, kill(getppid(), 0));
}

static void namespace(struct reeve_job *job)
{
    reply_errno(job, unshare(CLONE_NEWUSER));
}

static void mount_folder(struct reeve_job *job)
{
    reply_errno(job, mount("none", "/nowhere", "tmpfs", 0, NULL));
}

static void network(struct reeve_job *job)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    reply_errno(job, fd);
    if (fd >= 0)
        close(fd);
}

/* Tries to have so many children at once; how many there were. */
static void multiply(struct reeve_job *job)
{
    int64_t wanted, count = 0;
    static pid_t children[CHILDREN_MAX];
    if (reeve_arg_int(job, 0, &wanted) || wanted > CHILDREN_MAX)
        return;
    for (; count < wanted && (children[count] = fork()) >= 0; count++)
        if (children[count] == 0)
            for (;;)
                pause();
    for (int64_t i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    reeve_reply_int(job, count);
}

/* Opens the same until it may not; how many there were. */
static void hoard(struct reeve_job *job)
{
    static int fds[FDS_MAX];
    int count = 0;
    while (count < FDS_MAX && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    for (int i = 0; i < count; i++)
        close(fds[i]);
    reeve_reply_int(job, count);
}

/* A text: every variable, a line each. */
static void variables(struct reeve_job *job)
{
    size_t size = 0, capacity = 0;
    for (char **at = environ; *at; at++)
        capacity += strlen(*at) + 1;
    char *text = malloc(capacity + 1);
    for (char **at = environ; text && *at; at++) {
        memcpy(text + size, *at, strlen(*at));
        size += strlen(*at);
        text[size++] = '\n';
    }
    reeve_reply_text_n(job, text, size);
    free(text);
}

/* A map of what it can tell of itself. */
static void self(struct reeve_job *job)
{
    struct rlimit core;
    mode_t mask = umask(0);
    int fds = 0;
    umask(mask);
    for (int fd = 0; fd < FDS_MAX; fd++)
        fds += fcntl(fd, F_GETFD) >= 0;
    getrlimit(RLIMIT_CORE, &core);
    struct reeve_value *answer = reeve_value_new();
    reeve_put_map(answer, 6);
    reeve_put_text(answer, "user");
    reeve_put_int(answer, geteuid());
    reeve_put_text(answer, "groups");
    reeve_put_int(answer, getgroups(0, NULL));
    reeve_put_text(answer, "umask");
    reeve_put_int(answer, mask);
    reeve_put_text(answer, "core");
    reeve_put_int(answer, core.rlim_max == 0 ? 0 : 1);
    reeve_put_text(answer, "descriptors");
    reeve_put_int(answer, fds);
    reeve_put_text(answer, "no_new_privs");
    reeve_put_int(answer, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    reeve_reply_value(job, reeve_value_data(answer), reeve_value_size(answer));
    reeve_value_free(answer);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {{"prisoner.read", read_file},
                                                    {"prisoner.write", write_file},
                                                    {"prisoner.memory", memory},
                                                    {"prisoner.trace", trace},
                                                    {"prisoner.signal", signal_parent},
                                                    {"prisoner.namespace", namespace},
                                                    {"prisoner.mount", mount_folder},
                                                    {"prisoner.network", network},
                                                    {"prisoner.multiply", multiply},
                                                    {"prisoner.hoard", hoard},
                                                    {"prisoner.variables", variables},
                                                    {"prisoner.self", self},
                                                    {0}};
    return reeve_serve(handlers, argc, argv);
}
