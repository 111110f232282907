/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs that want a worker with tags, in the broker's core. See farm.h for how to read it.
 */
#include <stdio.h>

#include "tests/unit/farm.h"

static void comes(struct farm *f, const char *who, const char *tags)
{
    hello_tagged(f, who, 1, tags);
    offers(f, who, "calc.add");
    ready(f, who);
}

static struct farm *farm_begin(struct farm *f)
{
    client(f, "c1");
    comes(f, "w1", "");
    comes(f, "w2", "gpu=1,zone=eu");
    if (f->durable)
        kept(f);
    farm_forget(f);
    return f;
}

static void wants(struct farm *f, const char *tags)
{
    submits_as(f, "c1",
               (struct msg_submit){.queue = bytes_text("calc.add"), .tags = bytes_text(tags)});
}

static void hold(struct farm *f, bool on)
{
    struct record hold = {.type = REC_hold, .hold = {.queue = bytes_text("calc.add")}};
    struct record release = {.type = REC_release, .release = {.queue = bytes_text("calc.add")}};
    says(f, "c1", on ? &hold : &release);
}

static void looks(struct farm *f)
{
    says(f, "c1", &(struct record){.type = REC_list_queues, .list_queues = {.number = 9}});
}

TEST(it_goes_to_a_worker_that_has_them_all)
{
    struct farm *f = farm_begin(farm_new(NULL));
    wants(f, "gpu=1");
    SAYS(f, "w2 < lease j1 t1\n"
            "c1 < accepted 1 j1\n");
    wants(f, "gpu=1,zone=eu"); /* w1 is free */
    SAYS(f, "c1 < accepted 2 j2\n");
    results(f, "w2", 1, 1, REASON_NONE);
    SAYS_HAS(f, "w2 < lease j2 t1\n");
    wants(f, "gpu=2");
    submits(f, "c1", "calc.add"); /* one that wants none goes by them */
    SAYS(f, "c1 < accepted 3 j3\n"
            "w1 < lease j4 t1\n"
            "c1 < accepted 4 j4\n");
    results(f, "w1", 4, 1, REASON_NONE);
    results(f, "w2", 2, 1, REASON_NONE);
    farm_forget(f);
    comes(f, "w3", "disk=ssd,gpu=2");
    SAYS_HAS(f, "w3 < lease j3 t1\n");
    farm_free(f);
}

TEST(why_it_waits_is_told)
{
    struct farm *f = farm_begin(farm_new(NULL));
    wants(f, "gpu=2");
    farm_forget(f);
    asks(f, "c1", REC_explain, 7, 1);
    SAYS(f, "c1 < explanation no worker that offers calc.add has gpu=2\n"
            "c1 < end 7\n");
    says(f, "w1", &(struct record){.type = REC_goodbye});
    says(f, "w2", &(struct record){.type = REC_goodbye});
    farm_forget(f);
    asks(f, "c1", REC_explain, 7, 1);
    SAYS(f, "c1 < explanation no worker offers calc.add now\n"
            "c1 < end 7\n");
    farm_free(f);
}

TEST(to_people_it_is_one_queue)
{
    struct farm *f = farm_begin(farm_new(NULL));
    watches(f, "queue/calc.add", true);
    wants(f, "gpu=2");
    wants(f, "gpu=2");
    wants(f, "gpu=1");
    submits(f, "c1", "calc.add");
    farm_forget(f);
    looks(f);
    SAYS(f, "c1 < queue calc.add ready 2 running 2 delayed 0\n"
            "c1 < end 9\n");
    after(f, 100);
    SAYS_HAS(f, "queue/calc.add: 2 counts\n");
    farm_free(f);
}

TEST(it_is_held_with_the_others)
{
    struct farm *f = farm_begin(farm_new(NULL));
    wants(f, "gpu=1");
    results(f, "w2", 1, 1, REASON_NONE);
    hold(f, true);
    wants(f, "gpu=1");
    wants(f, "zone=eu"); /* the first to want this */
    farm_forget(f);
    looks(f);
    SAYS(f, "c1 < queue calc.add ready 2 running 0 delayed 0 held\n"
            "c1 < end 9\n");
    hold(f, false);
    SAYS_HAS(f, "w2 < lease j");
    farm_free(f);
}

TEST(a_worker_that_comes_back_with_others_gets_others)
{
    struct farm *f = farm_begin(farm_new(NULL));
    gone(f, "w1");
    reconnects(f, "w1");
    wants(f, "gpu=3");
    farm_forget(f);
    comes(f, "w1", "gpu=3");
    SAYS_HAS(f, "w1 < lease j1 t1\n");
    results(f, "w1", 1, 1, REASON_NONE);
    comes(f, "w1", "");
    farm_forget(f);
    wants(f, "gpu=3");
    SAYS(f, "c1 < accepted 2 j2\n");
    farm_free(f);
}

TEST(workers_with_and_without_share_what_wants_none)
{
    struct farm *f = farm_begin(farm_new(NULL));
    for (int i = 0; i < 4; i++)
        submits(f, "c1", "calc.add");
    wants(f, "zone=eu");
    farm_forget(f);
    results(f, "w2", 2, 1, REASON_NONE); /* shares: the one with tags has had nothing */
    CHECK(strstr(farm_log(f), "w2 < lease j5 t1\n") || strstr(farm_log(f), "w2 < lease j3 t1\n"));
    farm_forget(f);
    comes(f, "w3", "zone=eu"); /* groups are divided anew */
    says(f, "w2", &(struct record){.type = REC_goodbye});
    results(f, "w1", 1, 1, REASON_NONE);
    broker_audit(f->broker);
    farm_free(f);
}

TEST(it_survives_a_restart)
{
    struct farm *f = farm_begin(farm_durable(NULL));
    wants(f, "gpu=1");
    wants(f, "gpu=2");
    kept(f);
    restarts(f);
    client(f, "c1");
    farm_forget(f);
    comes(f, "w1", "");
    comes(f, "w2", "gpu=1,zone=eu");
    kept(f);
    after(f, 4000);
    kept(f);
    CHECK(strstr(farm_log(f), "w2 < lease j1 "));
    CHECK(!strstr(farm_log(f), "w1 < lease"));
    farm_forget(f);
    asks(f, "c1", REC_explain, 7, 2);
    SAYS_HAS(f, "c1 < explanation no worker that offers calc.add has gpu=2\n");
    farm_free(f);
}

TEST(what_is_no_set_is_refused)
{
    struct farm *f = farm_begin(farm_new(NULL));
    wants(f, "gpu");
    wants(f, "zone=eu,gpu=1");
    submits_as(f, "c1",
               (struct msg_submit){.queue = bytes_text("todo.task"), .tags = bytes_text("a=1")});
    hello_tagged(f, "w9", 1, "gpu=1,");
    SAYS(f, "c1 < error 1 invalid\n"
            "c1 < error 2 invalid\n"
            "c1 < error 3 invalid\n"
            "w9 < error 0 invalid\n");
    farm_free(f);
}

TEST(there_are_limits)
{
    struct farm *f = farm_begin(farm_new(NULL));
    char tags[16];
    for (int i = 0; i < 257; i++) {
        snprintf(tags, sizeof tags, "n=%d", i);
        wants(f, tags);
    }
    CHECK(strstr(farm_log(f), "c1 < accepted 256 j256\n"));
    CHECK(strstr(farm_log(f), "c1 < error 257 busy\n"));
    farm_free(f);
}
