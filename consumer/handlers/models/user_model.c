/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/user_model.h"

#include "consumer/handlers/excerpt.h"
#include "consumer/handlers/models/constraint.h"
#include "consumer/handlers/models/formulas.h"
#include "consumer/handlers/models/linear_plant.h"
#include "consumer/handlers/models/model_file.h"
#include "consumer/handlers/models/model_json.h"

enum { NAMES_MAX = 3 * MODEL_VARIABLES_MAX /* MVs, constants, CVs */, ID_SIZE = 200 };

struct user_model {
    struct model model; /* its pointers lead to what follows */
    char id[ID_SIZE];
    struct variable mvs[MODEL_VARIABLES_MAX], cvs[MODEL_VARIABLES_MAX];
    const char *constraints[MODEL_CONSTRAINTS_MAX];
    double *gains;
    struct formulas *formulas; /* over MVs and constants */
    double constants[MODEL_VARIABLES_MAX];
    size_t constant_count;
    json_t *file; /* owns names and texts */
};

/* The names that texts of a model may hold, and their values' order. */
struct names {
    const char *at[NAMES_MAX];
    size_t count;
};

static void add_variables(struct names *n, const struct variable *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        must(n->count < LENGTH(n->at));
        n->at[n->count++] = list[i].name;
    }
}

/* --- gains ------------------------------------------------------------------------------------ */

static int read_gains(struct user_model *u, struct model_json *j)
{
    json_t *rows = json_object_get(j->file, "gains");
    size_t columns = u->model.mv_count;
    if (!json_is_array(rows) || json_array_size(rows) != u->model.cv_count)
        return model_json_wrong(j, "\"gains\" must be a list of %zu rows, one for each CV",
                                u->model.cv_count);
    u->gains = must_alloc(u->model.cv_count * columns * sizeof *u->gains);
    for (size_t i = 0; i < u->model.cv_count; i++) {
        json_t *row = json_array_get(rows, i);
        if (!json_is_array(row) || json_array_size(row) != columns)
            return model_json_wrong(j, "gains[%zu] must be a list of %zu numbers, one for each MV",
                                    i, columns);
        for (size_t k = 0; k < columns; k++) {
            json_t *gain = json_array_get(row, k);
            if (!json_is_number(gain))
                return model_json_wrong(j, "gains[%zu][%zu] must be a number", i, k);
            u->gains[i * columns + k] = json_number_value(gain);
        }
    }
    u->model.gains = u->gains;
    u->model.compute = linear_plant_compute;
    return 0;
}

/* --- expressions ------------------------------------------------------------------------------ */

static enum model_result compute_formulas(const struct model *m, const double *mvs, double *cvs,
                                          char text[MODEL_TEXT_SIZE])
{
    const struct user_model *u = container_of(m, struct user_model, model);
    double inputs[2 * MODEL_VARIABLES_MAX];
    char why[MODEL_TEXT_SIZE];
    bytes_copy(inputs, bytes_of(mvs, m->mv_count * sizeof *mvs));
    bytes_copy(inputs + m->mv_count,
               bytes_of(u->constants, u->constant_count * sizeof *u->constants));
    if (formulas_evaluate(u->formulas, inputs, cvs, why)) {
        snprintf(text, MODEL_TEXT_SIZE, "model %s: %.300s", m->id, why);
        return MODEL_NO_STATE;
    }
    snprintf(text, MODEL_TEXT_SIZE, "model %s", m->id);
    return MODEL_OK;
}

static int read_constants(struct user_model *u, struct model_json *j, struct names *names)
{
    json_t *object = json_object_get(j->file, "constants"), *value;
    const char *name;
    if (object && (!json_is_object(object) || json_object_size(object) > MODEL_VARIABLES_MAX))
        return model_json_wrong(j, "\"constants\" must be an object of up to %d numbers",
                                MODEL_VARIABLES_MAX);
    json_object_foreach(object, name, value)
    {
        if (!json_is_number(value))
            return model_json_wrong(j, "constant %s must be a number",
                                    excerpt_text(bytes_text(name)).text);
        names->at[names->count++] = name;
        u->constants[u->constant_count++] = json_number_value(value);
    }
    return 0;
}

/* Texts find a variable by its name: there is one of each, and brackets could not hold others. */
static int check_names(struct model_json *j, const struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->at[i];
        if (!*name || strpbrk(name, "[]"))
            return model_json_wrong(j, "the name %s is empty or has brackets",
                                    excerpt_text(bytes_text(name)).text);
        for (size_t k = 0; k < i; k++)
            if (!strcmp(name, names->at[k]))
                return model_json_wrong(j, "the name %s stands there twice",
                                        excerpt_text(bytes_text(name)).text);
    }
    return 0;
}

static int read_formulas(struct user_model *u, struct model_json *j)
{
    struct names names = {0};
    const char *texts[MODEL_VARIABLES_MAX];
    char why[MODEL_TEXT_SIZE];
    add_variables(&names, u->mvs, u->model.mv_count);
    if (read_constants(u, j, &names))
        return -1;
    size_t inputs = names.count;
    add_variables(&names, u->cvs, u->model.cv_count);
    if (check_names(j, &names))
        return -1;
    for (size_t i = 0; i < u->model.cv_count; i++)
        texts[i] = json_string_value(
            json_object_get(json_array_get(json_object_get(j->file, "cvs"), i), "expression"));
    struct formulas_spec spec = {.inputs = names.at,
                                 .input_count = inputs,
                                 .names = names.at + inputs,
                                 .texts = texts,
                                 .count = u->model.cv_count};
    u->formulas = formulas_new(&spec, why);
    if (!u->formulas)
        return model_json_wrong(j, "%s", why);
    u->model.compute = compute_formulas;
    return 0;
}

/* --- what is usually asked -------------------------------------------------------------------- */

static int check_objective(struct user_model *u, struct model_json *j, const struct names *names)
{
    struct expression_error error;
    struct expression *e =
        expression_new(bytes_text(u->model.objective), names->at, names->count, &error);
    bool good = e;
    expression_free(e);
    return good ? 0 : model_json_wrong(j, "objective, column %zu: %s", error.column, error.text);
}

static int read_constraint(struct user_model *u, struct model_json *j, const struct names *names,
                           json_t *value)
{
    size_t i = u->model.constraint_count;
    struct expression_error error;
    if (!json_is_string(value))
        return model_json_wrong(j, "constraints[%zu] must be text", i);
    u->constraints[i] = json_string_value(value);
    struct constraint *c =
        constraint_new(bytes_text(u->constraints[i]), names->at, names->count, &error);
    if (!c)
        return model_json_wrong(j, "constraints[%zu], column %zu: %s", i, error.column, error.text);
    constraint_free(c);
    u->model.constraint_count++;
    return 0;
}

static int read_problem(struct user_model *u, struct model_json *j)
{
    struct names names = {0};
    json_t *list = json_object_get(j->file, "constraints");
    const char *const where = "the file";
    add_variables(&names, u->mvs, u->model.mv_count);
    add_variables(&names, u->cvs, u->model.cv_count);
    u->model.title = u->id;
    u->model.constraints = u->constraints;
    if (model_json_text(j, j->file, "about", where, &u->model.title) ||
        model_json_text(j, j->file, "title", where, &u->model.title) ||
        model_json_truth(j, j->file, "maximise", where, &u->model.maximise) ||
        model_json_text(j, j->file, "objective", where, &u->model.objective))
        return -1;
    if (u->model.objective && check_objective(u, j, &names))
        return -1;
    if (list && (!json_is_array(list) || json_array_size(list) > MODEL_CONSTRAINTS_MAX))
        return model_json_wrong(j, "\"constraints\" must be a list of up to %d texts",
                                MODEL_CONSTRAINTS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (read_constraint(u, j, &names, json_array_get(list, i)))
            return -1;
    return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

/* own: the key that only this kind of file has. */
static int check_keys(struct model_json *j, const char *own)
{
    const char *const known[] = {"about",    "title",       "mvs", "cvs", "objective",
                                 "maximise", "constraints", own,   NULL};
    return model_json_keys(j, j->file, known, "the file");
}

static int read_linear(struct user_model *u, struct model_json *j)
{
    if (check_keys(j, "gains") ||
        model_json_variables(j, "mvs", NULL, u->mvs, &u->model.mv_count) ||
        model_json_variables(j, "cvs", NULL, u->cvs, &u->model.cv_count))
        return -1;
    return read_gains(u, j);
}

static int read_program(struct user_model *u, struct model_json *j)
{
    if (check_keys(j, "method") ||
        model_json_variables(j, "mvs", NULL, u->mvs, &u->model.mv_count) ||
        model_json_variables(j, "cvs", NULL, u->cvs, &u->model.cv_count))
        return -1;
    return model_json_text(j, j->file, "method", "the file", &u->model.method);
}

static int read_expressions(struct user_model *u, struct model_json *j)
{
    if (check_keys(j, "constants") ||
        model_json_variables(j, "mvs", NULL, u->mvs, &u->model.mv_count))
        return -1;
    if (json_object_get(j->file, "cvs") &&
        model_json_variables(j, "cvs", "expression", u->cvs, &u->model.cv_count))
        return -1;
    return read_formulas(u, j);
}

typedef int read_kind(struct user_model *u, struct model_json *j);

static read_kind *kind_of(json_t *file)
{
    if (json_object_get(file, "gains"))
        return read_linear;
    return json_object_get(file, "method") ? read_program : read_expressions;
}

/* kind: NULL when the file may be of any. */
static int read_file(struct user_model *u, struct bytes json, read_kind *kind,
                     char text[MODEL_TEXT_SIZE])
{
    json_error_t error;
    struct model_json j = {.id = u->id, .text = text};
    u->file = json_loadb(json.data ? json.data : "", json.size, JSON_REJECT_DUPLICATES, &error);
    j.file = u->file;
    if (!j.file)
        return model_json_wrong(&j, "line %d: %s", error.line, error.text);
    if (!json_is_object(j.file))
        return model_json_wrong(&j, "must be one JSON object");
    if (!kind)
        kind = kind_of(j.file);
    return kind(u, &j) || read_problem(u, &j) ? -1 : 0;
}

static struct model *parse(struct bytes json, const char *id, read_kind *kind,
                           char text[MODEL_TEXT_SIZE])
{
    struct user_model *u = must_alloc(sizeof *u);
    snprintf(u->id, sizeof u->id, "%s", id);
    u->model = (struct model){.id = u->id, .mvs = u->mvs, .cvs = u->cvs};
    if (read_file(u, json, kind, text) == 0)
        return &u->model;
    user_model_free(&u->model);
    return NULL;
}

struct model *user_model_parse(struct bytes json, const char *id, char text[MODEL_TEXT_SIZE])
{
    return parse(json, id, NULL, text);
}

struct model *user_model_parse_linear(struct bytes json, const char *id, char text[MODEL_TEXT_SIZE])
{
    return parse(json, id, read_linear, text);
}

struct model *user_model_read(const char *folder, struct bytes name, char text[MODEL_TEXT_SIZE])
{
    struct buf json = {0};
    struct model *m = NULL;
    char id[ID_SIZE] = {0};
    if (name.size >= sizeof id) {
        snprintf(text, MODEL_TEXT_SIZE, "model file %s: the name is longer than %d bytes",
                 excerpt_text(name).text, ID_SIZE - 1);
        return NULL;
    }
    bytes_copy(id, name);
    if (model_file_read(folder, name, &json, text) == 0)
        m = user_model_parse(buf_bytes(&json), id, text);
    buf_fini(&json);
    return m;
}

void user_model_free(struct model *m)
{
    if (!m)
        return;
    struct user_model *u = container_of(m, struct user_model, model);
    formulas_free(u->formulas);
    free(u->gains);
    json_decref(u->file);
    free(u);
}
