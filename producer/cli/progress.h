/* SPDX-License-Identifier: Apache-2.0
 *
 * progress: one line on standard error that says how far a map has come: done, total once it is
 * known, rate and the time that is left. Draws at most ten times a second.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress { /* zeroed storage shows nothing */
    bool shown;
    bool drawn; /* the line is on the screen */
    int64_t start_ms, drawn_ms;
    int64_t mark_ms; /* when the rate was last brought up to date, and what was done then */
    uint64_t mark_done;
    double rate; /* a second, smoothed */
};

void progress_init(struct progress *p, bool shown, int64_t now_ms);
/* total 0: not known yet. */
void progress_draw(struct progress *p, uint64_t done, uint64_t total, int64_t now_ms);
/* Takes the line away, so that something else may be printed. */
void progress_hide(struct progress *p);

/* The line itself, at most width columns; for the tests too. */
enum { PROGRESS_TEXT = 256 };
void progress_text(char text[static PROGRESS_TEXT], uint64_t done, uint64_t total, double rate,
                   int64_t past_ms, unsigned width);

#endif
