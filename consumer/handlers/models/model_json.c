/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/handlers/models/model_json.h"

#include <math.h>
#include <stdarg.h>

#include "consumer/handlers/excerpt.h"

int model_json_wrong(struct model_json *j, const char *format, ...)
{
    va_list args;
    int size = snprintf(j->text, MODEL_TEXT_SIZE, "model file %s: ", j->id);
    must(size > 0 && size < MODEL_TEXT_SIZE);
    va_start(args, format);
    vsnprintf(j->text + size, MODEL_TEXT_SIZE - (size_t)size, format, args);
    va_end(args);
    return -1;
}

int model_json_keys(struct model_json *j, json_t *object, const char *const *known,
                    const char *where)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key))
            i++;
        if (!known[i])
            return model_json_wrong(j, "unknown key %s in %s", excerpt_text(bytes_text(key)).text,
                                    where);
    }
    return 0;
}

int model_json_number(struct model_json *j, json_t *object, const char *key, const char *where,
                      double *out)
{
    json_t *value = json_object_get(object, key);
    if (!value)
        return 0;
    if (!json_is_number(value))
        return model_json_wrong(j, "%s of %s must be a number", key, where);
    *out = json_number_value(value);
    return 0;
}

int model_json_text(struct model_json *j, json_t *object, const char *key, const char *where,
                    const char **out)
{
    json_t *value = json_object_get(object, key);
    if (!value)
        return 0;
    if (!json_is_string(value))
        return model_json_wrong(j, "%s of %s must be text", key, where);
    *out = json_string_value(value);
    return 0;
}

int model_json_truth(struct model_json *j, json_t *object, const char *key, const char *where,
                     bool *out)
{
    json_t *value = json_object_get(object, key);
    if (!value)
        return 0;
    if (!json_is_boolean(value))
        return model_json_wrong(j, "%s of %s must be true or false", key, where);
    *out = json_is_true(value);
    return 0;
}

/* where: "mvs[2]". */
static int read_variable(struct model_json *j, json_t *object, const char *where, const char *more,
                         struct variable *v)
{
    const char *const known[] = {"name",  "unit",     "lower", "upper", "nominal",
                                 "about", "optional", more,    NULL};
    if (!json_is_object(object))
        return model_json_wrong(j, "%s must be an object with a \"name\"", where);
    if (model_json_keys(j, object, known, where))
        return -1;
    *v = (struct variable){.name = json_string_value(json_object_get(object, "name")),
                           .unit = "",
                           .lower = -(double)INFINITY,
                           .upper = (double)INFINITY};
    if (!v->name || !*v->name || strlen(v->name) >= MODEL_NAME_MAX)
        return model_json_wrong(j, "name of %s must be text of 1 to %d bytes", where,
                                MODEL_NAME_MAX - 1);
    if (more && !json_is_string(json_object_get(object, more)))
        return model_json_wrong(j, "%s needs an \"%s\"", where, more);
    if (model_json_text(j, object, "unit", where, &v->unit) ||
        model_json_truth(j, object, "optional", where, &v->optional) ||
        model_json_number(j, object, "lower", where, &v->lower) ||
        model_json_number(j, object, "upper", where, &v->upper) ||
        model_json_number(j, object, "nominal", where, &v->nominal))
        return -1;
    if (v->lower > v->upper)
        return model_json_wrong(j, "lower of %s is above its upper", where);
    return 0;
}

int model_json_variables(struct model_json *j, const char *key, const char *more,
                         struct variable *list, size_t *count)
{
    json_t *array = json_object_get(j->file, key);
    size_t size = json_array_size(array);
    if (!json_is_array(array) || size == 0 || size > MODEL_VARIABLES_MAX)
        return model_json_wrong(j, "\"%s\" must be a list of 1 to %d variables", key,
                                MODEL_VARIABLES_MAX);
    for (size_t i = 0; i < size; i++) {
        char where[32];
        snprintf(where, sizeof where, "%s[%zu]", key, i);
        if (read_variable(j, json_array_get(array, i), where, more, &list[i]))
            return -1;
        for (size_t k = 0; k < i; k++)
            if (!strcmp(list[i].name, list[k].name))
                return model_json_wrong(j, "name of %s, %s, stands there twice", where,
                                        list[i].name);
    }
    *count = size;
    return 0;
}
