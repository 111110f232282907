/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/data_processing/linear.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "consumer/handlers/excerpt.h"

struct linear {
    struct model model; /* its pointers lead to what follows */
    char id[80];
    struct variable mvs[MODEL_VARIABLES_MAX], cvs[MODEL_VARIABLES_MAX];
    double gains[MODEL_VARIABLES_MAX * MODEL_VARIABLES_MAX];
    json_t *file; /* owns the names and units */
};

__attribute__((format(printf, 3, 4))) static int wrong(char text[MODEL_TEXT_SIZE], const char *id,
                                                       const char *format, ...)
{
    va_list args;
    int size = snprintf(text, MODEL_TEXT_SIZE, "model file %s: ", id);
    must(size > 0 && size < MODEL_TEXT_SIZE);
    va_start(args, format);
    vsnprintf(text + size, MODEL_TEXT_SIZE - (size_t)size, format, args);
    va_end(args);
    return -1;
}

static int compute(const struct model *m, const double *mvs, double *cvs,
                   char text[MODEL_TEXT_SIZE])
{
    for (size_t i = 0; i < m->cv_count; i++) {
        cvs[i] = m->cvs[i].nominal;
        for (size_t j = 0; j < m->mv_count; j++)
            cvs[i] += m->gains[i * m->mv_count + j] * (mvs[j] - m->mvs[j].nominal);
    }
    snprintf(text, MODEL_TEXT_SIZE, "linear model %s", m->id);
    return 0;
}

/* Every key of object must be one of the known ones (ends with NULL). */
static int check_keys(json_t *object, const char *const *known, const char *where, const char *id,
                      char text[MODEL_TEXT_SIZE])
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key))
            i++;
        if (!known[i])
            return wrong(text, id, "unknown key %s in %s", excerpt_text(bytes_text(key)).text,
                         where);
    }
    return 0;
}

static int read_number(json_t *object, const char *key, double *out, const char *where,
                       const char *id, char text[MODEL_TEXT_SIZE])
{
    json_t *value = json_object_get(object, key);
    if (!value)
        return 0;
    if (!json_is_number(value))
        return wrong(text, id, "%s of %s must be a number", key, where);
    *out = json_number_value(value);
    return 0;
}

/* where: "mvs[2]", for messages. */
static int read_variable(struct variable *v, json_t *object, const char *where, const char *id,
                         char text[MODEL_TEXT_SIZE])
{
    static const char *const known[] = {"name",    "unit",  "lower",    "upper",
                                        "nominal", "about", "optional", NULL};
    if (!json_is_object(object))
        return wrong(text, id, "%s must be an object with a \"name\"", where);
    if (check_keys(object, known, where, id, text))
        return -1;
    json_t *unit = json_object_get(object, "unit"), *optional = json_object_get(object, "optional");
    v->name = json_string_value(json_object_get(object, "name"));
    if (!v->name || !*v->name || strlen(v->name) >= MODEL_NAME_MAX)
        return wrong(text, id, "name of %s must be text of 1 to %d bytes", where,
                     MODEL_NAME_MAX - 1);
    if (unit && !json_is_string(unit))
        return wrong(text, id, "unit of %s must be text", where);
    if (optional && !json_is_boolean(optional))
        return wrong(text, id, "optional of %s must be true or false", where);
    v->unit = unit ? json_string_value(unit) : "";
    v->optional = json_is_true(optional);
    v->lower = -(double)INFINITY;
    v->upper = (double)INFINITY;
    if (read_number(object, "lower", &v->lower, where, id, text) ||
        read_number(object, "upper", &v->upper, where, id, text) ||
        read_number(object, "nominal", &v->nominal, where, id, text))
        return -1;
    if (v->lower > v->upper)
        return wrong(text, id, "lower of %s is above its upper", where);
    return 0;
}

static int read_variables(struct variable *list, size_t *count, json_t *file, const char *key,
                          const char *id, char text[MODEL_TEXT_SIZE])
{
    json_t *array = json_object_get(file, key);
    size_t size = json_array_size(array);
    if (!json_is_array(array) || size == 0 || size > MODEL_VARIABLES_MAX)
        return wrong(text, id, "\"%s\" must be a list of 1 to %d variables", key,
                     MODEL_VARIABLES_MAX);
    for (size_t i = 0; i < size; i++) {
        char where[32];
        snprintf(where, sizeof where, "%s[%zu]", key, i);
        if (read_variable(&list[i], json_array_get(array, i), where, id, text))
            return -1;
        for (size_t j = 0; j < i; j++)
            if (!strcmp(list[i].name, list[j].name))
                return wrong(text, id, "name of %s, %s, stands there twice", where, list[i].name);
    }
    *count = size;
    return 0;
}

static int read_gains(struct linear *l, const char *id, char text[MODEL_TEXT_SIZE])
{
    json_t *rows = json_object_get(l->file, "gains");
    size_t columns = l->model.mv_count;
    if (!json_is_array(rows) || json_array_size(rows) != l->model.cv_count)
        return wrong(text, id, "\"gains\" must be a list of %zu rows, one for each CV",
                     l->model.cv_count);
    for (size_t i = 0; i < l->model.cv_count; i++) {
        json_t *row = json_array_get(rows, i);
        if (!json_is_array(row) || json_array_size(row) != columns)
            return wrong(text, id, "gains[%zu] must be a list of %zu numbers, one for each MV", i,
                         columns);
        for (size_t j = 0; j < columns; j++) {
            json_t *gain = json_array_get(row, j);
            if (!json_is_number(gain))
                return wrong(text, id, "gains[%zu][%zu] must be a number", i, j);
            l->gains[i * columns + j] = json_number_value(gain);
        }
    }
    return 0;
}

static int read_file(struct linear *l, struct bytes json, char text[MODEL_TEXT_SIZE])
{
    static const char *const known[] = {"about", "mvs", "cvs", "gains", NULL};
    json_error_t error;
    l->file = json_loadb(json.data ? json.data : "", json.size, JSON_REJECT_DUPLICATES, &error);
    if (!l->file)
        return wrong(text, l->id, "line %d: %s", error.line, error.text);
    if (!json_is_object(l->file))
        return wrong(text, l->id, "must be one JSON object");
    if (check_keys(l->file, known, "the file", l->id, text) ||
        read_variables(l->mvs, &l->model.mv_count, l->file, "mvs", l->id, text) ||
        read_variables(l->cvs, &l->model.cv_count, l->file, "cvs", l->id, text) ||
        read_gains(l, l->id, text))
        return -1;
    return 0;
}

struct model *linear_parse(struct bytes json, const char *id, char text[MODEL_TEXT_SIZE])
{
    struct linear *l = must_alloc(sizeof *l);
    snprintf(l->id, sizeof l->id, "%s", id);
    l->model = (struct model){
        .id = l->id, .mvs = l->mvs, .cvs = l->cvs, .compute = compute, .gains = l->gains};
    if (read_file(l, json, text)) {
        linear_free(&l->model);
        return NULL;
    }
    return &l->model;
}

void linear_free(struct model *m)
{
    if (!m)
        return;
    struct linear *l = container_of(m, struct linear, model);
    json_decref(l->file);
    free(l);
}
