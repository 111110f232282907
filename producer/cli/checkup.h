/* SPDX-License-Identifier: Apache-2.0
 *
 * checkup: findings of a look at the farm and its host, told as they come: `ok NAME: text` a line,
 * or gathered as one JSON document.
 */
#ifndef CLI_CHECKUP_H
#define CLI_CHECKUP_H

#include "producer/view/view.h"

enum finding { FINDING_OK, FINDING_WARN, FINDING_FAIL, FINDINGS };

struct checkup { /* zeroed storage, with json set as wanted */
    bool json;
    unsigned counts[FINDINGS];
    struct view_rows rows;
};

void checkup_say(struct checkup *c, enum finding finding, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The worse of the two. */
static inline enum finding finding_worse(enum finding a, enum finding b)
{
    return a > b ? a : b;
}
/* With JSON prints {ok, checks: [{name, state, text}]}. True when nothing has failed. */
bool checkup_end(struct checkup *c);

#endif
