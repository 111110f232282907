/* SPDX-License-Identifier: Apache-2.0
 *
 * output: what people and programs read: tables whose columns line up, one JSON document a line,
 * times and durations in words. Nothing here knows what the cells mean.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "common/buf.h"

/* Cells, row by row; the first row is the head. Zeroed storage with columns set is a table. */
struct table {
    size_t columns;
    size_t count; /* cells so far */
    size_t *ends; /* where each cell's text ends in text */
    size_t capacity;
    struct buf text;
};

void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void table_bytes(struct table *t, struct bytes cell); /* anybody's: see clean.h */
/* Prints it, on a terminal with a bold head and cut to its width, and frees it. */
void table_print(struct table *t);
void table_free(struct table *t); /* without printing */

/* One msgpack value as a line of JSON. */
void output_json(struct bytes value);
/* A text of somebody else's to a person, made fit for that: see clean.h. */
void output_bytes(struct bytes text);
/* The same line by line, each led by lead; tabs stay, lines that are empty are left out. */
void output_lines(const char *lead, struct bytes text);

/* "0.4 ms", "12 s", "3 min", "5 h", "2 d" */
enum { SPAN_TEXT = 24 };
const char *span_text(uint64_t us, char text[static SPAN_TEXT]);
/* "3 s ago"; "-" for 0: never. */
enum { AGO_TEXT = 40 };
const char *ago_text(uint64_t wall_ms, int64_t now_ms, char text[static AGO_TEXT]);

/* "512 B", "1.5 MiB", "12 GiB" */
enum { SIZE_TEXT = 24 };
const char *size_text(uint64_t bytes, char text[static SIZE_TEXT]);

/* Bold, dim or nothing: escape sequences for standard output as it is now. */
bool output_styled(int fd);
/* Columns of the terminal at fd; 0 when it is none. */
size_t output_width(int fd);

#endif
