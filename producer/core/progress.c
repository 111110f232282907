/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/core/progress.h"

size_t progress_bytes(const struct job *job)
{
    return job->more ? job->more->progress.size : 0;
}

void progress_drop(struct broker *b, struct job *job)
{
    if (!progress_bytes(job))
        return;
    usage_grow(b, job, -(int64_t)progress_bytes(job));
    bytes_drop(&job->more->progress);
}

void progress_tell(struct broker *b, struct job *job, struct bytes map)
{
    if (job_chain(job) || !progress_valid(map))
        return;
    progress_drop(b, job);
    job_more(job)->progress = bytes_keep(map);
    usage_grow(b, job, (int64_t)map.size);
    job_progress_event(b, job);
}
