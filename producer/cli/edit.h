/* SPDX-License-Identifier: Apache-2.0
 *
 * edit: a short line as it is typed, key by key, or read from a file byte by byte. Pure.
 */
#ifndef CLI_EDIT_H
#define CLI_EDIT_H

#include <stdbool.h>
#include <stddef.h>

enum { EDIT_MAX = 63 };

struct edit { /* zeroed storage is an empty line */
    char text[EDIT_MAX + 1];
    size_t size;   /* what is longer counts on and is not kept */
    bool whole;    /* the line is over: the next key begins another */
    bool sequence; /* in what a key sends that is no character */
};

/* True: the line is whole, and stands in text until the next key. */
bool edit_take(struct edit *e, char key);

#endif
