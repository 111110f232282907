/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/sdk/job.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/pack.h"
#include "proto/record.h"

enum { ERROR_TEXT_MAX = 4096, KEPT_BYTES = 1 << 20 };

static void give_back(struct reeve_job *job)
{
    while (job->lent) {
        struct job_lent *lent = job->lent;
        job->lent = lent->next;
        free(lent->text);
        free(lent);
    }
}

void job_begin(struct reeve_job *job, const char *method, struct bytes args)
{
    if (job->lent)
        give_back(job);
    /* One huge answer must not cost the slot its memory for ever. */
    if (job->answer.capacity > KEPT_BYTES)
        buf_fini(&job->answer);
    buf_clear(&job->answer);
    session_clear(&job->session);
    job->method = method;
    job->args = args;
    job->answered = false;
    job->id_text[0] = 0;
}

void job_end(struct reeve_job *job)
{
    if (!job->answered)
        reeve_reply_nil(job);
}

void job_fini(struct reeve_job *job)
{
    give_back(job);
    buf_fini(&job->answer);
    buf_fini(&job->progress);
    session_fini(&job->session);
}

const char *job_lend(struct reeve_job *job, char *text)
{
    struct job_lent *lent = must_alloc(sizeof *lent);
    *lent = (struct job_lent){.next = job->lent, .text = text};
    job->lent = lent;
    return text;
}

const char *reeve_job_id(struct reeve_job *job)
{
    return job->id_text[0] ? job->id_text : job_id_text(job->id, job->id_text);
}

const char *reeve_job_method(struct reeve_job *job)
{
    return job->method;
}

unsigned reeve_job_attempt(const struct reeve_job *job)
{
    return job->attempt;
}

int reeve_cancelled(const struct reeve_job *job)
{
    return job->runner && page_cancelled(job->runner);
}

/* --- progress ------------------------------------------------------------------------------- */

_Static_assert((int)PROGRESS_BYTES_MAX <= (int)PAGE_NOTE_MAX, "a progress is one note");

int reeve_progress(struct reeve_job *job, const void *map, size_t size)
{
    struct bytes progress = bytes_of(map, size);
    if (!progress_valid(progress))
        return -1;
    if (job->runner)
        page_note(job->runner, progress);
    return 0;
}

int reeve_progress_of(struct reeve_job *job, uint64_t done, uint64_t of)
{
    buf_clear(&job->progress);
    pack_map(&job->progress, of ? 2 : 1);
    pack_text(&job->progress, "done");
    pack_uint(&job->progress, done);
    if (of) {
        pack_text(&job->progress, "of");
        pack_uint(&job->progress, of);
    }
    return reeve_progress(job, job->progress.data, job->progress.size);
}

/* --- answers: the first one stands ---------------------------------------------------------- */

bool job_answer(struct reeve_job *job, enum page_status status)
{
    if (job->answered) {
        fprintf(stderr, "%s: a second answer to one job is ignored\n", job->method);
        return false;
    }
    job->answered = true;
    job->status = status;
    return true;
}

static bool answer_bytes(struct reeve_job *job, size_t size)
{
    enum { HEAD_MAX = 5 };
    if (size <= PAGE_VALUE_MAX - HEAD_MAX)
        return job_answer(job, PAGE_OK);
    if (job_answer(job, PAGE_TOO_LARGE))
        pack_nil(&job->answer);
    return false;
}

void reeve_reply_nil(struct reeve_job *job)
{
    if (job_answer(job, PAGE_OK))
        pack_nil(&job->answer);
}

void reeve_reply_int(struct reeve_job *job, int64_t number)
{
    if (job_answer(job, PAGE_OK))
        pack_int(&job->answer, number);
}

void reeve_reply_double(struct reeve_job *job, double number)
{
    if (job_answer(job, PAGE_OK))
        pack_float(&job->answer, number);
}

void reeve_reply_text_n(struct reeve_job *job, const char *text, size_t size)
{
    if (answer_bytes(job, size))
        pack_str(&job->answer, bytes_of(text, size));
}

void reeve_reply_text(struct reeve_job *job, const char *text)
{
    reeve_reply_text_n(job, text, strlen(text));
}

void reeve_reply_bytes(struct reeve_job *job, const void *data, size_t size)
{
    if (answer_bytes(job, size))
        pack_bin(&job->answer, bytes_of(data, size));
}

void reeve_reply_value(struct reeve_job *job, const void *value, size_t size)
{
    if (size > PAGE_VALUE_MAX)
        answer_bytes(job, size);
    else if (!pack_valid(bytes_of(value, size)))
        reeve_fail(job, "the handler answered with something that is not one value");
    else if (job_answer(job, PAGE_OK))
        buf_put(&job->answer, value, size);
}

void reeve_fail(struct reeve_job *job, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (size < 0)
        size = 0;
    if (job_answer(job, PAGE_FAILED))
        pack_str(&job->answer,
                 bytes_of(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1));
}
