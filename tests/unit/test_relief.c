/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/relief.h"

#include <semaphore.h>

#include "common/must.h"
#include "tests/unit/check.h"

/* What belongs to who is at the helm: a sanitizer sees who touches it besides. */
struct ship {
    unsigned turns;
    sem_t turned;
};

static void stand_in(void *user)
{
    struct ship *ship = user;
    ship->turns++;
    must(sem_post(&ship->turned) == 0);
}

/* Leaves until the relief has taken so many turns. */
static void away(struct relief *r, struct ship *ship, unsigned turns)
{
    relief_leave(r);
    while (turns-- > 0)
        while (sem_wait(&ship->turned) != 0)
            continue;
    CHECK(relief_back(r) >= RELIEF_AFTER_MS);
    while (sem_trywait(&ship->turned) == 0)
        continue;
}

TEST(who_is_away_for_long_is_relieved_until_it_is_back)
{
    struct ship ship = {0};
    must(sem_init(&ship.turned, 0, 0) == 0);
    struct relief *r = relief_new(stand_in, &ship);
    for (unsigned times = 0; times < 3; times++) {
        unsigned before = ship.turns;
        away(r, &ship, 5);
        CHECK(ship.turns >= before + 5);
    }
    relief_free(r);
    sem_destroy(&ship.turned);
}

TEST(who_comes_and_goes_shares_the_helm_with_nobody)
{
    struct ship ship = {0};
    must(sem_init(&ship.turned, 0, 0) == 0);
    struct relief *r = relief_new(stand_in, &ship);
    unsigned own = 0;
    for (; own < 20000; own++) {
        unsigned before = ship.turns++;
        relief_leave(r);
        relief_back(r);
        CHECK(ship.turns > before);
    }
    away(r, &ship, 1);
    CHECK(ship.turns > own);
    relief_free(r);
    sem_destroy(&ship.turned);
}

TEST(one_that_was_never_needed_ends_as_well)
{
    struct ship ship = {0};
    relief_free(relief_new(stand_in, &ship));
    CHECK_EQ(ship.turns, 0);
    relief_free(NULL);
}
