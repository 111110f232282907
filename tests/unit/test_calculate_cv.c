/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/data_processing/calculate_cv.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/pack.h"
#include "consumer/handlers/models/model_file.h"
#include "consumer/handlers/models/user_model.h"
#include "tests/unit/check.h"

enum { XA, XB, XC, XE, XG, XP, J, CVS };

#define CHECK_NEAR(is, want, within)                                                               \
    do {                                                                                           \
        double x_ = (is), y_ = (want);                                                             \
        if (!(fabs(x_ - y_) <= (within)))                                                          \
            check_failed(__FILE__, __LINE__, "%s is %.9g, not %.9g", #is, x_, y_);                 \
    } while (0)

static char text[MODEL_TEXT_SIZE];

static void reactor(double fb, double tr, double *cvs)
{
    double mvs[] = {fb, tr};
    const struct model *m = model_find(bytes_text("williams_otto"));
    CHECK(m != NULL);
    if (model_compute(m, mvs, cvs, text))
        check_failed(__FILE__, __LINE__, "FB %g TR %g: %s", fb, tr, text);
}

/* --- the reactor ----------------------------------------------------------------------------- */

TEST(the_reactor_at_the_published_optimum)
{
    double x[CVS];
    reactor(4.787, 89.70, x);
    static const double want[] = {.087481, .389604, .015310, .290608, .107540, .109457};
    for (int i = XA; i <= XP; i++)
        CHECK_NEAR(x[i], want[i], 1e-6);
    reactor(4.787420, 89.703884, x);
    static const double best[] = {.087465, .389622, .015306, .290607, .107543, .109456};
    for (int i = XA; i <= XP; i++)
        CHECK_NEAR(x[i], best[i], 1e-6);
    CHECK_NEAR(x[J], 190.980330, 1e-5);
}

TEST(the_reactor_elsewhere)
{
    double x[CVS];
    reactor(4.7836, 89.647, x);
    CHECK_NEAR(x[J], 190.97983, 1e-4);
    reactor(4.974678, 84.322437, x); /* the optimum with XA <= 0.12 and XG <= 0.08 */
    CHECK_NEAR(x[J], 178.529081, 1e-4);
    CHECK_NEAR(x[XG], .08, 1e-6);
    CHECK(x[XA] < .12);
}

/* An independent statement of the balances, in kg/s. */
static void check_balances(double fb, double tr, const double *x)
{
    double sum = 0, t = tr + 273.15, w = 2105, fa = 1.8275, f = fa + fb;
    for (int i = XA; i <= XP; i++) {
        CHECK(x[i] >= 0 && x[i] <= 1);
        sum += x[i];
    }
    CHECK_NEAR(sum, 1, 1e-9);
    double r1 = 1.6599e6 * exp(-6666.7 / t) * x[XA] * x[XB] * w;
    double r2 = 7.2117e8 * exp(-8333.3 / t) * x[XB] * x[XC] * w;
    double r3 = 2.6745e12 * exp(-11111 / t) * x[XC] * x[XP] * w;
    CHECK_NEAR(fa - f * x[XA] - r1, 0, 1e-9 * f);
    CHECK_NEAR(fb - f * x[XB] - r1 - r2, 0, 1e-9 * f);
    CHECK_NEAR(-f * x[XC] + 2 * r1 - 2 * r2 - r3, 0, 1e-9 * f);
    CHECK_NEAR(-f * x[XE] + 2 * r2, 0, 1e-9 * f);
    CHECK_NEAR(-f * x[XG] + 1.5 * r3, 0, 1e-9 * f);
    CHECK_NEAR(-f * x[XP] + r2 - .5 * r3, 0, 1e-9 * f);
    CHECK_NEAR(x[J], 1143.38 * x[XP] * f + 25.92 * x[XE] * f - 76.23 * fa - 114.34 * fb, 1e-6);
}

TEST(every_point_of_the_range_and_far_beyond_balances)
{
    double x[CVS];
    for (double fb = 3; fb <= 6.001; fb += .25) {
        for (double tr = 70; tr <= 100.001; tr += 1.25) {
            reactor(fb, tr, x);
            check_balances(fb, tr, x);
        }
    }
    static const double feeds[] = {1e-6, .01, .5, 1.8275, 20, 1000};
    static const double heats[] = {-200, 0, 25, 60, 120, 160, 250, 400};
    for (size_t i = 0; i < LENGTH(feeds); i++) {
        for (size_t j = 0; j < LENGTH(heats); j++) {
            reactor(feeds[i], heats[j], x);
            check_balances(feeds[i], heats[j], x);
        }
    }
}

TEST(what_no_tank_can_be_is_refused_and_bounds_are_named)
{
    const struct model *m = model_find(bytes_text("williams_otto"));
    double x[CVS];
    CHECK_EQ(model_compute(m, (double[]){0, 90}, x, text), -1);
    CHECK_TEXT(text, "model williams_otto: FB must be above 0 kg/s, not 0");
    CHECK_EQ(model_compute(m, (double[]){4, -300}, x, text), -1);
    CHECK_TEXT(text, "model williams_otto: TR must be above -273.15 C, not -300");
    CHECK_EQ(model_compute(m, (double[]){7, 90}, x, text), 0);
    CHECK(strstr(text, "; FB = 7 lies outside 3..6"));
    CHECK_EQ(model_compute(m, (double[]){6, 100}, x, text), 0);
    CHECK(!strstr(text, "outside"));
}

/* --- linear plants ---------------------------------------------------------------------------- */

#define PLANT                                                                                      \
    "{\"about\": \"two by two\", \"mvs\": [{\"name\": \"u\", \"nominal\": 1, \"lower\": 0,"        \
    "  \"upper\": 2}, {\"name\": \"d\", \"nominal\": 5, \"optional\": true}],"                     \
    " \"cvs\": [{\"name\": \"y\", \"nominal\": 10}, {\"name\": \"z\", \"unit\": \"m\"}],"          \
    " \"gains\": [[2, 0.5], [-1, 0]]}"

TEST(a_linear_plant_is_its_nominal_point_and_gains)
{
    struct model *m = user_model_parse_linear(bytes_text(PLANT), "plant.json", text);
    if (!m)
        check_failed(__FILE__, __LINE__, "%s", text);
    double y[2];
    CHECK_EQ(model_compute(m, (double[]){1, 5}, y, text), 0);
    CHECK_NEAR(y[0], 10, 0);
    CHECK_NEAR(y[1], 0, 0);
    CHECK_EQ(model_compute(m, (double[]){1.5, 7}, y, text), 0);
    CHECK_NEAR(y[0], 12, 1e-12);
    CHECK_NEAR(y[1], -.5, 1e-12);
    user_model_free(m);
}

/* The plant above with one piece of its text replaced. */
static void broken(const char *piece, const char *instead, const char *want)
{
    struct buf json = {0};
    const char *at = strstr(PLANT, piece);
    CHECK(at != NULL);
    buf_printf(&json, "%.*s%s%s", (int)(at - PLANT), PLANT, instead, at + strlen(piece));
    struct model *m = user_model_parse_linear(buf_bytes(&json), "p.json", text);
    buf_fini(&json);
    CHECK(m == NULL);
    CHECK_TEXT(text, want);
}

TEST(a_broken_model_file_is_refused_by_name)
{
    broken("[-1, 0]", "[-1]",
           "model file p.json: gains[1] must be a list of 2 numbers, one for each MV");
    broken(", [-1, 0]", "",
           "model file p.json: \"gains\" must be a list of 2 rows, one for each CV");
    broken("0.5", "\"x\"", "model file p.json: gains[0][1] must be a number");
    broken("\"d\"", "\"u\"", "model file p.json: name of mvs[1], u, stands there twice");
    broken("\"name\": \"z\", ", "",
           "model file p.json: name of cvs[1] must be text of 1 to 63 bytes");
    broken("\"upper\": 2", "\"upper\": -1",
           "model file p.json: lower of mvs[0] is above its upper");
    broken("\"upper\"", "\"uper\"", "model file p.json: unknown key \"uper\" in mvs[0]");
    broken("\"about\"", "\"gain\"", "model file p.json: unknown key \"gain\" in the file");
    broken("\"nominal\": 10", "\"nominal\": true",
           "model file p.json: nominal of cvs[0] must be a number");
    broken("\"optional\": true", "\"optional\": 1",
           "model file p.json: optional of mvs[1] must be true or false");
    struct model *m = user_model_parse_linear(bytes_text("{"), "p.json", text);
    CHECK(m == NULL);
    CHECK(strstr(text, "model file p.json: line 1: "));
    CHECK(user_model_parse_linear(bytes_text(""), "p.json", text) == NULL);
    CHECK(user_model_parse_linear(bytes_text("[]"), "p.json", text) == NULL);
    CHECK(user_model_parse_linear(bytes_text("{}"), "p.json", text) == NULL);
}

/* --- the models folder ------------------------------------------------------------------------ */

static void put_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(fputs(content, file) >= 0);
    CHECK_EQ(fclose(file), 0);
}

/* A folder with a plant, one below it, a link out of it, and something outside. */
static void make_models(void)
{
    (void)mkdir("models", 0700);
    (void)mkdir("models/site", 0700);
    put_file("outside.json", PLANT);
    put_file("models/plant.json", PLANT);
    put_file("models/site/plant.json", PLANT);
    (void)unlink("models/link.json");
    CHECK_EQ(symlink("../outside.json", "models/link.json"), 0);
    (void)unlink("models/up");
    CHECK_EQ(symlink("..", "models/up"), 0);
    (void)unlink("models/pipe");
    CHECK_EQ(mkfifo("models/pipe", 0600), 0);
}

static const char *read_model(const char *name)
{
    struct buf out = {0};
    text[0] = 0;
    int err = model_file_read("models", bytes_text(name), &out, text);
    if (!err)
        CHECK_BYTES(buf_bytes(&out), bytes_text(PLANT));
    buf_fini(&out);
    return err ? text : "read";
}

TEST(only_files_of_the_models_folder_are_read)
{
    make_models();
    CHECK_TEXT(read_model("plant.json"), "read");
    CHECK_TEXT(read_model("site/plant.json"), "read");
    CHECK_TEXT(read_model("none.json"), "model file \"none.json\": No such file or directory");
    CHECK(strstr(read_model("../outside.json"), "must not lead out of the models folder"));
    CHECK(strstr(read_model("site/../../outside.json"), "must not lead out"));
    CHECK(strstr(read_model("/etc/passwd"), "not an absolute one"));
    CHECK(strstr(read_model("link.json"), "symbolic links are not followed"));
    CHECK(strcmp(read_model("up/outside.json"), "read") != 0);
    CHECK(strstr(read_model("pipe"), "not an ordinary file"));
    CHECK(strstr(read_model("site"), "not an ordinary file"));
    CHECK(strstr(read_model(""), "the name is empty"));
    CHECK(strstr(read_model("site/"), "not an ordinary file") ||
          strstr(read_model("site/"), "not a file name"));
    CHECK(strstr(read_model("site//plant.json"), "not a file name"));
}

TEST(a_model_file_has_a_limit)
{
    make_models();
    FILE *file = fopen("models/huge.json", "w");
    CHECK(file != NULL);
    for (int i = 0; i < 1024 * 1024 + 1; i++)
        fputc(' ', file);
    CHECK_EQ(fclose(file), 0);
    CHECK_TEXT(read_model("huge.json"), "model file \"huge.json\": larger than 1 MiB");
}

/* --- a job from end to end -------------------------------------------------------------------- */

/* The request {"model": model, "mvs": {FB, TR}}, open for more keys. */
static struct buf request(uint32_t keys, const char *model, double fb, double tr)
{
    struct buf args = {0};
    pack_array(&args, 1);
    pack_map(&args, keys);
    pack_text(&args, "model");
    pack_text(&args, model);
    pack_text(&args, "mvs");
    pack_map(&args, 2);
    pack_text(&args, "FB");
    pack_float(&args, fb);
    pack_text(&args, "TR");
    pack_float(&args, tr);
    return args;
}

/* args is used up. */
static const char *refused(struct buf args)
{
    struct buf reply = {0};
    text[0] = 0;
    CHECK_EQ(calculate_cv(buf_bytes(&args), "models", &reply, text), -1);
    CHECK_EQ(reply.size, 0);
    buf_fini(&args);
    return text;
}

TEST(a_job_gets_its_session_cvs_and_message_in_that_order)
{
    static const char *const names[] = {"XA", "XB", "XC", "XE", "XG", "XP", "J"};
    struct buf args = request(3, "williams_otto", 4.787, 89.70), reply = {0};
    pack_text(&args, "session");
    pack_text(&args, "s-1");
    CHECK_EQ(calculate_cv(buf_bytes(&args), "models", &reply, text), 0);
    struct cursor c = cursor_of(buf_bytes(&reply));
    CHECK_EQ(cursor_map(&c), 3);
    CHECK_BYTES(cursor_str(&c), bytes_text("session"));
    CHECK_BYTES(cursor_str(&c), bytes_text("s-1"));
    CHECK_BYTES(cursor_str(&c), bytes_text("cvs"));
    CHECK_EQ(cursor_map(&c), CVS);
    double x[CVS];
    for (int i = 0; i < CVS; i++) {
        CHECK_BYTES(cursor_str(&c), bytes_text(names[i]));
        x[i] = cursor_float(&c);
    }
    check_balances(4.787, 89.70, x);
    CHECK_BYTES(cursor_str(&c), bytes_text("message"));
    CHECK(cursor_str(&c).size > 0);
    CHECK(cursor_ok(&c) && cursor_done(&c));
    buf_fini(&args);
    buf_fini(&reply);
}

TEST(a_job_with_a_linear_plant)
{
    make_models();
    struct buf args = {0}, reply = {0};
    pack_array(&args, 1);
    pack_map(&args, 3);
    pack_text(&args, "model");
    pack_text(&args, "linear");
    pack_text(&args, "mvs");
    pack_map(&args, 1);
    pack_text(&args, "u");
    pack_int(&args, 3); /* an integer is a number too; d is optional */
    pack_text(&args, "model_file");
    pack_text(&args, "plant.json");
    CHECK_EQ(calculate_cv(buf_bytes(&args), "models", &reply, text), 0);
    CHECK_TEXT(text, "linear model \"plant.json\"; u = 3 lies outside 0..2");
    struct cursor c = cursor_of(buf_bytes(&reply));
    cursor_map(&c);
    cursor_skip(&c);
    CHECK_BYTES(cursor_str(&c), bytes_text(""));
    cursor_skip(&c);
    CHECK_EQ(cursor_map(&c), 2);
    CHECK_BYTES(cursor_str(&c), bytes_text("y"));
    CHECK_NEAR(cursor_float(&c), 14, 1e-12);
    CHECK_BYTES(cursor_str(&c), bytes_text("z"));
    CHECK_NEAR(cursor_float(&c), -2, 1e-12);
    buf_fini(&args);
    buf_fini(&reply);
}

TEST(a_bad_request_is_refused_and_the_thing_named)
{
    CHECK_TEXT(refused(request(2, "wo", 4, 90)),
               "unknown model \"wo\": known are williams_otto, linear");
    CHECK_TEXT(refused(request(2, "linear", 4, 90)), "model linear needs a \"model_file\"");
    CHECK_TEXT(refused(request(2, "williams_otto", (double)NAN, 90)),
               "value of FB must be a finite number, not nan");
    struct buf args = request(3, "williams_otto", 4, 90);
    pack_text(&args, "mv");
    pack_nil(&args);
    CHECK_TEXT(refused(args), "unknown key \"mv\": known are model, model_file, mvs, session");
    args = request(3, "williams_otto", 4, 90);
    pack_text(&args, "session");
    pack_int(&args, 5);
    CHECK_TEXT(refused(args), "\"session\" must be text, not 5");
    args = request(3, "williams_otto", 4, 90);
    pack_text(&args, "model_file");
    pack_text(&args, "x.json");
    CHECK_TEXT(refused(args), "model williams_otto is built in and takes no \"model_file\"");
    args = request(3, "williams_otto", 4, 90);
    pack_int(&args, 1);
    pack_int(&args, 2);
    CHECK_TEXT(refused(args), "the keys of the map must be text");
}

static struct buf request_mvs(uint32_t pairs)
{
    struct buf args = {0};
    pack_array(&args, 1);
    pack_map(&args, 2);
    pack_text(&args, "model");
    pack_text(&args, "williams_otto");
    pack_text(&args, "mvs");
    pack_map(&args, pairs);
    return args;
}

TEST(bad_mvs_are_refused_and_named)
{
    struct buf args = request_mvs(1);
    pack_text(&args, "FB");
    pack_float(&args, 4);
    CHECK_TEXT(refused(args), "model williams_otto needs a value of MV TR");
    args = request_mvs(1);
    pack_text(&args, "FA");
    pack_float(&args, 4);
    CHECK_TEXT(refused(args), "model williams_otto has no MV \"FA\": its MVs are FB, TR");
    args = request_mvs(2);
    for (int i = 0; i < 2; i++) {
        pack_text(&args, "TR");
        pack_float(&args, 90);
    }
    CHECK_TEXT(refused(args), "MV TR stands there twice");
    args = request_mvs(1);
    pack_text(&args, "TR");
    pack_text(&args, "hot");
    CHECK_TEXT(refused(args), "value of TR must be a finite number, not \"hot\"");
    args = request_mvs(1);
    pack_int(&args, 1);
    pack_int(&args, 1);
    CHECK_TEXT(refused(args), "the keys of \"mvs\" must be text");
}

TEST(other_arguments_are_refused)
{
    struct buf args = {0};
    CHECK(strstr(refused(args), "expected one argument, a map"));
    pack_array(&args, 0);
    CHECK(strstr(refused(args), "expected one argument, a map"));
    args = (struct buf){0};
    pack_array(&args, 1);
    pack_int(&args, 1);
    CHECK(strstr(refused(args), "expected one argument, a map"));
    args = (struct buf){0};
    pack_array(&args, 1);
    pack_map(&args, 0);
    CHECK_TEXT(refused(args), "\"model\" is missing: known are williams_otto, linear");
    args = (struct buf){0};
    pack_array(&args, 1);
    pack_map(&args, 1);
    pack_text(&args, "model"); /* and nothing behind it */
    CHECK(strstr(refused(args), "the keys of the map must be text"));
}
