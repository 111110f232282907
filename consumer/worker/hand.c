/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/worker/hand.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/log.h"
#include "consumer/worker/memory.h"

enum {
    CHUNK_BYTES = 16 << 10,
    CHUNKS_MAX = 16, /* a whole pipe, and what is written meanwhile */
    VOICES_A_TURN = 16,
    /* A job that ran so long is worth a look at its memory; so often at most for shorter ones. */
    LOOK_US = 10000,
};

_Static_assert((int)TAIL_BYTES <= (int)AGENT_LINES_BYTES, "the core knows how much lines can be");

int hands_open(struct hands *h, const struct agent_options *agent, int relay_fd)
{
    *h = (struct hands){.agent = agent, .count = agent_runner_count(agent)};
    h->at = must_alloc(h->count * sizeof *h->at);
    for (unsigned i = 0; i < h->count; i++)
        h->at[i].item = h->at[i].voice = -1;
    relay_open(&h->relay, relay_fd);
    h->ears = epoll_create1(EPOLL_CLOEXEC);
    return h->ears < 0 ? -1 : 0;
}

void hands_close(struct hands *h)
{
    for (unsigned i = 0; i < h->count; i++)
        hand_close(h, i);
    if (h->ears >= 0)
        close(h->ears);
    relay_close(&h->relay);
    buf_fini(&h->lines);
    free(h->at);
    *h = (struct hands){.ears = -1};
}

/* --- voices --------------------------------------------------------------------------------- */

/* What is heard belongs to the job that is known to have started last: a runner that writes has
 * said before that it started. With that the lines of earlier jobs are over, unless one of these is
 * `wanted`. */
static void hear(struct hands *h, struct hand *hand, struct bytes chunk, uint32_t wanted)
{
    int64_t started = hand->corrupt ? -1 : page_started(&hand->page);
    if (started >= 0 && (uint32_t)started != hand->heard_started) {
        if ((int32_t)(hand->heard_started - wanted) <= 0)
            tail_clear(&hand->speech->tail);
        hand->heard_started = (uint32_t)started;
    }
    tail_put(&hand->speech->tail, chunk);
    relay_put(&h->relay, &hand->speech->line, hand->speech->prefix, chunk);
}

/* At most so many chunks of what is there now; the lines of job `wanted` are to be kept. */
static void listen_to(struct hands *h, struct hand *hand, unsigned chunks, uint32_t wanted)
{
    unsigned char chunk[CHUNK_BYTES];
    while (hand->voice >= 0 && chunks--) {
        ssize_t n = read(hand->voice, chunk, sizeof chunk);
        if (n > 0) {
            hear(h, hand, bytes_of(chunk, (size_t)n), wanted);
        } else if (n == 0) { /* it has closed it: that would be news for ever */
            close(hand->voice);
            hand->voice = -1;
        } else if (errno != EINTR) {
            return;
        }
    }
}

void hands_hear(struct hands *h)
{
    struct epoll_event events[VOICES_A_TURN];
    int n = epoll_wait(h->ears, events, VOICES_A_TURN, 0);
    for (int i = 0; i < n; i++) {
        struct hand *hand = &h->at[events[i].data.u32];
        listen_to(h, hand, 1, hand->page.taken); /* how that one ends is not known yet */
    }
}

/* The last lines of job `number`, which has not ended well. Jobs that end in one moment share them:
 * what was said between two looks is nobody's in particular. */
static struct bytes last_lines(struct hands *h, struct hand *hand, uint32_t number, bool dead)
{
    /* Of all results that are there by now the lines are too. */
    if (dead || hand->heard_results != hand->page.results)
        listen_to(h, hand, CHUNKS_MAX, number);
    hand->heard_results = hand->page.results;
    if (!hand->corrupt && (int32_t)(hand->heard_started - number) <= 0)
        return bytes_of(NULL, 0); /* nothing since before it began */
    tail_text(&hand->speech->tail, &h->lines);
    return buf_bytes(&h->lines);
}

/* --- memory --------------------------------------------------------------------------------- */

/* The peak since the last look; 0: not known. */
static uint64_t look_at_memory(struct hand *hand)
{
    struct memory m;
    if (hand->pid <= 0 || !memory_look(hand->pid, &m))
        return 0;
    memory_forget(hand->pid);
    hand->used = false;
    hand->kib = m.kib;
    return m.peak_kib;
}

bool hands_memory(struct hands *h, unsigned runner, struct agent_event *e)
{
    const struct hand *hand = &h->at[runner];
    if (!hand->open || !hand->ready || hand->pid <= 0)
        return false;
    *e = (struct agent_event){.type = AGENT_MEMORY,
                              .runner = runner,
                              .memory = {.kib = memory_now(hand->pid),
                                         .all_kib = memory_all(hand->pid, h->agent->slot_kib)}};
    return e->memory.kib > 0;
}

void hands_second(struct hands *h, int64_t now_us)
{
    for (unsigned i = 0; i < h->count; i++) {
        struct hand *hand = &h->at[i];
        if (!hand->open)
            continue;
        page_stamp(&hand->page, now_us / 1000);
        if (hand->line)
            line_turn(hand->line); /* it may have been waiting for just this */
        /* At rest: what short jobs took is not to count for the next one. */
        if (hand->used && !hand_works(hand) && hand->pid > 0) {
            memory_forget(hand->pid);
            hand->used = false;
        }
    }
    uint64_t dropped = relay_second(&h->relay);
    if (dropped)
        log_warn("handlers wrote too much, bytes_left_out=%llu", (unsigned long long)dropped);
}

/* --- its life ------------------------------------------------------------------------------- */

/* Our end of its voice, and the other one. */
static int voice_open(struct hands *h, unsigned runner, int *other)
{
    int ends[2];
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = runner};
    if (pipe2(ends, O_CLOEXEC))
        return -1;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) || epoll_ctl(h->ears, EPOLL_CTL_ADD, ends[0], &event)) {
        int saved = errno;
        close(ends[0]);
        close(ends[1]);
        errno = saved;
        return -1;
    }
    h->at[runner].voice = ends[0];
    *other = ends[1];
    return 0;
}

int hands_start(struct hands *h, unsigned runner, unsigned program, const struct spawner *spawner,
                int64_t now_ms, bool *lost)
{
    struct hand *hand = &h->at[runner];
    struct spawner_ends ends;
    *lost = false;
    must(!hand->open);
    *hand = (struct hand){.item = -1, .voice = -1};
    if (voice_open(h, runner, &ends.voice))
        return errno;
    if (page_open(&hand->page, &ends.bell)) {
        int error = errno;
        close(ends.voice);
        hand_close(h, runner);
        return error;
    }
    hand->open = true;
    hand->speech = must_alloc(sizeof *hand->speech);
    page_stamp(&hand->page, now_ms);
    ends.memory = hand->page.memory;
    *lost = spawner_spawn(spawner, runner, program, &ends) != 0;
    close(ends.bell);
    close(ends.voice);
    snprintf(hand->speech->prefix, sizeof hand->speech->prefix, "slot=%u program=%.40s: ",
             runner % (h->agent->slots * h->agent->program_count) / h->agent->program_count,
             h->agent->programs[program].name);
    return 0;
}

void hand_close(struct hands *h, unsigned runner)
{
    struct hand *hand = &h->at[runner];
    if (hand->speech)
        relay_end(&h->relay, &hand->speech->line, hand->speech->prefix);
    line_free(hand->line);
    if (hand->open)
        page_close(&hand->page);
    if (hand->voice >= 0)
        close(hand->voice);
    free(hand->speech);
    *hand = (struct hand){.item = -1, .voice = -1};
}

bool hand_expects(const struct hand *h)
{
    return h->open && !h->corrupt && (!h->ready || h->page.limit != h->page.taken);
}

bool hand_works(const struct hand *h)
{
    return h->open && h->page.limit != h->page.taken;
}

void hands_push(struct hands *h, unsigned runner, const struct agent_push *jobs, size_t count)
{
    struct hand *hand = &h->at[runner];
    must(hand->open);
    /* What was said until now is not theirs. While others are in the ring nobody can tell. */
    if (!hand_works(hand))
        listen_to(h, hand, CHUNKS_MAX, hand->page.taken);
    for (size_t i = 0; i < count; i++) {
        struct page_job job = {.id = jobs[i].id,
                               .timeout_ms = jobs[i].timeout_ms,
                               .attempt = jobs[i].attempt,
                               .method = jobs[i].method,
                               .together = jobs[i].together};
        must(page_push(&hand->page, &job, jobs[i].args));
    }
    hand->fresh = true;
}

static void publish(struct hand *hand)
{
    hand->fresh = false;
    if (hand->corrupt || !page_publish(&hand->page))
        return; /* the next look at it finds it corrupt, and tells */
    if (hand->line)
        line_turn(hand->line);
}

void hands_publish(struct hands *h)
{
    for (unsigned i = 0; i < h->count; i++)
        if (h->at[i].fresh)
            publish(&h->at[i]);
}

uint32_t hands_recall(struct hands *h, unsigned runner, uint32_t from)
{
    struct hand *hand = &h->at[runner];
    hand->fresh = false;
    uint32_t first = page_recall(&hand->page, from);
    if (hand->line)
        line_turn(hand->line); /* those before had perhaps not been published */
    return first;
}

void hands_listen(struct hands *h, unsigned runner, bool again)
{
    if (h->at[runner].open)
        page_listen(&h->at[runner].page, again);
}

void hands_flag(struct hands *h, unsigned runner, uint32_t number)
{
    struct hand *hand = &h->at[runner];
    hand->flagged = number + 1;
    page_cancel(&hand->page, number);
    if (hand->line)
        line_flag(hand->line, number);
}

short hand_events(const struct hand *h)
{
    return h->line ? line_events(h->line) : POLLIN;
}

void hands_rung(struct hands *h, unsigned runner)
{
    struct hand *hand = &h->at[runner];
    if (!hand->open)
        return;
    if (!hand->line && !hand->ready && line_begins(hand->page.bell))
        hand->line = line_new(hand->page.page, hand->page.bell);
    if (!hand->line) {
        page_hush(&hand->page);
        return;
    }
    line_hear(hand->line);
    line_turn(hand->line);
}

/* --- events --------------------------------------------------------------------------------- */

/* True: others may follow it. What its job has said stands until the next one is taken. */
static bool take_result(struct hands *h, struct hand *hand, const struct page_taken *t,
                        int64_t now_us, struct agent_result *out)
{
    static const unsigned reasons[PAGE_STATUSES] = {[PAGE_OK] = REASON_NONE,
                                                    [PAGE_FAILED] = REASON_ERROR,
                                                    [PAGE_TOO_LARGE] = REASON_TOO_LARGE,
                                                    [PAGE_VERDICT] = REASON_VERDICT};
    *out =
        (struct agent_result){.number = t->number,
                              .reason = reasons[t->status],
                              .run_us = t->run_us,
                              .value = t->status == PAGE_TOO_LARGE ? bytes_of(NULL, 0) : t->value};
    bool well =
        (t->status == PAGE_OK || t->status == PAGE_VERDICT) && hand->flagged != t->number + 1;
    if (!well)
        out->lines = last_lines(h, hand, t->number, false);
    if (t->run_us >= LOOK_US || (!well && now_us - hand->looked_us >= LOOK_US)) {
        hand->looked_us = now_us;
        out->peak_kib = look_at_memory(hand);
    }
    return well;
}

/* A row of them. 1, 0 when there is none yet, -1 when the page makes no sense: behind some others
 * that is found at the next call. */
static int take_results(struct hands *h, struct hand *hand, int64_t now_us, struct agent_event *e)
{
    struct page_taken t;
    unsigned count = 0;
    int rc = 1;
    for (bool more = true; more && count < HANDS_ROW && (rc = page_take(&hand->page, &t)) > 0;)
        more = take_result(h, hand, &t, now_us, &h->results[count++]);
    if (count == 0)
        return rc;
    hand->taken = hand->used = true;
    e->type = AGENT_RESULTS;
    e->results.at = h->results;
    e->results.count = count;
    return 1;
}

/* What its start took is no job's peak; what it has now tells who has grown later. */
static void take_start(const struct hands *h, struct hand *hand)
{
    look_at_memory(hand);
    /* One above its limit gets its job all the same, and the job is told why it ended. Killed
     * before, it would be started again and again, and nobody would know. */
    if (h->agent->slot_kib && hand->kib > h->agent->slot_kib)
        hand->kib = 0;
}

/* Behind the news of its job's start. */
static bool take_note(struct hands *h, struct hand *hand, struct agent_event *e)
{
    size_t size = page_take_note(&hand->page, hand->seen_started, h->note);
    e->type = AGENT_NOTE;
    e->job.number = hand->page.taken;
    e->job.value = bytes_of(h->note, size);
    return size > 0;
}

bool hands_next(struct hands *h, unsigned runner, int64_t now_us, struct agent_event *e)
{
    struct hand *hand = &h->at[runner];
    *e = (struct agent_event){.runner = runner};
    if (!hand->open || hand->corrupt)
        return false;
    if (hand->told) { /* once a turn: a busy runner has always something new */
        hand->told = false;
        return take_note(h, hand, e);
    }
    if (!hand->ready && page_ready(&hand->page)) {
        hand->ready = true;
        take_start(h, hand);
        e->type = AGENT_READY;
        return true;
    }
    int rc = take_results(h, hand, now_us, e);
    if (rc > 0)
        return true;
    if (hand->kib) {
        e->type = AGENT_MEMORY;
        e->memory.kib = hand->kib;
        e->memory.all_kib = 0;
        hand->kib = 0;
        return true;
    }
    int64_t started = page_started(&hand->page);
    if (rc < 0 || started < 0 || (hand->line && line_broken(hand->line))) {
        log_error("runner=%u its %s makes no sense", runner, hand->line ? "line" : "page");
        hand->corrupt = true;
        e->type = AGENT_CORRUPT;
        return true;
    }
    page_release(&hand->page);
    if (!hand->taken && (uint32_t)started == hand->seen_started)
        return take_note(h, hand, e);
    hand->taken = false;
    hand->told = true;
    hand->seen_started = (uint32_t)started;
    e->type = AGENT_PROGRESS;
    e->job.number = hand->seen_started;
    e->job.at_us = page_started_us(&hand->page);
    return true;
}

void hands_exited(struct hands *h, const struct spawner_report *r, struct agent_event *e)
{
    struct hand *hand = &h->at[r->runner];
    *e = (struct agent_event){.type = AGENT_EXITED,
                              .runner = r->runner,
                              .exit = {.signal = r->signal,
                                       .status = r->status,
                                       .oom = r->oom != 0,
                                       .peak_kib = (uint64_t)r->peak_kib}};
    if (!hand->open)
        return;
    e->exit.lines = last_lines(h, hand, hand->page.taken, true);
    hand_close(h, r->runner);
}
