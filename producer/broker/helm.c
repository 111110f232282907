/* SPDX-License-Identifier: Apache-2.0
 *
 * helm: the turns of the broker: what is waited for, what is taken, in which order, and what leaves
 * at the end. While the main thread keeps something itself and the disk makes it wait, its relief
 * takes the turns.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conn.h"
#include "common/resident.h"
#include "producer/broker/inside.h"

enum {
    RETRY_FULL_MS = 10,  /* a full peer is tried again so soon */
    SAMPLE_MS = 1000,    /* how often our own memory is looked at */
    RELIEF_TURN_MS = 20, /* the main thread waits no longer for the helm */
};

/* --- what is waited for and taken ------------------------------------------------------------- */

/* Takes what the sockets have: those whose descriptor says so, and those that were touched. */
static void take_all(struct shell *s)
{
    static const unsigned order[SOCKETS] = {WORKERS, UPDATES, CLIENTS}; /* results make room */
    for (unsigned i = 0; i < SOCKETS; i++)
        if (s->touched[order[i]] || s->fds[order[i]].revents)
            shell_take(s, order[i]);
}

/* Does a socket have something to read of which its descriptor may not tell? */
static bool any_waits(struct shell *s)
{
    bool waits = false;
    for (unsigned i = 0; i < SOCKETS; i++) {
        s->touched[i] = s->touched[i] && conn_readable(s->ports.sockets[i]);
        waits |= s->touched[i];
    }
    return waits;
}

/* How long nothing but a descriptor can have news. */
static int64_t idle_ms(struct shell *s)
{
    bool waits = any_waits(s);
    int64_t now_ms = clock_ms(), wait_ms = broker_deadline(s->broker) - now_ms;
    wait_ms = wait_ms < 0 ? wait_ms : notify_wait(s->notify, wait_ms, now_ms);
    if (waits || wait_ms < 0)
        return 0;
    return s->full && wait_ms > RETRY_FULL_MS ? RETRY_FULL_MS : wait_ms;
}

/* HUP: that the list of principals is another one. Any other: to end. */
static void take_signal(struct shell *s)
{
    struct signalfd_siginfo info;
    if (read(s->fds[WAIT_SIGNAL].fd, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo != SIGHUP) {
        s->ended = true;
        return;
    }
    notify_reloading(s->notify);
    principals_again(s);
    notify_ready(s->notify); /* whichever list is in force */
}

static void tell_manager(struct shell *s)
{
    struct broker_totals t;
    broker_totals(s->broker, &t);
    notify_status(s->notify, "jobs %llu, running %llu, ready %llu, delayed %llu",
                  (unsigned long long)t.live, (unsigned long long)t.running,
                  (unsigned long long)t.ready, (unsigned long long)t.delayed);
}

static void tick(struct shell *s, int64_t now_ms)
{
    shell_step(s, &(struct event){.type = EV_TICK});
    routes_hurry(&s->routes);
    if (now_ms - s->sampled_ms < SAMPLE_MS)
        return;
    s->sampled_ms = now_ms;
    s->memory_bytes = resident_bytes(getpid());
    shell_tell_store(s);
    tell_manager(s);
}

/* --- a turn ----------------------------------------------------------------------------------- */

static void keep(struct shell *s)
{
    relief_leave(s->relief);
    store_keep(s->store);
    int64_t away_ms = relief_back(s->relief);
    if (away_ms)
        log_warn("the disk let a commit wait for %lld ms, all else went on", (long long)away_ms);
}

/* What was decided leaves; what tells of something kept when it is, at once where we keep it
 * ourselves, which only the main thread does. Then the next word is an answer, or the next job of
 * somebody who waited for this one. */
static void end_turn(struct shell *s, int64_t now_ms, bool relieved)
{
    s->full = shell_flush(s);
    while (store_flush(s->store, now_ms, !relieved && !any_waits(s))) {
        keep(s);
        shell_answers(s);
        s->full = shell_flush(s);
        busy_poll_expect(&s->wait);
    }
}

/* What may wait for a disk itself is none of the relief's: signals, and the list of principals. */
static void turn(struct shell *s, int64_t most_ms, bool relieved)
{
    int64_t wait_ms = idle_ms(s);
    int timeout_ms = (int)(wait_ms < most_ms ? wait_ms : most_ms);
    if (busy_poll_wait(&s->wait, s->fds, relieved ? WAIT_SIGNAL : WAITS, timeout_ms) < 0) {
        must(errno == EINTR);
        return;
    }
    take_all(s);
    int64_t now_ms = clock_ms();
    if (s->fds[WAIT_STORE].revents || now_ms >= broker_deadline(s->broker))
        shell_answers(s);
    if (now_ms >= broker_deadline(s->broker))
        tick(s, now_ms);
    if (!relieved) {
        if (s->fds[WAIT_SIGNAL].revents)
            take_signal(s);
        principals_enrol(s);
    }
    end_turn(s, now_ms, relieved);
    notify_turn(s->notify, now_ms);
}

/* That it must not go on is for the main thread to tell. */
static void relieve(void *user)
{
    struct shell *s = user;
    if (s->status)
        poll(NULL, 0, RELIEF_TURN_MS);
    else
        turn(s, RELIEF_TURN_MS, true);
}

int shell_run(struct shell *s, int signal_fd)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        s->fds[i] = (struct pollfd){.fd = conn_fd(s->ports.sockets[i]), .events = POLLIN};
        s->touched[i] = true;
    }
    s->fds[WAIT_STORE] = (struct pollfd){.fd = store_fd(s->store), .events = POLLIN};
    s->fds[WAIT_SIGNAL] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
    s->relief = relief_new(relieve, s);
    while (!s->status && !s->ended)
        turn(s, INT_MAX, false);
    relief_free(s->relief);
    shell_step(s, &(struct event){.type = EV_END});
    return s->status;
}
