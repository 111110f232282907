/* SPDX-License-Identifier: Apache-2.0
 *
 * dask_words: what is said at the JSON door: a request read, its answer written. Pure; who knows
 * the answers is doors/dask.c. The spellings are those of its clients.
 */
#ifndef DOORS_DASK_WORDS_H
#define DOORS_DASK_WORDS_H

#include "common/buf.h"

enum dask_kind {
    DASK_BAD, /* no JSON object */
    DASK_UNKNOWN,
    DASK_STATUS,
    DASK_JOBS,
    DASK_PROCESSES,
    DASK_ALL,
    DASK_NO_REQUEST, /* of Info, and none it knows */
    DASK_RUN,
    DASK_NO_FILES, /* of Dask, and without its three texts */
};

struct dask_request {
    enum dask_kind kind;
    struct buf map;  /* all of it, packed, in its order; the pair that says it is bad otherwise */
    struct buf args; /* DASK_RUN: of the job */
    char error[160]; /* DASK_BAD: the parse error */
};

void dask_read(struct dask_request *out, struct bytes text);
/* A bad one, whatever was sent. */
void dask_read_bad(struct dask_request *out, const char *error);
void dask_request_fini(struct dask_request *r);

struct dask_counts {
    uint64_t jobs;      /* of data frames that run */
    uint64_t processes; /* of the farm: see view_processes */
};

/* The text of an Info request; of one that asks nothing known, or of one that is none, why not. */
void dask_say(struct buf *out, enum dask_kind kind, const struct dask_counts *counts);

/* Appends the request with its Response, as JSON. said: packed. */
void dask_answer(struct buf *json, const struct dask_request *r, bool complete, struct bytes said);

#endif
