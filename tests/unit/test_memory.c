/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process uses: this one, which takes memory and gives it back, and what it starts.
 */
#include "consumer/worker/memory.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/must.h"
#include "tests/unit/check.h"

/* The kernel counts pages by processor, and sums them up roughly. */
enum { TAKEN_KIB = 64 << 10, SLACK_KIB = 2 << 10 };

static void *take(void)
{
    void *at =
        mmap(NULL, TAKEN_KIB * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED);
    memset(at, 1, TAKEN_KIB * 1024);
    return at;
}

TEST(what_is_taken_shows_and_the_peak_stays)
{
    struct memory before, during, after;
    CHECK(memory_look(getpid(), &before));
    void *at = take();
    CHECK(memory_look(getpid(), &during));
    CHECK(memory_now(getpid()) >= before.kib + TAKEN_KIB / 2);
    must(munmap(at, TAKEN_KIB * 1024) == 0);
    CHECK(memory_look(getpid(), &after));
    CHECK(during.kib >= before.kib + TAKEN_KIB / 2);
    CHECK(after.kib < during.kib - TAKEN_KIB / 2);
    CHECK(after.peak_kib >= during.kib - SLACK_KIB);
}

TEST(a_peak_can_be_forgotten)
{
    struct memory m;
    must(munmap(take(), TAKEN_KIB * 1024) == 0);
    memory_forget(getpid());
    CHECK(memory_look(getpid(), &m));
    CHECK(m.peak_kib < m.kib + TAKEN_KIB / 2);
}

TEST(a_process_that_is_gone_uses_nothing)
{
    struct memory m;
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    must(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    CHECK_EQ(memory_now(pid), 0); /* dead and not yet buried */
    CHECK(!memory_look(pid, &m));
    must(waitpid(pid, NULL, 0) == pid);
    CHECK_EQ(memory_now(pid), 0);
    CHECK_EQ(memory_all(pid, 1), 0);
    CHECK(!memory_look(pid, &m));
    memory_forget(pid);
}

/* A child that has started one itself, which has forked after taking: all three have the pages. */
static pid_t family(void)
{
    int pipes[2];
    must(pipe(pipes) == 0);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0) {
        must(take());
        pid_t below = fork();
        must(below >= 0);
        must(write(pipes[1], "", 1) == 1);
        for (;;)
            pause();
    }
    char byte;
    for (int i = 0; i < 2; i++)
        must(read(pipes[0], &byte, 1) == 1);
    close(pipes[0]);
    close(pipes[1]);
    return pid;
}

TEST(what_it_has_started_counts_and_what_they_share_counts_once_where_it_matters)
{
    must(setpgid(0, 0) == 0);
    uint64_t alone = memory_all(getpid(), 0);
    pid_t pid = family();
    uint64_t each = memory_all(getpid(), 0), once = memory_all(getpid(), 1);
    CHECK(each >= alone + 2 * TAKEN_KIB);
    CHECK(once >= TAKEN_KIB);
    CHECK(once < each - TAKEN_KIB / 2);
    CHECK(memory_all(getpid(), each * 2) >= each - SLACK_KIB);
    signal(SIGTERM, SIG_IGN);
    must(kill(0, SIGTERM) == 0);
    must(waitpid(pid, NULL, 0) == pid);
    signal(SIGTERM, SIG_DFL);
}
