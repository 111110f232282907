/* SPDX-License-Identifier: Apache-2.0
 *
 * terms: method and options that jobs are handed in with, checked and told to pending. Mostly they
 * are those of the job before, which is seen at a glance. Pure.
 */
#ifndef CLIENT_TERMS_H
#define CLIENT_TERMS_H

#include <reeve/client.h>

#include "common/buf.h"
#include "common/must.h"
#include "producer/client/pending.h"
#include "proto/record.h"

struct terms {
    bool plain;  /* they were right, and what follows is all that they were made of */
    bool lazily; /* nobody waits to hear the job's id */
    char method[QUEUE_NAME_MAX + 1];
    struct reeve_job_options options;
    struct buf tags, error;
};

/* Those of the next jobs. NULL, or what is wrong with them, in words, lent until the next call:
 * then pending has those from before. */
const char *terms_set(struct terms *t, struct pending *p, const char *method,
                      const struct reeve_job_options *options, bool lazily) MUST_CHECK;
void terms_fini(struct terms *t);

#endif
