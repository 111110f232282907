/* SPDX-License-Identifier: Apache-2.0
 *
 * The live screen without a screen: pictures made of records, keys, and the cells that come of it,
 * read as lines.
 */
#include <stdlib.h>

#include "producer/cli/clean.h"
#include "producer/cli/screen.h"
#include "producer/cli/top.h"
#include "tests/unit/check.h"

enum { GRID_ROWS = 40, GRID_COLUMNS = 160 };

static struct top *top;
static struct picture coming;
static struct sheet sheet;
static int64_t now_ms;

static void start(void)
{
    top = must_alloc(sizeof *top);
    now_ms = 1000;
    top->now_ms = now_ms;
    top->wall_ms = 1000000;
}

static void finish(void)
{
    top_fini(top);
    free(top);
    picture_fini(&coming);
    sheet_fini(&sheet);
}

/* --- records -------------------------------------------------------------------------------- */

static void take_queue(const char *name, uint64_t ready, uint64_t running, uint64_t ok)
{
    struct record r = {
        .type = REC_queue,
        .queue = {
            .name = bytes_text(name), .ready = ready, .running = running, .workers = 1, .ok = ok}};
    picture_take(&coming, &r);
}

static void take_worker(const char *name, unsigned state)
{
    struct record r = {.type = REC_worker,
                       .worker = {.id = bytes_text(name),
                                  .host = bytes_text("host"),
                                  .pid = 7,
                                  .state = state,
                                  .slots = 2}};
    picture_take(&coming, &r);
}

static void take_slot(uint64_t index, uint64_t job, const char *queue)
{
    struct record r = {.type = REC_slot,
                       .slot = {.index = index,
                                .pid = 100 + index,
                                .state = job ? SLOT_RUNNING : SLOT_IDLE,
                                .job = job,
                                .queue = bytes_text(queue)}};
    picture_take(&coming, &r);
}

static void take_session(uint64_t id, unsigned state, uint64_t iteration)
{
    struct record job = {.type = REC_job, .job = {.id = id}};
    struct record r = {.type = REC_session,
                       .session = {.id = id, .state = state, .iteration = iteration}};
    picture_take(&coming, &job);
    picture_take(&coming, &r);
}

static void take_status(uint64_t submitted, uint64_t incarnation)
{
    struct record r = {.type = REC_status,
                       .status = {.pid = 5,
                                  .state = BROKER_SERVING,
                                  .submitted = submitted,
                                  .live = 3,
                                  .incarnation = incarnation,
                                  .release = bytes_text("1.2")}};
    picture_take(&coming, &r);
}

static void show(void)
{
    top->now_ms = now_ms;
    picture_close(&coming, &top->picture, now_ms);
    top_take(top, &coming);
    picture_clear(&coming);
}

/* Three queues, two workers with two slots each, three sessions. */
static void show_farm(uint64_t done)
{
    take_status(10 + done, 1);
    take_queue("b.two", 0, 0, 0);
    take_queue("a.one", 5, 2, done);
    take_queue("c.three", 9, 0, 0);
    take_worker("w1", WORKER_UP);
    take_slot(0, 0x1001, "a.one");
    take_slot(1, 0, "");
    take_worker("w2", WORKER_SILENT);
    take_slot(0, 0, "");
    take_slot(1, 0x1002, "b.two");
    take_session(0x2003, SESSION_FINISHED, 30);
    take_session(0x2002, SESSION_PAUSED, 4);
    take_session(0x2001, SESSION_RUNNING, 9);
    show();
}

/* --- reading -------------------------------------------------------------------------------- */

static char grid[GRID_ROWS][GRID_COLUMNS + 1];
static enum look looks[GRID_ROWS];

/* Of ASCII: a byte is a column. */
static void put_cell(const struct sheet_cell *cell)
{
    struct bytes text = sheet_text(&sheet, cell);
    size_t width = cell->place.width, size = text.size < width ? text.size : width;
    char *line = grid[cell->place.row] + cell->place.column;
    memset(line, ' ', width);
    memcpy(line + (cell->place.right ? width - size : 0), size ? text.data : "", size);
    looks[cell->place.row] = cell->place.look;
}

static void draw(unsigned rows, unsigned columns)
{
    memset(grid, 0, sizeof grid);
    for (unsigned y = 0; y < rows; y++)
        memset(grid[y], ' ', columns);
    top_draw(top, &sheet, rows, columns);
    for (size_t i = 0; i < sheet.count; i++)
        put_cell(&sheet.cells[i]);
    for (unsigned y = 0; y < rows; y++)
        for (size_t end = columns; end > 0 && grid[y][end - 1] == ' '; end--)
            grid[y][end - 1] = 0;
}

/* The first line that begins with this, GRID_ROWS for none. */
static unsigned line_of(const char *head)
{
    unsigned y = 0;
    while (y < GRID_ROWS && strncmp(grid[y], head, strlen(head)) != 0)
        y++;
    return y;
}

static bool is_seen(const char *text)
{
    for (unsigned y = 0; y < GRID_ROWS; y++)
        if (strstr(grid[y], text))
            return true;
    return false;
}

/* Which line is chosen. */
static const char *chosen(void)
{
    for (unsigned y = 0; y < GRID_ROWS; y++)
        if (looks[y] == LOOK_CHOSEN)
            return grid[y];
    return "";
}

static struct top_wish press(int key)
{
    struct top_wish wish = top_press(top, key);
    memset(looks, 0, sizeof looks);
    draw(24, 80);
    return wish;
}

/* --- rates ---------------------------------------------------------------------------------- */

TEST(a_rate_is_told_of_two_moments_that_lie_apart)
{
    struct pace a = pace_next(NULL, 100, 5000);
    CHECK(a.rate < 0);
    struct pace b = pace_next(&a, 150, 5300); /* too early to say */
    CHECK(b.rate < 0);
    CHECK_EQ(b.since_ms, 5000);
    b = pace_next(&b, 200, 6000);
    CHECK_EQ(b.rate, 100);
    struct pace c = pace_next(&b, 230, 6100); /* what was known stands */
    CHECK_EQ(c.rate, 100);
    c = pace_next(&c, 200, 7000);
    CHECK_EQ(c.rate, 0);
    c = pace_next(&c, 3, 8000); /* counted from the beginning again */
    CHECK(c.rate < 0);
    c = pace_next(&c, 9, 8000 + PACE_MOST_MS + 1); /* that says nothing of now */
    CHECK(c.rate < 0);
}

TEST(rates_stand_in_the_head_and_with_their_queue)
{
    start();
    show_farm(0);
    draw(24, 80);
    CHECK_EQ(line_of("submitted -  finished -  live 3"), 1);
    now_ms += 2000;
    show_farm(50);
    draw(24, 80);
    CHECK_EQ(line_of("submitted 25/s  finished 25/s  live 3"), 1);
    CHECK(strstr(grid[line_of("a.one")], " 25/s"));
    CHECK(strstr(grid[line_of("b.two")], " 0/s"));
    now_ms += 2000;
    take_status(7, 2); /* another life */
    take_queue("a.one", 0, 0, 60);
    show();
    draw(24, 80);
    CHECK_EQ(line_of("submitted -  finished -"), 1);
    finish();
}

/* --- panes ---------------------------------------------------------------------------------- */

TEST(the_farm_is_laid_out)
{
    start();
    show_farm(0);
    draw(24, 80);
    CHECK_EQ(line_of("reeve top  serving  up "), 0);
    CHECK_EQ(line_of("QUEUES 3 "), 2);
    CHECK_EQ(line_of("a.one "), 3); /* those with something to do stand first */
    CHECK_EQ(line_of("c.three "), 4);
    CHECK_EQ(line_of("b.two "), 5);
    CHECK_EQ(line_of("WORKERS 2 "), 6);
    CHECK_EQ(line_of("w1 "), 7);
    CHECK(strstr(grid[7], " up ") && strstr(grid[7], "1 of 2 busy"));
    CHECK(strstr(grid[8], "  slot 0") && strstr(grid[8], "running") && strstr(grid[8], "a.one"));
    CHECK(strstr(grid[8], "00000000040"));
    CHECK_EQ(line_of("w2 "), 10);
    CHECK_EQ(looks[10], LOOK_BAD);
    CHECK_EQ(line_of("SESSIONS 3 "), 13);
    CHECK(strstr(grid[14], " paused ") && strstr(grid[15], " running "));
    CHECK(strstr(grid[16], " finished ") && looks[16] == LOOK_DIM);
    CHECK_EQ(line_of("q quit  ? help"), 23);
    finish();
}

TEST(what_there_is_no_room_for_is_left_out)
{
    start();
    show_farm(0);
    draw(24, 160);
    CHECK(is_seen("DELAYED") && is_seen("RUN TIME") && is_seen("HOST") && is_seen("SUBMITTED"));
    draw(10, 40);
    CHECK(!is_seen("DELAYED") && !is_seen("HOST"));
    CHECK(is_seen("READY") && is_seen("RUNNING") && is_seen("ITERATION"));
    CHECK_EQ(line_of("QUEUES 3"), 2);
    CHECK_EQ(line_of("WORKERS 2"), 4);
    CHECK_EQ(line_of("SESSIONS 3"), 6);
    draw(9, 40);
    CHECK_EQ(line_of("40x9 is too small:"), 0);
    CHECK_EQ(line_of("at least 40x10"), 1);
    draw(24, 39);
    CHECK_EQ(line_of("39x24 is too small:"), 0);
    draw(1, 1);
    draw(0, 0);
    CHECK_EQ(sheet.count, 0);
    finish();
}

TEST(rows_are_shared_among_panes_that_want_more_than_there_is)
{
    start();
    take_status(0, 1);
    for (int i = 0; i < 30; i++) {
        char name[16];
        snprintf(name, sizeof name, "q.%02d", i);
        take_queue(name, 0, 0, 0);
        take_session((uint64_t)i + 1, SESSION_RUNNING, 0);
    }
    show();
    draw(24, 80);
    CHECK_EQ(line_of("QUEUES 30"), 2);
    CHECK_EQ(line_of("WORKERS 0"), 11);
    CHECK_EQ(line_of("none"), 12);
    CHECK_EQ(line_of("SESSIONS 30"), 13);
    CHECK_EQ(line_of("q.07"), 10);
    CHECK(!is_seen("q.08"));
    press(PRESS_END);
    CHECK(strstr(chosen(), "q.29") && !is_seen("q.21") && is_seen("q.22"));
    press(PRESS_PAGE_UP);
    CHECK(strstr(chosen(), "q.22"));
    press(PRESS_HOME);
    CHECK(strstr(chosen(), "q.00") && is_seen("q.07"));
    finish();
}

/* --- keys ----------------------------------------------------------------------------------- */

TEST(the_chosen_row_stays_chosen_wherever_it_goes)
{
    start();
    show_farm(0);
    press(PRESS_DOWN);
    CHECK(strstr(chosen(), "c.three"));
    take_status(0, 1);
    take_queue("c.three", 9, 0, 0);
    take_queue("a.new", 1, 0, 0);
    take_queue("b.new", 1, 0, 0);
    show();
    draw(24, 80);
    CHECK(strstr(chosen(), "c.three"));
    take_status(0, 1);
    take_queue("a.new", 1, 0, 0);
    show();
    draw(24, 80);
    CHECK(strstr(chosen(), "a.new")); /* it has gone */
    press(PRESS_UP);
    press(PRESS_UP);
    CHECK(strstr(chosen(), "a.new"));
    finish();
}

TEST(as_long_as_none_is_chosen_it_is_the_first)
{
    start();
    show_farm(0);
    draw(24, 80);
    CHECK(strstr(chosen(), "a.one"));
    take_status(0, 1);
    take_queue("0.first", 1, 0, 0);
    take_queue("a.one", 0, 0, 0);
    show();
    draw(24, 80);
    CHECK(strstr(chosen(), "0.first"));
    press('h'); /* what was done to it is to be seen */
    take_status(0, 1);
    take_queue("0.first", 0, 0, 0);
    take_queue("a.one", 1, 0, 0);
    show();
    memset(looks, 0, sizeof looks);
    draw(24, 80);
    CHECK(strstr(chosen(), "0.first") && line_of("a.one") < line_of("0.first"));
    press(PRESS_HOME);
    take_status(0, 1);
    take_queue("0.first", 1, 0, 0);
    show();
    draw(24, 80);
    CHECK(strstr(chosen(), "0.first"));
    finish();
}

TEST(queues_are_held_and_released)
{
    start();
    show_farm(0);
    struct top_wish wish = press('h');
    CHECK_EQ(wish.kind, TOP_HOLD);
    CHECK_TEXT(wish.name, "a.one");
    char text[TOP_NOTICE];
    CHECK_TEXT(top_wish_text(&wish, text), "queue a.one is held");
    take_status(0, 1);
    struct record held = {.type = REC_queue,
                          .queue = {.name = bytes_text("a.one"), .held = 1, .workers = 1}};
    picture_take(&coming, &held);
    show();
    wish = press('h');
    CHECK_EQ(wish.kind, TOP_RELEASE);
    CHECK_EQ(press('d').kind, TOP_NOTHING); /* not here */
    CHECK(is_seen("\"d\" does nothing with this row"));
    finish();
}

TEST(what_cannot_be_undone_is_asked_for)
{
    start();
    show_farm(0);
    press(PRESS_TAB);
    CHECK_EQ(press('d').kind, TOP_NOTHING);
    CHECK(is_seen("drain worker w1, which then leaves? y: yes, any other key: no"));
    CHECK_EQ(press('n').kind, TOP_NOTHING);
    CHECK(is_seen("nothing was done"));
    press('d');
    struct top_wish wish = press('y');
    CHECK_EQ(wish.kind, TOP_DRAIN);
    CHECK_TEXT(wish.name, "w1");
    press(PRESS_DOWN);
    press('c');
    wish = press('y');
    CHECK_EQ(wish.kind, TOP_CANCEL);
    CHECK_EQ(wish.id, 0x1001);
    press(PRESS_DOWN);
    CHECK_EQ(press('c').kind, TOP_NOTHING);
    CHECK(is_seen("this slot runs nothing"));
    CHECK_EQ(press('y').kind, TOP_NOTHING); /* nothing was asked */
    finish();
}

TEST(sessions_are_paused_resumed_and_stopped)
{
    start();
    show_farm(0);
    press(PRESS_BACK_TAB);
    struct top_wish wish = press('p');
    CHECK_EQ(wish.kind, TOP_RESUME);
    CHECK_EQ(wish.id, 0x2002);
    press(PRESS_DOWN);
    CHECK_EQ(press('p').kind, TOP_PAUSE);
    CHECK_EQ(press('c').kind, TOP_NOTHING);
    CHECK_EQ(press('y').kind, TOP_STOP);
    press(PRESS_DOWN);
    CHECK_EQ(press('p').kind, TOP_NOTHING);
    CHECK(is_seen("this session has ended"));
    CHECK_EQ(press('c').kind, TOP_NOTHING);
    CHECK_EQ(press('y').kind, TOP_NOTHING);
    finish();
}

TEST(a_filter_is_typed_and_holds_for_all_panes)
{
    start();
    show_farm(0);
    press('/');
    for (const char *at = "TWOx"; *at; at++)
        press(*at);
    CHECK(is_seen("filter: TWOx_") && is_seen("none that fits the filter"));
    press(PRESS_ERASE);
    CHECK(is_seen("QUEUES 1 of 3") && is_seen("WORKERS 1 of 2") && is_seen("SESSIONS 0 of 3"));
    CHECK(is_seen("w2 ") && is_seen("slot 1") && !is_seen("slot 0"));
    press(PRESS_ENTER);
    CHECK(is_seen("filter: TWO") && !is_seen("filter: TWO_"));
    CHECK_EQ(press('h').kind, TOP_HOLD); /* a key again */
    press(PRESS_ESCAPE);
    CHECK(is_seen("QUEUES 3 "));
    press('/');
    for (int i = 0; i < 2 * TOP_FILTER; i++)
        press('z');
    CHECK_EQ(strlen(top->filter), TOP_FILTER - 1);
    press(PRESS_ESCAPE);
    CHECK_EQ(strlen(top->filter), 0);
    CHECK(!top->typing);
    finish();
}

TEST(panes_are_sorted_in_turn)
{
    start();
    show_farm(0);
    press('s');
    CHECK(is_seen("queues: name"));
    CHECK(line_of("a.one") < line_of("b.two") && line_of("b.two") < line_of("c.three"));
    press('s');
    CHECK(is_seen("queues: ready"));
    CHECK(line_of("c.three") < line_of("a.one") && line_of("a.one") < line_of("b.two"));
    for (unsigned i = 2; i < top_sorts(TOP_QUEUES); i++)
        press('s');
    CHECK(is_seen("queues: busy ones first"));
    press(PRESS_BACK_TAB);
    press('s');
    press('s');
    CHECK(is_seen("sessions: state"));
    finish();
}

TEST(help_is_shown_and_left)
{
    start();
    show_farm(0);
    press('?');
    CHECK(is_seen("hold or release the queue") && !is_seen("QUEUES"));
    press('x');
    CHECK(is_seen("QUEUES"));
    CHECK_EQ(press('q').kind, TOP_QUIT);
    finish();
}

TEST(what_is_told_goes_after_a_while)
{
    start();
    show_farm(0);
    top_tell(top, "so it is");
    draw(24, 80);
    CHECK(is_seen("so it is"));
    top->now_ms += TOP_NOTICE_MS;
    draw(24, 80);
    CHECK(!is_seen("so it is"));
    finish();
}

TEST(a_lost_connection_is_told)
{
    start();
    top->lost = true;
    draw(24, 80);
    CHECK_EQ(line_of("reeve top  connection lost, trying"), 0);
    show_farm(0);
    draw(24, 80);
    CHECK_EQ(line_of("reeve top  connection lost, trying"), 0);
    CHECK(is_seen("a.one")); /* as it was */
    finish();
}

/* --- what others have written --------------------------------------------------------------- */

static const char *clean(const char *text)
{
    static struct buf b;
    buf_clear(&b);
    clean_put(&b, bytes_text(text));
    return buf_text(&b);
}

TEST(names_of_others_cannot_steer_the_terminal)
{
    CHECK_TEXT(clean("plain \xc3\xa9\xe2\x82\xac"), "plain \xc3\xa9\xe2\x82\xac");
    CHECK_TEXT(clean("\033[31mred\n\t\x7f"), "?[31mred???");
    CHECK_TEXT(clean("a\xe2\x80\xae"
                     "b"),
               "a?b"); /* right to left */
    CHECK_TEXT(clean("\xc2\x9b"
                     "31m"),
               "?31m"); /* a control of the upper half */
    CHECK_TEXT(clean("\xef\xbb\xbf\xe2\x80\x8b"), "??");
    CHECK_TEXT(clean("\xff\xc3"), "??");
    CHECK_TEXT(clean("\xef\xbf\xbd"), "\xef\xbf\xbd");
    CHECK_TEXT(clean(""), "");
    start();
    take_status(0, 1);
    take_worker("w\033[2J\n", WORKER_UP);
    show();
    draw(24, 80);
    CHECK_EQ(line_of("w?[2J?"), 5);
    finish();
}

TEST(a_picture_takes_what_comes_and_no_more)
{
    struct record stray = {.type = REC_slot, .slot = {.index = 1}};
    start();
    picture_take(&coming, &stray); /* of no worker */
    CHECK_EQ(coming.slot_count, 0);
    for (uint64_t i = 0; i < PICTURE_SESSIONS + 10; i++)
        take_session(i + 1, SESSION_FINISHED, i);
    CHECK_EQ(coming.session_count, PICTURE_SESSIONS);
    show();
    for (uint64_t i = 0; i < 2; i++) {
        struct record job = {.type = REC_job, .job = {.id = i ? 999 : 1}};
        picture_take(&coming, &job);
    }
    CHECK(picture_recall(&coming, 0, &top->picture)); /* it has ended: nobody is asked again */
    CHECK_EQ(coming.sessions[0].state, SESSION_FINISHED);
    CHECK(!picture_recall(&coming, 1, &top->picture));
    finish();
}
