/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/data_processing/calculate_cv.h"

#include <math.h>
#include <stdio.h>

#include "common/pack.h"
#include "consumer/handlers/excerpt.h"
#include "consumer/handlers/models/model_file.h"
#include "consumer/handlers/models/user_model.h"

/* The built-in model that this method offers; others are linear ones, by their files. */
static const char built_in[] = "williams_otto";

/* What was asked, borrowed from the arguments. mvs is a msgpack value, the others are text; data is
 * NULL where it was left out. */
struct request {
    struct bytes model, model_file, session, mvs;
};

static int take_text(struct bytes *text, struct bytes value, const char *key,
                     char error[MODEL_TEXT_SIZE])
{
    struct cursor c = cursor_of(value);
    if (cursor_peek(&c) != PACK_STR) {
        snprintf(error, MODEL_TEXT_SIZE, "\"%s\" must be text, not %s", key,
                 excerpt_of(value).text);
        return -1;
    }
    *text = cursor_str(&c);
    return 0;
}

static int take_key(struct request *r, struct bytes key, struct bytes value,
                    char error[MODEL_TEXT_SIZE])
{
    if (bytes_equal(key, bytes_text("model")))
        return take_text(&r->model, value, "model", error);
    if (bytes_equal(key, bytes_text("model_file")))
        return take_text(&r->model_file, value, "model_file", error);
    if (bytes_equal(key, bytes_text("session")))
        return take_text(&r->session, value, "session", error);
    if (bytes_equal(key, bytes_text("mvs"))) {
        r->mvs = value;
        return 0;
    }
    snprintf(error, MODEL_TEXT_SIZE, "unknown key %s: known are model, model_file, mvs, session",
             excerpt_text(key).text);
    return -1;
}

static int read_request(struct request *r, struct bytes args, char error[MODEL_TEXT_SIZE])
{
    struct cursor c = cursor_of(args);
    uint32_t count = cursor_array(&c);
    if (!cursor_ok(&c) || count != 1 || cursor_peek(&c) != PACK_MAP) {
        snprintf(error, MODEL_TEXT_SIZE,
                 "expected one argument, a map such as "
                 "{\"model\":\"williams_otto\",\"mvs\":{\"FB\":4.787,\"TR\":89.7}}");
        return -1;
    }
    uint32_t pairs = cursor_map(&c);
    for (uint32_t i = 0; i < pairs; i++) {
        struct bytes key = cursor_str(&c), value = cursor_value(&c);
        if (!cursor_ok(&c)) {
            snprintf(error, MODEL_TEXT_SIZE, "the keys of the map must be text");
            return -1;
        }
        if (take_key(r, key, value, error))
            return -1;
    }
    if (r->model.data)
        return 0;
    snprintf(error, MODEL_TEXT_SIZE, "\"model\" is missing: known are %s, linear", built_in);
    return -1;
}

/* --- values of the MVs ----------------------------------------------------------------------- */

static int mv_index(const struct model *m, struct bytes name)
{
    for (size_t i = 0; i < m->mv_count; i++)
        if (bytes_equal(name, bytes_text(m->mvs[i].name)))
            return (int)i;
    return -1;
}

static void list_mvs(const struct model *m, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < m->mv_count && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", m->mvs[i].name);
}

static int read_number(double *number, struct bytes value, const char *name,
                       char error[MODEL_TEXT_SIZE])
{
    struct cursor c = cursor_of(value);
    enum pack_kind kind = cursor_peek(&c);
    if (kind == PACK_UINT || kind == PACK_INT || kind == PACK_FLOAT) {
        *number = cursor_float(&c);
        if (isfinite(*number))
            return 0;
    }
    snprintf(error, MODEL_TEXT_SIZE, "value of %s must be a finite number, not %s", name,
             excerpt_of(value).text);
    return -1;
}

static int read_mv(const struct model *m, struct cursor *c, double *mvs, bool *given,
                   char error[MODEL_TEXT_SIZE])
{
    struct bytes key = cursor_str(c), value = cursor_value(c);
    if (!cursor_ok(c)) {
        snprintf(error, MODEL_TEXT_SIZE, "the keys of \"mvs\" must be text");
        return -1;
    }
    int i = mv_index(m, key);
    if (i < 0) {
        char known[100];
        list_mvs(m, known, sizeof known);
        snprintf(error, MODEL_TEXT_SIZE, "model %s has no MV %s: its MVs are %s", m->id,
                 excerpt_text(key).text, known);
        return -1;
    }
    if (given[i]) {
        snprintf(error, MODEL_TEXT_SIZE, "MV %s stands there twice", m->mvs[i].name);
        return -1;
    }
    given[i] = true;
    return read_number(&mvs[i], value, m->mvs[i].name, error);
}

static int read_mvs(const struct model *m, struct bytes value, double *mvs,
                    char error[MODEL_TEXT_SIZE])
{
    bool given[MODEL_VARIABLES_MAX] = {false};
    struct cursor c = cursor_of(value);
    if (value.size && cursor_peek(&c) != PACK_MAP) {
        snprintf(error, MODEL_TEXT_SIZE, "\"mvs\" must be a map of names to numbers, not %s",
                 excerpt_of(value).text);
        return -1;
    }
    uint32_t pairs = value.size ? cursor_map(&c) : 0;
    for (uint32_t i = 0; i < pairs; i++)
        if (read_mv(m, &c, mvs, given, error))
            return -1;
    for (size_t i = 0; i < m->mv_count; i++) {
        if (given[i])
            continue;
        if (!m->mvs[i].optional) {
            snprintf(error, MODEL_TEXT_SIZE, "model %s needs a value of MV %s", m->id,
                     m->mvs[i].name);
            return -1;
        }
        mvs[i] = m->mvs[i].nominal;
    }
    return 0;
}

/* --- the job ---------------------------------------------------------------------------------- */

static void write_reply(const struct model *m, struct bytes session, const double *cvs,
                        const char *message, struct buf *reply)
{
    pack_map(reply, 3);
    pack_text(reply, "session");
    pack_str(reply, session);
    pack_text(reply, "cvs");
    pack_map(reply, (uint32_t)m->cv_count);
    for (size_t i = 0; i < m->cv_count; i++) {
        pack_text(reply, m->cvs[i].name);
        pack_float(reply, cvs[i]);
    }
    pack_text(reply, "message");
    pack_text(reply, message);
}

static int calculate(const struct model *m, const struct request *r, struct buf *reply,
                     char text[MODEL_TEXT_SIZE])
{
    double mvs[MODEL_VARIABLES_MAX] = {0}, cvs[MODEL_VARIABLES_MAX] = {0};
    if (read_mvs(m, r->mvs, mvs, text) || model_compute(m, mvs, cvs, text))
        return -1;
    write_reply(m, r->session, cvs, text, reply);
    return 0;
}

static int calculate_linear(const struct request *r, const char *models, struct buf *reply,
                            char text[MODEL_TEXT_SIZE])
{
    if (!r->model_file.data) {
        snprintf(text, MODEL_TEXT_SIZE, "model linear needs a \"model_file\"");
        return -1;
    }
    struct buf json = {0};
    int err = model_file_read(models, r->model_file, &json, text);
    if (!err) {
        struct excerpt id = excerpt_text(r->model_file);
        struct model *m = user_model_parse_linear(buf_bytes(&json), id.text, text);
        err = m ? calculate(m, r, reply, text) : -1;
        user_model_free(m);
    }
    buf_fini(&json);
    return err;
}

int calculate_cv(struct bytes args, const char *models, struct buf *reply,
                 char text[MODEL_TEXT_SIZE])
{
    struct request r = {.session = bytes_text("")};
    if (read_request(&r, args, text))
        return -1;
    if (bytes_equal(r.model, bytes_text("linear")))
        return calculate_linear(&r, models, reply, text);
    if (!bytes_equal(r.model, bytes_text(built_in))) {
        snprintf(text, MODEL_TEXT_SIZE, "unknown model %s: known are %s, linear",
                 excerpt_text(r.model).text, built_in);
        return -1;
    }
    const struct model *m = model_find(r.model);
    must(m);
    if (r.model_file.data) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s is built in and takes no \"model_file\"", m->id);
        return -1;
    }
    return calculate(m, &r, reply, text);
}
