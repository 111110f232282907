/* SPDX-License-Identifier: Apache-2.0
 *
 * url: what stands in the first line of a request, taken apart: segments of the path, parameters of
 * the query, with their %XX read. Pure. It knows nothing of files: whether there is something at a
 * path is asked of a table.
 */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include "common/bytes.h"

enum { URL_SEGMENTS_MAX = 8, URL_PAIRS_MAX = 256 };

struct url_pair {
    struct bytes name, value;
};

struct url {
    struct bytes segments[URL_SEGMENTS_MAX];
    size_t segment_count; /* "/" has none; above URL_SEGMENTS_MAX: more than are kept */
    struct url_pair *pairs;
    size_t pair_count;
    char *text; /* what the bytes above lie in */
};

/* Takes "/path?query" apart. False: it does not begin with a slash, holds a broken %XX, a control
 * character however it is written, or too many parameters. Zeroed storage is an empty url. */
bool url_parse(struct url *u, struct bytes raw);
void url_fini(struct url *u);

/* Does the path fit "/v1/jobs/{id}"? What the segments in {} stand for goes to parts in turn; one
 * that is empty, "." or ".." fits nothing. */
bool url_match(const struct url *u, const char *pattern, struct bytes *parts, size_t parts_max);

#endif
