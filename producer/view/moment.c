/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/view/moment.h"

#include <stdio.h>
#include <time.h>

const char *moment_text(uint64_t wall_ms, char text[static MOMENT_TEXT])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    size_t size =
        gmtime_r(&seconds, &tm) ? strftime(text, MOMENT_TEXT, "%Y-%m-%dT%H:%M:%S", &tm) : 0;
    snprintf(text + size, MOMENT_TEXT - size, ".%03uZ", (unsigned)(wall_ms % 1000));
    return text;
}
