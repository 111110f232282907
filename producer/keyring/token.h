/* SPDX-License-Identifier: Apache-2.0
 *
 * token: an invitation as one word that survives a shell, a chat and a sheet of paper:
 *
 *     NAME.DIGITS      DIGITS: 103 of Crockford's base32, the broker's public key and a secret one
 *
 * The secret opens one thing, once: handing in a public key (keyring_enrol).
 */
#ifndef KEYRING_TOKEN_H
#define KEYRING_TOKEN_H

#include "common/identity.h"
#include "common/must.h"

enum { TOKEN_DIGITS = 103, TOKEN_TEXT = IDENTITY_NAME + 1 + TOKEN_DIGITS };

void token_print(const struct identity *invited, char text[static TOKEN_TEXT]);
/* False: it is none. The caller wipes. */
bool token_read(struct identity *invited, const char *text) MUST_CHECK;

#endif
