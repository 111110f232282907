/* SPDX-License-Identifier: Apache-2.0
 *
 * A runner that speaks over the socket and says anything, in any pieces, while the agent pushes,
 * takes back, flags and freezes, and while the page, which is in that runner's reach, is scribbled
 * on. Nothing may be read beyond the page, and a page that nobody touched stays sound.
 */
#include "consumer/worker/line.h"

#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "proto/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARGS_MAX = 300 };

struct fuzz {
    struct page_agent agent;
    struct line *line;
    int bell;
    bool scribbled;
    const uint8_t *data;
    size_t size;
};

static uint8_t next(struct fuzz *f)
{
    if (!f->size)
        return 0;
    f->size--;
    return *f->data++;
}

static void say(struct fuzz *f, const void *bytes, size_t size)
{
    if (size && send(f->bell, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* full, or closed by now: it is only a runner */
}

static void say_raw(struct fuzz *f)
{
    size_t size = next(f);
    size = size < f->size ? size : f->size;
    say(f, f->data, size);
    f->data += size;
    f->size -= size;
}

/* An answer as it should be, but for number and status. */
static void say_answer(struct fuzz *f)
{
    struct buf b = {0};
    struct record r = {
        .type = REC_answer,
        .answer = {.number = next(f), .status = next(f) % 5, .value = bytes_text("v")}};
    buf_extend(&b, 4);
    record_put(&b, &r);
    memset(b.data, 0, 3);
    b.data[3] = (unsigned char)(b.size - 4);
    say(f, b.data, b.size);
    buf_fini(&b);
}

static void push(struct fuzz *f)
{
    static const char args[ARGS_MAX];
    struct page_job job = {.id = 1, .method = next(f)};
    if (f->agent.limit - f->agent.taken < 10 &&
        page_push(&f->agent, &job, bytes_of(args, next(f))) && !page_publish(&f->agent))
        must(f->scribbled);
}

static void scribble(struct fuzz *f)
{
    struct page_job *job = &f->agent.page->jobs[next(f) % 16];
    f->scribbled = true;
    memset(&job->offset, next(f), 1 + next(f) % 8);
    memset(&job->size, next(f), 1 + next(f) % 8);
    if (next(f) % 8 == 0)
        f->agent.page->word ^= (uint64_t)1 << next(f) % 64;
}

static void take(struct fuzz *f)
{
    struct page_taken t;
    int rc;
    while ((rc = page_take(&f->agent, &t)) > 0) {
        must(t.status < PAGE_STATUSES && t.value.size <= PAGE_VALUE_MAX);
        if (t.value.size) {
            volatile uint8_t last = ((const uint8_t *)t.value.data)[t.value.size - 1];
            (void)last;
        }
    }
    must(rc == 0 || f->scribbled);
    page_release(&f->agent);
}

static void act(struct fuzz *f)
{
    switch (next(f) % 9) {
    case 0: push(f); break;
    case 1: say_raw(f); break;
    case 2: say_answer(f); break;
    case 3: say(f, "reeve slot 1\n", 13); break;
    case 4: page_recall(&f->agent, f->agent.taken + next(f) % 8); break;
    case 5: page_stamp(&f->agent, next(f) % 2 ? clock_ms() : 0); break;
    case 6: scribble(f); break;
    case 7:
        if (f->line)
            line_flag(f->line, next(f));
        break;
    default: take(f); break;
    }
    if (!f->line && line_begins(f->agent.bell))
        f->line = line_new(f->agent.page, f->agent.bell);
    if (f->line) {
        line_hear(f->line);
        line_turn(f->line);
    }
    char heard[4096];
    while (recv(f->bell, heard, sizeof heard, MSG_DONTWAIT) > 0)
        continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = {.data = data, .size = size};
    must(page_open(&f.agent, &f.bell) == 0);
    page_stamp(&f.agent, clock_ms());
    if (next(&f) % 4)
        say(&f, "reeve slot 1\n", 13);
    while (f.size)
        act(&f);
    take(&f);
    line_free(f.line);
    page_close(&f.agent);
    close(f.bell);
    return 0;
}
