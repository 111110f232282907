/* SPDX-License-Identifier: Apache-2.0
 *
 * moment: a moment of the wall clock as text: RFC 3339 in UTC, "2026-01-02T03:04:05.678Z". Pure.
 */
#ifndef VIEW_MOMENT_H
#define VIEW_MOMENT_H

#include <stdint.h>

enum { MOMENT_TEXT = 40 };
/* wall_ms since 1970; returns text. */
const char *moment_text(uint64_t wall_ms, char text[static MOMENT_TEXT]);

#endif
