/* SPDX-License-Identifier: Apache-2.0 */
#include "common/resident.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

uint64_t resident_bytes(pid_t pid)
{
    char path[64];
    uint64_t pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    if (fscanf(f, "%*u %" SCNu64, &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
