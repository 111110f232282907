/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>
#include <termcap.h>
#include <unistd.h>
#include <wchar.h>

#include "common/must.h"
#include "common/utf8.h"
#include "producer/cli/output.h"

enum { ESCAPE_MS = 25 }; /* a lone Esc is known after this */

static SCREEN *terminal;

/* The looks a terminal has; those with colours only where there are some. */
static attr_t look_attributes(enum look look)
{
    static const struct {
        attr_t plain;
        short colour; /* 0: none */
    } looks[LOOKS] = {
        [LOOK_BOLD] = {A_BOLD, 0},        [LOOK_DIM] = {A_DIM, 0},
        [LOOK_HEAD] = {A_UNDERLINE, 0},   [LOOK_HEAD_CHOSEN] = {A_BOLD | A_UNDERLINE, COLOR_CYAN},
        [LOOK_CHOSEN] = {A_REVERSE, 0},   [LOOK_WARNING] = {0, COLOR_YELLOW},
        [LOOK_BAD] = {A_BOLD, COLOR_RED},
    };
    attr_t all = looks[look].plain;
    if (looks[look].colour && has_colors() && output_styled(STDOUT_FILENO))
        all |= (attr_t)COLOR_PAIR(looks[look].colour);
    return all;
}

/* Names and titles are UTF-8 whatever the environment says. */
static void set_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

/* Is it one whose cursor can be moved? Asked before ncurses takes hold of it, which it does not
 * quite let go of again. */
static bool can_draw(void)
{
    static char move_cursor[] = "cm";
    const char *term = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && tgetent(NULL, term) == 1 &&
           tgetstr(move_cursor, NULL);
}

int screen_open(void)
{
    set_locale();
    if (!can_draw())
        return -1;
    terminal = newterm(NULL, stdout, stdin);
    if (!terminal)
        return -1;
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(ESCAPE_MS);
    curs_set(0);
    if (has_colors()) {
        start_color();
        use_default_colors();
        for (short colour = COLOR_RED; colour <= COLOR_CYAN; colour++)
            init_pair(colour, colour, -1);
    }
    return 0;
}

void screen_close(void)
{
    if (!terminal)
        return;
    endwin();
    delscreen(terminal);
    terminal = NULL;
}

void screen_size(unsigned *rows, unsigned *columns)
{
    *rows = (unsigned)getmaxy(stdscr);
    *columns = (unsigned)getmaxx(stdscr);
}

/* Characters up to this width, which is not their number: some take two columns, some none. Shown
 * when they are put, else only counted. */
static unsigned put_text(struct bytes text, unsigned width, bool put)
{
    const unsigned char *at = text.data, *end = at + text.size;
    unsigned used = 0;
    while (text.size && at < end) {
        wchar_t c[2] = {(wchar_t)utf8_next(&at, end), 0};
        int columns = wcwidth(c[0]);
        if (columns < 0) {
            c[0] = L'?';
            columns = 1;
        }
        if (used + (unsigned)columns > width)
            break;
        if (put)
            addnwstr(c, 1);
        used += (unsigned)columns;
    }
    return used;
}

static void show_cell(const struct sheet *sheet, const struct sheet_cell *cell)
{
    struct bytes text = sheet_text(sheet, cell);
    int row = (int)cell->place.row, column = (int)cell->place.column;
    unsigned width = cell->place.width, used = put_text(text, width, false);
    attrset((int)look_attributes(cell->place.look));
    mvhline(row, column, ' ' | look_attributes(cell->place.look), (int)width);
    move(row, column + (int)(cell->place.right ? width - used : 0));
    put_text(text, width, true);
    attrset(A_NORMAL);
}

void screen_show(const struct sheet *sheet)
{
    erase();
    for (size_t i = 0; i < sheet->count; i++)
        show_cell(sheet, &sheet->cells[i]);
    refresh();
}

int screen_press(void)
{
    static const struct {
        int key;
        enum press press;
    } keys[] = {
        {'\t', PRESS_TAB},          {KEY_BTAB, PRESS_BACK_TAB},   {KEY_RIGHT, PRESS_TAB},
        {KEY_LEFT, PRESS_BACK_TAB}, {KEY_UP, PRESS_UP},           {KEY_DOWN, PRESS_DOWN},
        {KEY_PPAGE, PRESS_PAGE_UP}, {KEY_NPAGE, PRESS_PAGE_DOWN}, {KEY_HOME, PRESS_HOME},
        {KEY_END, PRESS_END},       {'\r', PRESS_ENTER},          {'\n', PRESS_ENTER},
        {KEY_ENTER, PRESS_ENTER},   {27, PRESS_ESCAPE},           {KEY_BACKSPACE, PRESS_ERASE},
        {0x7f, PRESS_ERASE},        {'\b', PRESS_ERASE},          {KEY_RESIZE, PRESS_RESIZED}};
    for (int key; (key = getch()) != ERR;) {
        for (size_t i = 0; i < LENGTH(keys); i++)
            if (keys[i].key == key)
                return (int)keys[i].press;
        if (key >= ' ' && key < 0x7f)
            return key;
    }
    return PRESS_NONE;
}
