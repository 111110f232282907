/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/keyring/token.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

enum { KEY_BYTES = 32, BYTES = 2 * KEY_BYTES };

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* Five bits a digit, the first bits first; the last digit has one bit that means nothing: 0. */
static void digits_put(const unsigned char *bytes, char *text)
{
    unsigned held = 0, bits = 0;
    for (size_t i = 0, at = 0; i < TOKEN_DIGITS; i++) {
        if (bits < 5) {
            held = held << 8 | (at < BYTES ? bytes[at++] : 0u);
            bits += 8;
        }
        bits -= 5;
        text[i] = digits[held >> bits & 31];
    }
    text[TOKEN_DIGITS] = 0;
}

static bool digits_read(const char *text, unsigned char *bytes)
{
    unsigned held = 0, bits = 0;
    size_t at = 0;
    for (size_t i = 0; i < TOKEN_DIGITS; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        held = held << 5 | (unsigned)(digit - digits);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            bytes[at++] = (unsigned char)(held >> bits);
        }
    }
    return at == BYTES && (held & ((1u << bits) - 1)) == 0;
}

void token_print(const struct identity *invited, char text[static TOKEN_TEXT])
{
    unsigned char bytes[BYTES];
    must(zmq_z85_decode(bytes, invited->server_key));
    must(zmq_z85_decode(bytes + KEY_BYTES, invited->secret_key));
    int size = snprintf(text, IDENTITY_NAME + 1, "%s.", invited->name);
    digits_put(bytes, text + size);
    explicit_bzero(bytes, sizeof bytes);
}

bool token_read(struct identity *invited, const char *text)
{
    unsigned char bytes[BYTES];
    size_t size = strlen(text), name_size = size - TOKEN_DIGITS - 1;
    *invited = (struct identity){.role = "invited"};
    if (size <= TOKEN_DIGITS + 1 || name_size >= IDENTITY_NAME || text[name_size] != '.' ||
        !digits_read(text + name_size + 1, bytes))
        return false;
    memcpy(invited->name, text, name_size);
    must(zmq_z85_encode(invited->server_key, bytes, KEY_BYTES));
    must(zmq_z85_encode(invited->secret_key, bytes + KEY_BYTES, KEY_BYTES));
    must(zmq_curve_public(invited->public_key, invited->secret_key) == 0);
    explicit_bzero(bytes, sizeof bytes);
    return identity_name_valid(invited->name);
}
