/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/api/asked.h"

#include <reeve/value.h>

#include "producer/gateway/answer.h"
#include "proto/record.h"

/* A word of somebody else's, as much of it as fits into a sentence. */
enum { SHOWN = 60 };
#define SHOWN_ARG(b) (int)((b).size < SHOWN ? (b).size : SHOWN), (const char *)(b).data

static uint64_t id_read(struct bytes text)
{
    char word[JOB_ID_TEXT];
    if (text.size != JOB_ID_TEXT - 1)
        return 0;
    memcpy(word, text.data, text.size);
    word[text.size] = 0;
    return job_id_parse(word);
}

bool asked_id(struct request *r, uint64_t *id)
{
    struct bytes part = request_part(r, 0);
    *id = id_read(part);
    if (*id)
        return true;
    answer_invalid(r, "\"%.*s\" is no id: one has 13 characters", SHOWN_ARG(part));
    return false;
}

/* --- the query ------------------------------------------------------------------------------ */

static bool is_one_of(struct bytes name, const char *const *names)
{
    for (; *names; names++)
        if (bytes_equal(name, bytes_text(*names)))
            return true;
    return false;
}

bool asked_query(struct request *r, const char *const *names)
{
    size_t at = 0;
    for (struct bytes name; request_query_next(r, NULL, &at, &name).data;) {
        if (is_one_of(name, names))
            continue;
        answer_invalid(r, "unknown parameter \"%.*s\"", SHOWN_ARG(name));
        return false;
    }
    return true;
}

bool asked_limit(struct request *r, uint64_t *limit)
{
    struct bytes text = request_query(r, "limit");
    *limit = ASKED_PAGE;
    if (!text.data || (shape_digits(text, ASKED_PAGE_MAX, limit) && *limit > 0))
        return true;
    answer_invalid(r, "limit must be 1 to %d", ASKED_PAGE_MAX);
    return false;
}

bool asked_cursor(struct request *r, uint64_t *after)
{
    struct bytes text = request_query(r, "cursor");
    *after = text.data ? id_read(text) : 0;
    if (!text.data || *after)
        return true;
    answer_invalid(r, "cursor is not one that was given as next");
    return false;
}

bool asked_wait(struct request *r, int64_t *wait_ms)
{
    struct bytes text = request_query(r, "wait");
    *wait_ms = -1;
    if (!text.data || shape_seconds(text, ASKED_WAIT_S_MAX, wait_ms))
        return true;
    answer_invalid(r, "wait must be seconds, 0 to %d", ASKED_WAIT_S_MAX);
    return false;
}

/* --- body and key --------------------------------------------------------------------------- */

static bool read_json(struct bytes body, struct buf *map, char *error, size_t size)
{
    struct reeve_value *value = reeve_value_new();
    bool read = reeve_put_json(value, body.data, body.size, error, size) == 0;
    buf_put(map, reeve_value_data(value), reeve_value_size(value));
    reeve_value_free(value);
    return read;
}

bool asked_body(struct request *r, const struct shape_field *fields, bool optional, struct buf *map)
{
    char error[SHAPE_ERROR];
    struct bytes body = request_body(r);
    if (body.size == 0 && optional) {
        pack_map(map, 0);
        return true;
    }
    if (body.size == 0)
        body = bytes_of("", 0);
    if (read_json(body, map, error, sizeof error) && shape_check(buf_bytes(map), fields, error))
        return true;
    answer_invalid(r, "%s", error);
    buf_fini(map);
    return false;
}

bool asked_key(struct request *r, struct buf *key, const char **out)
{
    struct bytes text = request_header(r, "Idempotency-Key");
    *out = NULL;
    if (text.size > KEY_BYTES_MAX) {
        answer_invalid(r, "Idempotency-Key has at most %d bytes", KEY_BYTES_MAX);
        return false;
    }
    if (text.size == 0)
        return true;
    buf_put(key, text.data, text.size);
    *out = buf_text(key);
    return true;
}
