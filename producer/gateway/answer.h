/* SPDX-License-Identifier: Apache-2.0
 *
 * answer: how the gateway answers: values as JSON, refusals as {"error": {"code", "message"}} with
 * the status that goes with them. Each call below answers the request, which is gone then.
 */
#ifndef GATEWAY_ANSWER_H
#define GATEWAY_ANSWER_H

#include "producer/gateway/http/http.h"
#include "proto/errors.h"

/* One msgpack value; borrowed. */
void answer_json(struct request *r, unsigned status, struct bytes value);
/* No body. */
void answer_empty(struct request *r, unsigned status);

/* What the broker or the library says: code and status come from the error's number; text NULL or
 * "": the error's own. Busy, a full disk and a broker that is away say when to try again. */
void answer_error(struct request *r, unsigned err, const char *text);
void answer_error_bytes(struct request *r, unsigned err, struct bytes text);
/* 400 invalid: what in the request is wrong. */
void answer_invalid(struct request *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What only a web server says: a status with a word for programs and a sentence for people. */
void answer_refused(struct request *r, unsigned status, const char *code, const char *text);

/* The same with one more member of the error, key, that says about what; key NULL: none. */
void answer_problem(struct request *r, unsigned status, const char *code, const char *key,
                    const char *value, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* The status that goes with an error. */
unsigned answer_status(unsigned err);

#endif
