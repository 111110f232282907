/* SPDX-License-Identifier: Apache-2.0
 *
 * Both maps against a model: an array with a place for each possible key. Keys are few, so that
 * probing runs collide, wrap around and are shifted back.
 */
#include "common/map.h"
#include "common/must.h"
#include "common/random.h"
#include "tests/unit/check.h"

enum { KEYS = 3000 };

static int values[KEYS][2]; /* what entries point at: two values for each key */

static void idmap_compare(const struct idmap *m, void *const *model, const uint64_t *ids)
{
    size_t count = 0, seen = 0, at = 0;
    for (size_t i = 0; i < KEYS; i++) {
        CHECK(idmap_find(m, ids[i]) == model[i]);
        count += model[i] != NULL;
    }
    CHECK_EQ(m->count, count);
    for (void *v; (v = idmap_next(m, &at)); seen++) {
        size_t key = (size_t)((int *)v - &values[0][0]) / 2;
        CHECK(model[key] == v);
    }
    CHECK_EQ(seen, count);
}

TEST(idmap_is_as_its_model)
{
    struct idmap m = {0};
    static void *model[KEYS];
    static uint64_t ids[KEYS];
    struct random r = {.state = 7};
    /* Half of the ids follow each other, as job ids do; half are anything. */
    for (size_t i = 0; i < KEYS; i++)
        ids[i] = i % 2 ? i + 1 : random_next(&r) | 1ull << 63;
    for (int step = 0; step < 200000; step++) {
        size_t i = random_below(&r, KEYS);
        bool grow = step / 40000 % 2 == 0; /* fills and empties in turns */
        if (random_below(&r, 4) < (grow ? 3u : 1u)) {
            model[i] = &values[i][random_below(&r, 2)];
            idmap_put(&m, ids[i], model[i]);
        } else {
            CHECK(idmap_take(&m, ids[i]) == model[i]);
            model[i] = NULL;
        }
        if (step % 5000 == 0)
            idmap_compare(&m, model, ids);
    }
    idmap_compare(&m, model, ids);
    idmap_fini(&m);
}

TEST(idmap_that_is_empty_finds_nothing)
{
    struct idmap m = {0};
    size_t at = 0;
    CHECK(idmap_find(&m, 5) == NULL);
    CHECK(idmap_take(&m, 5) == NULL);
    CHECK(idmap_next(&m, &at) == NULL);
    idmap_put(&m, 5, &values[0][0]);
    CHECK(idmap_find(&m, 0) == NULL);
    CHECK(idmap_take(&m, 0) == NULL);
    CHECK(idmap_take(&m, 5) == &values[0][0]);
    CHECK(idmap_find(&m, 5) == NULL);
    idmap_fini(&m);
}

TEST(idmap_gives_memory_back)
{
    struct idmap m = {0};
    for (uint64_t id = 1; id <= 100000; id++)
        idmap_put(&m, id, &values[0][0]);
    size_t full = m.capacity;
    for (uint64_t id = 1; id <= 100000; id++)
        CHECK(idmap_take(&m, id) != NULL);
    CHECK_EQ(m.count, 0);
    CHECK(m.capacity * 32 < full);
    idmap_fini(&m);
}

TEST(namemap_is_as_its_model)
{
    struct namemap m = {.seed = 11};
    static void *model[KEYS];
    static char names[KEYS][16];
    struct random r = {.state = 8};
    for (size_t i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof names[i], "q%zu.run", i);
    for (int step = 0; step < 200000; step++) {
        size_t i = random_below(&r, KEYS);
        bool grow = step / 40000 % 2 == 0;
        if (random_below(&r, 4) < (grow ? 3u : 1u)) {
            model[i] = &values[i][random_below(&r, 2)];
            namemap_put(&m, bytes_text(names[i]), model[i]);
        } else {
            CHECK(namemap_take(&m, bytes_text(names[i])) == model[i]);
            model[i] = NULL;
        }
        if (step % 5000)
            continue;
        size_t count = 0, seen = 0, at = 0;
        for (size_t k = 0; k < KEYS; k++) {
            CHECK(namemap_find(&m, bytes_text(names[k])) == model[k]);
            count += model[k] != NULL;
        }
        CHECK_EQ(m.count, count);
        for (; namemap_next(&m, &at); seen++)
            ;
        CHECK_EQ(seen, count);
    }
    namemap_fini(&m);
    CHECK_EQ(m.seed, 11);
}

TEST(namemap_takes_the_empty_name_too)
{
    struct namemap m = {0};
    CHECK(namemap_find(&m, bytes_of(NULL, 0)) == NULL);
    namemap_put(&m, bytes_of(NULL, 0), &values[1][0]);
    CHECK(namemap_find(&m, bytes_text("")) == &values[1][0]);
    CHECK(namemap_take(&m, bytes_text("a")) == NULL);
    CHECK(namemap_take(&m, bytes_text("")) == &values[1][0]);
    namemap_fini(&m);
}
