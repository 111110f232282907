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

/* --- a job's arguments ------------------------------------------------------------------------ */

void spec_put(struct buf *out, const struct spec *spec)
{
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
    struct cursor c = cursor_of(args);
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
    struct buf state = {0}, children = {0}, value = {0};
    struct msg_verdict v = {.kind = story_verdict(spec, iteration)};
    state_put(&state, spec, iteration + 1, sum);
    if (v.kind == VERDICT_FORK)
        children_put(s, turn, &children);
    if (v.kind == VERDICT_CONTINUE && drawn(spec->serial, iteration, 3) % 4 == 0)
        v.delay_ms = 1 + drawn(spec->serial, iteration, 4) % 3000;
    if (v.kind == VERDICT_DONE)
        pack_uint(&value, sum);
    v.state = buf_bytes(&state);
    v.children = buf_bytes(&children);
    v.value = buf_bytes(&value);
    put_verdict(answer, &v);
    buf_fini(&state);
    buf_fini(&children);
    buf_fini(&value);
}
