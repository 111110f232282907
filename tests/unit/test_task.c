/* SPDX-License-Identifier: Apache-2.0
 *
 * What is to be optimised: specs that are understood, and what is said of those that are not.
 */
#include <math.h>
#include <reeve/value.h>

#include "consumer/handlers/optimisation/progress.h"
#include "consumer/handlers/optimisation/word.h"
#include "tests/unit/check.h"

enum { POINT_MAX = 64 };

struct made {
    struct reeve_value *spec;
    struct task *task; /* NULL: text says why */
    char text[SPEC_TEXT_SIZE];
};

static struct made make(const char *json)
{
    char error[120];
    struct made m = {.spec = reeve_value_new()};
    CHECK_EQ(reeve_put_json(m.spec, json, strlen(json), error, sizeof error), 0);
    m.task = task_new(bytes_of(reeve_value_data(m.spec), reeve_value_size(m.spec)), "/nonexistent",
                      m.text);
    return m;
}

static void unmake(struct made *m)
{
    task_free(m->task);
    reeve_value_free(m->spec);
}

static void says(const char *json, const char *words)
{
    struct made m = make(json);
    CHECK(!m.task);
    if (!m.task && !strstr(m.text, words))
        CHECK_TEXT(m.text, words);
    unmake(&m);
}

TEST(an_integer_begins_at_one)
{
    struct made m =
        make("{\"mvs\": [{\"name\": \"a\", \"lower\": -7.6, \"upper\": 1.9, \"integer\": "
             "true}, {\"name\": \"b\", \"lower\": 0, \"upper\": 1}], \"objective\": "
             "\"[a] + [b]\"}");
    CHECK(m.task);
    CHECK_EQ(task_problem(m.task).start[0], -3); /* the middle is -2.85 */
    CHECK(task_problem(m.task).start[1] == 0.5);
    CHECK(task_start(m.task, bytes_text("a"), 1.7));
    CHECK_EQ(task_problem(m.task).start[0], 1);
    unmake(&m);
}

/* The spec is read without fault: then what it says is wrong is told. */
TEST(what_is_wrong_is_named)
{
    says("[]", "must be a map");
    says("{\"modle\": \"none\"}", "unknown key \"modle\"");
    says("{\"model\": 3}", "\"model\" must be text, not 3");
    says("{\"model\": \"woodberry\"}", "there is wood_berry");
    says("{\"mvs\": 3}", "must be a list of variables");
    says("{\"mvs\": [{}]}", "has no name");
    says("{\"mvs\": [{\"name\": \"a\", \"low\": 1}]}", "is not known: a variable has");
    says("{\"mvs\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}", "twice");
    says("{\"mvs\": [{\"name\": \"a\", \"lower\": 2, \"upper\": 1}]}", "2 is above 1");
    says("{\"mvs\": [{\"name\": \"a\", \"integer\": 1}]}", "must be true or false, not 1");
    says("{\"mvs\": [{\"name\": \"a\", \"lower\": 0.2, \"upper\": 0.8, \"integer\": true}]}",
         "no whole number between the bounds of a, 0.2 and 0.8");
    says("{\"mvs\": [{\"name\": \"a\"}]}", "there is no objective");
    says("{\"objective\": \"1\"}", "there is no MV to move");
    says("{\"mvs\": [{\"name\": \"a\"}], \"objective\": \"[b]\"}", "unknown variable");
    says("{\"mvs\": [{\"name\": \"a\"}], \"objective\": \"[a\"}", "the objective, column");
    says("{\"mvs\": [{\"name\": \"a\"}], \"objective\": \"[a]\", \"constraints\": [\"[a]\"]}",
         "constraint");
    says("{\"mvs\": [{\"name\": \"a\"}], \"cvs\": [{\"name\": \"a\"}], \"objective\": \"[a]\"}",
         "an MV and a CV");
    says("{\"mvs\": [{\"name\": \"a\"}], \"cvs\": [{\"name\": \"c\"}], \"objective\": \"[a]\"}",
         "no expression");
    says("{\"model\": \"wood_berry\", \"mvs\": [{\"name\": \"Q\"}]}", "has no MV");
    says("{\"model\": \"wood_berry\", \"mvs\": [{\"name\": \"R\", \"lower\": 9}]}", "crossed");
    says("{\"model\": \"wood_berry\", \"method\": \"LN_COBYLLA\"}", "LN_COBYLA");
    says("{\"model\": \"wood_berry\", \"max_iterations\": 0}", "from 1 to 100000");
    says("{\"model\": \"wood_berry\", \"islands\": 65}", "from 1 to 64");
    says("{\"model\": \"wood_berry\", \"delay\": -1}", "0 to 3600");
    says("{\"model\": \"wood_berry\", \"external\": 1}", "true or false");
}

TEST(a_model_brings_its_own_and_the_spec_goes_before)
{
    struct made m = make("{\"model\": \"wood_berry\", \"mvs\": [{\"name\": \"R\", \"upper\": 2}]}");
    struct optimiser_problem p = task_problem(m.task);
    CHECK_EQ(p.variables, 2); /* R and S; the feed is given */
    CHECK(p.lower[0] == 1.5 && p.upper[0] == 2);
    CHECK_TEXT(task_objective(m.task), "[S]");
    CHECK_EQ(p.inequalities, 2);
    unmake(&m);
    m = make("{\"model\": \"wood_berry\", \"objective\": \"[R]\", \"maximize\": true}");
    CHECK_TEXT(task_objective(m.task), "[R]");
    CHECK(task_maximises(m.task));
    CHECK_EQ(task_problem(m.task).inequalities, 0); /* they went with the model's objective */
    unmake(&m);
}

TEST(a_point_is_judged_in_the_order_of_the_problem)
{
    struct made m =
        make("{\"mvs\": [{\"name\": \"x\", \"lower\": 0, \"upper\": 9}],"
             " \"cvs\": [{\"name\": \"double\", \"expression\": \"2*[x]\", \"upper\": 8},"
             "           {\"name\": \"four\", \"expression\": \"2*[double]\"}],"
             " \"objective\": \"[four]\", \"maximize\": true,"
             " \"constraints\": [\"[x] = 3\", \"[x] >= 1\"]}");
    double x = 5, values[POINT_MAX], f, parts[POINT_MAX];
    struct optimiser_problem p = task_problem(m.task);
    CHECK_EQ(p.inequalities, 2);
    CHECK_EQ(p.equalities, 1);
    task_place(m.task, &x, values);
    CHECK(task_judge(m.task, values, &f, parts));
    CHECK(f == -20 && task_shown(m.task, f) == 20);
    CHECK(parts[0] == -4);      /* 1 - x */
    CHECK(parts[1] == 2);       /* double - 8 */
    CHECK(fabs(parts[2]) == 2); /* x - 3 */
    CHECK(p.scales[1] == 8 && p.scales[2] == 3);
    unmake(&m);
}

TEST(what_is_no_number_is_no_point)
{
    struct made m = make("{\"mvs\": [{\"name\": \"x\"}], \"objective\": \"ln([x])\"}");
    double x = -1, values[POINT_MAX], f, parts[POINT_MAX];
    task_place(m.task, &x, values);
    CHECK(!task_judge(m.task, values, &f, parts));
    x = 1;
    task_place(m.task, &x, values);
    CHECK(task_judge(m.task, values, &f, parts) && f == 0);
    unmake(&m);
}

TEST(a_client_that_is_the_plant_brings_its_cvs)
{
    struct bytes none = {0};
    struct made m = make("{\"external\": true, \"mvs\": [{\"name\": \"x\"}],"
                         " \"cvs\": [{\"name\": \"level\", \"upper\": 10}]}");
    double x = 1, values[POINT_MAX], f, parts[POINT_MAX];
    task_place(m.task, &x, values);
    CHECK(!task_judge_by(m.task, values, 4, none, &f, parts)); /* the level is not known */
    CHECK(task_set(m.task, bytes_text("level"), 12, values));
    CHECK(!task_set(m.task, bytes_text("x"), 12, values));
    CHECK(!task_set(m.task, bytes_text("depth"), 12, values));
    CHECK(task_judge_by(m.task, values, 4, none, &f, parts));
    CHECK(f == 4 && parts[0] == 2);
    CHECK(!task_judge_by(m.task, values, NAN, none, &f, parts));
    unmake(&m);
}

TEST(the_bounds_of_the_cv_that_is_the_objective_do_not_hold)
{
    struct made m = make("{\"external\": true, \"mvs\": [{\"name\": \"x\"}],"
                         " \"cvs\": [{\"name\": \"cost\", \"lower\": 1, \"upper\": 10},"
                         " {\"name\": \"level\", \"upper\": 5}]}");
    double x = 1, values[POINT_MAX], f, parts[POINT_MAX];
    task_place(m.task, &x, values);
    CHECK(task_set(m.task, bytes_text("level"), 6, values));
    CHECK(task_judge_by(m.task, values, 40, bytes_text("cost"), &f, parts));
    CHECK(f == 40 && values[1] == 40 && parts[0] < 0 && parts[1] < 0 && parts[2] == 1);
    CHECK(!task_judge_by(m.task, values, NAN, bytes_text("cost"), &f, parts));
    unmake(&m);
}

static struct bytes packed(struct reeve_value *v, const char *json)
{
    char why[160];
    CHECK_EQ(reeve_put_json(v, json, strlen(json), why, sizeof why), 0);
    return bytes_of(reeve_value_data(v), reeve_value_size(v));
}

TEST(cvs_that_stand_still_do_so_where_the_first_word_says)
{
    struct reeve_value *spec = reeve_value_new(), *cvs = reeve_value_new(),
                       *wanted = reeve_value_new();
    struct buf settled = {0};
    struct bytes before =
        packed(spec, "{\"cvs\": [{\"name\": \"a\", \"expression\": \"0\", \"upper\": 9},"
                     " {\"name\": \"b\", \"expression\": \"[a]\"}, {\"name\": \"c\"}],"
                     " \"seed\": 7}");
    CHECK(word_settle(before, packed(cvs, "{\"a\": 2.5, \"b\": 3, \"c\": 4, \"d\": 5}"), &settled));
    CHECK_BYTES(buf_bytes(&settled),
                packed(wanted,
                       "{\"cvs\": [{\"name\": \"a\", \"expression\": \"2.5\", \"upper\":"
                       " 9}, {\"name\": \"b\", \"expression\": \"[a]\"}, {\"name\": \"c\"}],"
                       " \"seed\": 7}"));
    buf_clear(&settled);
    reeve_value_clear(cvs);
    CHECK(!word_settle(before, packed(cvs, "{\"a\": null, \"b\": 3}"), &settled));
    CHECK(!word_settle(before, bytes_of(NULL, 0), &settled));
    CHECK(!word_settle(before, bytes_of("\x07", 1), &settled));
    CHECK_EQ(settled.size, 0);
    buf_fini(&settled);
    reeve_value_free(spec);
    reeve_value_free(cvs);
    reeve_value_free(wanted);
}

static bool square(void *context, const double *x, double *f, double *constraints)
{
    (void)context, (void)constraints;
    *f = x[0] * x[0];
    return true;
}

TEST(progress_is_what_was_saved)
{
    struct made m = make("{\"mvs\": [{\"name\": \"x\", \"lower\": -1, \"upper\": 2}],"
                         " \"objective\": \"[x]^2\"}");
    struct optimiser_problem problem = task_problem(m.task);
    struct optimiser_settings settings = {.seed = 3};
    struct progress p = {.spec = bytes_text("spec"), .begun = true, .iterations = 4}, again;
    char text[OPTIMISER_TEXT_SIZE], why[SPEC_TEXT_SIZE];
    p.islands[p.island_count++] = optimiser_new(&problem, &settings, text);
    p.evaluations = optimiser_run(p.islands[0], 20, square, NULL);
    progress_remember(&p, 1.5);
    struct buf state = {0}, twice = {0};
    progress_save(&p, &state);
    CHECK(progress_load(buf_bytes(&state), &again, why));
    progress_save(&again, &twice);
    CHECK_BYTES(buf_bytes(&twice), buf_bytes(&state));
    CHECK_EQ(again.evaluations, 20);
    CHECK(progress_leader(&again) == again.islands[0]);
    progress_fini(&again);
    for (size_t size = 0; size < state.size; size++) { /* cut off anywhere: an error, no crash */
        CHECK(!progress_load(bytes_of(state.data, size), &again, why));
        progress_fini(&again);
    }
    progress_fini(&p);
    buf_fini(&state);
    buf_fini(&twice);
    unmake(&m);
}

TEST(the_history_is_thinned)
{
    struct progress p = {0};
    for (int i = 0; i < 5000; i++)
        progress_remember(&p, i);
    const double *all = (const double *)(const void *)p.history.data;
    size_t count = p.history.size / sizeof *all;
    CHECK(count <= PROGRESS_HISTORY_MAX && count > PROGRESS_HISTORY_MAX / 2 - 2);
    CHECK(all[count - 1] == 4999);
    progress_fini(&p);
}
