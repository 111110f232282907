/* SPDX-License-Identifier: Apache-2.0
 *
 * flaky: a disk under SQLite that fails when told to, and that forgets at a crash what was not
 * synced: all of it, or what followed some write, or any of it; writes may be torn, be done in
 * another order, and leave rubbish in the sectors they were about. A VFS over the real one; what
 * was synced stands, as a disk promises.
 */
#ifndef UNIT_FLAKY_H
#define UNIT_FLAKY_H

#include "common/bytes.h"

enum flaky_call {
    FLAKY_OPEN = 1,
    FLAKY_READ = 2,
    FLAKY_WRITE = 4,
    FLAKY_SYNC = 8,
    FLAKY_TRUNCATE = 16,
    FLAKY_DELETE = 32,
    FLAKY_CHANGES = FLAKY_WRITE | FLAKY_SYNC | FLAKY_TRUNCATE | FLAKY_DELETE,
};

/* For every file opened from now on. Again is fine. */
void flaky_install(void);

/* No faults; calls are counted from 0. Files are as they are. */
void flaky_calm(void);
/* The nth such call, and all after it if so told, gives code. */
void flaky_fail(unsigned calls, unsigned nth, int code, bool ever_after);
unsigned flaky_count(unsigned calls); /* since flaky_calm */
bool flaky_has_failed(void);          /* did the nth call come? */

/* At the nth change all stops: that call and every later one fails. */
void flaky_crash_at(unsigned nth);
bool flaky_crashed(void);
/* When all files are closed: they hold from now on what a disk may have kept. Calm again. */
void flaky_restart(uint64_t seed);
/* Their histories are of no interest any more; before they are removed. */
void flaky_forget(void);

#endif
