/* SPDX-License-Identifier: Apache-2.0
 *
 * A session: pi.estimate ROUNDS DARTS. Each round throws DARTS darts at a square, side by side in
 * four jobs of their own, and counts those that hit the circle in it; whoever watches sees the
 * estimate grow better.
 *
 *     reeve submit --session pi.estimate 100 1000000
 *     reeve watch session/ID
 *
 * The session is the chain of calls of estimate(): between two of them it holds no slot, may be
 * paused, and outlives the broker. All it knows it has from its state, so any worker can go on.
 */
#include <reeve/handler.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHILDREN = 4 };

struct state { /* kept as a text: "3 100 1000000 2356194" */
    long long round, rounds, darts, inside;
};

/* --- the children ---------------------------------------------------------------------------- */

/* 0 to 1, of a generator (splitmix64) that starts where it is told to. */
static double chance(uint64_t *at)
{
    uint64_t z = *at += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* pi.throw SEED DARTS: how many hit the circle. The same seed throws the same darts: a child that
 * is run again changes nothing. */
static void throw_darts(struct reeve_job *job)
{
    int64_t seed, darts, inside = 0;
    if (reeve_args_expect(job, 2, 2) || reeve_arg_int(job, 0, &seed) ||
        reeve_arg_int(job, 1, &darts))
        return;
    uint64_t at = (uint64_t)seed << 32;
    for (int64_t i = 0; i < darts; i++) {
        double x = chance(&at), y = chance(&at);
        inside += x * x + y * y < 1;
    }
    reeve_reply_int(job, inside);
}

static void throw_next(struct reeve_job *job, const struct state *s)
{
    struct reeve_value *args = reeve_value_new();
    for (int i = 0; i < CHILDREN; i++) {
        reeve_value_clear(args);
        reeve_put_array(args, 2);
        reeve_put_int(args, s->round * CHILDREN + i);
        reeve_put_int(args, s->darts / CHILDREN);
        reeve_session_child(job, "pi.throw", reeve_value_data(args), reeve_value_size(args));
    }
    reeve_value_free(args);
    reeve_session_fork(job);
}

/* --- the session ----------------------------------------------------------------------------- */

static int begin(struct reeve_job *job, struct state *s)
{
    const char *words;
    if (reeve_arg_words(job, 1, &words)) /* what was submitted: [100,1000000] */
        return -1;
    *s = (struct state){0};
    if (sscanf(words, "[%lld,%lld]", &s->rounds, &s->darts) == 2 && s->rounds > 0 &&
        s->darts >= CHILDREN)
        return 0;
    reeve_fail(job, "pi.estimate wants ROUNDS (from 1) and DARTS (from %d), not %s", CHILDREN,
               words);
    return -1;
}

/* Adds up what the children counted: "[[6,785],[6,801],...]", 6 for each that did well. */
static int gather(struct reeve_job *job, struct state *s)
{
    const char *words;
    int well = 0;
    if (reeve_arg_words(job, 1, &words))
        return -1;
    for (const char *at = words; (at = strstr(at, "[6,")); at += 3, well++)
        s->inside += strtoll(at + 3, NULL, 10);
    s->round++;
    if (well == CHILDREN)
        return 0;
    reeve_fail(job, "a child has failed: %s", words);
    return -1;
}

static double estimate_of(const struct state *s)
{
    long long thrown = s->round * (s->darts / CHILDREN) * CHILDREN;
    return thrown ? 4.0 * (double)s->inside / (double)thrown : 0;
}

/* For whoever watches, and a line for the session's file. */
static void show(struct reeve_job *job, const struct state *s)
{
    char line[80];
    struct reeve_value *view = reeve_value_new();
    reeve_put_map(view, 3);
    reeve_put_text(view, "round");
    reeve_put_int(view, s->round);
    reeve_put_text(view, "rounds");
    reeve_put_int(view, s->rounds);
    reeve_put_text(view, "estimate");
    reeve_put_double(view, estimate_of(s));
    reeve_session_view(job, reeve_value_data(view), reeve_value_size(view));
    reeve_value_free(view);
    snprintf(line, sizeof line, "round %lld: %.9f", s->round, estimate_of(s));
    reeve_session_line(job, line);
}

static void keep(struct reeve_job *job, const struct state *s)
{
    char text[120];
    struct reeve_value *state = reeve_value_new();
    snprintf(text, sizeof text, "%lld %lld %lld %lld", s->round, s->rounds, s->darts, s->inside);
    reeve_put_text(state, text);
    reeve_session_state(job, reeve_value_data(state), reeve_value_size(state));
    reeve_value_free(state);
}

static void finish(struct reeve_job *job, const struct state *s)
{
    struct reeve_value *value = reeve_value_new();
    reeve_put_double(value, estimate_of(s));
    reeve_session_done(job, reeve_value_data(value), reeve_value_size(value));
    reeve_value_free(value);
}

/* One iteration. */
static void estimate(struct reeve_job *job)
{
    const char *before;
    struct state s;
    if (reeve_arg_words(job, 0, &before))
        return;
    bool goes_on =
        sscanf(before, "%lld %lld %lld %lld", &s.round, &s.rounds, &s.darts, &s.inside) == 4;
    if (goes_on ? gather(job, &s) : begin(job, &s))
        return;
    show(job, &s);
    keep(job, &s);
    if (s.round < s.rounds)
        throw_next(job, &s);
    else
        finish(job, &s);
}

int main(int argc, char **argv)
{
    static const struct reeve_handler handlers[] = {
        {"pi.estimate", estimate}, {"pi.throw", throw_darts}, {0}};
    return reeve_serve(handlers, argc, argv);
}
