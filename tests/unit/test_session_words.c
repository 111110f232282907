/* SPDX-License-Identifier: Apache-2.0
 *
 * What people write of a session and what they are shown: variables, specs, the plot.
 */
#include <math.h>
#include <reeve/value.h>
#include <stdlib.h>

#include "common/must.h"
#include "producer/cli/plot.h"
#include "producer/cli/sessionspec.h"
#include "producer/view/field.h"
#include "tests/unit/check.h"

static char error[TAG_ERROR];

static void check_name(const struct tag *tag, const char *name)
{
    CHECK_BYTES(tag->name, bytes_text(name));
}

/* --- variables ------------------------------------------------------------------------------ */

TEST(a_value_has_a_name_and_a_number)
{
    struct tag tag;
    CHECK_EQ(tag_value(&tag, "FB=4.8", error), 0);
    check_name(&tag, "FB");
    CHECK(tag.has_value && tag.value == 4.8);
    CHECK_EQ(tag_value(&tag, "15b5132c-5041-4f0e: my pump=-1e3", error), 0);
    check_name(&tag, "15b5132c-5041-4f0e: my pump");
    CHECK(tag.value == -1000);
    static const char *const bad[] = {"FB",     "FB=",      "=3",    "FB=x",    "FB=nan",
                                      "FB=inf", "FB=1e999", "FB= 3", "FB=3 kg", ""};
    for (size_t i = 0; i < LENGTH(bad); i++)
        CHECK_EQ(tag_value(&tag, bad[i], error), -1);
    CHECK_EQ(tag_value(&tag, "FB=NaN", error), -1);
    CHECK_TEXT(error, "FB: \"NaN\" is no number");
}

TEST(an_mv_has_a_start_and_bounds_or_not)
{
    struct tag tag;
    CHECK_EQ(tag_mv(&tag, "FB=4.8:3..6", error), 0);
    check_name(&tag, "FB");
    CHECK(tag.value == 4.8 && tag.lower == 3 && tag.upper == 6);
    CHECK_EQ(tag_mv(&tag, "x 1:-5...5", error), 0);
    check_name(&tag, "x 1");
    CHECK(!tag.has_value && tag.lower == -5 && tag.upper == .5);
    CHECK_EQ(tag_mv(&tag, "x=1", error), 0);
    CHECK(tag.has_value && !tag.has_lower && !tag.has_upper);
    CHECK_EQ(tag_mv(&tag, "x:..7", error), 0);
    CHECK(!tag.has_lower && tag.has_upper && tag.upper == 7);
    CHECK_EQ(tag_mv(&tag, "x:-inf..inf", error), 0);
    CHECK(!tag.has_lower && !tag.has_upper);
    CHECK_EQ(tag_mv(&tag, "x:-1.797e308..1.797e308", error), 0);
    CHECK(tag.has_lower && tag.has_upper); /* what is none is the service's to know */
    static const char *const bad[] = {"",         ":1..2",   "x:5..1", "x:a..b",    "x:nan..1",
                                      "x=y:1..2", "x=:1..2", "x:1-2",  "x:inf..inf"};
    for (size_t i = 0; i < LENGTH(bad) - 1; i++)
        CHECK_EQ(tag_mv(&tag, bad[i], error), -1);
    CHECK_EQ(tag_mv(&tag, "x:5..1", error), -1);
    CHECK_TEXT(error, "x: the bounds 5..1 are crossed");
    CHECK_EQ(tag_mv(&tag, "x:1-2", error), -1);
    CHECK_TEXT(error, "\"x:1-2\": bounds are LOW..HIGH");
}

TEST(a_cv_has_an_expression_and_bounds_or_not)
{
    struct tag tag;
    CHECK_EQ(tag_cv(&tag, "XA:..0.12", error), 0);
    check_name(&tag, "XA");
    CHECK(tag.upper == 0.12 && !tag.has_lower && !tag.expression.size);
    CHECK_EQ(tag_cv(&tag, "y=[a]*2 >= 1 ? 3 : 4", error), 0);
    CHECK_BYTES(tag.expression, bytes_text("[a]*2 >= 1 ? 3 : 4"));
    CHECK_EQ(tag_cv(&tag, "y=[a]^2:0..9", error), 0);
    CHECK_BYTES(tag.expression, bytes_text("[a]^2"));
    CHECK(tag.lower == 0 && tag.upper == 9);
    CHECK_EQ(tag_cv(&tag, "y=:0..9", error), -1);
    CHECK_EQ(tag_cv(&tag, "=[a]", error), -1);
}

/* --- lines of the menu ---------------------------------------------------------------------- */

static int line(struct tags *tags, const char *text, bool wants_record)
{
    bool record;
    int rc = tags_line(tags, text, &record, error);
    if (rc == 0)
        CHECK_EQ(record, wants_record);
    return rc;
}

TEST(a_line_is_one_variable_in_the_seeds_form)
{
    struct tags tags = {.count = 0};
    CHECK_EQ(line(&tags, "tagName=\"CV1\", timeStamp=123456789, numericValue=10.5", true), 0);
    CHECK_EQ(line(&tags, "tag_name = 'a, b' numericValue= -2,lower_bound=-3 ,upperBound=inf", true),
             0);
    CHECK_EQ(line(&tags, "tagName=CV3, expression=\"[a]+1\", isGood=true", true), 0);
    CHECK_EQ(tags.count, 3);
    check_name(&tags.at[0], "CV1");
    CHECK(tags.at[0].value == 10.5);
    check_name(&tags.at[1], "a, b");
    CHECK(tags.at[1].value == -2 && tags.at[1].lower == -3 && !tags.at[1].has_upper);
    CHECK_BYTES(tags.at[2].expression, bytes_text("[a]+1"));
    static const char *const bad[] = {"tagName=\"CV9",
                                      "tagName=\"CV1\", numericValue=1",
                                      "tagName=\"CV9\", numericValue=ten",
                                      "tagName=\"CV9\", timeStamp=-4",
                                      "tagName=\"CV9\", timeStamp=1e30",
                                      "tagName=\"CV9\", colour=red",
                                      "tagName=\"\", numericValue=1",
                                      "tagName=\"CV9\", lowerBound=3, upperBound=2",
                                      "CV9",
                                      "= = =",
                                      "numericValue",
                                      "\"open=3",
                                      "CV9:"};
    for (size_t i = 0; i < LENGTH(bad); i++)
        CHECK_EQ(line(&tags, bad[i], false), -1);
    CHECK_EQ(tags.count, 3);
    CHECK_EQ(line(&tags, "tagName=\"CV1\"", true), -1);
    CHECK_TEXT(error, "CV1 is given twice");
    tags_fini(&tags);
}

TEST(a_line_is_a_dictionary)
{
    struct tags tags = {.count = 0};
    struct buf packed = {0};
    CHECK_EQ(line(&tags, "{\"CV 1\": 10.5, 'b': 2}", false), 0);
    CHECK_EQ(line(&tags, "c=3, [d]=-4e2 e=5", false), 0);
    CHECK_EQ(line(&tags, "{}", false), 0);
    CHECK_EQ(line(&tags, "f=6, f=7", false), -1);
    CHECK_EQ(line(&tags, "g=7, h", false), -1);
    CHECK_EQ(tags.count, 5); /* all of a line, or nothing */
    tags_pack_values(&tags, &packed);
    char *json = reeve_json(packed.data, packed.size);
    CHECK_TEXT(json, "{\"CV 1\":10.5,\"b\":2.0,\"c\":3.0,\"d\":-400.0,\"e\":5.0}");
    free(json);
    buf_fini(&packed);
    tags_fini(&tags);
}

/* --- specs ---------------------------------------------------------------------------------- */

static const struct option rows[] = {{"model", OPTION_TEXT, "ID", ""},
                                     {"objective", OPTION_TEXT, "TEXT", ""},
                                     {"method", OPTION_TEXT, "NAME", ""},
                                     {"maximize", OPTION_FLAG, NULL, ""},
                                     {"minimize", OPTION_FLAG, NULL, ""},
                                     {"max-iterations", OPTION_NUMBER, "N", ""},
                                     {"seed", OPTION_NUMBER, "N", ""},
                                     {"islands", OPTION_NUMBER, "K", ""},
                                     {"delay", OPTION_SECONDS, "S", ""},
                                     {"external", OPTION_FLAG, NULL, ""},
                                     {"constraint", OPTION_TEXT, "TEXT", ""},
                                     {"mv", OPTION_TEXT, "V", ""},
                                     {"cv", OPTION_TEXT, "V", ""},
                                     {0}};

/* The spec of these words over a base, as JSON in text; what sessionspec_options says. */
static int spec_json(const char *base, int argc, const char **words, char *text, size_t room)
{
    struct options o = {0};
    struct sessionspec s = {0};
    struct buf over = {0}, whole = {0};
    struct reeve_value *file = reeve_value_new();
    CHECK_EQ(reeve_put_json(file, base, strlen(base), NULL, 0), 0);
    options_add(&o, rows);
    CHECK_EQ(options_parse(&o, OPTIONS_ANYWHERE, argc, (char **)(uintptr_t)words), 0);
    int rc = sessionspec_options(&s, &o, error);
    sessionspec_pack(&s, &over);
    sessionspec_merge(&whole, bytes_of(reeve_value_data(file), reeve_value_size(file)),
                      buf_bytes(&over));
    char *json = reeve_json(whole.data, whole.size);
    CHECK(json != NULL);
    snprintf(text, room, "%s", json);
    free(json);
    reeve_value_free(file);
    buf_fini(&over);
    buf_fini(&whole);
    sessionspec_fini(&s);
    options_fini(&o);
    return rc;
}

TEST(a_spec_says_what_the_options_say_and_no_more)
{
    char text[1000];
    const char *words[] = {"--model", "williams_otto", "--mv",        "FB=4:3..6", "--constraint",
                           "[XA]<=1", "--minimize",    "--seed",      "7",         "--delay",
                           "0.5",     "--cv",          "y=[FB]*2:..9"};
    CHECK_EQ(spec_json("{}", 0, words, text, sizeof text), 0);
    CHECK_TEXT(text, "{}");
    CHECK_EQ(spec_json("{}", LENGTH(words), words, text, sizeof text), 0);
    CHECK_TEXT(text, "{\"model\":\"williams_otto\",\"maximize\":false,\"seed\":7,\"delay\":0.5,"
                     "\"mvs\":[{\"name\":\"FB\",\"start\":4.0,\"lower\":3.0,\"upper\":6.0}],"
                     "\"cvs\":[{\"name\":\"y\",\"expression\":\"[FB]*2\",\"upper\":9.0}],"
                     "\"constraints\":[\"[XA]<=1\"]}");
    const char *both[] = {"--maximize", "--minimize"};
    CHECK_EQ(spec_json("{}", 2, both, text, sizeof text), -1);
    const char *twice[] = {"--mv", "a:1..2", "--mv", "a:2..3"};
    CHECK_EQ(spec_json("{}", 4, twice, text, sizeof text), -1);
    CHECK_TEXT(error, "a is given twice");
}

TEST(options_stand_over_a_file)
{
    char text[1000];
    const char *words[] = {"--objective", "[b]", "--mv",         "b:..4",
                           "--mv",        "c=1", "--constraint", "[c]<=2"};
    CHECK_EQ(
        spec_json("{\"objective\":\"[a]\",\"note\":[1],"
                  "\"mvs\":[{\"name\":\"a\",\"x\":1},{\"name\":\"b\",\"lower\":1,\"upper\":9}],"
                  "\"constraints\":[\"[a]>=0\"]}",
                  LENGTH(words), words, text, sizeof text),
        0);
    CHECK_TEXT(text, "{\"note\":[1],\"objective\":\"[b]\",\"mvs\":[{\"name\":\"a\",\"x\":1},"
                     "{\"lower\":1,\"name\":\"b\",\"upper\":4.0},{\"name\":\"c\",\"start\":1.0}],"
                     "\"constraints\":[\"[a]>=0\",\"[c]<=2\"]}");
    /* What is no list in the file is told the service by what stands over it. */
    CHECK_EQ(spec_json("{\"mvs\":3}", 2, (const char *[]){"--mv", "a=1"}, text, sizeof text), 0);
    CHECK_TEXT(text, "{\"mvs\":[{\"name\":\"a\",\"start\":1.0}]}");
}

/* --- what is shown -------------------------------------------------------------------------- */

TEST(a_field_that_does_not_fit_is_not_there)
{
    struct reeve_value *v = reeve_value_new();
    const char *json = "{\"a\":1,\"b\":\"x\",\"c\":-2.5,\"d\":null,\"e\":true}";
    double number;
    CHECK_EQ(reeve_put_json(v, json, strlen(json), NULL, 0), 0);
    struct bytes map = bytes_of(reeve_value_data(v), reeve_value_size(v));
    CHECK_EQ(field_uint(map, "a"), 1);
    CHECK_EQ(field_uint(map, "c"), 0);
    CHECK_BYTES(field_text(map, "b"), bytes_text("x"));
    CHECK_EQ(field_text(map, "a").size, 0);
    CHECK(field_number(map, "c", &number) && number == -2.5);
    CHECK(field_number(map, "a", &number) && number == 1);
    CHECK(!field_number(map, "d", &number) && !field_number(map, "z", &number));
    CHECK(field_truth(map, "e") && !field_truth(map, "a"));
    CHECK_EQ(field_of(bytes_of("\x93\x01\x02\x03", 4), "a").size, 0);
    CHECK_EQ(field_of(bytes_of("\xdf\xff\xff\xff\xff", 5), "a").size, 0);
    CHECK_EQ(field_of(bytes_of(NULL, 0), "a").size, 0);
    reeve_value_free(v);
}

static const char *drawn(struct buf *out, const double *values, size_t count, size_t columns)
{
    buf_clear(out);
    plot_draw(out, values, count, columns, 1, 30);
    return buf_text(out);
}

TEST(a_plot_goes_up_and_down)
{
    struct buf out = {0};
    const double up[] = {0, 0, 7, 7, 7, 3, 3, 3};
    CHECK_TEXT(drawn(&out, up, LENGTH(up), 8), "             7 ┤  ╭──╮\n"
                                               "               │  │  │\n"
                                               "               │  │  │\n"
                                               "               │  │  │\n"
                                               "               │  │  ╰──\n"
                                               "               │  │\n"
                                               "               │  │\n"
                                               "             0 ┤──╯\n"
                                               "                1     30\n");
    buf_fini(&out);
}

TEST(a_plot_takes_what_comes)
{
    struct buf out = {0};
    double values[200];
    const double gap[] = {NAN, NAN, 1, 2}, flat[] = {3, 3 + 1e-12}, wide[] = {-1.7e308, 1.7e308};
    CHECK_TEXT(drawn(&out, gap, 1, 60), "");
    CHECK_TEXT(drawn(&out, gap, 2, 60), ""); /* nothing but gaps */
    CHECK_TEXT(drawn(&out, gap, 4, 0), "");
    CHECK(strstr(drawn(&out, gap, 4, 10), "             2 ┤") != NULL);
    CHECK(strstr(drawn(&out, flat, 2, 10), "             3 ┤──────────\n") != NULL);
    CHECK(strstr(drawn(&out, wide, 2, 10), "1.7e+308") != NULL);
    for (size_t i = 0; i < LENGTH(values); i++)
        values[i] = sin((double)i / 10);
    for (size_t columns = 0; columns <= 300; columns++)
        for (size_t count = 0; count < LENGTH(values); count += 7)
            drawn(&out, values, count, columns);
    buf_fini(&out);
}
