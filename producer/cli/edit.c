/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/cli/edit.h"

enum { KEY_ERASE = 0x7f, KEY_BACK = '\b', KEY_KILL = 0x15, KEY_ESCAPE = 0x1b };

/* An arrow sends ESC [ A: up to its letter it is no text. */
static bool passes(struct edit *e, char key)
{
    if (key == KEY_ESCAPE) {
        e->sequence = true;
        return true;
    }
    if (!e->sequence)
        return false;
    e->sequence = key == '[' || key == 'O' || key == ';' || (key >= '0' && key <= '9');
    return true;
}

bool edit_take(struct edit *e, char key)
{
    if (e->whole) {
        e->whole = false;
        e->size = 0;
        e->text[0] = 0;
    }
    if (key == '\n' || key == '\r') {
        e->sequence = false;
        e->whole = true;
    } else if (passes(e, key)) {
        return false;
    } else if (key == KEY_KILL) {
        e->size = 0;
    } else if (key == KEY_ERASE || key == KEY_BACK) {
        e->size -= e->size > 0;
    } else if ((unsigned char)key >= ' ') {
        if (e->size < EDIT_MAX)
            e->text[e->size] = key;
        e->size++;
    }
    e->text[e->size < EDIT_MAX ? e->size : EDIT_MAX] = 0;
    return e->whole;
}
