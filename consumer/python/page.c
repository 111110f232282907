/* SPDX-License-Identifier: Apache-2.0
 *
 * page: how reeve/page.py takes jobs from the page it shares with its worker: the runner's side of
 * it (consumer/sdk/page_runner.c) as flat functions in a library of their own, which Python calls
 * through ctypes, since it has no compare-and-swap itself. Where the library is missing, jobs come
 * over the socket, one at a time. No Python in here, so one library does for all its versions.
 *
 * All functions are for the process's one slot and one thread.
 */
#include "consumer/sdk/page.h"

#pragma GCC visibility push(default)

/* As reeve/page.py reads it; all but `offset` (of the arguments, from the page's start) as in
 * page.h. */
struct python_job {
    uint64_t id, offset, size;
    uint32_t attempt, timeout_ms, method, reserved;
};

/* NULL, or what is wrong. The memory's descriptor is closed. */
const char *python_page_join(int bell, int memory);
/* A page_look; the job when it is PAGE_STARTED. */
int python_page_look(struct python_job *out);
/* 0: the agent is gone. */
int python_page_done(int status, const char *value, size_t size);
int python_page_cancelled(void);
/* What the running job tells of its progress, of 1 to PAGE_NOTE_MAX bytes. */
void python_page_note(const char *value, size_t size);

#pragma GCC visibility pop

static struct page_runner runner;

const char *python_page_join(int bell, int memory)
{
    const char *error = NULL;
    return page_join(&runner, bell, memory, &error) ? error : NULL;
}

int python_page_look(struct python_job *out)
{
    struct page_job job;
    enum page_look look = page_look(&runner, &job);
    if (look == PAGE_STARTED)
        *out = (struct python_job){.id = job.id,
                                   .offset = job.offset,
                                   .size = job.size,
                                   .attempt = job.attempt,
                                   .timeout_ms = job.timeout_ms,
                                   .method = job.method};
    return (int)look;
}

int python_page_done(int status, const char *value, size_t size)
{
    return page_done(&runner, (enum page_status)status, bytes_of(value, size));
}

int python_page_cancelled(void)
{
    return page_cancelled(&runner);
}

void python_page_note(const char *value, size_t size)
{
    page_note(&runner, bytes_of(value, size));
}
