/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of principals: what is read, what is refused and in which line, who is covered.
 */
#include "proto/acl.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/must.h"
#include "tests/unit/check.h"

/* Public keys for the tests: any forty characters of Z85 whose fives are four bytes. */
#define KEY_1 "1111111111111111111111111111111111111111"
#define KEY_2 "2222222222222222222222222222222222222222"
#define KEY_3 "0000#0#000000000000000000000000000000000"

static struct acl acl;
static char why[200];

static void list_of(const char *text)
{
    acl_fini(&acl);
    why[0] = 0;
    if (!acl_read(&acl, bytes_text(text), why, sizeof why))
        check_failed(__FILE__, __LINE__, "refused: %s", why);
}

static const char *refusal_of(const char *text)
{
    acl_fini(&acl);
    CHECK(!acl_read(&acl, bytes_text(text), why, sizeof why));
    CHECK(!acl.list && !acl.text && !acl.count);
    return why;
}

TEST(lines_are_read)
{
    list_of("# a comment\n\n  \t\n"
            "client  site-1\t" KEY_1 " calculator.,bench.\n"
            "  # another\n"
            "worker Host_2.a " KEY_2 " *");
    CHECK_EQ(acl.count, 2);
    const struct principal *p = acl_by_name(&acl, bytes_text("site-1"));
    CHECK(p && p == acl_by_key(&acl, bytes_text(KEY_1)));
    CHECK_EQ(p->role, ACL_CLIENT);
    CHECK_EQ(p->line, 4);
    CHECK_BYTES(p->queues, bytes_text("calculator.,bench."));
    p = acl_by_key(&acl, bytes_text(KEY_2));
    CHECK(p && p->role == ACL_WORKER);
    CHECK_BYTES(p->name, bytes_text("Host_2.a"));
    CHECK(!acl_by_key(&acl, bytes_text(KEY_3)));
    CHECK(!acl_by_name(&acl, bytes_text("site")));
    list_of("");
    CHECK_EQ(acl.count, 0);
    acl_fini(&acl);
}

/* So only a whole line can be a comment. */
TEST(a_key_may_hold_a_hash)
{
    list_of("admin root " KEY_3 " *");
    CHECK(acl_by_key(&acl, bytes_text(KEY_3)));
    acl_fini(&acl);
}

TEST(an_invitation_is_a_worker_to_be)
{
    list_of("invited a " KEY_1 " x. 1795311022\n");
    const struct principal *p = acl_by_name(&acl, bytes_text("a"));
    CHECK(p && p->role == ACL_WORKER && !p->revoked);
    CHECK_EQ(p->until_s, 1795311022);
    struct buf out = {0};
    acl_print(&out, p);
    CHECK_TEXT(buf_text(&out), "invited a " KEY_1 " x. 1795311022\n");
    buf_fini(&out);
    static const char *const wrong[] = {"", " 0", " -1", " 12x", " 1234567890123", " 1 2"};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        char line[200];
        snprintf(line, sizeof line, "invited a " KEY_1 " x.%s\n", wrong[i]);
        CHECK_TEXT(refusal_of(line),
                   "line 1: it reads: invited NAME PUBLIC-KEY QUEUES SECONDS-SINCE-1970");
    }
}

TEST(a_line_may_end_in_quotas)
{
    list_of("client a " KEY_1 " * jobs=10,bytes=1M\nclient b " KEY_2 " *\ngateway c " KEY_3
            " * rate=7");
    struct quotas usual = quotas_usual(true), none = quotas_usual(false);
    const struct quotas *a = &acl_by_name(&acl, bytes_text("a"))->quotas;
    const struct quotas *b = &acl_by_name(&acl, bytes_text("b"))->quotas;
    const struct quotas *c = &acl_by_name(&acl, bytes_text("c"))->quotas;
    CHECK_EQ(a->of[QUOTA_JOBS], 10);
    CHECK_EQ(a->of[QUOTA_BYTES], 1 << 20);
    CHECK_EQ(a->of[QUOTA_RATE], usual.of[QUOTA_RATE]);
    CHECK(memcmp(b, &usual, sizeof usual) == 0);
    CHECK_EQ(c->of[QUOTA_RATE], 7);
    CHECK_EQ(c->of[QUOTA_JOBS], none.of[QUOTA_JOBS]);
    acl_fini(&acl);
}

TEST(revoked_keys_are_remembered)
{
    list_of("revoked a " KEY_1 "\nclient a " KEY_2 " *\n");
    const struct principal *old = acl_by_key(&acl, bytes_text(KEY_1));
    CHECK(old && old->revoked);
    CHECK(!acl_covers(old, bytes_text("a.b")));
    CHECK(acl_by_name(&acl, bytes_text("a")) == acl_by_key(&acl, bytes_text(KEY_2)));
    CHECK_TEXT(refusal_of("revoked a " KEY_1 "\nclient b " KEY_1 " *\n"),
               "line 2: this key stands in line 1 already, revoked");
    acl_fini(&acl);
}

TEST(refusals_name_their_line)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"\n\nroot a " KEY_1 " *",
         "line 3: the first word is client, worker, watcher, gateway, admin, invited or revoked"},
        {"client a " KEY_1, "line 1: it reads: ROLE NAME PUBLIC-KEY QUEUES [QUOTAS]"},
        {"client a " KEY_1 " * more",
         "line 1: quotas are like jobs=1000,rate=50,bytes=64M,sessions=10,follows=*"},
        {"client a " KEY_1 " * jobs=1 more",
         "line 1: it reads: ROLE NAME PUBLIC-KEY QUEUES [QUOTAS]"},
        {"worker a " KEY_1 " * jobs=1", "line 1: a worker hands in nothing: it has no quotas"},
        {"revoked a " KEY_1 " *", "line 1: it reads: revoked NAME PUBLIC-KEY"},
        {"client a/b " KEY_1 " *", "line 1: a name has 1 to 64 letters, digits, . _ or -"},
        {"client a " KEY_1 "1 *", "line 1: a public key has 40 characters of Z85"},
        {"client a 111 *", "line 1: a public key has 40 characters of Z85"},
        {"client a " KEY_1 " ,",
         "line 1: queues are * or the beginnings of their names, with commas"},
        {"client a " KEY_1 " a.,*",
         "line 1: queues are * or the beginnings of their names, with commas"},
        {"client a " KEY_1 " *\r",
         "line 1: queues are * or the beginnings of their names, with commas"},
        {"watcher a " KEY_1 " a.",
         "line 1: only clients and workers can be bound to queues: say *"},
        {"admin a " KEY_1 " a.", "line 1: only clients and workers can be bound to queues: say *"},
        {"client a " KEY_1 " *\nclient a " KEY_2 " *",
         "line 2: this name stands in line 1 already"},
        {"client a " KEY_1 " *\nworker b " KEY_1 " *", "line 2: this key stands in line 1 already"},
    };
    for (size_t i = 0; i < LENGTH(rows); i++)
        CHECK_TEXT(refusal_of(rows[i].text), rows[i].why);
}

TEST(keys_that_are_none)
{
    CHECK(!acl_key_valid(bytes_text("")));
    CHECK(!acl_key_valid(bytes_text("111111111111111111111111111111111111111\"")));
    CHECK(!acl_key_valid(bytes_of(KEY_1 "\0", ACL_KEY_SIZE + 1)));
    /* %nSc0 is 2^32 - 1: the next five are no four bytes. */
    CHECK(acl_key_valid(bytes_text("%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0")));
    CHECK(!acl_key_valid(bytes_text("%nSc0%nSc1%nSc0%nSc0%nSc0%nSc0%nSc0%nSc0")));
    CHECK(!acl_key_valid(bytes_text("########################################")));
}

TEST(names_have_a_limit)
{
    char name[ACL_NAME_MAX + 2];
    memset(name, 'a', sizeof name);
    CHECK(acl_name_valid(bytes_of(name, ACL_NAME_MAX)));
    CHECK(!acl_name_valid(bytes_of(name, ACL_NAME_MAX + 1)));
    CHECK(!acl_name_valid(bytes_text("")));
}

TEST(queues_are_covered_by_their_beginnings)
{
    list_of("client a " KEY_1 " calculator.,bench.sleep\nworker b " KEY_2 " *");
    const struct principal *a = acl_by_name(&acl, bytes_text("a"));
    CHECK(acl_covers(a, bytes_text("calculator.calculate")));
    CHECK(acl_covers(a, bytes_text("bench.sleep")));
    CHECK(acl_covers(a, bytes_text("bench.sleeper")));
    CHECK(!acl_covers(a, bytes_text("bench.slee")));
    CHECK(!acl_covers(a, bytes_text("calculator")));
    CHECK(!acl_covers(a, bytes_text("todo")));
    CHECK(!acl_covers(a, bytes_text("")));
    CHECK(acl_covers(acl_by_name(&acl, bytes_text("b")), bytes_text("todo")));
    acl_fini(&acl);
}

TEST(roles_and_ports)
{
    static const char *const wanted[ACL_ROLES] = {[ACL_CLIENT] = "100",
                                                  [ACL_WORKER] = "010",
                                                  [ACL_WATCHER] = "101",
                                                  [ACL_GATEWAY] = "101",
                                                  [ACL_ADMIN] = "101"};
    for (unsigned role = 0; role < ACL_ROLES; role++) {
        char is[ACL_PORTS + 1] = {0};
        for (unsigned port = 0; port < ACL_PORTS; port++)
            is[port] = acl_admits(role, port) ? '1' : '0';
        CHECK_TEXT(is, wanted[role]);
        CHECK_EQ(acl_role_find(bytes_text(acl_role_name(role))), role);
    }
    for (unsigned port = 0; port < ACL_PORTS; port++)
        CHECK_EQ(acl_port_find(bytes_text(acl_port_name(port))), port);
    CHECK_EQ(acl_role_find(bytes_text("root")), ACL_ROLES);
    CHECK_EQ(acl_role_find(bytes_text("")), ACL_ROLES);
    CHECK_EQ(acl_port_find(bytes_text("client")), ACL_PORTS);
}

TEST(printed_and_read_again)
{
    static const char text[] = "client a " KEY_1 " x.,y. jobs=10,follows=*\nrevoked a " KEY_2
                               "\nwatcher b " KEY_3 " * follows=1\n";
    struct buf out = {0};
    list_of(text);
    for (size_t i = 0; i < acl.count; i++)
        acl_print(&out, &acl.list[i]);
    CHECK_TEXT(buf_text(&out), text);
    buf_fini(&out);
    acl_fini(&acl);
}
