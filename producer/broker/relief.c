/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/relief.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/must.h"

struct relief {
    void (*turn)(void *user);
    void *user;
    pthread_t thread;
    pthread_mutex_t helm;
    _Atomic int64_t left_ms; /* since when the main thread is away; 0: it is not */
    bool relieved;           /* of who is at the helm: it was not the main thread in between */
    atomic_bool stop;
    int timer_fd; /* runs while the main thread is away */
};

/* The timer may have told of a time before, if the main thread was faster to the helm then. */
static bool long_away(const struct relief *r)
{
    int64_t left_ms = atomic_load(&r->left_ms);
    return left_ms && clock_ms() - left_ms >= RELIEF_AFTER_MS;
}

static void stand_in(struct relief *r)
{
    r->relieved = true;
    while (atomic_load(&r->left_ms))
        r->turn(r->user);
}

static void *relief_thread(void *arg)
{
    struct relief *r = arg;
    uint64_t times;
    while (!atomic_load(&r->stop)) {
        if (read(r->timer_fd, &times, sizeof times) < 0) {
            must(errno == EINTR);
            continue;
        }
        pthread_mutex_lock(&r->helm);
        if (long_away(r))
            stand_in(r);
        pthread_mutex_unlock(&r->helm);
    }
    return NULL;
}

/* ns 0: it does not run. */
static void timer_set(const struct relief *r, long ns)
{
    struct itimerspec when = {.it_value = {.tv_nsec = ns}};
    must(timerfd_settime(r->timer_fd, 0, &when, NULL) == 0);
}

struct relief *relief_new(void (*turn)(void *user), void *user)
{
    struct relief *r = must_alloc(sizeof *r);
    r->turn = turn;
    r->user = user;
    r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    must(r->timer_fd >= 0 && pthread_mutex_init(&r->helm, NULL) == 0);
    pthread_mutex_lock(&r->helm);
    must(pthread_create(&r->thread, NULL, relief_thread, r) == 0);
    return r;
}

void relief_free(struct relief *r)
{
    if (!r)
        return;
    pthread_mutex_unlock(&r->helm);
    atomic_store(&r->stop, true);
    timer_set(r, 1);
    pthread_join(r->thread, NULL);
    pthread_mutex_destroy(&r->helm);
    close(r->timer_fd);
    free(r);
}

void relief_leave(struct relief *r)
{
    r->relieved = false;
    atomic_store(&r->left_ms, clock_ms());
    pthread_mutex_unlock(&r->helm);
    timer_set(r, RELIEF_AFTER_MS * 1000000L);
}

int64_t relief_back(struct relief *r)
{
    timer_set(r, 0);
    int64_t left_ms = atomic_exchange(&r->left_ms, 0);
    pthread_mutex_lock(&r->helm);
    return r->relieved ? clock_ms() - left_ms : 0;
}
