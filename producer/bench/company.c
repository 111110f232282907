/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/bench/company.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/must.h"
#include "common/pack.h"

enum { DISPATCH_MS = 100 };

/* --- connections ---------------------------------------------------------------------------- */

/* A connection that is lost is made again by the library; what came of it shows in the counts. */
static void dispatch_all(struct company *c)
{
    if (c->client)
        (void)reeve_dispatch(c->client, 0);
    for (size_t i = 0; i < c->options.subscribers; i++)
        (void)reeve_dispatch(c->subscribers[i].client, 0);
}

/* Takes what has come and waits a moment for more; true when it is to end. */
static bool look(struct company *c)
{
    size_t count = 0;
    dispatch_all(c);
    c->fds[count++] = (struct pollfd){.fd = c->wake, .events = POLLIN};
    if (c->client)
        c->fds[count++] = (struct pollfd){.fd = reeve_fd(c->client), .events = POLLIN};
    for (size_t i = 0; i < c->options.subscribers; i++)
        c->fds[count++] =
            (struct pollfd){.fd = reeve_fd(c->subscribers[i].client), .events = POLLIN};
    return poll(c->fds, count, DISPATCH_MS) > 0 && (c->fds[0].revents & POLLIN);
}

/* --- sessions ------------------------------------------------------------------------------- */

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    (void)number;
    struct company_session *s = user;
    s->company->accepted += s->id == 0;
    s->id = id;
}

static void on_ended(void *user, const struct reeve_result *r)
{
    struct company_session *s = user;
    struct company *c = s->company;
    s->ended = true;
    if (!c->ending && c->sessions_failed++ == 0)
        snprintf(c->error, sizeof c->error, "a session ended: %s", r->text ? r->text : "");
}

static int begin_sessions(struct company *c)
{
    const struct reeve_job_options job = {.kind = REEVE_SESSION,
                                          .durability = c->options.durability};
    if (c->options.sessions == 0)
        return REEVE_OK;
    int code = reeve_connect_with(&c->client, &c->options.farm, c->options.wait_ms);
    if (code)
        return code;
    struct reeve_value *args = reeve_value_new();
    reeve_put_array(args, 1);
    reeve_put_int(args, c->options.pause_ms);
    for (size_t i = 0; i < c->options.sessions && !code; i++) {
        c->sessions[i].company = c;
        code =
            reeve_submit(c->client, "bench.iterate", reeve_value_data(args), reeve_value_size(args),
                         &job, on_accepted, on_ended, &c->sessions[i], NULL);
    }
    reeve_value_free(args);
    int64_t end_ms = clock_ms() + c->options.wait_ms;
    while (!code && c->accepted < c->options.sessions && c->sessions_failed == 0) {
        code = reeve_dispatch(c->client, DISPATCH_MS);
        if (!code && clock_ms() > end_ms)
            code = REEVE_ETIMEOUT;
    }
    return code;
}

/* What an iteration shows is how many there were: so none was lost, and none ran twice. */
static bool counts_right(const struct reeve_session *s)
{
    struct cursor view = cursor_of(bytes_of(s->view, s->view_size));
    if (s->iteration == 0 && s->view_size == 0)
        return true;
    return cursor_map(&view) == 1 && bytes_equal(cursor_str(&view), bytes_text("iterations")) &&
           cursor_uint(&view) == s->iteration && cursor_ok(&view);
}

static void end_sessions(struct company *c)
{
    for (size_t i = 0; i < c->options.sessions && c->client; i++) {
        struct reeve_session now;
        uint64_t id = c->sessions[i].id;
        if (id == 0 || c->sessions[i].ended)
            continue;
        int code = reeve_get_session_wait(c->client, id, c->options.wait_ms, &now);
        if (code == 0 && now.state <= REEVE_SESSION_RUNNING && counts_right(&now)) {
            c->iterations += now.iteration;
        } else if (c->sessions_failed++ == 0) {
            snprintf(c->error, sizeof c->error, "a session: %s",
                     code ? reeve_error(c->client) : "its iterations do not count up");
        }
        if (reeve_drop_wait(c->client, id, c->options.wait_ms) && c->sessions_failed++ == 0)
            snprintf(c->error, sizeof c->error, "a session: %s", reeve_error(c->client));
    }
}

/* --- subscribers ---------------------------------------------------------------------------- */

static bool is_prefix(const char *topic)
{
    size_t size = strlen(topic);
    return size > 0 && topic[size - 1] == '/';
}

static void on_update(void *user, const struct reeve_update *u)
{
    struct company_subscriber *s = user;
    if (strcmp(u->event, "error") == 0) {
        s->failed = true;
    } else if (strcmp(u->event, "snapshot") == 0) {
        s->ready = true;
        update_tally_snapshot(&s->tally, u->incarnation, u->seq);
    } else if (strcmp(u->event, "lost") != 0) { /* a snapshot follows, and tells it too */
        update_tally_seen(&s->tally, u->incarnation, u->seq);
    }
}

/* Of everything below a prefix the numbers are those of many topics: they are not compared. */
static void on_any_update(void *user, const struct reeve_update *u)
{
    struct company_subscriber *s = user;
    (void)u;
    s->tally.seen++;
}

static void choose_topic(const struct company *c, size_t i, char topic[static COMPANY_TOPIC_BYTES])
{
    char id[14];
    if (c->options.topic) {
        snprintf(topic, COMPANY_TOPIC_BYTES, "%s", c->options.topic);
    } else if (c->options.sessions) {
        reeve_job_id_format(c->sessions[i % c->options.sessions].id, id);
        snprintf(topic, COMPANY_TOPIC_BYTES, "session/%s", id);
    } else {
        snprintf(topic, COMPANY_TOPIC_BYTES, "queue/%s", c->options.method);
    }
}

static int begin_subscriber(struct company *c, size_t i)
{
    struct company_subscriber *s = &c->subscribers[i];
    choose_topic(c, i, s->topic);
    s->ready = is_prefix(s->topic);
    int code = reeve_connect_with(&s->client, &c->options.farm, c->options.wait_ms);
    return code ? code
                : reeve_subscribe(s->client, s->topic, s->ready ? on_any_update : on_update, s);
}

/* How many subscriptions do not stand yet; one that cannot is told. */
static size_t count_waiting(struct company *c)
{
    size_t waiting = 0;
    for (size_t i = 0; i < c->options.subscribers; i++) {
        waiting += !c->subscribers[i].ready && !c->subscribers[i].failed;
        if (c->subscribers[i].failed)
            snprintf(c->error, sizeof c->error, "there is no %s to subscribe to",
                     c->subscribers[i].topic);
    }
    return waiting;
}

/* All at once: each takes some round trips. */
static int begin_subscribers(struct company *c)
{
    int code = REEVE_OK;
    for (size_t i = 0; i < c->options.subscribers && !code; i++)
        code = begin_subscriber(c, i);
    int64_t end_ms = clock_ms() + c->options.wait_ms;
    while (!code && count_waiting(c) > 0) {
        look(c);
        if (clock_ms() > end_ms)
            code = REEVE_ETIMEOUT;
    }
    return !code && c->error[0] ? REEVE_EINVALID : code;
}

static void end_subscribers(struct company *c)
{
    for (size_t i = 0; i < c->options.subscribers; i++) {
        update_tally_add(&c->updates, &c->subscribers[i].tally);
        c->updates.lost += c->runs && c->subscribers[i].failed; /* its topic went meanwhile */
        reeve_close(c->subscribers[i].client);
    }
}

/* --- the thread ----------------------------------------------------------------------------- */

static void *company_run(void *user)
{
    struct company *c = user;
    while (!look(c))
        ;
    dispatch_all(c); /* what has come by now counts */
    return NULL;
}

int company_begin(struct company *c, const struct company_options *options)
{
    *c = (struct company){.options = *options, .wake = eventfd(0, EFD_CLOEXEC)};
    must(c->wake >= 0);
    c->sessions = must_alloc(options->sessions * sizeof *c->sessions);
    c->subscribers = must_alloc(options->subscribers * sizeof *c->subscribers);
    c->fds = must_alloc((options->subscribers + 2) * sizeof *c->fds);
    int code = begin_sessions(c);
    if (!code)
        code = begin_subscribers(c);
    if (code && !c->error[0])
        snprintf(c->error, sizeof c->error, "no sessions or no subscribers (code %d)", code);
    if (!code && c->sessions_failed)
        code = REEVE_EINVALID;
    if (!code && (options->sessions || options->subscribers)) {
        must(pthread_create(&c->thread, NULL, company_run, c) == 0);
        c->runs = true;
    }
    return code;
}

void company_end(struct company *c)
{
    if (c->runs) {
        must(eventfd_write(c->wake, 1) == 0);
        pthread_join(c->thread, NULL);
    }
    c->ending = true;
    end_subscribers(c);
    end_sessions(c);
    reeve_close(c->client);
    close(c->wake);
    free(c->sessions);
    free(c->subscribers);
    free(c->fds);
}
