/* SPDX-License-Identifier: Apache-2.0
 *
 * What reeve-bench is made of, without a broker: the plan of arrivals, the mix, the counts, the
 * ticks, the search for the knee, and what is told and drawn of it all.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <reeve/value.h>

#include "common/must.h"
#include "common/pack.h"
#include "producer/bench/chart.h"
#include "producer/bench/compare.h"
#include "producer/bench/knee.h"
#include "producer/bench/plot.h"
#include "producer/bench/report.h"
#include "tests/unit/check.h"

/* --- arrivals ------------------------------------------------------------------------------- */

TEST(constant_arrivals_come_every_gap)
{
    struct arrivals a;
    arrivals_init(&a, ARRIVALS_CONSTANT, 1000, 0.25, 1);
    for (int i = 0; i < 1000000; i++)
        arrivals_take(&a);
    CHECK(llabs(arrivals_next_ns(&a) - 1000000250000) <= 1000); /* not even a microsecond astray */
    CHECK_EQ(arrivals_next_ns(&a), arrivals_next_ns(&a));
}

/* Counts in windows of one second: mean and variance of a Poisson process are both the rate. */
TEST(poisson_arrivals_have_the_variance_of_their_mean)
{
    enum { WINDOWS = 4000, RATE = 50 };
    struct arrivals a;
    unsigned counts[WINDOWS] = {0};
    double sum = 0, squares = 0;
    arrivals_init(&a, ARRIVALS_POISSON, RATE, 0, 7);
    for (int64_t before = 0, at; (at = arrivals_next_ns(&a)) < INT64_C(1000000000) * WINDOWS;
         arrivals_take(&a)) {
        CHECK(at >= before);
        before = at;
        counts[at / 1000000000]++;
    }
    for (size_t i = 0; i < WINDOWS; i++)
        sum += counts[i];
    double mean = sum / WINDOWS;
    for (size_t i = 0; i < WINDOWS; i++)
        squares += (counts[i] - mean) * (counts[i] - mean);
    CHECK(fabs(mean - RATE) < 1);
    CHECK(fabs(squares / WINDOWS / mean - 1) < 0.1);
}

TEST(the_same_seed_is_the_same_plan)
{
    struct arrivals a, b, other;
    arrivals_init(&a, ARRIVALS_POISSON, 100, 0, 5);
    arrivals_init(&b, ARRIVALS_POISSON, 100, 0, 5);
    arrivals_init(&other, ARRIVALS_POISSON, 100, 0, 6);
    CHECK(arrivals_next_ns(&a) != arrivals_next_ns(&other));
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(arrivals_next_ns(&a), arrivals_next_ns(&b));
        arrivals_take(&a);
        arrivals_take(&b);
    }
    CHECK_EQ(arrivals_kind_of("poisson"), ARRIVALS_POISSON);
    CHECK_EQ(arrivals_kind_of("weibull"), -1);
}

/* --- mix ------------------------------------------------------------------------------------ */

static const char mix_text[] = "bench.noop=90, fibonacci_generator.calculate 30=9,"
                               "data_processing.calculate_cv {\"a\":[1,2],\"b\":\"x=y,z\"}=0.5,"
                               "calculator.calculate 2 + 2=0.5";

TEST(mix_reads_methods_words_and_weights)
{
    struct mix m;
    char error[160];
    CHECK_EQ(mix_read(&m, mix_text, error), 0);
    CHECK_EQ(m.count, 4);
    CHECK_TEXT(m.parts[0].method, "bench.noop");
    CHECK_EQ(m.parts[0].args.size, 0); /* the payload */
    static const char *const args[] = {NULL, "[30]", "[{\"a\":[1,2],\"b\":\"x=y,z\"}]",
                                       "[2,\"+\",2]"};
    for (size_t i = 1; i < 4; i++) {
        char *json = reeve_json(m.parts[i].args.data, m.parts[i].args.size);
        CHECK_TEXT(json, args[i]);
        free(json);
    }
    CHECK(fabs(m.parts[0].until - 0.9) < 1e-9 && fabs(m.parts[3].until - 1) < 1e-9);
    mix_fini(&m);
}

TEST(mix_draws_by_weight)
{
    struct mix m;
    char error[160];
    struct random r = {.state = 3};
    unsigned counts[4] = {0};
    CHECK_EQ(mix_read(&m, mix_text, error), 0);
    for (int i = 0; i < 100000; i++)
        counts[mix_draw(&m, &r)]++;
    CHECK(counts[0] > 89500 && counts[0] < 90500);
    CHECK(counts[1] > 8700 && counts[1] < 9300);
    CHECK(counts[2] > 400 && counts[2] < 600 && counts[3] > 400 && counts[3] < 600);
    mix_fini(&m);
}

TEST(mix_refuses_what_is_none)
{
    static const char *const wrong[] = {"",
                                        "bench.noop",
                                        "bench.noop=",
                                        "noop=1",
                                        "a.b=1,,",
                                        "a.b=0",
                                        "a.b=1,c.d",
                                        "=1",
                                        "a.b=1x",
                                        "a.b=-1",
                                        "a.a=1,a.b=1,a.c=1,a.d=1,a.e=1,a.f=1,a.g=1,a.h=1,a.i=1"};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        struct mix m;
        char error[160] = "";
        CHECK_EQ(mix_read(&m, wrong[i], error), -1);
        CHECK(error[0]);
        mix_fini(&m);
    }
    struct mix one;
    CHECK_EQ(mix_one(&one, "bench.echo"), 0);
    CHECK(one.parts[0].echoes);
    CHECK_EQ(mix_one(&one, "nothing"), -1);
}

/* --- counts --------------------------------------------------------------------------------- */

TEST(results_that_are_overtaken_are_out_of_order)
{
    static const uint64_t numbers[] = {0, 1, 4, 2, 3, 5, 5, 7, 6};
    struct tally t = {0};
    uint64_t newest = 0;
    for (size_t i = 0; i < LENGTH(numbers); i++)
        tally_order(&t, &newest, numbers[i]);
    CHECK_EQ(t.out_of_order, 3); /* 2, 3 and 6 */
    CHECK_EQ(newest, 7);
}

TEST(tallies_add_up)
{
    struct tally a = {.submitted = 10,
                      .ok = 9,
                      .failed = 1,
                      .first_ns = 500,
                      .last_ns = 2000000500},
                 b = {.submitted = 10, .ok = 10, .first_ns = 300, .last_ns = 1000, .behind_ns = 7},
                 idle = {0}, sum = {0};
    tally_add(&sum, &a);
    tally_add(&sum, &idle);
    tally_add(&sum, &b);
    CHECK_EQ(sum.first_ns, 300);
    CHECK_EQ(sum.last_ns, 2000000500);
    CHECK_EQ(sum.behind_ns, 7);
    CHECK(fabs(tally_rate(&sum) - 10) < 0.001); /* 20 in two seconds */
    CHECK(tally_rate(&idle) == 0);
}

TEST(updates_that_are_missing_twice_or_late_are_told_apart)
{
    struct update_tally t = {0};
    update_tally_snapshot(&t, 1, 10);
    update_tally_seen(&t, 1, 11);
    CHECK_EQ(t.lost, 0);
    update_tally_seen(&t, 1, 14); /* 12 and 13 are missing */
    CHECK_EQ(t.lost, 2);
    update_tally_seen(&t, 1, 13); /* it is late, not lost */
    CHECK_EQ(t.lost, 1);
    CHECK_EQ(t.out_of_order, 1);
    update_tally_seen(&t, 1, 14);
    CHECK_EQ(t.duplicated, 1);
    update_tally_snapshot(&t, 1, 20); /* 15 to 20 were never told */
    CHECK_EQ(t.lost, 7);
    update_tally_seen(&t, 1, 21);
    update_tally_seen(&t, 2, 1); /* another incarnation counts anew */
    update_tally_seen(&t, 2, 2);
    CHECK_EQ(t.lost, 7);
    CHECK_EQ(t.seen, 7);
    CHECK_EQ(t.duplicated + t.out_of_order, 2);
}

TEST(a_watcher_that_begins_at_nothing_misses_the_first)
{
    struct update_tally t = {0};
    update_tally_snapshot(&t, 1, 0);
    update_tally_seen(&t, 1, 3);
    CHECK_EQ(t.lost, 2);
}

/* --- series --------------------------------------------------------------------------------- */

TEST(series_keeps_every_job_whatever_the_number_of_ticks)
{
    struct series *s = must_alloc(sizeof *s);
    for (unsigned ticks = 1; ticks <= 5000; ticks++) {
        series_add(s, ticks * 0.2, ticks, ticks % 100);
        CHECK(s->count <= SERIES_TICKS);
    }
    uint64_t done = 0;
    double width = 0;
    for (size_t i = 0; i < s->count; i++) {
        done += s->ticks[i].done;
        width += s->ticks[i].width_s;
        CHECK(s->ticks[i].p99_ns <= 99);
        CHECK(i == 0 || s->ticks[i].at_s > s->ticks[i - 1].at_s);
    }
    CHECK_EQ(done, 5000 * 5001 / 2);
    CHECK(fabs(width - 1000) < 1e-6);
    CHECK(fabs(s->ticks[s->count - 1].at_s - 1000) < 1e-6);
    free(s);
}

/* --- knee ----------------------------------------------------------------------------------- */

/* A farm that holds exactly what is not above its limit. */
static double find(double limit, double start, unsigned *steps)
{
    struct knee k;
    knee_init(&k, start);
    for (*steps = 0; !k.found; ++*steps)
        knee_next(&k, k.rate <= limit);
    return k.held;
}

TEST(knee_is_found_from_below_and_from_above)
{
    static const double limits[] = {3, 777, 12345, 600000};
    for (size_t i = 0; i < LENGTH(limits); i++)
        for (double start = 1; start < 1e7; start *= 10) {
            unsigned steps;
            double held = find(limits[i], start, &steps);
            CHECK(held <= limits[i] && held * 1.05 >= limits[i]);
            CHECK(steps <= KNEE_STEPS);
        }
}

TEST(one_bad_moment_is_no_knee)
{
    struct knee k;
    knee_init(&k, 100);
    knee_next(&k, false);
    CHECK(!k.found && k.rate == 100 && k.burst == 0);
    knee_next(&k, true);
    CHECK(k.held == 100 && k.rate == 200);
    knee_next(&k, false);
    knee_next(&k, false);
    CHECK(k.burst == 200 && k.rate < 200 && k.rate > 100);
}

TEST(no_knee_is_no_endless_search)
{
    unsigned steps;
    CHECK(find(0, 1000, &steps) == 0);
    CHECK(find(INFINITY, 1000, &steps) > 1e7);
    CHECK(steps <= KNEE_STEPS);
}

/* --- what is told --------------------------------------------------------------------------- */

/* Two kinds of jobs, a thousand of each: 1 to 1,000 us, and ten times that. */
static void fill(struct report *r, struct mix *m)
{
    char error[160];
    CHECK_EQ(mix_read(m, "a.b=1,c.d \"<&>\"=1", error), 0);
    report_init(r, m);
    r->what = "a.b=1,c.d \"<&>\"=1";
    r->durability = "received";
    r->clients = 1;
    r->depth = 10;
    for (uint64_t i = 1; i <= 1000; i++) {
        histogram_add(&r->latency[0], i * 1000);
        histogram_add(&r->latency[1], i * 10000);
    }
    histogram_merge(&r->latency[2], &r->latency[0]);
    histogram_merge(&r->latency[2], &r->latency[1]);
    r->tally = (struct tally){.submitted = 2000, .ok = 2000, .first_ns = 1, .last_ns = 2000000001};
    series_add(&r->series, 1, 1200, 5000000);
    series_add(&r->series, 2, 800, 7000000);
    r->compared = true;
}

static double key(struct bytes json, const char *name)
{
    struct reeve_value *v = reeve_value_new();
    CHECK_EQ(reeve_put_json(v, json.data, json.size, NULL, 0), 0);
    struct cursor c = cursor_of(bytes_of(reeve_value_data(v), reeve_value_size(v)));
    double found = NAN;
    for (uint32_t left = cursor_map(&c); left > 0; left--) {
        if (bytes_equal(cursor_str(&c), bytes_text(name)))
            found = cursor_float(&c);
        else
            cursor_skip(&c);
    }
    CHECK(cursor_ok(&c));
    reeve_value_free(v);
    return found;
}

TEST(json_has_the_figures)
{
    struct report r;
    struct mix m;
    struct buf out = {0};
    fill(&r, &m);
    r.steps[r.step_count++] = (struct knee_step){.offered = 1000, .rate = 990, .held = true};
    r.knee = 1000;
    for (int whole = 0; whole < 2; whole++) {
        buf_clear(&out);
        report_json(&r, whole, &out);
        struct bytes json = buf_bytes(&out);
        CHECK(key(json, "rate") == 1000);
        CHECK(fabs(key(json, "p50_us") - 909) < 2); /* all of a.b and 90 of c.d */
        CHECK(key(json, "max_us") == 10000);
        CHECK(key(json, "lost") == 0 && key(json, "jobs") == 2000);
        CHECK((strstr(buf_text(&out), "\"histogram_ns\":[[") != NULL) == whole);
        CHECK((strstr(buf_text(&out), "\"ticks\":[{\"at_s\":1.0,\"rate\":1200.0") != NULL) ==
              whole);
        CHECK(strstr(buf_text(&out), "\"knee\":{\"rate\":1000.0") != NULL);
        CHECK(!memchr(json.data, '\n', json.size));
    }
    buf_fini(&out);
    report_fini(&r);
    mix_fini(&m);
}

TEST(text_tells_each_kind_and_the_counts)
{
    struct report r;
    struct mix m;
    struct buf out = {0};
    fill(&r, &m);
    report_text(&r, &out);
    CHECK(strstr(buf_text(&out), "rate     1000 jobs/s"));
    CHECK(strstr(buf_text(&out), "c.d, 1000 jobs: p50 5.00 ms"));
    CHECK(strstr(buf_text(&out), "lost 0, duplicated 0"));
    CHECK(!strstr(buf_text(&out), "keep up"));
    CHECK(report_is_good(&r));
    r.offered = 2000;
    r.tally.behind_ns = 3000000;
    r.tally.lost = 1;
    r.tally.ok--;
    buf_clear(&out);
    report_text(&r, &out);
    CHECK(strstr(buf_text(&out), "did not keep up: 50 %"));
    CHECK(strstr(buf_text(&out), "3.00 ms late"));
    CHECK(!report_is_good(&r));
    buf_fini(&out);
    report_fini(&r);
    mix_fini(&m);
}

TEST(a_lost_update_and_a_failed_session_are_not_good)
{
    struct mix m;
    CHECK_EQ(mix_one(&m, "bench.noop"), 0);
    struct report r;
    report_init(&r, &m);
    CHECK(report_is_good(&r));
    r.updates.lost = 1;
    CHECK(!report_is_good(&r));
    r.updates.lost = 0;
    r.sessions_failed = 1;
    CHECK(!report_is_good(&r));
    report_fini(&r);
}

TEST(picture_is_whole_and_quotes_what_it_was_told)
{
    struct report r;
    struct mix m;
    struct buf out = {0};
    fill(&r, &m);
    plot_svg(&r, &out);
    const char *svg = buf_text(&out);
    CHECK(strncmp(svg, "<svg ", 5) == 0 && strstr(svg, "</svg>\n"));
    CHECK(strstr(svg, "c.d &quot;&lt;&amp;&gt;&quot;=1"));
    CHECK(!strstr(svg, "nan") && !strstr(svg, "inf") && !strstr(svg, "href"));
    CHECK(!strstr(svg, "p99 by rate offered"));
    r.steps[r.step_count++] = (struct knee_step){.offered = 10, .p99_ns = 5000, .held = true};
    r.steps[r.step_count++] = (struct knee_step){.offered = 20, .p99_ns = 9000000};
    buf_clear(&out);
    plot_svg(&r, &out);
    CHECK(strstr(buf_text(&out), "p99 by rate offered"));
    buf_fini(&out);
    report_fini(&r);
    mix_fini(&m);
}

/* Nothing came back: still a picture, without a line. */
TEST(picture_of_nothing)
{
    struct report r;
    struct mix m;
    struct buf out = {0};
    CHECK_EQ(mix_one(&m, "bench.noop"), 0);
    report_init(&r, &m);
    r.what = "bench.noop";
    r.durability = "durable";
    plot_svg(&r, &out);
    CHECK(strstr(buf_text(&out), "</svg>") && !strstr(buf_text(&out), "nan"));
    buf_fini(&out);
    report_fini(&r);
}

TEST(axes_end_in_round_numbers)
{
    char text[CHART_LABEL];
    struct axis log_axis = {.log = true, .least = 130, .most = 4100},
                line = {.least = 3, .most = 523000};
    axis_round(&log_axis);
    CHECK(log_axis.least == 100 && log_axis.most == 5000);
    CHECK(fabs(axis_tick(&log_axis, 100) - 200) < 1e-6);
    CHECK(fabs(axis_tick(&log_axis, 200) - 500) < 1e-6);
    axis_round(&line);
    CHECK(line.least == 0 && line.most == 600000);
    CHECK(axis_tick(&line, 0) == 200000);
    CHECK_TEXT(axis_label(CHART_NUMBER, 1500000, text), "1.5 M");
    CHECK_TEXT(axis_label(CHART_NS, 20000, text), "20 us");
    CHECK_TEXT(axis_label(CHART_SECONDS, 0, text), "0");
}

/* --- two results ---------------------------------------------------------------------------- */

TEST(comparison_tells_ratios_and_what_is_not_alike)
{
    static const char a[] = "{\"rate\":1000,\"p50_us\":10.0,\"p99_us\":100,\"depth\":1,\"lost\":0}",
                      b[] =
                          "{\"rate\":2000.0,\"p50_us\":10.1,\"p99_us\":150,\"depth\":5,\"lost\":3}";
    struct buf out = {0};
    char error[160];
    CHECK_EQ(compare_text(bytes_text(a), bytes_text(b), &out, error), 0);
    const char *text = buf_text(&out);
    CHECK(strstr(text, "2.00  better\n"));
    CHECK(strstr(text, "1.01\n")); /* too near to be told apart */
    CHECK(strstr(text, "1.50  worse\n"));
    CHECK(strstr(text, "1  |  5   (not alike)"));
    CHECK(strstr(text, "lost                                0              3"));
    CHECK(!strstr(text, "duplicated"));
    buf_fini(&out);
}

TEST(comparison_refuses_what_is_no_result)
{
    static const char good[] = "{\"rate\":1,\"p99_us\":1}";
    static const char *const wrong[] = {"", "[]", "{}", "{\"rate\":1}", "rate", "7"};
    struct buf out = {0};
    char error[160];
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        CHECK_EQ(compare_text(bytes_text(wrong[i]), bytes_text(good), &out, error), -1);
        CHECK(strstr(error, "first"));
        CHECK_EQ(compare_text(bytes_text(good), bytes_text(wrong[i]), &out, error), -1);
        CHECK(strstr(error, "second"));
    }
    CHECK_EQ(out.size, 0);
}
