/* SPDX-License-Identifier: Apache-2.0
 *
 * result: the broker's last word on a job as the public struct. What a result lends lies in the
 * record it was read from and in the strings given here.
 */
#ifndef CLIENT_RESULT_H
#define CLIENT_RESULT_H

#include <reeve/client.h>

#include "proto/record.h"

/* Appends a value for people, ended in 0 by buf_text; without one the word for how it ended. */
void result_text(struct buf *out, struct bytes value, unsigned state, const char *why);

struct result_strings {
    struct reeve_result result; /* the last one made here */
    /* Of the record it was made of, while the message that this came in is there; NULL: of none. */
    const void *worker_at, *value_at;
    struct buf text, value; /* value: only of a result that is kept */
    char worker[NAME_BYTES_MAX + 1], reason[48];
};

/* Lent until the next call with these strings. */
struct reeve_result *result_ended(struct result_strings *s, const struct msg_ended *m);
struct reeve_result *result_refused(struct result_strings *s, const struct msg_error *m);
/* The message is going to be freed. */
void result_over(struct result_strings *s);

/* A copy that lends nothing but what is in s. */
void result_keep(struct reeve_result *out, struct result_strings *s,
                 const struct reeve_result *from);
void result_strings_fini(struct result_strings *s);

#endif
