/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/optimisation/catalogue.h"

#include <math.h>
#include <stdio.h>

#include "common/pack.h"
#include "consumer/handlers/models/model_file.h"
#include "consumer/handlers/optimisation/delay.h"
#include "consumer/handlers/optimisation/task.h"

/* --- models ----------------------------------------------------------------------------------- */

static void number_put(struct buf *out, const char *key, double number)
{
    pack_text(out, key);
    if (isfinite(number))
        pack_float(out, number);
    else
        pack_nil(out);
}

static void variables_put(struct buf *out, const struct variable *all, size_t count)
{
    pack_array(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        pack_map(out, 5);
        pack_text(out, "name");
        pack_text(out, all[i].name);
        pack_text(out, "unit");
        pack_text(out, all[i].unit ? all[i].unit : "");
        number_put(out, "lower", all[i].lower);
        number_put(out, "upper", all[i].upper);
        number_put(out, "nominal", all[i].nominal);
    }
}

static void model_put(struct buf *out, const struct model *m)
{
    pack_map(out, 7);
    pack_text(out, "id");
    pack_text(out, m->id);
    pack_text(out, "title");
    pack_text(out, m->title);
    pack_text(out, "mvs");
    variables_put(out, m->mvs, m->mv_count);
    pack_text(out, "cvs");
    variables_put(out, m->cvs, m->cv_count);
    pack_text(out, "objective");
    pack_text(out, m->objective ? m->objective : "");
    pack_text(out, "maximize");
    pack_bool(out, m->maximise);
    pack_text(out, "constraints");
    pack_array(out, (uint32_t)m->constraint_count);
    for (size_t i = 0; i < m->constraint_count; i++)
        pack_text(out, m->constraints[i]);
}

void catalogue_models(struct reeve_job *job)
{
    struct buf out = {0};
    uint32_t count = 0;
    if (reeve_args_expect(job, 0, 0))
        return;
    while (model_at(count))
        count++;
    pack_array(&out, count);
    for (uint32_t i = 0; i < count; i++)
        model_put(&out, model_at(i));
    reeve_reply_value(job, out.data, out.size);
    buf_fini(&out);
}

/* --- CalculateCV ------------------------------------------------------------------------------ */

struct request {
    struct buf spec; /* {"model": id, "objective": "0"}: any model can be computed under it */
    struct bytes mvs, session;
    double delay_s;
};

static bool request_read(struct reeve_job *job, struct bytes map, struct request *r)
{
    struct cursor c = cursor_of(map);
    struct bytes model = {0};
    bool whole = cursor_peek(&c) == PACK_MAP;
    for (uint32_t pairs = whole ? cursor_map(&c) : 0; pairs && cursor_ok(&c); pairs--) {
        struct bytes key = cursor_str(&c), value = cursor_value(&c);
        struct cursor v = cursor_of(value);
        if (bytes_equal(key, bytes_text("model")) && cursor_peek(&v) == PACK_STR)
            model = cursor_str(&v);
        else if (bytes_equal(key, bytes_text("session")) && cursor_peek(&v) == PACK_STR)
            r->session = cursor_str(&v);
        else if (bytes_equal(key, bytes_text("mvs")) && cursor_peek(&v) == PACK_MAP)
            r->mvs = value;
        else if (bytes_equal(key, bytes_text("delay")))
            r->delay_s = cursor_float(&v);
    }
    if (!whole || !cursor_ok(&c) || !model.size) {
        reeve_fail(job, "expected a map with \"model\" and \"mvs\"");
        return false;
    }
    pack_map(&r->spec, 2);
    pack_text(&r->spec, "model");
    pack_str(&r->spec, model);
    pack_text(&r->spec, "objective");
    pack_text(&r->spec, "0");
    return true;
}

/* Every MV that has no nominal value must be given. */
static bool mvs_read(struct reeve_job *job, const struct task *t, struct bytes mvs, double *values)
{
    struct cursor c = cursor_of(mvs);
    for (uint32_t pairs = mvs.size ? cursor_map(&c) : 0; pairs; pairs--) {
        struct bytes key = cursor_str(&c), value = cursor_value(&c);
        struct cursor v = cursor_of(value);
        double number = cursor_float(&v);
        size_t i = 0;
        while (i < task_mv_count(t) && !bytes_equal(key, bytes_text(task_name(t, i))))
            i++;
        if (i == task_mv_count(t) || !cursor_ok(&v) || !isfinite(number)) {
            reeve_fail(job,
                       i == task_mv_count(t)
                           ? "model %s has no MV %.*s"
                           : "model %s: the value of %.*s must be a finite number",
                       task_model_id(t), (int)(key.size < 60 ? key.size : 60),
                       key.size ? (const char *)key.data : "");
            return false;
        }
        values[i] = number;
    }
    return true;
}

static void answer(struct reeve_job *job, const struct task *t, const struct request *r)
{
    double values[2 * MODEL_VARIABLES_MAX + 2 * SPEC_VARIABLES_MAX];
    char text[SPEC_TEXT_SIZE] = "";
    task_place(t, task_problem(t).start, values);
    if (!mvs_read(job, t, r->mvs, values))
        return;
    delay_wait(r->delay_s);
    if (!task_compute(t, values, text)) {
        reeve_fail(job, "%s", text);
        return;
    }
    struct buf out = {0};
    pack_map(&out, 3);
    pack_text(&out, "session");
    pack_str(&out, r->session);
    pack_text(&out, "cvs");
    pack_map(&out, (uint32_t)(task_values(t) - task_mv_count(t)));
    for (size_t i = task_mv_count(t); i < task_values(t); i++) {
        pack_text(&out, task_name(t, i));
        pack_float(&out, values[i]);
    }
    pack_text(&out, "message");
    pack_text(&out, text);
    reeve_reply_value(job, out.data, out.size);
    buf_fini(&out);
}

void catalogue_cv(struct reeve_job *job)
{
    const void *data;
    size_t size;
    char text[SPEC_TEXT_SIZE];
    struct request r = {.session = bytes_text("")};
    if (reeve_args_expect(job, 1, 1) || reeve_arg_value(job, 0, &data, &size))
        return;
    if (request_read(job, bytes_of(data, size), &r)) {
        struct buf folder = {0};
        model_folder(&folder);
        struct task *t = task_new(buf_bytes(&r.spec), buf_text(&folder), text);
        if (t)
            answer(job, t, &r);
        else
            reeve_fail(job, "%s", text);
        task_free(t);
        buf_fini(&folder);
    }
    buf_fini(&r.spec);
}
