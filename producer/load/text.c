/* SPDX-License-Identifier: Apache-2.0
 *
 * text: the load straight to consumers of the text protocol. Each consumer answers one command at
 * a time and gets its next task as soon as it is free; a task whose consumer refuses or dies goes
 * to another one. One thread, one epoll.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/must.h"
#include "producer/load/answer.h"
#include "producer/load/consumer.h"
#include "producer/load/load.h"

/* A task that has cost this many consumers their connection is given up. */
enum { ATTEMPTS_MAX = 5, EVENTS = 64, WAIT_MS = 500 };

struct text {
    struct load *load;
    struct consumer *consumers;
    size_t count;
    struct link free;    /* consumers, longest free first */
    struct link waiting; /* tasks without a consumer, next first */
    int epoll_fd;
    int64_t none_since_ms; /* since when every consumer has been away; 0: they are not */
};

static int watch(struct text *t, struct consumer *c, int op)
{
    struct epoll_event event = {.events = c->state == CONSUMER_READING ? EPOLLIN : EPOLLOUT,
                                .data.ptr = c};
    return epoll_ctl(t->epoll_fd, op, c->fd, &event);
}

static void on_reply(struct text *t, struct consumer *c)
{
    static const char *const states[] = {
        [ANSWER_RIGHT] = "ok", [ANSWER_WRONG] = "wrong", [ANSWER_ERROR] = "failed"};
    struct running *run = c->job;
    enum answer answer = answer_check(&run->task, buf_bytes(&c->reply));
    c->job = NULL;
    list_append(&t->free, &c->link);
    load_result(run, &(struct report_result){
                         .state = states[answer],
                         .ok = answer == ANSWER_RIGHT,
                         .value = buf_bytes(&c->reply),
                         .worker = c->name,
                         .took_us = clock_us() - run->start_us,
                     });
}

static void on_lost(struct text *t, struct consumer *c)
{
    struct running *run = c->job;
    c->job = NULL;
    run->attempts += c->reached;
    bool again = run->attempts < ATTEMPTS_MAX;
    fprintf(stderr, "reeve-load: consumer %s: %s; task %llu %s\n", c->name, c->why,
            (unsigned long long)run->task.number, again ? "goes to another" : "is given up");
    if (again) {
        link_take(&run->link);
        list_push(&t->waiting, &run->link);
        return;
    }
    load_result(run, &(struct report_result){
                         .state = "failed",
                         .value = bytes_text(c->why),
                         .worker = c->name,
                         .took_us = clock_us() - run->start_us,
                     });
}

static void on_step(struct text *t, struct consumer *c, enum consumer_step step)
{
    if (step == CONSUMER_REPLY)
        on_reply(t, c);
    else if (step == CONSUMER_LOST)
        on_lost(t, c);
}

static void start(struct text *t, struct consumer *c, struct running *run)
{
    link_take(&run->link);
    list_append(&t->load->running, &run->link);
    link_take(&c->link);
    c->job = run;
    enum consumer_step step =
        consumer_start(c, task_method(&run->task), run->task.words, clock_ms());
    if (step == CONSUMER_BUSY)
        must(watch(t, c, EPOLL_CTL_ADD) == 0);
    on_step(t, c, step);
}

/* Tasks with a pause between them are made when they are due, whether or not somebody is free;
 * without a pause, when somebody is. */
static void hand_out(struct text *t)
{
    struct load *l = t->load;
    if (l->interval_ms)
        for (struct running *run; (run = load_next(l));) {
            link_take(&run->link);
            list_append(&t->waiting, &run->link);
        }
    while (!list_empty(&t->free)) {
        struct running *run =
            list_empty(&t->waiting) ? load_next(l) : list_first(&t->waiting, struct running, link);
        if (!run)
            return;
        start(t, list_first(&t->free, struct consumer, link), run);
    }
}

/* Consumers whose time has come. */
static void expire(struct text *t)
{
    int64_t now_ms = clock_ms();
    for (size_t i = 0; i < t->count; i++) {
        struct consumer *c = &t->consumers[i];
        bool away = c->state == CONSUMER_AWAY;
        on_step(t, c, consumer_expire(c, now_ms));
        if (away && c->state == CONSUMER_FREE)
            list_append(&t->free, &c->link);
    }
}

static int wait_ms(const struct text *t)
{
    int64_t now_ms = clock_ms(), most_ms = WAIT_MS;
    /* Without a pause a task that is due waits for somebody to be free, not for a time. */
    int due_ms = load_wait_ms(t->load);
    if (due_ms >= 0 && due_ms < most_ms && (t->load->interval_ms || t->load->drain_until_ms))
        most_ms = due_ms;
    for (size_t i = 0; i < t->count; i++) {
        const struct consumer *c = &t->consumers[i];
        if (c->state != CONSUMER_FREE && c->until_ms - now_ms < most_ms)
            most_ms = c->until_ms - now_ms;
    }
    return most_ms > 0 ? (int)most_ms : 0;
}

static int turn(struct text *t)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(t->epoll_fd, events, EVENTS, wait_ms(t));
    if (count < 0 && errno != EINTR)
        return -1;
    for (int i = 0; i < count; i++) {
        struct consumer *c = events[i].data.ptr;
        if (c == NULL) {
            load_signal(t->load);
            continue;
        }
        enum consumer_state before = c->state;
        enum consumer_step step = consumer_advance(c, clock_ms());
        if (step == CONSUMER_BUSY && c->state != before && watch(t, c, EPOLL_CTL_MOD) != 0)
            return -1;
        on_step(t, c, step);
    }
    return 0;
}

/* A consumer that was lost is back when it has answered, and only then: its pause is 0 again. */
static bool nobody_in_reach(const struct text *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->consumers[i].pause_ms == 0)
            return false;
    return true;
}

static int run(struct text *t)
{
    struct load *l = t->load;
    while (!load_over(l)) {
        hand_out(t);
        if (turn(t)) {
            fprintf(stderr, "reeve-load: epoll: %s\n", strerror(errno));
            return 1;
        }
        expire(t);
        if (!nobody_in_reach(t))
            t->none_since_ms = 0;
        else if (t->none_since_ms == 0)
            t->none_since_ms = clock_ms();
        if (t->none_since_ms && clock_ms() - t->none_since_ms > l->wait_ms) {
            fprintf(stderr, "reeve-load: no consumer is in reach\n");
            return 4;
        }
    }
    return 0;
}

int load_run_text(struct load *l, char *const *consumers, size_t count)
{
    struct text t = {.load = l, .consumers = must_alloc(count * sizeof *t.consumers)};
    char error[160];
    int status = 0;
    link_init(&t.free);
    link_init(&t.waiting);
    t.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event signals = {.events = EPOLLIN, .data.ptr = NULL};
    must(t.epoll_fd >= 0 && epoll_ctl(t.epoll_fd, EPOLL_CTL_ADD, l->signal_fd, &signals) == 0);
    while (status == 0 && t.count < count) {
        struct consumer *c = &t.consumers[t.count];
        if (consumer_init(c, consumers[t.count], error, sizeof error)) {
            fprintf(stderr, "reeve-load: %s\n", error);
            status = 2;
        } else {
            t.count++;
            list_append(&t.free, &c->link);
        }
    }
    if (status == 0)
        status = run(&t);
    while (!list_empty(&t.waiting)) { /* load_fini frees what is on running */
        struct link *left = t.waiting.next;
        link_take(left);
        list_append(&l->running, left);
    }
    for (size_t i = 0; i < t.count; i++)
        consumer_fini(&t.consumers[i]);
    close(t.epoll_fd);
    free(t.consumers);
    return status;
}
