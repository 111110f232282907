/* SPDX-License-Identifier: Apache-2.0
 *
 * story: what the iterations of a session do. All of it follows from the session's serial number
 * and the iteration, so whoever is told something of it can say what it must be: the verdict, the
 * children, the word a client has for it, and the sum that goes from state to state and becomes its
 * value.
 */
#include "tests/sim/sim.h"

enum { CHILDREN_MAX_SIM = 3, CHILD_SERIALS = 1 << 20 };

static uint64_t drawn(uint64_t serial, uint64_t iteration, uint64_t what)
{
    uint64_t numbers[] = {serial, iteration, what};
    return bytes_hash(bytes_of(numbers, sizeof numbers), 0) >> 8;
}

/* --- feeds ------------------------------------------------------------------------------------ */

const char *const feed_topics[FEED_NAMES] = {"feed0/n0", "feed0/n1/5", "feed0/n2", "feed0/n3"};

/* The last one comes to an end by itself, the others never do. */
struct spec feed_spec(unsigned name)
{
    return (struct spec){.serial = (1ull << 40) + name,
                         .queue = FEED_QUEUE,
                         .run_us = 1000u << name,
                         .times = 1,
                         .iterations = name + 1 < FEED_NAMES ? UINT32_MAX : 5};
}

/* Of the one before it some iterations crash when they are tried for the first time. */
static enum behaviour feed_behaviour(const struct sim *s, const struct turn *turn)
{
    bool frail = turn->spec.serial == feed_spec(FEED_NAMES - 2).serial && s->knobs.crash > 0;
    return frail && turn->iteration % 8 == 3 ? CRASHES : RUNS_WELL;
}

static void feed_verdict(const struct turn *turn, struct msg_verdict *v, struct buf *view)
{
    if (turn->iteration % 5 != 4) { /* else it has nothing new to show */
        pack_map(view, 1);
        pack_text(view, "n");
        pack_uint(view, turn->iteration);
    }
    v->view = buf_bytes(view);
    if (v->kind == VERDICT_CONTINUE)
        v->delay_ms = 100 + drawn(turn->spec.serial, turn->iteration, 5) % 500;
}

/* --- a job's arguments ------------------------------------------------------------------------ */

/* A title; some are too long. */
static void title_put(struct buf *out, uint64_t serial)
{
    enum { TOO_LONG = 1100 };
    char text[TOO_LONG + 1];
    int size = snprintf(text, sizeof text, "task %llu", (unsigned long long)serial);
    memset(text + size, ' ', sizeof text - (size_t)size);
    pack_array(out, 1);
    pack_str(out, bytes_of(text, serial % TITLES_TOO_LONG ? (size_t)size : TOO_LONG));
}

/* By its title; or by what stands behind the head of a feed. */
static struct spec spec_named(struct bytes name)
{
    char text[32];
    unsigned long long number;
    snprintf(text, sizeof text, "%.*s", (int)(name.size < 30 ? name.size : 30),
             (const char *)name.data);
    if (sscanf(text, "task %llu", &number) == 1)
        return (struct spec){.serial = number, .queue = TODO_QUEUE};
    must(sscanf(text, "n%llu", &number) == 1 && number < FEED_NAMES);
    return feed_spec((unsigned)number);
}

static const char *const tag_sets[] = {"gpu=1,zone=eu", "", "gpu=1", "zone=eu", "zone=us"};

struct bytes host_tags(const struct sim *s, unsigned host)
{
    return bytes_text(s->knobs.tags ? tag_sets[host % LENGTH(tag_sets)] : "");
}

/* The last set is no job's: nobody who has it needs be there. A child has those of a plain job. */
struct bytes spec_tags(const struct sim *s, const struct spec *spec)
{
    bool any = s->knobs.tags && !spec->parent && !spec_task(spec) && !spec_feed(spec);
    return bytes_text(any ? tag_sets[spec->serial % (LENGTH(tag_sets) - 1)] : "");
}

void spec_put(struct buf *out, const struct spec *spec)
{
    if (spec_task(spec)) {
        title_put(out, spec->serial);
        return;
    }
    pack_array(out, 7);
    pack_uint(out, spec->serial);
    pack_uint(out, spec->queue);
    pack_uint(out, spec->run_us);
    pack_uint(out, spec->behaviour);
    pack_uint(out, spec->times);
    pack_uint(out, spec->iterations);
    pack_uint(out, spec->parent);
}

static struct spec spec_read(struct cursor *c)
{
    must(cursor_array(c) == 7);
    struct spec spec = {.serial = cursor_uint(c)};
    spec.queue = (unsigned)cursor_uint(c);
    spec.run_us = cursor_uint(c);
    spec.behaviour = (enum behaviour)cursor_uint(c);
    spec.times = cursor_uint(c);
    spec.iterations = cursor_uint(c);
    spec.parent = cursor_uint(c);
    must(cursor_ok(c));
    return spec;
}

struct spec spec_get(struct bytes args)
{
    struct cursor c = cursor_of(args), texts = c;
    if (cursor_array(&texts) && cursor_peek(&texts) == PACK_STR)
        return spec_named(cursor_str(&texts));
    struct spec spec = spec_read(&c);
    must(cursor_done(&c));
    return spec;
}

/* --- a session's state: [spec, iterations that are over, sum] --------------------------------- */

static void state_put(struct buf *out, const struct spec *spec, uint64_t iteration, uint64_t sum)
{
    pack_array(out, 3);
    spec_put(out, spec);
    pack_uint(out, iteration);
    pack_uint(out, sum);
}

/* Of a row: before the first iteration the spec is in the input. */
struct spec story_spec(struct bytes state, struct bytes input)
{
    struct cursor c = cursor_of(state);
    if (cursor_peek(&c) == PACK_NIL)
        return spec_get(input);
    must(cursor_array(&c) == 3);
    return spec_read(&c);
}

static bool is_lease(struct bytes args)
{
    struct cursor c = cursor_of(args);
    return cursor_array(&c) == 2;
}

static struct bytes value_of(struct cursor *c)
{
    const unsigned char *from = c->at;
    cursor_skip(c);
    return bytes_of(from, (size_t)(c->at - from));
}

struct spec lease_spec(struct bytes args)
{
    struct cursor c = cursor_of(args);
    if (!is_lease(args))
        return spec_get(args);
    must(cursor_array(&c) == 2);
    struct bytes state = value_of(&c), input = value_of(&c);
    return story_spec(state, input);
}

/* --- iterations ------------------------------------------------------------------------------- */

enum verdict story_verdict(const struct spec *spec, uint64_t iteration)
{
    static const enum verdict some[] = {VERDICT_CONTINUE, VERDICT_CONTINUE, VERDICT_CONTINUE,
                                        VERDICT_ASK, VERDICT_FORK};
    if (iteration + 1 >= spec->iterations)
        return VERDICT_DONE;
    if (spec_feed(spec))
        return VERDICT_CONTINUE;
    if (drawn(spec->serial, 0, 6) % 4 == 0)
        return VERDICT_FORK; /* one fork behind the other: their children may be taken for each
                                other */
    return some[drawn(spec->serial, iteration, 0) % LENGTH(some)];
}

uint64_t story_word(const struct spec *spec, uint64_t iteration)
{
    return drawn(spec->serial, iteration, 1) % 1000;
}

static unsigned children_count(const struct spec *spec, uint64_t iteration)
{
    return 1 + (unsigned)(drawn(spec->serial, iteration, 2) % CHILDREN_MAX_SIM);
}

static struct spec child_of(const struct spec *spec, uint64_t iteration, unsigned i)
{
    return (struct spec){.serial = (spec->serial + 1) * CHILD_SERIALS + iteration * 8 + i,
                         .queue = spec->queue,
                         .run_us = spec->run_us / 2,
                         .parent = spec->serial};
}

/* What an iteration adds, after the verdict of the one before. */
static uint64_t worth(const struct spec *spec, uint64_t iteration)
{
    enum verdict before = iteration ? story_verdict(spec, iteration - 1) : VERDICT_CONTINUE;
    uint64_t sum = 1;
    if (before == VERDICT_ASK)
        return story_word(spec, iteration - 1);
    for (unsigned i = 0; before == VERDICT_FORK && i < children_count(spec, iteration - 1); i++) {
        struct spec child = child_of(spec, iteration - 1, i);
        sum += spec_value(&child);
    }
    return sum;
}

uint64_t spec_value(const struct spec *spec)
{
    uint64_t sum = spec->serial * 7919 + spec->queue;
    for (uint64_t k = 0; k < spec->iterations; k++)
        sum = sum * 31 + worth(spec, k);
    return sum;
}

/* Is the input what the verdict before it led to? */
static void input_check(struct sim *s, const struct spec *spec, uint64_t iteration,
                        struct bytes input)
{
    struct cursor c = cursor_of(input);
    enum verdict before = iteration ? story_verdict(spec, iteration - 1) : VERDICT_DONE;
    bool good = true;
    if (before == VERDICT_CONTINUE) {
        good = cursor_peek(&c) == PACK_NIL;
    } else if (before == VERDICT_ASK) {
        good = cursor_uint(&c) == story_word(spec, iteration - 1) && cursor_ok(&c);
    } else if (before == VERDICT_FORK) {
        unsigned count = children_count(spec, iteration - 1);
        good = cursor_array(&c) == count;
        for (unsigned i = 0; good && i < count; i++) {
            struct spec child = child_of(spec, iteration - 1, i);
            good = cursor_array(&c) == 2;
            bool ok = good && cursor_uint(&c) == JOB_OK;
            if (ok)
                good = cursor_uint(&c) == spec_value(&child);
            else
                cursor_skip(&c);
        }
    }
    if (!good || !cursor_ok(&c))
        sim_fail(s, "S14", "iteration %llu of session %llu gets an input that is not its own",
                 (unsigned long long)iteration, (unsigned long long)spec->serial);
}

/* What a lease's arguments are about; of a session its input must be the one that is due. */
struct turn story_turn(struct sim *s, struct bytes args)
{
    struct turn turn = {.spec = lease_spec(args)};
    struct cursor c = cursor_of(args);
    if (!is_lease(args))
        return turn;
    turn.session = true;
    turn.sum = turn.spec.serial * 7919 + turn.spec.queue;
    must(cursor_array(&c) == 2);
    struct bytes state = value_of(&c), input = value_of(&c);
    c = cursor_of(state);
    if (cursor_peek(&c) != PACK_NIL) {
        must(cursor_array(&c) == 3);
        spec_read(&c);
        turn.iteration = cursor_uint(&c);
        turn.sum = cursor_uint(&c);
    }
    input_check(s, &turn.spec, turn.iteration, input);
    if (spec_feed(&turn.spec))
        turn.spec.behaviour = feed_behaviour(s, &turn);
    return turn;
}

static void children_put(struct sim *s, const struct turn *turn, struct buf *out)
{
    for (unsigned i = 0; i < children_count(&turn->spec, turn->iteration); i++) {
        struct spec child = child_of(&turn->spec, turn->iteration, i);
        struct buf args = {0};
        spec_put(&args, &child);
        put_child(out, &(struct msg_child){.queue = bytes_text(s->queues[child.queue]),
                                           .args = buf_bytes(&args)});
        buf_fini(&args);
        ledger_submitted(s, &child, &(struct msg_submit){.number = 0});
    }
}

/* The verdict of this iteration. */
void story_answer(struct sim *s, const struct turn *turn, struct buf *answer)
{
    const struct spec *spec = &turn->spec;
    uint64_t iteration = turn->iteration, sum = turn->sum * 31 + worth(spec, iteration);
    struct buf state = {0}, children = {0}, value = {0}, view = {0};
    struct msg_verdict v = {.kind = story_verdict(spec, iteration)};
    state_put(&state, spec, iteration + 1, sum);
    if (v.kind == VERDICT_FORK)
        children_put(s, turn, &children);
    if (v.kind == VERDICT_CONTINUE && drawn(spec->serial, iteration, 3) % 4 == 0)
        v.delay_ms = 1 + drawn(spec->serial, iteration, 4) % 3000;
    if (v.kind == VERDICT_DONE)
        pack_uint(&value, sum);
    if (spec_feed(spec))
        feed_verdict(turn, &v, &view);
    v.state = buf_bytes(&state);
    v.children = buf_bytes(&children);
    v.value = buf_bytes(&value);
    put_verdict(answer, &v);
    buf_fini(&state);
    buf_fini(&children);
    buf_fini(&value);
    buf_fini(&view);
}
