/* SPDX-License-Identifier: Apache-2.0
 *
 * terms: method and options that jobs are handed in with, checked and as pending keeps them. Mostly
 * they are those of the job before, which is seen at a glance. Pure.
 */
#ifndef CLIENT_TERMS_H
#define CLIENT_TERMS_H

#include <reeve/client.h>

#include "common/buf.h"
#include "common/must.h"
#include "proto/record.h"

struct terms {
    struct buf bytes; /* for pending_add; empty: none have been set, or they were wrong */
    char method[QUEUE_NAME_MAX + 1];
    struct reeve_job_options options; /* that they were made of */
    bool lazily;                      /* nobody waits to hear the job's id */
    struct buf tags, error;
};

/* NULL, or what is wrong with them, in words: lent until the next call. Then bytes is empty. */
const char *terms_set(struct terms *t, const char *method, const struct reeve_job_options *options,
                      bool lazily) MUST_CHECK;
void terms_fini(struct terms *t);

#endif
