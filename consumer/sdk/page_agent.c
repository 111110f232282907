/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/sdk/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int page_open(struct page_agent *p, int *runner_bell)
{
    int bells[2];
    *p = (struct page_agent){.memory = -1, .bell = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bells))
        return -1;
    p->bell = bells[0];
    *runner_bell = bells[1];
    p->memory = memfd_create("reeve-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    /* Sealed: a runner that could shrink it would end us with SIGBUS. */
    if (p->memory < 0 || ftruncate(p->memory, sizeof(struct page)) ||
        fcntl(p->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        goto fail;
    p->page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, p->memory, 0);
    if (p->page == MAP_FAILED) {
        p->page = NULL;
        goto fail;
    }
    p->page->magic = PAGE_MAGIC;
    p->page->version = PAGE_VERSION;
    p->page->bytes = sizeof(struct page);
    page_listen(p, false);
    return 0;
fail:;
    int saved = errno;
    close(bells[1]);
    page_close(p);
    errno = saved;
    return -1;
}

void page_close(struct page_agent *p)
{
    if (p->page)
        munmap(p->page, sizeof(struct page));
    if (p->memory >= 0)
        close(p->memory);
    if (p->bell >= 0)
        close(p->bell);
    *p = (struct page_agent){.memory = -1, .bell = -1};
}

static void punch(struct page_agent *p, size_t offset)
{
    /* Gives the memory back; where it cannot, the area is merely kept. */
    if (fallocate(p->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                  PAGE_LARGE_BYTES)) {
        return;
    }
}

static void ring_bell(struct page_agent *p)
{
    if (atomic_exchange(&p->page->runner_waits, PAGE_AWAKE) == PAGE_AWAKE)
        return;
    /* A full or closed bell needs no more ringing: full has rung, closed has nobody. */
    while (send(p->bell, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR)
        continue;
}

bool page_push(struct page_agent *p, const struct page_job *job, struct bytes args)
{
    uint32_t n = p->limit;
    size_t offset;
    if (n - p->taken >= PAGE_JOBS || args.size > PAGE_VALUE_MAX)
        return false;
    if (args.size > PAGE_SMALL_MAX) {
        if (p->large)
            return false;
        p->large = true;
        p->large_number = n;
        offset = offsetof(struct page, job_large);
        p->space.begin[n % PAGE_JOBS] = p->space.end[n % PAGE_JOBS] = p->space.head;
    } else {
        int64_t at = page_space_take(&p->space, n, args.size);
        if (at < 0)
            return false;
        offset = offsetof(struct page, job_bytes) + (size_t)at;
    }
    bytes_copy((char *)p->page + offset, args);
    /* Field by field: copied whole, what the caller has just put together would be waited for. */
    p->page->jobs[n % PAGE_JOBS] = (struct page_job){.id = job->id,
                                                     .offset = (uint32_t)offset,
                                                     .size = (uint32_t)args.size,
                                                     .timeout_ms = job->timeout_ms,
                                                     .attempt = job->attempt,
                                                     .method = job->method,
                                                     .together = job->together};
    p->limit = n + 1;
    return true;
}

bool page_publish(struct page_agent *p)
{
    uint64_t word = atomic_load(&p->page->word);
    do {
        if (word_limit(word) != p->published || p->published - word_started(word) > PAGE_JOBS)
            return false;
    } while (!atomic_compare_exchange_weak(&p->page->word, &word,
                                           word_of(word_started(word), p->limit)));
    p->published = p->limit;
    ring_bell(p);
    return true;
}

uint32_t page_recall(struct page_agent *p, uint32_t from)
{
    if (p->limit != p->published && !page_publish(p))
        return p->limit;
    uint64_t word = atomic_load(&p->page->word);
    uint32_t first;
    do {
        uint32_t started = word_started(word);
        if (word_limit(word) != p->published || p->published - started > PAGE_JOBS)
            return p->limit; /* corrupt: nothing can be had back; the next look says so */
        first = (int32_t)(started - from) > 0 ? started : from;
        if ((int32_t)(first - p->published) >= 0)
            return p->limit;
    } while (
        !atomic_compare_exchange_weak(&p->page->word, &word, word_of(word_started(word), first)));
    p->space.head = p->space.begin[first % PAGE_JOBS];
    if (p->large && (int32_t)(p->large_number - first) >= 0) {
        p->large = false;
        punch(p, offsetof(struct page, job_large));
    }
    p->limit = p->published = first;
    return first;
}

int64_t page_started(const struct page_agent *p)
{
    uint64_t word = atomic_load(&p->page->word);
    uint32_t started = word_started(word);
    if (word_limit(word) != p->published || p->published - started > PAGE_JOBS ||
        started - p->taken > PAGE_JOBS)
        return -1;
    return started;
}

/* The offset is the runner's word: inside the area it may write, or corrupt. */
static bool value_inside(uint64_t offset, uint64_t size)
{
    uint64_t ring = offsetof(struct page, result_bytes);
    if (offset == offsetof(struct page, result_large))
        return size <= PAGE_LARGE_BYTES;
    return offset >= ring && size <= PAGE_SMALL_MAX && offset - ring <= PAGE_RING_BYTES - size;
}

int page_take(struct page_agent *p, struct page_taken *out)
{
    /* A busy runner writes to both words all the time: looking at them once a batch leaves it the
     * cache lines. */
    if (p->results == p->taken) {
        uint32_t results = atomic_load(&p->page->results);
        if (results == p->taken)
            return 0;
        int64_t started = page_started(p);
        if (started < 0 || results - p->taken > (uint32_t)started - p->taken)
            return -1;
        p->results = results;
    }
    /* A copy first: the runner may change what we have checked. */
    struct page_result r;
    memcpy(&r, &p->page->result_at[p->taken % PAGE_JOBS], sizeof r);
    if (r.number != p->taken || r.status >= PAGE_STATUSES || !value_inside(r.offset, r.size))
        return -1;
    *out = (struct page_taken){.number = r.number,
                               .status = (enum page_status)r.status,
                               .run_us = r.run_us,
                               .value = bytes_of((char *)p->page + r.offset, r.size)};
    p->large_taken |= r.offset == offsetof(struct page, result_large);
    p->space.tail = p->space.end[p->taken % PAGE_JOBS];
    if (p->large && p->large_number == p->taken) {
        p->large = false;
        punch(p, offsetof(struct page, job_large));
    }
    p->taken++;
    return 1;
}

void page_release(struct page_agent *p)
{
    if (p->released == p->taken)
        return;
    p->released = p->taken;
    if (p->large_taken)
        punch(p, offsetof(struct page, result_large));
    p->large_taken = false;
    atomic_store(&p->page->taken, p->taken);
    /* An idle runner is not to be woken for room it does not want. */
    if (atomic_load(&p->page->runner_waits) == PAGE_WAITS_ROOM)
        ring_bell(p);
}

/* --- notes ---------------------------------------------------------------------------------- */

void page_listen(struct page_agent *p, bool again)
{
    p->listens = true;
    if (again)
        p->note_turn = 0;
    atomic_store(&p->page->note_wanted, 1);
}

/* Is there one of the running job that is to be taken? One that is being written rings later. */
static bool note_waits(const struct page_agent *p, uint32_t *turn)
{
    const struct page *page = p->page;
    *turn = atomic_load(&page->note_turn);
    return p->listens && *turn != p->note_turn && *turn % 2 == 0 &&
           atomic_load_explicit(&page->note_number, memory_order_acquire) == p->taken;
}

/* Its bytes. False: another one has been written meanwhile. */
static bool copy_note(const struct page *page, uint32_t turn, unsigned char out[PAGE_NOTE_MAX],
                      size_t *size)
{
    *size = atomic_load_explicit(&page->note_size, memory_order_acquire);
    if (*size > PAGE_NOTE_MAX)
        *size = 0; /* a lie: as if it were none */
    for (size_t at = 0; at < *size; at += sizeof(uint64_t)) {
        uint64_t word =
            atomic_load_explicit(&page->note_words[at / sizeof word], memory_order_acquire);
        memcpy(out + at, &word, sizeof word);
    }
    return atomic_load_explicit(&page->note_turn, memory_order_relaxed) == turn;
}

size_t page_take_note(struct page_agent *p, uint32_t started, unsigned char out[PAGE_NOTE_MAX])
{
    enum { TRIES = 16 }; /* one that writes all the time is met between two notes now and then */
    size_t size;
    uint32_t turn;
    for (int i = 0; i < TRIES && note_waits(p, &turn); i++) {
        int64_t began = page_started(p);
        bool runs = began >= 0 && (uint32_t)began != p->taken;
        if (runs && (int32_t)(started - p->taken) <= 0)
            return 0; /* when that is known */
        if (!copy_note(p->page, turn, out, &size))
            continue;
        p->note_turn = turn;
        if (!runs || size == 0)
            return 0; /* of a job that has not started: a lie, too */
        p->listens = false;
        atomic_store(&p->page->note_wanted, 0);
        return size;
    }
    return 0;
}

bool page_ready(const struct page_agent *p)
{
    return atomic_load(&p->page->ready) != 0;
}

int64_t page_started_us(const struct page_agent *p)
{
    return atomic_load_explicit(&p->page->started_us, memory_order_relaxed);
}

void page_stamp(struct page_agent *p, int64_t now_ms)
{
    atomic_store(&p->page->stamp_ms, now_ms);
    if (p->published != p->taken) /* it may be waiting for just this */
        ring_bell(p);
}

void page_cancel(struct page_agent *p, uint32_t number)
{
    atomic_store(&p->page->cancel, (uint64_t)number + 1);
}

bool page_sleep(struct page_agent *p)
{
    atomic_store(&p->page->agent_waits, 1);
    uint32_t turn;
    (void)atomic_load(&p->page->word); /* whose start is seen here, its results are: see page.h */
    return atomic_load(&p->page->results) != p->taken || note_waits(p, &turn);
}

void page_awake(struct page_agent *p)
{
    atomic_store_explicit(&p->page->agent_waits, 0, memory_order_relaxed);
}

void page_hush(struct page_agent *p)
{
    char bytes[64];
    while (recv(p->bell, bytes, sizeof bytes, MSG_DONTWAIT) == (ssize_t)sizeof bytes)
        continue;
}
