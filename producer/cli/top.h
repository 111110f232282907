/* SPDX-License-Identifier: Apache-2.0
 *
 * top: the live screen of a farm, without a terminal and without a broker: what is shown of a
 * picture (filtered, sorted, scrolled, one row of it chosen), what a key means, and how it is laid
 * out in cells. It does nothing itself: a key may leave a wish, which the caller fulfils. Pure.
 *
 *   top.c       panes, keys, wishes
 *   top_rows.c  which rows a pane has, and in which order
 *   top_draw.c  where everything stands
 */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include "producer/cli/picture.h"
#include "producer/cli/sheet.h"

enum {
    TOP_ROWS_LEAST = 10, /* a smaller screen only says that it is too small */
    TOP_COLUMNS_LEAST = 40,
    TOP_FILTER = 64,
    TOP_KEY = 128,
    TOP_NOTICE = 256,
    TOP_NOTICE_MS = 8000,
};

enum top_pane { TOP_QUEUES, TOP_WORKERS, TOP_SESSIONS, TOP_PANES };
enum top_kind { TOP_QUEUE, TOP_WORKER, TOP_SLOT, TOP_SESSION };

/* A row of a pane: at is its place in the picture; of a slot, worker is that of its worker. */
struct top_row {
    enum top_kind kind;
    size_t at, worker;
};

struct top_list {
    struct top_row *rows;
    size_t count, all;          /* rows; things there would be without the filter */
    size_t shown;               /* things: queues, workers, sessions */
    size_t chosen, first, page; /* rows: the one, the first seen, how many are seen */
    unsigned sort;
    char key[TOP_KEY]; /* of the chosen row, which stays so wherever it moves; "": the first */
};

enum top_wish_kind {
    TOP_NOTHING,
    TOP_QUIT,
    TOP_HOLD,
    TOP_RELEASE,
    TOP_DRAIN,
    TOP_CANCEL,
    TOP_STOP,
    TOP_PAUSE,
    TOP_RESUME,
    TOP_WISHES
};
struct top_wish {
    enum top_wish_kind kind;
    char name[TOP_KEY]; /* of the queue or worker; of a job or session its id for people */
    uint64_t id;
};

struct top { /* zeroed storage is a screen that has no picture yet */
    struct picture picture;
    struct top_list lists[TOP_PANES];
    enum top_pane pane;  /* has the keys */
    struct top_wish ask; /* waits for y */
    char filter[TOP_FILTER];
    bool typing, help, lost;
    char notice[TOP_NOTICE];
    int64_t now_ms, notice_ms; /* as it is; when the notice came */
    int64_t wall_ms;           /* since 1970, for what is told of in such times */
};

void top_fini(struct top *t);

/* Shows another picture, which is taken; *picture becomes the one shown until now. */
void top_take(struct top *t, struct picture *picture);
/* A key (enum press); what is to be done because of it. */
struct top_wish top_press(struct top *t, int key);
/* Tells something for a while. */
void top_tell(struct top *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "queue a.b is held": a wish that came true. */
const char *top_wish_text(const struct top_wish *wish, char text[static TOP_NOTICE]);

/* Draws all of it for a screen of this size. */
void top_draw(struct top *t, struct sheet *sheet, unsigned rows, unsigned columns);

/* top_rows.c: the rows of all panes anew, the chosen ones staying chosen. */
void top_rows(struct top *t);
const char *top_sort_name(enum top_pane pane, unsigned sort);
unsigned top_sorts(enum top_pane pane);
/* NULL when the pane is empty. */
const struct top_row *top_chosen(const struct top *t, enum top_pane pane);
void top_choose(struct top_list *l, const struct top *t, size_t row);

#endif
