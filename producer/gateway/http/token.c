/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/gateway/http/token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/paths.h"
#include "common/secret.h"

enum { FILE_MAX = 4096 };

static bool fail(char *why, size_t why_size, const char *path, const char *what)
{
    snprintf(why, why_size, "%s: %s", path, what);
    return false;
}

static void token_make(char token[static TOKEN_DIGITS + 1])
{
    unsigned char bits[TOKEN_DIGITS / 2];
    must(getrandom(bits, sizeof bits, 0) == (ssize_t)sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++)
        snprintf(token + 2 * i, 3, "%02x", bits[i]);
}

/* EEXIST: somebody was faster. */
static int write_new(const char *path)
{
    char token[TOKEN_DIGITS + 1];
    token_make(token);
    token[TOKEN_DIGITS] = '\n';
    int error = secret_make(path, bytes_of(token, sizeof token));
    explicit_bzero(token, sizeof token);
    return error;
}

/* A newline may follow it, and nothing else. */
static bool token_take(struct bytes text, char token[static TOKEN_DIGITS + 1])
{
    const char *at = text.data;
    if (text.size == TOKEN_DIGITS + 1 && at[TOKEN_DIGITS] == '\n')
        text.size--;
    if (text.size != TOKEN_DIGITS)
        return false;
    memcpy(token, at, TOKEN_DIGITS);
    token[TOKEN_DIGITS] = 0;
    return strspn(token, "0123456789abcdef") == TOKEN_DIGITS;
}

bool token_load(const char *path, char token[static TOKEN_DIGITS + 1], char *why, size_t why_size)
{
    struct buf text = {0};
    int error = secret_read(path, FILE_MAX, &text, why, why_size);
    if (error == ENOENT) {
        error = path_make_above(path);
        error = error ? error : write_new(path);
        if (error && error != EEXIST)
            return fail(why, why_size, path, strerror(error));
        error = secret_read(path, FILE_MAX, &text, why, why_size);
    }
    bool whole = !error && token_take(buf_bytes(&text), token);
    if (!error && !whole)
        fail(why, why_size, path,
             "holds no token of 64 hexadecimal digits: remove it and a new one is made");
    secret_wipe(&text);
    return whole;
}
