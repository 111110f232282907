/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool with its slabs, also in builds for a sanitizer (see CMakeLists.txt).
 */
#include "common/pool.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/random.h"
#include "tests/unit/check.h"

enum { THINGS = 5000, SIZE_MAX_TESTED = POOL_BYTES_MAX + 100 };

struct thing {
    unsigned char *at;
    size_t size;
    unsigned char fill;
};

static struct thing thing_take(struct pool *p, size_t size, unsigned char fill)
{
    struct thing t = {.at = pool_take(p, size), .size = size, .fill = fill};
    memset(t.at, fill, size);
    return t;
}

static void thing_give(struct pool *p, struct thing *t)
{
    for (size_t i = 0; i < t->size; i++)
        CHECK_EQ(t->at[i], t->fill);
    pool_give(p, t->at, t->size);
    *t = (struct thing){0};
}

TEST(what_is_taken_is_nobody_elses)
{
    static struct thing things[THINGS];
    struct pool p;
    struct random r = {.state = 5};
    pool_init(&p);
    for (int step = 0; step < 200000; step++) {
        struct thing *t = &things[random_below(&r, THINGS)];
        bool grow = step / 40000 % 2 == 0; /* fills and empties in turns */
        if (t->at) {
            if (random_below(&r, 4) >= (grow ? 3u : 1u))
                thing_give(&p, t);
        } else if (random_below(&r, 4) < (grow ? 3u : 1u)) {
            *t = thing_take(&p, random_below(&r, SIZE_MAX_TESTED), (unsigned char)step);
            CHECK_EQ((uintptr_t)t->at % POOL_GRAIN, 0);
        }
    }
    for (size_t i = 0; i < THINGS; i++)
        if (things[i].at)
            thing_give(&p, &things[i]);
    pool_fini(&p);
}

TEST(what_is_given_back_is_used_again)
{
    static struct thing things[THINGS];
    struct pool p;
    pool_init(&p);
    const struct pool_region *regions = NULL;
    for (int round = 0; round < 10; round++) {
        /* Each round another size: an empty slab serves any. */
        for (size_t i = 0; i < THINGS; i++)
            things[i] = thing_take(&p, 256 - 16 * (size_t)round, (unsigned char)i);
        if (round == 0)
            regions = p.regions;
        CHECK(p.regions == regions);
        for (size_t i = 0; i < THINGS; i++)
            thing_give(&p, &things[i]);
    }
    pool_fini(&p);
}

TEST(a_slab_that_was_full_has_room_again)
{
    static struct thing things[THINGS];
    struct pool p;
    pool_init(&p);
    for (size_t i = 0; i < THINGS; i++)
        things[i] = thing_take(&p, 100, 1);
    for (size_t i = 0; i < THINGS; i += 7) {
        void *was = things[i].at;
        thing_give(&p, &things[i]);
        things[i] = thing_take(&p, 100, 2);
        CHECK(things[i].at == was);
    }
    pool_fini(&p);
}

static size_t resident(void *const *at, size_t count)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned char in = 0;
        CHECK_EQ(mincore((void *)((uintptr_t)at[i] & ~(page - 1)), 1, &in), 0);
        sum += in & 1;
    }
    return sum;
}

TEST(what_is_empty_gives_its_memory_back)
{
    enum { MANY = 40000 };
    static void *at[MANY];
    struct pool p;
    /* The kernel makes a huge page of a range with one page in it, when it comes by just then. */
    CHECK_EQ(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
    pool_init(&p);
    for (size_t i = 0; i < MANY; i++) {
        at[i] = pool_take(&p, POOL_BYTES_MAX);
        memset(at[i], 7, POOL_BYTES_MAX);
    }
    size_t full = resident(at, MANY);
    for (size_t i = 0; i < MANY; i++)
        pool_give(&p, at[i], POOL_BYTES_MAX);
    CHECK(resident(at, MANY) < full / 4);
    pool_fini(&p);
}

TEST(a_pool_that_was_never_used_ends)
{
    struct pool p;
    pool_init(&p);
    pool_fini(&p);
    pool_fini(&p);
}
