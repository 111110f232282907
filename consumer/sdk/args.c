/* SPDX-License-Identifier: Apache-2.0
 *
 * The arguments of a job: read in place from its msgpack array, with errors that a person can act
 * on. Arguments are counted from 1 in these texts, as people do.
 */
#include <inttypes.h>

#include "common/pack.h"
#include "consumer/sdk/job.h"

static const char *kind_text(enum pack_kind kind)
{
    switch (kind) {
    case PACK_NIL: return "nil";
    case PACK_BOOL: return "a boolean";
    case PACK_UINT:
    case PACK_INT: return "an integer";
    case PACK_FLOAT: return "a number";
    case PACK_STR: return "text";
    case PACK_BIN: return "bytes";
    case PACK_ARRAY: return "an array";
    case PACK_MAP: return "a map";
    case PACK_EXT: return "an extension";
    case PACK_NONE: break;
    }
    return "nothing";
}

static int wrong_kind(struct reeve_job *job, size_t i, const char *wanted, enum pack_kind got)
{
    reeve_fail(job, "argument %zu: expected %s, got %s", i + 1, wanted, kind_text(got));
    return -1;
}

/* A cursor at argument i; -1 when there is none, the job is then failed. */
static int seek(struct reeve_job *job, size_t i, struct cursor *c)
{
    *c = cursor_of(job->args);
    size_t count = cursor_array(c);
    if (i >= count) {
        reeve_fail(job, "argument %zu is missing: got %zu", i + 1, count);
        return -1;
    }
    while (i--)
        cursor_skip(c);
    return 0;
}

size_t reeve_arg_count(const struct reeve_job *job)
{
    struct cursor c = cursor_of(job->args);
    return cursor_array(&c);
}

int reeve_args_expect(struct reeve_job *job, size_t least, size_t most)
{
    size_t count = reeve_arg_count(job);
    if (count >= least && count <= most)
        return 0;
    if (least == most)
        reeve_fail(job, "expected %zu argument%s, got %zu", least, least == 1 ? "" : "s", count);
    else if (most == SIZE_MAX)
        reeve_fail(job, "expected at least %zu argument%s, got %zu", least, least == 1 ? "" : "s",
                   count);
    else
        reeve_fail(job, "expected %zu to %zu arguments, got %zu", least, most, count);
    return -1;
}

int reeve_arg_int(struct reeve_job *job, size_t i, int64_t *out)
{
    struct cursor c;
    if (seek(job, i, &c))
        return -1;
    enum pack_kind kind = cursor_peek(&c);
    if (kind != PACK_UINT && kind != PACK_INT)
        return wrong_kind(job, i, "an integer", kind);
    *out = cursor_int(&c);
    if (cursor_ok(&c))
        return 0;
    reeve_fail(job, "argument %zu: the integer is out of range", i + 1);
    return -1;
}

int reeve_arg_double(struct reeve_job *job, size_t i, double *out)
{
    struct cursor c;
    if (seek(job, i, &c))
        return -1;
    enum pack_kind kind = cursor_peek(&c);
    if (kind != PACK_UINT && kind != PACK_INT && kind != PACK_FLOAT)
        return wrong_kind(job, i, "a number", kind);
    *out = cursor_float(&c);
    return 0;
}

int reeve_arg_text_n(struct reeve_job *job, size_t i, const char **out, size_t *size)
{
    struct cursor c;
    if (seek(job, i, &c))
        return -1;
    enum pack_kind kind = cursor_peek(&c);
    if (kind != PACK_STR)
        return wrong_kind(job, i, "text", kind);
    struct bytes text = cursor_str(&c);
    *out = text.data;
    *size = text.size;
    return 0;
}

int reeve_arg_text(struct reeve_job *job, size_t i, const char **out)
{
    const char *text;
    size_t size;
    if (reeve_arg_text_n(job, i, &text, &size))
        return -1;
    if (memchr(text, 0, size)) {
        reeve_fail(job, "argument %zu: the text holds a zero byte", i + 1);
        return -1;
    }
    char *copy = must_alloc(size + 1);
    memcpy(copy, text, size);
    *out = job_lend(job, copy);
    return 0;
}

int reeve_arg_bytes(struct reeve_job *job, size_t i, const void **out, size_t *size)
{
    struct cursor c;
    if (seek(job, i, &c))
        return -1;
    enum pack_kind kind = cursor_peek(&c);
    if (kind != PACK_BIN)
        return wrong_kind(job, i, "bytes", kind);
    struct bytes bytes = cursor_bin(&c);
    *out = bytes.data;
    *size = bytes.size;
    return 0;
}

int reeve_arg_value(struct reeve_job *job, size_t i, const void **out, size_t *size)
{
    struct cursor c;
    if (seek(job, i, &c))
        return -1;
    struct bytes value = cursor_value(&c);
    *out = value.data;
    *size = value.size;
    return 0;
}

int reeve_arg_words(struct reeve_job *job, size_t i, const char **out)
{
    const void *value;
    size_t size, text_size;
    if (reeve_arg_value(job, i, &value, &size))
        return -1;
    char *text = reeve_text(value, size, &text_size);
    if (text && strlen(text) == text_size) {
        *out = job_lend(job, text);
        return 0;
    }
    free(text);
    reeve_fail(job, "argument %zu: the text holds a zero byte", i + 1);
    return -1;
}

const void *reeve_args(const struct reeve_job *job, size_t *size)
{
    *size = job->args.size;
    return job->args.data;
}
