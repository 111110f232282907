/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "producer/cli/output.h"

enum { DRAW_EVERY_MS = 100, BAR_LEAST = 5, BAR_MOST = 40 };

void progress_init(struct progress *p, bool shown, int64_t now_ms)
{
    *p = (struct progress){.shown = shown, .start_ms = now_ms, .mark_ms = now_ms};
}

static void clock_text(double seconds, char text[static 32])
{
    if (seconds > 99 * 3600.0) {
        snprintf(text, 32, "> 99 h");
        return;
    }
    unsigned s = (unsigned)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, 32, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 32, "%u:%02u", s / 60, s % 60);
}

void progress_text(char text[static PROGRESS_TEXT], uint64_t done, uint64_t total, double rate,
                   int64_t past_ms, unsigned width)
{
    char facts[128], time[32];
    if (width > PROGRESS_TEXT - 1)
        width = PROGRESS_TEXT - 1;
    if (total == 0) {
        clock_text((double)past_ms / 1e3, time);
        snprintf(text, width + 1, "%" PRIu64 " done  %.0f/s  %s", done, rate, time);
        return;
    }
    if (rate > 0 && done < total)
        clock_text((double)(total - done) / rate, time);
    else if (done >= total)
        clock_text(0, time);
    else
        snprintf(time, sizeof time, "--:--");
    int size = snprintf(facts, sizeof facts, "%" PRIu64 "/%" PRIu64 "  %u%%  %.0f/s  ETA %s", done,
                        total, (unsigned)(done * 100 / total), rate, time);
    if (width < (unsigned)size + 3 + BAR_LEAST) { /* no room for a bar */
        snprintf(text, width + 1, "%s", facts);
        return;
    }
    unsigned bar = width - (unsigned)size - 3, full;
    bar = bar < BAR_MOST ? bar : BAR_MOST;
    full = (unsigned)(done * bar / total);
    text[0] = '[';
    memset(text + 1, '#', full);
    memset(text + 1 + full, '.', bar - full);
    snprintf(text + 1 + bar, PROGRESS_TEXT - 1 - bar, "] %s", facts);
}

void progress_draw(struct progress *p, uint64_t done, uint64_t total, int64_t now_ms)
{
    if (!p->shown || now_ms - p->drawn_ms < DRAW_EVERY_MS)
        return;
    int64_t past_ms = now_ms - p->mark_ms;
    if (past_ms >= DRAW_EVERY_MS) {
        double now = (double)(done - p->mark_done) * 1e3 / (double)past_ms;
        p->rate = p->rate > 0 ? p->rate + (now - p->rate) * 0.15 : now;
        p->mark_ms = now_ms;
        p->mark_done = done;
    }
    size_t width = output_width(STDERR_FILENO);
    char text[PROGRESS_TEXT];
    /* One column less: a full line would wrap. */
    progress_text(text, done, total, p->rate, now_ms - p->start_ms,
                  width ? (unsigned)width - 1 : 79);
    fprintf(stderr, "\r%s\033[K", text);
    p->drawn = true;
    p->drawn_ms = now_ms;
}

void progress_hide(struct progress *p)
{
    if (!p->drawn)
        return;
    fputs("\r\033[K", stderr);
    p->drawn = false;
}
