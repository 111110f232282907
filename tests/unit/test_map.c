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

static void idmap_churn(const uint64_t *ids)
{
    struct idmap m = {0};
    void *model[KEYS] = {0};
    struct random r = {.state = 7};
    for (int step = 0; step < 200000; step++) {
        size_t i = random_below(&r, KEYS);
        bool grow = step / 40000 % 2 == 0; /* fills and empties in turns */
        if (random_below(&r, 4) < (grow ? 3u : 1u)) {
            void *old = model[i];
            model[i] = &values[i][random_below(&r, 2)];
            CHECK(idmap_put(&m, ids[i], model[i]) == old);
        } else {
            CHECK(idmap_take(&m, ids[i]) == model[i]);
            model[i] = NULL;
        }
        CHECK(idmap_find(&m, ids[i]) == model[i]);
        if (step % 5000 == 0)
            idmap_compare(&m, model, ids);
    }
    idmap_compare(&m, model, ids);
    idmap_fini(&m);
}

TEST(idmap_is_as_its_model_for_ids_that_follow_each_other)
{
    static uint64_t ids[KEYS];
    for (size_t i = 0; i < KEYS; i++)
        ids[i] = i + 1;
    idmap_churn(ids);
    for (size_t i = 0; i < KEYS; i++)
        ids[i] = UINT64_MAX - i;
    idmap_churn(ids);
}

TEST(idmap_is_as_its_model_for_ids_far_apart)
{
    static uint64_t ids[KEYS];
    struct random r = {.state = 9};
    for (size_t i = 0; i < KEYS; i++)
        ids[i] = i % 2 ? (i + 1) << 20 : random_next(&r) | 1ull << 63;
    idmap_churn(ids);
}

TEST(idmap_is_as_its_model_for_runs_of_ids)
{
    static uint64_t ids[KEYS];
    for (size_t i = 0; i < KEYS; i++) /* seven each, which begin and end anywhere in a page */
        ids[i] = i / 7 * 1001 + i % 7 + 1;
    idmap_churn(ids);
}

/* As jobs come and go: new ids at one end, the oldest leave, and some stay for long. */
TEST(idmap_moves_on_with_its_ids)
{
    enum { LIVE = 1000, STAYS = 97, LAST = 200000 };
    struct idmap m = {0};
    for (uint64_t id = 1; id <= LAST; id++) {
        idmap_put(&m, id, &values[id % KEYS][0]);
        uint64_t old = id - LIVE;
        if (id <= LIVE || old % STAYS == 0)
            continue;
        CHECK(idmap_find(&m, old) == &values[old % KEYS][0]);
        CHECK(idmap_take(&m, old) == &values[old % KEYS][0]);
        CHECK(idmap_take(&m, old) == NULL);
    }
    for (uint64_t id = 1; id <= LAST; id++) {
        bool stays = id > LAST - LIVE || id % STAYS == 0;
        CHECK(idmap_find(&m, id) == (stays ? &values[id % KEYS][0] : NULL));
    }
    idmap_fini(&m);
}

/* Who takes what the walk shows begins the walk again, since the map has changed. */
TEST(idmap_is_emptied_by_a_walk_that_takes)
{
    struct idmap m = {0};
    static uint64_t ids[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        ids[i] = i % 3 ? i + 1 : (i + 1) << 40;
        idmap_put(&m, ids[i], &ids[i]);
    }
    size_t at = 0, taken = 0;
    for (uint64_t *id; (id = idmap_next(&m, &at)); at = 0, taken++)
        CHECK(idmap_take(&m, *id) == id);
    CHECK_EQ(taken, KEYS);
    CHECK_EQ(m.count, 0);
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
    CHECK_EQ(m.pages, 0);
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
