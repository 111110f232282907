/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may ask the gateway: every method and every combination of headers that is refused, the paths
 * that lead nowhere, and the file the token lies in.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/must.h"
#include "producer/gateway/http/guard.h"
#include "producer/gateway/http/token.h"
#include "producer/gateway/http/url.h"
#include "tests/unit/check.h"

#define SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct guard guard_new(void)
{
    struct guard g = {.token = SECRET};
    guard_names(&g, "127.0.0.1", 7713);
    return g;
}

/* --- guard ---------------------------------------------------------------------------------- */

struct guard_case {
    const char *host, *origin, *site, *authorization, *type;
    bool open, body;
    enum guard_verdict verdict;
};

static const char ours[] = "127.0.0.1:7713", bearer[] = "Bearer " SECRET;

static const struct guard_case cases[] = {
    /* by our names, and by no other */
    {ours, NULL, NULL, bearer, NULL, false, false, GUARD_GO},
    {"localhost:7713", NULL, NULL, bearer, NULL, false, false, GUARD_GO},
    {"LocalHost:7713", NULL, NULL, bearer, NULL, false, false, GUARD_GO},
    {"[::1]:7713", NULL, NULL, bearer, NULL, false, false, GUARD_GO},
    {NULL, NULL, NULL, bearer, NULL, false, false, GUARD_HOST},
    {"", NULL, NULL, bearer, NULL, true, false, GUARD_HOST},
    {"127.0.0.1", NULL, NULL, bearer, NULL, false, false, GUARD_HOST},
    {"127.0.0.1:7714", NULL, NULL, bearer, NULL, false, false, GUARD_HOST},
    {"127.0.0.1:77130", NULL, NULL, bearer, NULL, false, false, GUARD_HOST},
    {"evil.example:7713", NULL, NULL, bearer, NULL, true, false, GUARD_HOST},
    {"127.0.0.1:7713.evil.example", NULL, NULL, bearer, NULL, true, false, GUARD_HOST},
    {"localhost:7713@evil.example", NULL, NULL, bearer, NULL, true, false, GUARD_HOST},
    /* from our page, or from no page */
    {ours, "http://127.0.0.1:7713", NULL, bearer, NULL, false, false, GUARD_GO},
    {ours, "http://localhost:7713", "same-origin", bearer, NULL, false, false, GUARD_GO},
    {ours, "https://localhost:7713", NULL, bearer, NULL, false, false, GUARD_GO},
    {ours, NULL, "none", bearer, NULL, false, false, GUARD_GO},
    {ours, "null", NULL, bearer, NULL, false, false, GUARD_ORIGIN},
    {ours, "http://evil.example", NULL, bearer, NULL, true, false, GUARD_ORIGIN},
    {ours, "http://127.0.0.1:8080", NULL, bearer, NULL, true, false, GUARD_ORIGIN},
    {ours, "http://127.0.0.1:7713.evil.example", NULL, bearer, NULL, true, false, GUARD_ORIGIN},
    {ours, "ftp://127.0.0.1:7713", NULL, bearer, NULL, true, false, GUARD_ORIGIN},
    {ours, "127.0.0.1:7713", NULL, bearer, NULL, true, false, GUARD_ORIGIN},
    {ours, NULL, "cross-site", bearer, NULL, true, false, GUARD_ORIGIN},
    {ours, NULL, "same-site", bearer, NULL, true, false, GUARD_ORIGIN},
    {ours, "http://127.0.0.1:7713", "cross-site", bearer, NULL, true, false, GUARD_ORIGIN},
    {ours, NULL, "something-new", bearer, NULL, true, false, GUARD_ORIGIN},
    /* with the token */
    {ours, NULL, NULL, NULL, NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, NULL, NULL, true, false, GUARD_GO},
    {ours, NULL, NULL, "", NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, "Bearer ", NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, "Bearer", NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, SECRET, NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, "Basic " SECRET, NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, "bearer " SECRET, NULL, false, false, GUARD_GO},
    {ours, NULL, NULL, bearer + 1, NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, "Bearer " SECRET "0", NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, "Bearer 00", NULL, false, false, GUARD_TOKEN},
    {ours, NULL, NULL, "Bearer 10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
     NULL, false, false, GUARD_TOKEN},
    /* a body is JSON */
    {ours, NULL, NULL, bearer, NULL, false, true, GUARD_TYPE},
    {ours, NULL, NULL, bearer, "text/plain", false, true, GUARD_TYPE},
    {ours, NULL, NULL, bearer, "application/x-www-form-urlencoded", false, true, GUARD_TYPE},
    {ours, NULL, NULL, bearer, "application/jsonp", false, true, GUARD_TYPE},
    {ours, NULL, NULL, bearer, "application/json", false, true, GUARD_GO},
    {ours, NULL, NULL, bearer, "Application/JSON; charset=utf-8", false, true, GUARD_GO},
    {ours, NULL, NULL, bearer, "application/json ;x", false, true, GUARD_GO},
    {ours, NULL, NULL, bearer, "text/plain", false, false, GUARD_GO},
    /* the first that is wrong is told */
    {"evil.example", "http://evil.example", "cross-site", NULL, "text/plain", false, true,
     GUARD_HOST},
    {ours, "http://evil.example", NULL, NULL, "text/plain", false, true, GUARD_ORIGIN},
    {ours, NULL, NULL, NULL, "text/plain", false, true, GUARD_TOKEN},
};

TEST(every_header)
{
    struct guard g = guard_new();
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const struct guard_case *c = &cases[i];
        struct guard_request r = {.host = bytes_text(c->host),
                                  .origin = bytes_text(c->origin),
                                  .site = bytes_text(c->site),
                                  .authorization = bytes_text(c->authorization),
                                  .content_type = bytes_text(c->type),
                                  .open = c->open,
                                  .has_body = c->body};
        enum guard_verdict verdict = guard_check(&g, &r);
        if (verdict != c->verdict)
            check_failed(__FILE__, __LINE__, "case %zu: %d, not %d", i, verdict, c->verdict);
    }
}

/* What is refused does not hang on the method: the guard is not told of it. Those of a route are.
 */
TEST(a_missing_setting_lets_nobody_in)
{
    struct guard none = {0};
    struct guard_request r = {.host = bytes_text(ours), .authorization = bytes_text("Bearer ")};
    CHECK_EQ(guard_check(&none, &r), GUARD_HOST);
    guard_names(&none, "127.0.0.1", 7713);
    CHECK_EQ(guard_check(&none, &r), GUARD_TOKEN);
}

TEST(names_of_an_address)
{
    struct guard g = {.token = SECRET};
    struct guard_request r = {.open = true};
    guard_names(&g, "192.0.2.1", 80);
    CHECK(guard_name(&g, "farm.example"));
    static const char *const good[] = {"localhost", "localhost:80", "192.0.2.1", "192.0.2.1:80",
                                       "farm.example"};
    for (size_t i = 0; i < LENGTH(good); i++) {
        r.host = bytes_text(good[i]);
        CHECK_EQ(guard_check(&g, &r), GUARD_GO);
    }
    r.origin = bytes_text("https://farm.example");
    CHECK_EQ(guard_check(&g, &r), GUARD_GO);
    r.host = bytes_text("farm.example:80");
    CHECK_EQ(guard_check(&g, &r), GUARD_HOST);
    CHECK(!guard_name(&g, ""));
    while (g.host_count < GUARD_HOSTS_MAX)
        CHECK(guard_name(&g, "x"));
    CHECK(!guard_name(&g, "x"));
}

TEST(same)
{
    CHECK(guard_same(bytes_text("abc"), bytes_text("abc")));
    CHECK(!guard_same(bytes_text("abc"), bytes_text("abd")));
    CHECK(!guard_same(bytes_text("abc"), bytes_text("ab")));
    CHECK(!guard_same(bytes_text("abc"), bytes_text("")));
    CHECK(guard_same(bytes_text(""), bytes_text("")));
}

/* --- url ------------------------------------------------------------------------------------ */

static bool fits(const char *raw, const char *pattern, struct bytes *part)
{
    struct url u;
    static char kept[200];
    struct bytes parts[4] = {0};
    bool is = url_parse(&u, bytes_text(raw)) && url_match(&u, pattern, parts, 4);
    snprintf(kept, sizeof kept, "%.*s", BYTES_ARG(parts[0]));
    if (part)
        *part = bytes_text(kept);
    url_fini(&u);
    return is;
}

TEST(paths)
{
    struct bytes part;
    CHECK(fits("/", "/", NULL));
    CHECK(fits("/?a=b", "/", NULL));
    CHECK(fits("/v1/jobs", "/v1/jobs", NULL));
    CHECK(fits("/v1/jo%62s", "/v1/jobs", NULL));
    CHECK(fits("/v1/jobs/x%20y/cancel?z", "/v1/jobs/{id}/cancel", &part));
    CHECK_BYTES(part, bytes_text("x y"));
    CHECK(fits("/a+b", "/{file}", &part));
    CHECK_BYTES(part, bytes_text("a+b"));
    CHECK(fits("/..%2f..%2fetc%2fpasswd", "/{file}", &part)); /* one name, which no table has */
    CHECK_BYTES(part, bytes_text("../../etc/passwd"));
    static const char *const strange[] = {"//",
                                          "/v1//jobs",
                                          "//v1/jobs",
                                          "/v1/jobs/",
                                          "/.",
                                          "/..",
                                          "/%2e%2e",
                                          "/%2E",
                                          "/../x",
                                          "/x/../../y",
                                          "/v1/jobs/x",
                                          "/v1",
                                          "/a/b/c/d/e/f/g/h/i/j/k/l",
                                          "/V1/jobs"};
    for (size_t i = 0; i < LENGTH(strange); i++) {
        CHECK(!fits(strange[i], "/v1/jobs", NULL));
        CHECK(!fits(strange[i], "/", NULL));
        if (i + 5 < LENGTH(strange))
            CHECK(!fits(strange[i], "/{file}", NULL));
    }
}

TEST(what_is_no_path)
{
    static const char *const bad[] = {"",      "*",       "x",       "http://h/", "/%",    "/%0",
                                      "/%zz",  "/%00",    "/a%00b",  "/%0a",      "/\x7f", "/\x01",
                                      "/?%00", "/?a=%0d", "/?a=%g1", "/?a=%",     "/?\n"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct url u;
        CHECK(!url_parse(&u, bytes_text(bad[i])));
        url_fini(&u);
    }
}

TEST(queries)
{
    struct url u;
    CHECK(url_parse(&u, bytes_text("/x?topic=job%2F1&&after=1.2&empty=&bare&a+b=c+d%2B&=v")));
    static const char *const pairs[][2] = {{"topic", "job/1"}, {"after", "1.2"}, {"empty", ""},
                                           {"bare", ""},       {"a b", "c d+"},  {"", "v"}};
    CHECK_EQ(u.pair_count, LENGTH(pairs));
    for (size_t i = 0; i < LENGTH(pairs); i++) {
        CHECK_BYTES(u.pairs[i].name, bytes_text(pairs[i][0]));
        CHECK_BYTES(u.pairs[i].value, bytes_text(pairs[i][1]));
    }
    url_fini(&u);
    struct buf many = {0};
    buf_put(&many, "/?", 2);
    for (int i = 0; i <= URL_PAIRS_MAX; i++)
        buf_put(&many, "a&", 2);
    CHECK(!url_parse(&u, buf_bytes(&many)));
    url_fini(&u);
    buf_fini(&many);
}

/* --- token ---------------------------------------------------------------------------------- */

static const char file[] = "made/token";

static void write_token(const char *text, mode_t mode)
{
    unlink(file);
    FILE *f = fopen(file, "w");
    CHECK(f);
    fputs(text, f);
    fclose(f);
    CHECK_EQ(chmod(file, mode), 0);
}

TEST(a_token_is_made_and_kept)
{
    char first[TOKEN_DIGITS + 1], second[TOKEN_DIGITS + 1], why[200] = "";
    struct stat is;
    unlink(file);
    rmdir("made");
    CHECK(token_load(file, first, why, sizeof why));
    CHECK_EQ(strlen(first), TOKEN_DIGITS);
    CHECK_EQ(strspn(first, "0123456789abcdef"), TOKEN_DIGITS);
    CHECK_EQ(stat(file, &is), 0);
    CHECK_EQ(is.st_mode & 0777, 0600);
    CHECK_EQ(stat("made", &is), 0);
    CHECK_EQ(is.st_mode & 0777, 0700);
    CHECK(token_load(file, second, why, sizeof why));
    CHECK_TEXT(second, first);
    unlink(file);
    CHECK(token_load(file, second, why, sizeof why));
    CHECK(strcmp(first, second) != 0);
}

TEST(a_token_of_others_is_refused)
{
    char token[TOKEN_DIGITS + 1], why[200];
    static const struct {
        const char *text, *why;
        mode_t mode;
    } bad[] = {
        {SECRET "\n", "others may", 0640},
        {SECRET "\n", "others may", 0602},
        {"", "no token", 0600},
        {"abc\n", "no token", 0600},
        {SECRET SECRET, "no token", 0600},
        {SECRET "0\n", "no token", 0600},
        {SECRET "\n" SECRET, "no token", 0600},
        {"Z0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "no token", 0600},
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        write_token(bad[i].text, bad[i].mode);
        CHECK(!token_load(file, token, why, sizeof why));
        CHECK(strstr(why, bad[i].why) && strstr(why, file));
    }
    write_token(SECRET, 0400);
    CHECK(token_load(file, token, why, sizeof why));
    CHECK_TEXT(token, SECRET);
    unlink(file);
    CHECK_EQ(symlink("elsewhere", file), 0);
    CHECK(!token_load(file, token, why, sizeof why));
    CHECK(strstr(why, "symbolic link"));
    unlink(file);
    CHECK_EQ(mkdir(file, 0700), 0);
    CHECK(!token_load(file, token, why, sizeof why));
    rmdir(file);
}
