/* SPDX-License-Identifier: Apache-2.0
 *
 * token: the secret that a request shows, in a file that only its owner can read: made at the first
 * start, kept from then on.
 */
#ifndef HTTP_TOKEN_H
#define HTTP_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum { TOKEN_DIGITS = 64 };

/* Reads the file, or makes it (and the folders above) when it is not there. False, with a sentence
 * in why, when it cannot be had, or others could have read or written it. */
bool token_load(const char *path, char token[static TOKEN_DIGITS + 1], char *why, size_t why_size);

#endif
