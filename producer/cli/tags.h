/* SPDX-License-Identifier: Apache-2.0
 *
 * tags: what people write of variables, read:
 *
 *     FB=4.8                   a value                                      tag_value
 *     FB=4.8:3..6              an MV: start and bounds, any may be left out tag_mv
 *     y=[a]*2:..0.12           a CV: expression and bounds, likewise        tag_cv
 *     tagName="CV1", timeStamp=123456789, numericValue=10.5                 tags_line
 *     {"CV1": 10.5, "CV2": 3}  or  CV1=10.5, CV2=3                          tags_line
 *
 * Names may hold spaces and dashes. A tag borrows from the text it was read from. Pure.
 */
#ifndef CLI_TAGS_H
#define CLI_TAGS_H

#include "common/buf.h"

enum { TAG_ERROR = 200 };

struct tag {
    struct bytes name, expression; /* expression: size 0 for none */
    bool has_value, has_lower, has_upper;
    double value, lower, upper;
};

struct tags {
    struct tag *at;
    size_t count, capacity;
};

/* Each 0, or -1 with a sentence in error. */
int tag_value(struct tag *out, const char *word, char error[static TAG_ERROR]);
int tag_mv(struct tag *out, const char *word, char error[static TAG_ERROR]);
int tag_cv(struct tag *out, const char *word, char error[static TAG_ERROR]);
/* A name that is there already is an error. */
int tags_add(struct tags *tags, const struct tag *tag, char error[static TAG_ERROR]);
/* All that stands in a line; *record: it was one variable told by tagName, others may follow. */
int tags_line(struct tags *tags, const char *line, bool *record, char error[static TAG_ERROR]);
void tags_fini(struct tags *tags);

/* {name: value} of those with a value, as msgpack. */
void tags_pack_values(const struct tags *tags, struct buf *out);

/* A whole text that is a number, inf too, but not NaN. */
bool tag_number(struct bytes text, double *out);

#endif
