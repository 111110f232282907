/* SPDX-License-Identifier: Apache-2.0
 *
 * window: the lines of a map between their submission and their turn to be printed. Bounds how
 * many there are at once, by count and by the bytes they are likely to come to, and hands the ends
 * back in the order of the lines, or as they come. Pure: no input, no output, no connection.
 *
 *     room -> open -> (accepted) -> ended -> next -> release
 */
#ifndef CLI_WINDOW_H
#define CLI_WINDOW_H

#include "common/buf.h"

enum {
    WINDOW_SLOTS = 10000,
    WINDOW_FIRST = 256, /* grows by one with each end, as far as the bytes allow */
    WINDOW_LEAST = 32,  /* however large the values are */
    WINDOW_BYTES = 256 << 20,
};

enum window_state { SLOT_FREE, SLOT_OPEN, SLOT_ENDED };

struct window_slot {
    enum window_state state;
    uint64_t line;    /* 1, 2, 3, ... */
    uint64_t id;      /* of the job; 0 before its acceptance */
    int exit_code;    /* 0: well */
    struct buf text;  /* what is to be printed of it */
    uint32_t follows; /* in the list of free or of ended slots: index + 1, 0 at its end */
    struct window *window;
};

struct window {
    struct window_slot *slots;
    uint32_t *order;            /* ordered: slot + 1 of line % WINDOW_SLOTS */
    uint32_t free;              /* list of free slots */
    uint32_t ended, ended_last; /* unordered: list of ended ones, oldest first */
    uint64_t first, next; /* the oldest line that has not been handed back; the next one to open */
    size_t used;          /* slots that are not free */
    size_t limit;         /* by the pace of the ends so far */
    double mean_bytes;    /* of a line and its end, lately */
    bool ordered, full;
};

void window_init(struct window *w, bool ordered);
void window_fini(struct window *w);

/* How many more lines may be opened now. */
size_t window_room(const struct window *w);
/* Is it time to open some? Once it was full, when a quarter of it is free: they leave in one
 * message then, and none of the others has to wait for them. */
bool window_wants(struct window *w);
/* A slot for the next line; there must be room. line_bytes: what it holds elsewhere meanwhile. */
struct window_slot *window_open(struct window *w, size_t line_bytes);
/* Its job has ended; takes the text. */
void window_end(struct window_slot *slot, int exit_code, struct buf *text);
/* The next one to be printed, NULL when it has not ended yet. Lends it until window_release. */
struct window_slot *window_next(struct window *w);
void window_release(struct window *w, struct window_slot *slot);

static inline bool window_empty(const struct window *w)
{
    return w->used == 0;
}

#endif
