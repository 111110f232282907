/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/line.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "proto/record.h"

static const char greeting[] = "reeve slot 1\n";

enum {
    GREETING_BYTES = sizeof greeting - 1,
    SIZE_BYTES = 4,
    CHUNK_BYTES = 64 << 10,
    ANSWER_BYTES_MAX = PAGE_VALUE_MAX + 64, /* the record around a value */
    CHUNKS_MAX = 64,                        /* a turn: more than a socket holds */
    KEEP_BYTES = 1 << 20,                   /* a buffer that has grown beyond is given back */
};

struct line {
    struct page_runner runner; /* of the page: we are it */
    int bell;
    bool greeted, runs, broken, over; /* over: nothing comes or goes any more */
    struct buf in, out;
    size_t sent; /* of out */
};

bool line_begins(int bell)
{
    char first = 0;
    return recv(bell, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first != 0;
}

struct line *line_new(struct page *page, int bell)
{
    struct line *l = must_alloc(sizeof *l);
    l->runner = (struct page_runner){.page = page, .bell = -1};
    l->bell = bell;
    return l;
}

void line_free(struct line *l)
{
    if (!l)
        return;
    buf_fini(&l->in);
    buf_fini(&l->out);
    free(l);
}

/* --- out ------------------------------------------------------------------------------------- */

static void empty(struct buf *b)
{
    buf_clear(b);
    if (b->capacity > KEEP_BYTES)
        buf_fini(b);
}

static void flush(struct line *l)
{
    while (!l->over && l->sent < l->out.size) {
        ssize_t n = send(l->bell, l->out.data + l->sent, l->out.size - l->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0)
            l->sent += (size_t)n;
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR)
            l->over = true;
    }
    l->sent = 0;
    empty(&l->out);
}

static void put_frame(struct line *l, const struct record *r)
{
    size_t at = l->out.size;
    buf_extend(&l->out, SIZE_BYTES);
    record_put(&l->out, r);
    size_t size = l->out.size - at - SIZE_BYTES;
    for (int i = 0; i < SIZE_BYTES; i++)
        l->out.data[at + (size_t)i] = (unsigned char)(size >> 8 * (SIZE_BYTES - 1 - i));
}

/* The page is also in the runner's reach, so its descriptors are no more than its word. */
static bool inside(const struct page_job *job)
{
    return job->size <= PAGE_VALUE_MAX && job->offset <= sizeof(struct page) - job->size;
}

static void run(struct line *l, const struct page_job *job)
{
    struct record r = {.type = REC_run,
                       .run = {.number = l->runner.number,
                               .method = job->method,
                               .id = job->id,
                               .attempt = job->attempt,
                               .timeout_ms = job->timeout_ms}};
    if (!inside(job)) {
        l->broken = true;
        return;
    }
    r.run.args = bytes_of((char *)l->runner.page + job->offset, job->size);
    put_frame(l, &r);
    l->runs = true;
}

void line_turn(struct line *l)
{
    struct page_job job;
    if (l->greeted && !l->runs && !l->broken && !l->over && page_try(&l->runner, &job))
        run(l, &job);
    flush(l);
}

void line_flag(struct line *l, uint32_t number)
{
    struct record r = {.type = REC_flag, .flag = {.number = number}};
    if (!l->runs || l->runner.number != number)
        return;
    put_frame(l, &r);
    flush(l);
}

/* --- in -------------------------------------------------------------------------------------- */

static void answered(struct line *l, const struct msg_answer *m)
{
    l->broken = !l->runs || m->number != l->runner.number || m->status >= PAGE_STATUSES ||
                m->value.size > PAGE_VALUE_MAX ||
                !page_done(&l->runner, (enum page_status)m->status, m->value);
    l->runs = false;
}

static void noted(struct line *l, const struct msg_note *m)
{
    l->broken = !l->runs || m->number != l->runner.number || m->value.size == 0 ||
                m->value.size > PAGE_NOTE_MAX;
    if (!l->broken)
        page_note(&l->runner, m->value);
}

static void take_frame(struct line *l, struct bytes frame)
{
    struct cursor c = cursor_of(frame);
    struct record r;
    while (!cursor_done(&c) && !l->broken) {
        l->broken = record_get(&c, &r) != OK;
        if (!l->broken && r.type == REC_answer)
            answered(l, &r.answer);
        else if (!l->broken && r.type == REC_note)
            noted(l, &r.note);
    }
}

/* The greeting, or the next frame, if it is there whole; its size, 0 when it is not. */
static size_t take_one(struct line *l, struct bytes in)
{
    const unsigned char *at = in.data;
    if (!l->greeted) {
        size_t have = in.size < GREETING_BYTES ? in.size : GREETING_BYTES;
        l->broken = memcmp(at, greeting, have) != 0;
        if (l->broken || have < GREETING_BYTES)
            return 0;
        l->greeted = true;
        page_serve(&l->runner);
        return GREETING_BYTES;
    }
    size_t size = 0;
    if (in.size < SIZE_BYTES)
        return 0;
    for (int i = 0; i < SIZE_BYTES; i++)
        size = size << 8 | at[i];
    l->broken = size > ANSWER_BYTES_MAX;
    if (l->broken || in.size - SIZE_BYTES < size)
        return 0;
    take_frame(l, bytes_of(at + SIZE_BYTES, size));
    return SIZE_BYTES + size;
}

static void take_all(struct line *l)
{
    size_t at = 0, taken = 1;
    while (taken && at < l->in.size && !l->broken)
        at += taken = take_one(l, bytes_of(l->in.data + at, l->in.size - at));
    l->in.size -= at;
    if (l->in.size == 0)
        empty(&l->in);
    else if (at)
        memmove(l->in.data, l->in.data + at, l->in.size);
}

void line_hear(struct line *l)
{
    for (int i = 0; i < CHUNKS_MAX && !l->over && !l->broken; i++) {
        unsigned char *to = buf_extend(&l->in, CHUNK_BYTES);
        ssize_t n = recv(l->bell, to, CHUNK_BYTES, MSG_DONTWAIT);
        int error = errno;
        l->in.size -= CHUNK_BYTES - (n > 0 ? (size_t)n : 0);
        /* Gone, or going: how, its end will tell. */
        l->over = n == 0 || (n < 0 && error != EAGAIN && error != EINTR);
        if (n > 0)
            take_all(l);
        if (n < CHUNK_BYTES && !(n < 0 && error == EINTR))
            return;
    }
}

/* --- for the loop ---------------------------------------------------------------------------- */

short line_events(const struct line *l)
{
    if (l->over || l->broken)
        return 0;
    return (short)(POLLIN | (l->sent < l->out.size ? POLLOUT : 0));
}

bool line_broken(const struct line *l)
{
    return l->broken;
}
