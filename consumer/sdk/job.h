/* SPDX-License-Identifier: Apache-2.0
 *
 * job: what stands behind the public struct reeve_job: the arguments it borrows, the answer it
 * gathers, and the strings it lent to the method. One is reused for all jobs of the process, so
 * that a small job allocates nothing.
 */
#ifndef SDK_JOB_H
#define SDK_JOB_H

#include <reeve/handler.h>

#include "common/buf.h"
#include "consumer/sdk/page.h"
#include "proto/states.h"

struct reeve_job {
    const char *method;
    uint64_t id;
    unsigned attempt;
    struct bytes args;          /* one msgpack array */
    struct page_runner *runner; /* NULL when run by hand */
    bool answered;
    enum page_status status;
    struct buf progress; /* a map under construction */
    struct buf answer;   /* one value; for a failure its text; of a session a verdict record */
    struct session_parts {
        struct buf state, view, lines, children;
        unsigned count;    /* of children */
        const char *wrong; /* what is wrong with them; NULL: nothing */
    } session;
    struct job_lent {
        struct job_lent *next;
        char *text; /* malloc'ed */
    } * lent;
    char id_text[JOB_ID_TEXT];
};

/* Makes the job ready for another run, and gives back what it lent. */
void job_begin(struct reeve_job *job, const char *method, struct bytes args);
/* A method that returned without an answer has answered nil. */
void job_end(struct reeve_job *job);
void job_fini(struct reeve_job *job);
/* The job's answer has this status from now on; false: it has one already. */
bool job_answer(struct reeve_job *job, enum page_status status);
void session_clear(struct session_parts *parts);
void session_fini(struct session_parts *parts);
/* Keeps malloc'ed text until the job is over. */
const char *job_lend(struct reeve_job *job, char *text);

#endif
