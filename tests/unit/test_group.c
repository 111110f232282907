/* SPDX-License-Identifier: Apache-2.0
 *
 * Workers that offer different things: who gets what, and that queues which share only some of
 * their workers share the time of these. See farm.h for how to read it.
 */
#include "tests/unit/farm.h"

static void joins(struct farm *f, const char *who, const char *one, const char *other)
{
    hello_worker(f, who, 1);
    offers(f, who, one);
    if (other)
        offers(f, who, other);
    ready(f, who);
    farm_forget(f);
}

static void submits_many(struct farm *f, const char *queue, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        submits_as(
            f, "c1",
            (struct msg_submit){.queue = bytes_text(queue), .flags = SUBMIT_WAIT_FOR_HANDLER});
}

/* The job that this worker was lent last; 0: none since the log was forgotten. */
static unsigned lent(struct farm *f, const char *who)
{
    char wanted[40];
    unsigned job = 0;
    snprintf(wanted, sizeof wanted, "%s < lease j", who);
    for (const char *at = farm_log(f); (at = strstr(at, wanted)); at++)
        job = (unsigned)strtoul(at + strlen(wanted), NULL, 10);
    farm_forget(f);
    return job;
}

static unsigned ends(struct farm *f, const char *who, unsigned job)
{
    takes_us(f, who, job, 1, 1000000);
    return lent(f, who);
}

/* How many of the next ten jobs that it gets come after `job` in age; it has `has`. */
static unsigned younger(struct farm *f, const char *who, unsigned has, unsigned job)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 10; i++) {
        has = ends(f, who, has);
        CHECK(has);
        count += has > job;
    }
    return count;
}

TEST(each_gets_what_it_offers)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    joins(f, "w1", "a.a", "b.b");
    joins(f, "w2", "b.b", "c.c"); /* what was one group are three */
    submits_many(f, "b.b", 1);
    CHECK_EQ(lent(f, "w1"), 1);
    submits_many(f, "b.b", 1);
    CHECK_EQ(lent(f, "w2"), 2);
    submits_many(f, "a.a", 1);
    submits_many(f, "c.c", 1);
    submits_many(f, "b.b", 1);
    CHECK_EQ(lent(f, "w1"), 0);
    CHECK_EQ(ends(f, "w2", 2), 4);
    CHECK_EQ(ends(f, "w1", 1), 3);
    CHECK_EQ(ends(f, "w2", 4), 5);
    farm_free(f);
}

TEST(a_group_is_forgotten_with_its_last_worker)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    joins(f, "w1", "a.a", "b.b");
    says(f, "w1", &(struct record){.type = REC_goodbye});
    submits_many(f, "a.a", 1);
    submits_many(f, "b.b", 1);
    CHECK_EQ(lent(f, "w1"), 0);
    hello_worker(f, "w2", 1);
    offers(f, "w2", "b.b");
    ready(f, "w2");
    CHECK_EQ(lent(f, "w2"), 2);
    hello_worker(f, "w3", 1);
    offers(f, "w3", "a.a");
    ready(f, "w3");
    CHECK_EQ(lent(f, "w3"), 1);
    farm_free(f);
}

/* a.a works alone for 100 s; what waited for its first worker all that time does not go first for
 * as long. */
TEST(a_queue_without_workers_saves_nothing_up)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    joins(f, "w1", "a.a", NULL);
    submits_many(f, "a.a", 120);
    for (unsigned job = 1; job < 100; job++)
        CHECK_EQ(ends(f, "w1", job), job + 1);
    submits_many(f, "b.b", 20);
    hello_worker(f, "w2", 1);
    offers(f, "w2", "a.a");
    offers(f, "w2", "b.b");
    ready(f, "w2");
    unsigned from_b = younger(f, "w2", lent(f, "w2"), 120);
    CHECK(from_b >= 4 && from_b <= 6);
    farm_free(f);
}

/* The same, when they share one of the workers only. */
TEST(a_queue_of_another_group_saves_nothing_up)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    joins(f, "w2", "a.a", "b.b");
    submits_many(f, "a.a", 120);
    for (unsigned job = 1; job < 100; job++)
        CHECK_EQ(ends(f, "w2", job), job + 1);
    joins(f, "w1", "a.a", NULL); /* and has a job for as long as this takes */
    submits_many(f, "b.b", 20);
    unsigned from_b = younger(f, "w2", 100, 120);
    CHECK(from_b >= 4 && from_b <= 6);
    farm_free(f);
}

TEST(a_queue_that_is_offered_twice_is_one)
{
    struct farm *f = farm_new(NULL);
    client(f, "c1");
    joins(f, "w1", "a.a", "a.a");
    submits_many(f, "a.a", 2);
    CHECK_EQ(lent(f, "w1"), 1);
    CHECK_EQ(ends(f, "w1", 1), 2);
    says(f, "w1", &(struct record){.type = REC_goodbye});
    farm_free(f);
}
