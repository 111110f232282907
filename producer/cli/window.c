/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/window.h"

#include "common/must.h"

void window_init(struct window *w, bool ordered)
{
    *w = (struct window){.ordered = ordered, .first = 1, .next = 1, .limit = WINDOW_FIRST};
    w->slots = must_alloc(WINDOW_SLOTS * sizeof *w->slots);
    w->order = must_alloc(WINDOW_SLOTS * sizeof *w->order);
    for (uint32_t i = WINDOW_SLOTS; i-- > 0;) {
        w->slots[i].window = w;
        w->slots[i].follows = w->free;
        w->free = i + 1;
    }
}

void window_fini(struct window *w)
{
    for (uint32_t i = 0; w->slots && i < WINDOW_SLOTS; i++)
        buf_fini(&w->slots[i].text);
    free(w->slots);
    free(w->order);
    *w = (struct window){0};
}

/* Ordered, a slow line holds up the printing of those behind it: they wait here, so that it is the
 * distance from it that is bounded. */
static size_t held_by(const struct window *w)
{
    return w->ordered ? (size_t)(w->next - w->first) : w->used;
}

static size_t limit_of(const struct window *w)
{
    double by_bytes = w->mean_bytes > 1 ? WINDOW_BYTES / w->mean_bytes : WINDOW_SLOTS;
    if ((double)w->limit <= by_bytes)
        return w->limit;
    return by_bytes > WINDOW_LEAST ? (size_t)by_bytes : WINDOW_LEAST;
}

size_t window_room(const struct window *w)
{
    size_t held = held_by(w), limit = limit_of(w);
    return held < limit ? limit - held : 0;
}

bool window_wants(struct window *w)
{
    size_t room = window_room(w);
    w->full = room == 0 || (w->full && room < limit_of(w) / 4);
    return !w->full;
}

static void learn_bytes(struct window *w, size_t bytes)
{
    /* Large values are believed at once, small ones slowly: memory is the scarce side. */
    double size = (double)bytes;
    w->mean_bytes = size > w->mean_bytes ? size : w->mean_bytes + (size - w->mean_bytes) / 64;
}

struct window_slot *window_open(struct window *w, size_t line_bytes)
{
    must(w->free && window_room(w) > 0);
    uint32_t index = w->free - 1;
    struct window_slot *slot = &w->slots[index];
    w->free = slot->follows;
    w->used++;
    slot->state = SLOT_OPEN;
    slot->line = w->next++;
    slot->id = 0;
    slot->exit_code = 0;
    slot->follows = 0;
    w->order[slot->line % WINDOW_SLOTS] = index + 1;
    learn_bytes(w, line_bytes);
    return slot;
}

void window_end(struct window_slot *slot, int exit_code, struct buf *text)
{
    struct window *w = slot->window;
    must(slot->state == SLOT_OPEN);
    slot->state = SLOT_ENDED;
    slot->exit_code = exit_code;
    slot->text = *text;
    *text = (struct buf){0};
    learn_bytes(w, slot->text.size);
    if (w->limit < WINDOW_SLOTS)
        w->limit++;
    if (w->ordered)
        return;
    uint32_t index = (uint32_t)(slot - w->slots) + 1;
    if (w->ended_last)
        w->slots[w->ended_last - 1].follows = index;
    else
        w->ended = index;
    w->ended_last = index;
}

struct window_slot *window_next(struct window *w)
{
    uint32_t index;
    if (w->ordered)
        index = w->first < w->next ? w->order[w->first % WINDOW_SLOTS] : 0;
    else
        index = w->ended;
    if (!index || w->slots[index - 1].state != SLOT_ENDED)
        return NULL;
    return &w->slots[index - 1];
}

void window_release(struct window *w, struct window_slot *slot)
{
    must(slot == window_next(w));
    if (!w->ordered) {
        w->ended = slot->follows;
        if (!w->ended)
            w->ended_last = 0;
    }
    w->first++;
    w->used--;
    buf_fini(&slot->text);
    slot->state = SLOT_FREE;
    slot->follows = w->free;
    w->free = (uint32_t)(slot - w->slots) + 1;
}
