/* SPDX-License-Identifier: Apache-2.0
 *
 * secret: files that their owner alone may read: keys, tokens, who may do what. They are there
 * whole or not at all, and are not believed when others could have read or written them. Knows
 * nothing of what stands in them.
 */
#ifndef COMMON_SECRET_H
#define COMMON_SECRET_H

#include "common/buf.h"
#include "common/must.h"

/* Appends what the file holds, of which max bytes at most are to be there. 0; or an errno, with the
 * path and a sentence in why (ENOENT: there is none; EPERM: it is a link, no file, of another user,
 * or others may read or write it). What root lets a group read, as systemd's credentials, is
 * root's decision. The caller ends with secret_wipe. */
int secret_read(const char *path, size_t max, struct buf *out, char *why,
                size_t why_size) MUST_CHECK;

/* Makes the file, for its owner only, and it is kept when the machine stops now. 0 or an errno:
 * EEXIST, and what is there stays as it is. */
int secret_make(const char *path, struct bytes content) MUST_CHECK;

/* The same in place of what is there, which others see until the new one is whole. */
int secret_replace(const char *path, struct bytes content) MUST_CHECK;

/* Gives the memory back with nothing left in it. */
void secret_wipe(struct buf *b);

#endif
