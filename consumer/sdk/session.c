/* SPDX-License-Identifier: Apache-2.0
 *
 * session: the verdict of an iteration, put together piece by piece while the method runs.
 */
#include "common/pack.h"
#include "consumer/sdk/job.h"
#include "proto/record.h"

void session_clear(struct session_parts *parts)
{
    buf_clear(&parts->state);
    buf_clear(&parts->view);
    buf_clear(&parts->lines);
    buf_clear(&parts->children);
    parts->count = 0;
    parts->wrong = NULL;
}

void session_fini(struct session_parts *parts)
{
    buf_fini(&parts->state);
    buf_fini(&parts->view);
    buf_fini(&parts->lines);
    buf_fini(&parts->children);
}

static void wrong(struct reeve_job *job, const char *what)
{
    if (!job->session.wrong)
        job->session.wrong = what;
}

static bool is(struct bytes value, enum pack_kind kind)
{
    struct cursor c = cursor_of(value);
    return value.size && pack_valid(value) && cursor_peek(&c) == kind;
}

void reeve_session_state(struct reeve_job *job, const void *value, size_t size)
{
    if (size > STATE_BYTES_MAX)
        wrong(job, "the session's state is larger than 1 MiB");
    else if (!pack_valid(bytes_of(value, size)))
        wrong(job, "the session's state is not one value");
    buf_clear(&job->session.state);
    buf_put(&job->session.state, value, size);
}

void reeve_session_view(struct reeve_job *job, const void *map, size_t size)
{
    if (size > VIEW_BYTES_MAX)
        wrong(job, "the session shows more than 64 KiB");
    else if (!is(bytes_of(map, size), PACK_MAP))
        wrong(job, "what the session shows is not a map");
    buf_clear(&job->session.view);
    buf_put(&job->session.view, map, size);
}

void reeve_session_line(struct reeve_job *job, const char *line)
{
    struct buf *lines = &job->session.lines;
    size_t size = strlen(line), from = lines->size;
    if (size >= VIEW_BYTES_MAX - lines->size) {
        wrong(job, "the session writes more than 64 KiB of lines in one iteration");
        return;
    }
    buf_put(lines, line, size);
    for (size_t i = from; i < lines->size; i++) /* one line, whatever it is made of */
        if (lines->data[i] == '\n' || lines->data[i] == '\r')
            lines->data[i] = ' ';
    buf_put(lines, "\n", 1);
}

void reeve_session_child(struct reeve_job *job, const char *method, const void *args, size_t size)
{
    struct msg_child child = {.queue = bytes_text(method), .args = bytes_of(args, size)};
    if (++job->session.count > CHILDREN_MAX)
        wrong(job, "the session has more than 1024 children");
    else if (!queue_name_valid(child.queue))
        wrong(job, "a child's method is not a name like handler.method");
    else if (!is(child.args, PACK_ARRAY))
        wrong(job, "a child's arguments are not one array");
    else
        put_child(&job->session.children, &child);
}

static void verdict(struct reeve_job *job, struct msg_verdict *v)
{
    struct session_parts *parts = &job->session;
    if (parts->wrong) {
        reeve_fail(job, "%s", parts->wrong);
        return;
    }
    v->state = buf_bytes(&parts->state);
    v->view = buf_bytes(&parts->view);
    v->lines = buf_bytes(&parts->lines);
    if (job_answer(job, PAGE_VERDICT))
        put_verdict(&job->answer, v);
    if (job->answer.size <= PAGE_VALUE_MAX)
        return;
    job->status = PAGE_TOO_LARGE;
    buf_clear(&job->answer);
    pack_nil(&job->answer);
}

void reeve_session_continue(struct reeve_job *job, uint64_t delay_ms)
{
    verdict(job, &(struct msg_verdict){.kind = VERDICT_CONTINUE, .delay_ms = delay_ms});
}

void reeve_session_ask(struct reeve_job *job)
{
    verdict(job, &(struct msg_verdict){.kind = VERDICT_ASK});
}

void reeve_session_fork(struct reeve_job *job)
{
    if (!job->session.count)
        wrong(job, "the session forks without children");
    verdict(job, &(struct msg_verdict){.kind = VERDICT_FORK,
                                       .children = buf_bytes(&job->session.children)});
}

void reeve_session_done(struct reeve_job *job, const void *value, size_t size)
{
    struct bytes bytes = value ? bytes_of(value, size) : bytes_of("\xc0", 1);
    if (!pack_valid(bytes))
        wrong(job, "the session's value is not one value");
    verdict(job, &(struct msg_verdict){.kind = VERDICT_DONE, .value = bytes});
}
