/* SPDX-License-Identifier: Apache-2.0
 *
 * clean: a text of somebody else's, made fit to be shown to a person: it can neither steer the
 * terminal nor turn the line around. Not for programs: JSON has escapes of its own. Pure.
 */
#ifndef CLI_CLEAN_H
#define CLI_CLEAN_H

#include "common/buf.h"

/* Appends the text with ? for each control character, each byte that is no UTF-8, and each mark
 * that is invisible or changes the direction of what stands around it. */
void clean_put(struct buf *out, struct bytes text);

#endif
