/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: what a service manager hears, read from a socket of our own; and that it hears nothing
 * when it does not ask.
 */
#include "common/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/must.h"
#include "tests/unit/check.h"

static struct notify n;
static int manager = -1;

/* As a manager starts a service; the name's first byte '@' stands for 0. */
static void start(const char *name, const char *watchdog_us, const char *pid)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    if (manager >= 0)
        close(manager);
    memcpy(at.sun_path, name, size);
    if (*name == '@')
        at.sun_path[0] = 0;
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(manager >= 0 &&
          bind(manager, (void *)&at,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (*name != '@'))) == 0);
    must(setenv("NOTIFY_SOCKET", name, 1) == 0);
    must(watchdog_us ? setenv("WATCHDOG_USEC", watchdog_us, 1) == 0 : 1);
    must(pid ? setenv("WATCHDOG_PID", pid, 1) == 0 : 1);
    notify_open(&n, 1000);
}

static void check_heard(const char *wanted)
{
    char text[300];
    ssize_t got = recv(manager, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    CHECK_TEXT(text, wanted); /* "": nothing was sent */
}

TEST(each_word_is_a_datagram)
{
    start("@reeve-test-notify-words", NULL, NULL);
    CHECK(!getenv("NOTIFY_SOCKET"));
    notify_extend(&n, 60000);
    check_heard("EXTEND_TIMEOUT_USEC=60000000");
    notify_ready(&n);
    check_heard("READY=1");
    notify_status(&n, "%d jobs", 7);
    check_heard("STATUS=7 jobs");
    notify_status(&n, "%d jobs", 7);
    check_heard("");
    notify_status(&n, "%d jobs", 8);
    check_heard("STATUS=8 jobs");
    notify_stopping(&n);
    check_heard("STOPPING=1");
    close(manager);
    notify_ready(&n); /* nobody is there any more: no harm */
    manager = -1;
}

TEST(a_reload_says_when_it_began)
{
    char text[100], *end;
    int64_t before = clock_us();
    start("@reeve-test-notify-reload", NULL, NULL);
    notify_reloading(&n);
    ssize_t got = recv(manager, text, sizeof text - 1, 0);
    CHECK(got > 0);
    text[got > 0 ? got : 0] = 0;
    const char *lead = "RELOADING=1\nMONOTONIC_USEC=";
    CHECK(strncmp(text, lead, strlen(lead)) == 0);
    long long at = strtoll(text + strlen(lead), &end, 10);
    CHECK(!*end && at >= before && at <= clock_us());
}

TEST(the_watchdog_is_fed_at_half_its_time)
{
    char pid[24];
    snprintf(pid, sizeof pid, "%d", getpid());
    start("@reeve-test-notify-watchdog", "4000000", pid);
    CHECK(!getenv("WATCHDOG_USEC") && !getenv("WATCHDOG_PID"));
    notify_turn(&n, 2999);
    check_heard("");
    CHECK_EQ(notify_wait(&n, -1, 2999), 1);
    CHECK_EQ(notify_wait(&n, 5000, 1000), 2000);
    CHECK_EQ(notify_wait(&n, 5, 1000), 5);
    notify_turn(&n, 3000);
    check_heard("WATCHDOG=1");
    notify_turn(&n, 3001);
    check_heard("");
    CHECK_EQ(notify_wait(&n, -1, 9000), 0); /* overdue */
}

TEST(a_watchdog_of_another_process_is_none_of_ours)
{
    start("@reeve-test-notify-other", "4000000", "1");
    notify_turn(&n, 1 << 30);
    check_heard("");
    CHECK_EQ(notify_wait(&n, -1, 0), -1);
    start("@reeve-test-notify-wrong", "soon", NULL);
    CHECK_EQ(notify_wait(&n, 7, 0), 7);
}

TEST(a_socket_with_a_path)
{
    char name[] = "notify-XXXXXX", path[108];
    CHECK(mkdtemp(name) && chdir(name) == 0);
    /* Seen from the current folder: sun_path is short. */
    must(getcwd(path, sizeof path) != NULL);
    if (strlen(path) + sizeof "/n" <= sizeof path) {
        strncat(path, "/n", sizeof path - strlen(path) - 1);
        start(path, NULL, NULL);
        notify_ready(&n);
        check_heard("READY=1");
        unlink("n");
    }
    CHECK(chdir("..") == 0 && rmdir(name) == 0);
}

TEST(nobody_listens)
{
    must(unsetenv("NOTIFY_SOCKET") == 0 && setenv("WATCHDOG_USEC", "1000", 1) == 0);
    notify_open(&n, 0);
    notify_ready(&n);
    notify_turn(&n, 1 << 30);
    CHECK_EQ(notify_wait(&n, -1, 5), -1);
    must(setenv("NOTIFY_SOCKET", "vsock:2:1234", 1) == 0);
    notify_open(&n, 0);
    CHECK_EQ(n.to_size, 0);
}
