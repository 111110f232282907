/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients of the real-time optimisation doors send, sloppy as they are, as a session's spec
 * and words; and what a session holds as their values.
 */
#include "producer/gateway/doors/rto_words.h"

#include <math.h>

#include "common/value.h"
#include "producer/view/field.h"
#include "tests/unit/check.h"

#define TAG(...)                                                                                   \
    (Grpc__RtoApi__TagType[])                                                                      \
    {                                                                                              \
        {                                                                                          \
            PROTOBUF_C_MESSAGE_INIT(&grpc__rto_api__tag_type__descriptor), __VA_ARGS__             \
        }                                                                                          \
    }
#define VALUE(...)                                                                                 \
    (Grpc__RtoApi__TagVal[])                                                                       \
    {                                                                                              \
        {                                                                                          \
            PROTOBUF_C_MESSAGE_INIT(&grpc__rto_api__tag_val__descriptor), __VA_ARGS__              \
        }                                                                                          \
    }

static struct rto_start start_of(Grpc__RtoApi__TagType **mvs, size_t mv_count,
                                 Grpc__RtoApi__TagType **cvs, size_t cv_count)
{
    return (struct rto_start){.mvs = mvs,
                              .mv_count = mv_count,
                              .cvs = cvs,
                              .cv_count = cv_count,
                              .objective = "",
                              .method = ""};
}

static void check_spec(const struct rto_start *start, const char *model, const char *json)
{
    struct buf spec = {0}, text = {0};
    char why[RTO_WHY] = "";
    CHECK(rto_spec(start, model, &spec, why));
    CHECK_TEXT(why, "");
    CHECK(value_text(&text, buf_bytes(&spec)));
    CHECK_TEXT(buf_text(&text), json);
    buf_fini(&spec);
    buf_fini(&text);
}

static void check_no_spec(const struct rto_start *start, const char *text)
{
    struct buf spec = {0};
    char why[RTO_WHY] = "";
    CHECK(!rto_spec(start, "", &spec, why));
    CHECK_TEXT(why, text);
    CHECK_EQ(spec.size, 0);
}

TEST(tags_become_variables)
{
    Grpc__RtoApi__TagType *mvs[] = {TAG("x", "X", "Numeric", -1, 2), TAG("", "y", "Numeric", 0, 5)},
                          *cvs[] = {TAG("z", "", "Numeric", 1, 4)};
    struct rto_start start = start_of(mvs, 2, cvs, 1);
    start.objective = "[x] + [z]";
    start.method = "GaussOpt";
    start.max_iterations = 7;
    check_spec(
        &start, "m",
        "{\"model\":\"m\",\"objective\":\"[x] + [z]\",\"maximize\":false,\"method\":"
        "\"GaussOpt\",\"max_iterations\":7,\"mvs\":[{\"name\":\"x\",\"lower\":-1.0,\"upper\":"
        "2.0},{\"name\":\"y\",\"lower\":0.0,\"upper\":5.0}],\"cvs\":[{\"name\":\"z\","
        "\"lower\":1.0,\"upper\":4.0}]}");
}

TEST(what_is_not_said_is_left_out)
{
    struct rto_start start = start_of(NULL, 0, NULL, 0);
    check_spec(&start, "m", "{\"model\":\"m\"}");
    start.maximize = true;
    start.max_iterations = -5;
    check_spec(&start, "m", "{\"model\":\"m\",\"maximize\":true}");
    start.plant = true;
    start.maximize = false;
    check_spec(&start, "", "{\"maximize\":false,\"external\":true}");
}

TEST(one_id_stands_several_times)
{
    Grpc__RtoApi__TagType *mvs[] = {TAG("x", "", "", -1, 2), TAG("x", "", "", 0, 3)},
                          *cvs[] = {TAG("x", "", "", 50, 60), TAG("z", "", "", 1, 4),
                                    TAG("z", "", "", -1e308, 3), TAG("z", "", "", 2, 1e100)};
    struct rto_start start = start_of(mvs, 2, cvs, 4);
    start.plant = true;
    check_spec(&start, "",
               "{\"maximize\":false,\"external\":true,\"mvs\":[{\"name\":\"x\",\"lower\":0.0,"
               "\"upper\":2.0}],\"cvs\":[{\"name\":\"z\",\"lower\":2.0,\"upper\":3.0}]}");
}

TEST(bounds_that_are_none)
{
    Grpc__RtoApi__TagType *mvs[] = {TAG("a", "", "Numeric", -1.797e308, 1.797e308),
                                    TAG("b", "", "Numeric", -1e100, 1e100),
                                    TAG("c", "", "Numeric", -INFINITY, INFINITY),
                                    TAG("d", "", "Integer", 0, 0),
                                    TAG("e", "", "Bool", 0, 0),
                                    TAG("f", "", "", -9e99, 9e99)};
    struct rto_start start = start_of(mvs, 6, NULL, 0);
    start.plant = true;
    check_spec(&start, "",
               "{\"maximize\":false,\"external\":true,\"mvs\":[{\"name\":\"a\"},{\"name\":\"b\"},{"
               "\"name\":\"c\"},{\"name\":\"d\",\"integer\":true},{\"name\":\"e\",\"lower\":0.0,"
               "\"upper\":1.0,\"integer\":true},{"
               "\"name\":\"f\",\"lower\":-9e+99,\"upper\":9e+99}]}");
}

TEST(tags_that_take_whole_numbers)
{
    Grpc__RtoApi__TagType *mvs[] = {TAG("a", "", "Integer", -2.5, 7),
                                    TAG("b", "", "Bool", -1e100, 9), TAG("c", "", "Numeric", 0, 1),
                                    TAG("c", "", "Integer", 0, 5)},
                          *cvs[] = {TAG("d", "", "Integer", 0, 5)};
    struct rto_start start = start_of(mvs, 4, cvs, 1);
    start.plant = true;
    check_spec(&start, "",
               "{\"maximize\":false,\"external\":true,\"mvs\":[{\"name\":\"a\",\"lower\":-2.5,"
               "\"upper\":7.0,\"integer\":true},{\"name\":\"b\",\"lower\":0.0,\"upper\":1.0,"
               "\"integer\":true},{\"name\":\"c\",\"lower\":0.0,\"upper\":1.0,\"integer\":true}],"
               "\"cvs\":[{\"name\":\"d\",\"lower\":0.0,\"upper\":5.0}]}");
}

TEST(without_a_model_cvs_stand_still_within_their_bounds)
{
    Grpc__RtoApi__TagType *cvs[] = {TAG("a", "", "", 0, 0), TAG("b", "", "", 2, 1e100),
                                    TAG("c", "", "", -7, -2.5), TAG("d", "", "", -1, 1)};
    struct rto_start start = start_of(NULL, 0, cvs, 4);
    check_spec(&start, "",
               "{\"cvs\":[{\"name\":\"a\",\"expression\":\"0\"},{\"name\":\"b\",\"lower\":2.0,"
               "\"expression\":\"2\"},{\"name\":\"c\",\"lower\":-7.0,\"upper\":-2.5,\"expression\":"
               "\"-2.5\"},{\"name\":\"d\",\"lower\":-1.0,\"upper\":1.0,\"expression\":\"0\"}]}");
}

TEST(an_objective_may_speak_of_names)
{
    Grpc__RtoApi__TagType *mvs[] = {TAG("15b5-4f", "pump", "", 0, 1), TAG("x", "y", "", 0, 1),
                                    TAG("y", "x", "", 0, 1)};
    struct rto_start start = start_of(mvs, 3, NULL, 0);
    struct buf spec = {0};
    char why[RTO_WHY];
    start.objective = "[pump]^2 + [15b5-4f] - [x]*[y] + [J] + [] + [unclosed";
    CHECK(rto_spec(&start, "", &spec, why));
    CHECK_BYTES(field_text(buf_bytes(&spec), "objective"),
                bytes_text("[15b5-4f]^2 + [15b5-4f] - [x]*[y] + [J] + [] + [unclosed"));
    buf_fini(&spec);
}

TEST(tags_that_are_none)
{
    Grpc__RtoApi__TagType *nameless[] = {TAG("", "", "", 0, 1)},
                          *odd[] = {TAG("x", "", "", NAN, 1)};
    static Grpc__RtoApi__TagType *many[RTO_TAGS_MAX + 1];
    struct rto_start start = start_of(nameless, 1, NULL, 0);
    check_no_spec(&start, "a tag has no id");
    start = start_of(NULL, 0, odd, 1);
    check_no_spec(&start, "a bound of x is no number");
    char *name = must_alloc(RTO_NAME_BYTES_MAX + 2);
    memset(name, 'x', RTO_NAME_BYTES_MAX + 1);
    Grpc__RtoApi__TagType *lengthy[] = {TAG("x", name, "", 0, 1)};
    start = start_of(NULL, 0, lengthy, 1);
    check_no_spec(&start, "an id or name has 256 bytes at most");
    free(name);
    start = start_of(many, LENGTH(many), NULL, 0);
    check_no_spec(&start, "more than 1000 tags of a kind");
    char *objective = must_alloc(RTO_OBJECTIVE_BYTES_MAX + 2);
    memset(objective, '1', RTO_OBJECTIVE_BYTES_MAX + 1);
    start = start_of(NULL, 0, NULL, 0);
    start.objective = objective;
    check_no_spec(&start, "an objective has 32768 bytes at most");
    free(objective);
}

TEST(what_came_of_a_proposal)
{
    Grpc__RtoApi__OptimizeIterationRequest said = GRPC__RTO_API__OPTIMIZE_ITERATION_REQUEST__INIT;
    Grpc__RtoApi__TagVal *cvs[] = {VALUE("a", 5, 1.5, 0), VALUE("b", 0, NAN, 1)};
    struct buf word = {0}, text = {0};
    CHECK(!rto_has_outcome(&said));
    said.objective_function_value = VALUE("", 0, 0, 1);
    CHECK(!rto_has_outcome(&said));
    said.objective_function_value = VALUE("", 0, 3, 0);
    CHECK(rto_has_outcome(&said));
    said.objective_function_value = VALUE("J", 0, 0, 0); /* an objective can be 0 */
    CHECK(rto_has_outcome(&said));
    said.cv_values = cvs;
    said.n_cv_values = 2;
    rto_pack_outcome(&said, &word);
    CHECK(value_text(&text, buf_bytes(&word)));
    CHECK_TEXT(buf_text(&text),
               "{\"objective\":0.0,\"objective_cv\":\"J\",\"cvs\":{\"a\":1.5,\"b\":null}}");
    buf_fini(&word);
    buf_fini(&text);
}

TEST(where_a_session_begins)
{
    Grpc__RtoApi__StartOptimizeRequest said = GRPC__RTO_API__START_OPTIMIZE_REQUEST__INIT;
    Grpc__RtoApi__TagVal *mvs[] = {VALUE("x", 0, 2, 0)};
    struct buf word = {0}, text = {0};
    said.initial_mvs = mvs;
    said.n_initial_mvs = 1;
    rto_pack_beginning(&said, &word);
    CHECK(value_text(&text, buf_bytes(&word)));
    CHECK_TEXT(buf_text(&text), "{\"cvs\":{},\"mvs\":{\"x\":2.0}}");
    buf_fini(&word);
    buf_fini(&text);
}

TEST(values_of_a_session)
{
    struct buf map = {0};
    pack_map(&map, 3);
    pack_text(&map, "a");
    pack_float(&map, 1.5);
    pack_text(&map, "b");
    pack_nil(&map);
    pack_text(&map, "c");
    pack_uint(&map, 3);
    struct rto_values values = rto_values_of(buf_bytes(&map), 12);
    CHECK_EQ(values.count, 2);
    CHECK_TEXT(values.at[0]->tagid, "a");
    CHECK(values.at[0]->numericvalue == 1.5 && values.at[0]->isgood);
    CHECK_EQ(values.at[0]->timestamp, 12);
    CHECK_TEXT(values.at[1]->tagid, "c");
    rto_values_free(&values);
    values = rto_values_of(bytes_of(NULL, 0), 12);
    CHECK_EQ(values.count, 0);
    rto_values_free(&values);
    buf_fini(&map);
}
