/* SPDX-License-Identifier: Apache-2.0
 *
 * screen: a terminal that is a program's own for a while: it shows sheets and gives keys. The only
 * file that knows ncurses, which draws what has changed and nothing else.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "producer/cli/sheet.h"

/* A printable character of ASCII is itself. */
enum press {
    PRESS_NONE,
    PRESS_TAB = 256,
    PRESS_BACK_TAB,
    PRESS_UP,
    PRESS_DOWN,
    PRESS_PAGE_UP,
    PRESS_PAGE_DOWN,
    PRESS_HOME,
    PRESS_END,
    PRESS_ENTER,
    PRESS_ESCAPE,
    PRESS_ERASE,
    PRESS_RESIZED, /* no key: the screen has another size */
};

/* Takes the terminal of standard input and output. 0, or -1: it is none that can be drawn on. Who
 * wants signals has set their handlers before. */
int screen_open(void);
/* Gives it back as it was; not opened: nothing happens. */
void screen_close(void);

void screen_size(unsigned *rows, unsigned *columns);
void screen_show(const struct sheet *sheet);
/* The next key; PRESS_NONE: there is none now. */
int screen_press(void);

#endif
