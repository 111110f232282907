/* SPDX-License-Identifier: Apache-2.0
 *
 * Published problems, each to |f - f*| <= 1e-4 max(1, |f*|) at a feasible point.
 */
#include "check.h"
#include "optimiser_kit.h"

#include <math.h>

enum { ITERATIONS_MAX = 30, ITERATION = 50 };

static struct optimiser *solve(const struct known *k, const char *method, uint64_t seed)
{
    struct optimiser_settings settings = {.method = method, .seed = seed};
    struct optimiser *o = known_optimiser(k, &settings);
    for (int i = 0; i < ITERATIONS_MAX && optimiser_status(o).end == OPTIMISER_GOING; i++)
        CHECK(optimiser_run(o, ITERATION, k->evaluate, NULL) <= ITERATION);
    CHECK(optimiser_status(o).end != OPTIMISER_GOING);
    if (!known_reached(k, o)) {
        struct optimiser_status s = optimiser_status(o);
        check_failed(__FILE__, __LINE__, "%s by %s: f = %.9g, violation %.2g, wanted %.9g", k->name,
                     method, s.f, s.violation, k->f);
    }
    return o;
}

TEST(the_default_solves_all_within_thirty_iterations_of_fifty)
{
    for (size_t i = 0; i < known_count; i++)
        optimiser_free(solve(&known_problems[i], "auto", 0));
}

TEST(the_profit_of_williams_and_otto_is_exact_to_a_tenth_of_a_percent_of_a_cent)
{
    struct optimiser *o = solve(known_find("Williams-Otto"), "auto", 5);
    struct optimiser_status s = optimiser_status(o);
    CHECK(fabs(s.f + 190.98033) < 1e-5);
    CHECK(fabs(s.x[0] - 4.78742) < 0.02 && fabs(s.x[1] - 89.703884) < 0.2);
    optimiser_free(o);
    o = solve(known_find("Williams-Otto bounded"), "auto", 5);
    s = optimiser_status(o);
    CHECK(fabs(s.f + 178.529081) < 1e-3);
    CHECK(s.constraints[0] <= 1e-6 && s.constraints[1] <= 1e-6);
    optimiser_free(o);
}

TEST(the_operating_points_are_those_of_the_literature)
{
    struct optimiser *o = solve(known_find("Wood-Berry"), "auto", 2);
    CHECK(fabs(optimiser_status(o).x[0] - 1.913048) < 1e-5);
    CHECK(fabs(optimiser_status(o).x[1] - 1.698202) < 1e-5);
    optimiser_free(o);
    o = solve(known_find("quadruple tank"), "auto", 2);
    CHECK(fabs(optimiser_status(o).x[0] - 3.0411639) < 1e-3);
    CHECK(fabs(optimiser_status(o).x[1] - 2.8397951) < 1e-3);
    optimiser_free(o);
    o = solve(known_find("van de Vusse"), "auto", 2);
    CHECK(fabs(optimiser_status(o).x[0] - 77.52563) < 0.05);
    optimiser_free(o);
    o = solve(known_find("a client's sample"), "auto", 2);
    CHECK(fabs(optimiser_status(o).x[0] + 7) < 1e-4);
    optimiser_free(o);
}

TEST(whatever_the_seed)
{
    static const char *const names[] = {"HS71",    "HS43",          "G06",        "G24",
                                        "Haverly", "Williams-Otto", "Himmelblau", "Wood-Berry",
                                        "G11",     "HS7",           "G10",        "HS65"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        for (uint64_t seed = 1; seed <= 4; seed++)
            optimiser_free(solve(known_find(names[i]), "auto", seed));
    }
}

/* One optimum, constraints that hold there, and for some no bounds. */
TEST(each_of_the_service_s_methods_solves_plants_and_programmes)
{
    /* The others are second names of these. */
    static const char *const methods[] = {"GradientDescent",       "Evolutionary", "Genetic_Algo",
                                          "SimulatedAnnealingOpt", "GaussOpt",     "TestStepOpt"};
    static const char *const names[] = {
        "HS71", "HS43",       "HS35",           "HS65", "Williams-Otto", "Williams-Otto bounded",
        "G06",  "Wood-Berry", "quadruple tank", "G11",  "van de Vusse",  "a client's sample"};
    for (size_t m = 0; m < LENGTH(methods); m++) {
        for (size_t i = 0; i < LENGTH(names); i++)
            optimiser_free(solve(known_find(names[i]), methods[m], 3));
    }
}

/* Each that there is, behind "auto" and the service's names. */
TEST(each_of_nlopt_s_algorithms_solves_a_plant_with_and_without_constraints)
{
    const char *method;
    size_t seen = 0;
    for (size_t i = 0; (method = optimiser_method_name(i)); i++) {
        if (method[2] != '_' && method[1] != '_' && strncmp(method, "AUGLAG", 6) != 0)
            continue;
        seen++;
        optimiser_free(solve(known_find("quadruple tank"), method, 1));
        optimiser_free(solve(known_find("van de Vusse"), method, 1));
    }
    CHECK(seen > 35);
}

TEST(more_variables_than_an_iteration_has_evaluations)
{
    enum { N = 60 };
    double lower[N], upper[N], start[N];
    for (int i = 0; i < N; i++) {
        lower[i] = -5;
        upper[i] = 5;
        start[i] = 3;
    }
    static const struct known *k;
    k = known_find("ellipsoid 30"); /* of the first half */
    char text[OPTIMISER_TEXT_SIZE];
    struct optimiser_problem p = {N, 0, 0, lower, upper, start};
    struct optimiser *o =
        optimiser_new(&p, &(struct optimiser_settings){.evaluations_max = 6000}, text);
    CHECK(o);
    while (optimiser_status(o).end == OPTIMISER_GOING)
        optimiser_run(o, ITERATION, k->evaluate, NULL);
    CHECK(optimiser_status(o).f < 1e-4);
    optimiser_free(o);
}
