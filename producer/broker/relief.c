/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/relief.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/must.h"

struct relief {
    void (*turn)(void *user, bool first);
    void *user;
    pthread_t thread;
    pthread_mutex_t helm;
    atomic_bool away, stop;
    int timer_fd; /* runs while the main thread is away */
};

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
        for (bool first = true; atomic_load(&r->away); first = false)
            r->turn(r->user, first);
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

struct relief *relief_new(void (*turn)(void *user, bool first), void *user)
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
    atomic_store(&r->away, true);
    pthread_mutex_unlock(&r->helm);
    timer_set(r, RELIEF_AFTER_MS * 1000000L);
}

void relief_back(struct relief *r)
{
    timer_set(r, 0);
    atomic_store(&r->away, false);
    pthread_mutex_lock(&r->helm);
}
