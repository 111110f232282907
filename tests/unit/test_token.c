/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/keyring/token.h"

#include <string.h>

#include "tests/unit/check.h"

static struct identity server, invited;

static void make(const char *name)
{
    identity_make(&server, "broker", "broker", NULL);
    identity_make(&invited, "invited", name, server.public_key);
}

TEST(what_is_printed_is_read)
{
    char text[TOKEN_TEXT];
    struct identity read;
    for (int i = 0; i < 100; i++) {
        make(i % 2 ? "rack-7.of_4" : "a");
        token_print(&invited, text);
        CHECK_EQ(strlen(text), strlen(invited.name) + 1 + TOKEN_DIGITS);
        CHECK(token_read(&read, text));
        CHECK_TEXT(read.name, invited.name);
        CHECK_TEXT(read.secret_key, invited.secret_key);
        CHECK_TEXT(read.public_key, invited.public_key);
        CHECK_TEXT(read.server_key, server.public_key);
    }
}

TEST(it_needs_no_quoting)
{
    char text[TOKEN_TEXT];
    make("a");
    token_print(&invited, text);
    CHECK_EQ(strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz."), strlen(text));
}

TEST(what_is_none)
{
    char text[TOKEN_TEXT], long_name[TOKEN_TEXT + 80];
    struct identity read;
    make("a");
    token_print(&invited, text);
    static const char *const words[] = {"", ".", "a", "a.", "a.0"};
    for (size_t i = 0; i < LENGTH(words); i++)
        CHECK(!token_read(&read, words[i]));
    CHECK(!token_read(&read, text + 1)); /* no name */
    CHECK(!token_read(&read, text + 2));
    for (size_t i = 0; i < strlen(text); i++) {
        char was = text[i];
        text[i] = '!';
        CHECK(!token_read(&read, text));
        text[i] = was;
    }
    text[strlen(text) - 1] = 'z'; /* a bit that means nothing is set */
    CHECK(!token_read(&read, text));
    memset(long_name, 'n', sizeof long_name);
    snprintf(long_name + IDENTITY_NAME, sizeof long_name - IDENTITY_NAME, "%s", text + 1);
    CHECK(!token_read(&read, long_name));
}
