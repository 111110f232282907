/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/sdk/page.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"

int page_join(struct page_runner *r, int bell, int memory, const char **error)
{
    struct stat st;
    *r = (struct page_runner){.bell = bell};
    if (fstat(memory, &st) || st.st_size != (off_t)sizeof(struct page)) {
        *error = "the slot's page is not of this version";
        return -1;
    }
    r->page = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (r->page == MAP_FAILED) {
        *error = "cannot map the slot's page";
        return -1;
    }
    close(memory);
    /* Programs that a method starts are not to hold the bell. */
    if (fcntl(bell, F_SETFD, FD_CLOEXEC)) {
        *error = "the slot's bell is no descriptor";
        return -1;
    }
    if (r->page->magic != PAGE_MAGIC || r->page->version != PAGE_VERSION ||
        r->page->bytes != sizeof(struct page)) {
        *error = "the slot's page is not of this version";
        return -1;
    }
    return 0;
}

static void ring_bell(struct page_runner *r)
{
    /* The plain load spares the busy case a locked instruction; both are seq_cst, so a flag set
     * before the agent's last look at `results` is seen here. */
    if (atomic_load(&r->page->agent_waits) == 0 || atomic_exchange(&r->page->agent_waits, 0) == 0)
        return;
    while (send(r->bell, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR)
        continue;
}

/* Sleeps until the bell rings or the time is over. False: the agent is gone. */
static bool wait_bell(struct page_runner *r, int timeout_ms)
{
    /* Who sleeps in recv is woken, for nothing, when the agent takes the byte we have rung with. */
    struct pollfd fd = {.fd = r->bell, .events = POLLIN};
    int n = poll(&fd, 1, timeout_ms);
    if (n <= 0)
        return n == 0 || errno == EINTR;
    char bytes[64];
    ssize_t got = recv(r->bell, bytes, sizeof bytes, 0);
    return got > 0 || (got < 0 && errno == EINTR);
}

static bool stale(const struct page_runner *r, int64_t now_us)
{
    return now_us / 1000 - atomic_load_explicit(&r->page->stamp_ms, memory_order_acquire) >
           PAGE_STAMP_MS;
}

/* Starts the next job, as far as there is one and the agent is not frozen. */
static bool start(struct page_runner *r, uint64_t *word, struct page_job *job, bool *frozen)
{
    struct page *page = r->page;
    /* In a busy ring the end of one job is the start of the next. */
    int64_t now_us = r->ended_us ? r->ended_us : clock_us();
    r->ended_us = 0;
    *frozen = false;
    while (word_started(*word) != word_limit(*word) && !(*frozen = stale(r, now_us))) {
        uint32_t n = word_started(*word);
        /* First the time: who sees the start shall not find that of the job before. */
        atomic_store_explicit(&page->started_us, now_us, memory_order_relaxed);
        if (!atomic_compare_exchange_strong(&page->word, word, word_of(n + 1, word_limit(*word))))
            continue;
        *job = page->jobs[n % PAGE_JOBS];
        r->number = n;
        r->together = job->together;
        r->started_us = now_us;
        return true;
    }
    return false;
}

void page_serve(struct page_runner *r)
{
    atomic_store(&r->page->ready, 1);
    ring_bell(r);
}

enum page_look page_look(struct page_runner *r, struct page_job *job)
{
    struct page *page = r->page;
    if (!atomic_load_explicit(&page->ready, memory_order_relaxed))
        page_serve(r);
    uint64_t word = atomic_load_explicit(&page->word, memory_order_acquire);
    bool frozen;
    if (start(r, &word, job, &frozen))
        return PAGE_STARTED;
    atomic_store(&page->runner_waits, PAGE_WAITS_JOB);
    word = atomic_load(&page->word);
    if (start(r, &word, job, &frozen))
        return PAGE_STARTED;
    return frozen ? PAGE_FROZEN : PAGE_NOTHING;
}

bool page_next(struct page_runner *r, struct page_job *job)
{
    enum page_look look;
    while ((look = page_look(r, job)) != PAGE_STARTED)
        if (!wait_bell(r, look == PAGE_FROZEN ? PAGE_FROZEN_MS : -1))
            return false;
    return true;
}

bool page_try(struct page_runner *r, struct page_job *job)
{
    uint64_t word = atomic_load(&r->page->word);
    bool frozen;
    return start(r, &word, job, &frozen);
}

/* A place for the value of the running job's result, waiting for room. */
static bool place(struct page_runner *r, size_t size, uint64_t *offset)
{
    struct page *page = r->page;
    for (bool asleep = false;; asleep = true) {
        uint32_t taken = atomic_load(&page->taken);
        if (taken != r->freed) {
            r->freed = taken;
            r->space.tail = r->space.end[(taken - 1) % PAGE_JOBS];
            r->large = r->large && (int32_t)(taken - r->large_number) <= 0;
        }
        if (size > PAGE_SMALL_MAX && !r->large) {
            r->large = true;
            r->large_number = r->number;
            r->space.end[r->number % PAGE_JOBS] = r->space.head;
            *offset = offsetof(struct page, result_large);
            return true;
        }
        int64_t at = size > PAGE_SMALL_MAX ? -1 : page_space_take(&r->space, r->number, size);
        if (at >= 0) {
            *offset = offsetof(struct page, result_bytes) + (uint64_t)at;
            return true;
        }
        if (asleep && !wait_bell(r, -1))
            return false;
        atomic_store(&page->runner_waits, PAGE_WAITS_ROOM); /* and look once more before sleeping */
    }
}

/* The agent's hands may be left alone: see page.h. */
static bool may_wait(const struct page_runner *r)
{
    uint64_t word = atomic_load(&r->page->word);
    uint32_t ended = r->number + 1 - atomic_load(&r->page->taken);
    return r->together && word_limit(word) - word_started(word) > ended;
}

/* Writes the result, which is not published yet. */
static bool finish(struct page_runner *r, enum page_status status, struct bytes value)
{
    struct page *page = r->page;
    struct page_result *out = &page->result_at[r->number % PAGE_JOBS];
    uint64_t offset;
    if (!place(r, value.size, &offset))
        return false;
    bytes_copy((char *)page + offset, value);
    r->ended_us = clock_us();
    int64_t run_us = r->ended_us - r->started_us;
    *out = (struct page_result){.offset = offset,
                                .size = value.size,
                                .number = r->number,
                                .status = status,
                                .run_us = run_us < UINT32_MAX ? (uint32_t)run_us : UINT32_MAX};
    return true;
}

static void publish(struct page_runner *r)
{
    atomic_store(&r->page->results, r->number + 1);
    if (!may_wait(r))
        ring_bell(r);
}

bool page_done(struct page_runner *r, enum page_status status, struct bytes value)
{
    if (!finish(r, status, value))
        return false;
    publish(r);
    return true;
}

bool page_done_next(struct page_runner *r, enum page_status status, struct bytes value,
                    struct page_job *job)
{
    if (!finish(r, status, value))
        return false;
    uint64_t word = atomic_load_explicit(&r->page->word, memory_order_acquire);
    if (word_started(word) != word_limit(word)) {
        bool waits = may_wait(r), frozen;
        atomic_store_explicit(&r->page->results, r->number + 1, memory_order_release);
        if (start(r, &word, job, &frozen)) {
            if (!waits)
                ring_bell(r);
            return true;
        }
    }
    publish(r);
    return page_next(r, job);
}

bool page_cancelled(const struct page_runner *r)
{
    return atomic_load_explicit(&r->page->cancel, memory_order_relaxed) == (uint64_t)r->number + 1;
}

void page_note(struct page_runner *r, struct bytes note)
{
    struct page *page = r->page;
    uint32_t turn = atomic_load_explicit(&page->note_turn, memory_order_relaxed);
    must(note.size > 0 && note.size <= PAGE_NOTE_MAX);
    atomic_store_explicit(&page->note_turn, turn | 1, memory_order_relaxed);
    atomic_store_explicit(&page->note_number, r->number, memory_order_release);
    atomic_store_explicit(&page->note_size, (uint32_t)note.size, memory_order_release);
    for (size_t at = 0; at < note.size; at += sizeof(uint64_t)) {
        size_t left = note.size - at;
        uint64_t word = 0;
        memcpy(&word, (const char *)note.data + at, left < sizeof word ? left : sizeof word);
        atomic_store_explicit(&page->note_words[at / sizeof word], word, memory_order_release);
    }
    atomic_store(&page->note_turn, (turn | 1) + 1);
    if (atomic_load(&page->note_wanted))
        ring_bell(r);
}
