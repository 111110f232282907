/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/answer.h"

#include <stdarg.h>

#include "common/pack.h"
#include "common/value.h"

static const char json_type[] = "application/json";

static const struct {
    enum err err;
    unsigned status;
    const char *retry_s; /* worth trying again after so many seconds */
} statuses[] = {
    {ERR_INVALID, 400, NULL},
    {ERR_MALFORMED, 400, NULL},
    {ERR_RESERVED, 400, NULL},
    {ERR_NO_SESSION, 400, NULL},
    {ERR_NOT_DURABLE, 400, NULL},
    {ERR_UNKNOWN_JOB, 404, NULL},
    {ERR_UNKNOWN_HANDLER, 404, NULL},
    {ERR_UNKNOWN_QUEUE, 404, NULL},
    {ERR_UNKNOWN_WORKER, 404, NULL},
    {ERR_UNKNOWN_TASK, 404, NULL},
    {ERR_UNKNOWN_FEED, 404, NULL},
    {ERR_FORGOTTEN, 404, NULL},
    {ERR_KEY_TAKEN, 409, NULL},
    {ERR_ENDED, 409, NULL},
    {ERR_NOT_ENDED, 409, NULL},
    {ERR_PAUSED, 409, NULL},
    {ERR_NOT_PAUSED, 409, NULL},
    {ERR_NOT_ASKING, 409, NULL},
    {ERR_TOO_LARGE, 413, NULL},
    {ERR_BUSY, 429, "1"},
    {ERR_QUOTA, 429, "1"},
    {ERR_DISK_FULL, 503, "5"},
    {ERR_UNREACHABLE, 503, "1"},
    {ERR_TIMEOUT, 504, NULL},
};

unsigned answer_status(unsigned err)
{
    for (size_t i = 0; i < LENGTH(statuses); i++)
        if (statuses[i].err == err)
            return statuses[i].status;
    return 500;
}

void answer_json(struct request *r, unsigned status, struct bytes value)
{
    struct buf out = {0};
    must(value_json(&out, value));
    request_answer(r, status, json_type, buf_bytes(&out));
    buf_fini(&out);
}

void answer_empty(struct request *r, unsigned status)
{
    request_answer(r, status, NULL, bytes_of(NULL, 0));
}

static void refuse(struct request *r, unsigned status, const char *code, struct bytes text,
                   const char *key, const char *value)
{
    struct buf b = {0};
    pack_map(&b, 1);
    pack_text(&b, "error");
    pack_map(&b, key ? 3 : 2);
    pack_text(&b, "code");
    pack_text(&b, code);
    pack_text(&b, "message");
    pack_str(&b, text);
    if (key) {
        pack_text(&b, key);
        pack_text(&b, value);
    }
    answer_json(r, status, buf_bytes(&b));
    buf_fini(&b);
}

void answer_error_bytes(struct request *r, unsigned err, struct bytes text)
{
    for (size_t i = 0; i < LENGTH(statuses); i++)
        if (statuses[i].err == err && statuses[i].retry_s)
            request_header_put(r, "Retry-After", statuses[i].retry_s);
    refuse(r, answer_status(err), err_name(err), text.size ? text : bytes_text(err_text(err)), NULL,
           NULL);
}

void answer_error(struct request *r, unsigned err, const char *text)
{
    answer_error_bytes(r, err, bytes_text(text));
}

void answer_invalid(struct request *r, const char *format, ...)
{
    char text[500];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    answer_error(r, ERR_INVALID, text);
}

void answer_refused(struct request *r, unsigned status, const char *code, const char *text)
{
    refuse(r, status, code, bytes_text(text), NULL, NULL);
}

void answer_problem(struct request *r, unsigned status, const char *code, const char *key,
                    const char *value, const char *format, ...)
{
    char text[500];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    refuse(r, status, code, bytes_text(text), key, value);
}
