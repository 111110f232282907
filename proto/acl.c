/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/acl.h"

#include <stdio.h>

#include "common/must.h"

enum { WORDS_MAX = 5 };

/* --- names ------------------------------------------------------------------------------------ */

static const char *const roles[ACL_ROLES] = {
#define X(role, name) [role] = name,
    ACL_ROLES_LIST(X)
#undef X
};

static const char *const ports[ACL_PORTS] = {
#define X(port, name) [port] = name,
    ACL_PORTS_LIST(X)
#undef X
};

static const bool admits[ACL_ROLES][ACL_PORTS] = {
    [ACL_CLIENT] = {[ACL_CLIENTS] = true},
    [ACL_WORKER] = {[ACL_WORKERS] = true},
    [ACL_WATCHER] = {[ACL_CLIENTS] = true, [ACL_UPDATES] = true},
    [ACL_GATEWAY] = {[ACL_CLIENTS] = true, [ACL_UPDATES] = true},
    [ACL_ADMIN] = {[ACL_CLIENTS] = true, [ACL_UPDATES] = true},
};

static unsigned find(const char *const *names, unsigned count, struct bytes name)
{
    unsigned at = 0;
    while (at < count && !bytes_equal(name, bytes_text(names[at])))
        at++;
    return at;
}

const char *acl_role_name(enum acl_role role)
{
    return roles[role];
}

enum acl_role acl_role_find(struct bytes name)
{
    return (enum acl_role)find(roles, ACL_ROLES, name);
}

const char *acl_port_name(enum acl_port port)
{
    return ports[port];
}

enum acl_port acl_port_find(struct bytes name)
{
    return (enum acl_port)find(ports, ACL_PORTS, name);
}

bool acl_admits(enum acl_role role, enum acl_port port)
{
    return admits[role][port];
}

/* --- words ------------------------------------------------------------------------------------ */

static bool word_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           c == '.' || c == '-';
}

static bool word_valid(struct bytes word)
{
    const char *at = word.data;
    for (size_t i = 0; i < word.size; i++)
        if (!word_char(at[i]))
            return false;
    return word.size > 0;
}

bool acl_name_valid(struct bytes name)
{
    return name.size <= ACL_NAME_MAX && word_valid(name);
}

/* Z85 (ZeroMQ RFC 32): five characters are four bytes. Five that stand for more are none: two
 * texts must never be one key. */
bool acl_key_valid(struct bytes key)
{
    static const char digits[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    const char *at = key.data;
    uint64_t value = 0;
    if (key.size != ACL_KEY_SIZE)
        return false;
    for (size_t i = 0; i < key.size; i++) {
        const char *digit = at[i] ? strchr(digits, at[i]) : NULL;
        if (!digit)
            return false;
        value = value * 85 + (uint64_t)(digit - digits);
        if (i % 5 == 4) {
            if (value > UINT32_MAX)
                return false;
            value = 0;
        }
    }
    return true;
}

/* The first of a list with commas; the list goes on behind it. */
static struct bytes prefix_take(struct bytes *list)
{
    const char *at = list->data, *comma = list->size ? memchr(at, ',', list->size) : NULL;
    struct bytes first = bytes_of(at, comma ? (size_t)(comma - at) : list->size);
    size_t taken = comma ? first.size + 1 : list->size;
    *list = bytes_of(at + taken, list->size - taken);
    return first;
}

static bool everything(struct bytes queues)
{
    return bytes_equal(queues, bytes_text("*"));
}

bool acl_queues_valid(struct bytes queues)
{
    if (everything(queues))
        return true;
    if (!queues.size || queues.size > ACL_QUEUES_MAX ||
        ((const char *)queues.data)[queues.size - 1] == ',')
        return false;
    while (queues.size)
        if (!word_valid(prefix_take(&queues)))
            return false;
    return true;
}

bool acl_covers(const struct principal *p, struct bytes queue)
{
    struct bytes rest = p->queues;
    if (everything(rest))
        return true;
    while (rest.size)
        if (bytes_starts(queue, prefix_take(&rest)))
            return true;
    return false;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Returns how many there are; those beyond the last one wanted are only counted. */
static unsigned words_of(struct bytes line, struct bytes words[static WORDS_MAX])
{
    const char *at = line.data, *end = at + line.size;
    unsigned count = 0;
    for (; at < end; count++) {
        const char *start = at;
        while (at < end && !blank(*at))
            at++;
        if (count < WORDS_MAX)
            words[count] = bytes_of(start, (size_t)(at - start));
        while (at < end && blank(*at))
            at++;
    }
    return count;
}

/* Seconds since 1970; 0: it is no such number. */
static int64_t until_read(struct bytes word)
{
    const char *at = word.data;
    int64_t until_s = 0;
    if (word.size > 12)
        return 0;
    for (size_t i = 0; i < word.size; i++) {
        if (at[i] < '0' || at[i] > '9')
            return 0;
        until_s = until_s * 10 + (at[i] - '0');
    }
    return until_s;
}

/* What the first word says, and how many there are to be. NULL, or what is wrong. */
static const char *kind_read(struct principal *p, const struct bytes words[static WORDS_MAX],
                             unsigned count)
{
    bool invited = bytes_equal(words[0], bytes_text("invited"));
    p->revoked = bytes_equal(words[0], bytes_text("revoked"));
    p->role = p->revoked ? ACL_ROLES : invited ? ACL_WORKER : acl_role_find(words[0]);
    if (!p->revoked && p->role == ACL_ROLES)
        return "the first word is client, worker, watcher, gateway, admin, invited or revoked";
    if (p->revoked)
        return count == 3 ? NULL : "it reads: revoked NAME PUBLIC-KEY";
    if (!invited)
        return count == 4 || count == 5 ? NULL : "it reads: ROLE NAME PUBLIC-KEY QUEUES [QUOTAS]";
    p->until_s = count == 5 ? until_read(words[4]) : 0;
    return p->until_s ? NULL : "it reads: invited NAME PUBLIC-KEY QUEUES SECONDS-SINCE-1970";
}

/* NULL, or what is wrong with it. */
static const char *principal_read(struct principal *p, struct bytes line)
{
    struct bytes words[WORDS_MAX] = {{0}};
    unsigned count = words_of(line, words);
    const char *wrong = kind_read(p, words, count);
    if (wrong)
        return wrong;
    p->name = words[1];
    p->key = words[2];
    p->queues = words[3];
    if (!acl_name_valid(p->name))
        return "a name has 1 to 64 letters, digits, . _ or -";
    if (!acl_key_valid(p->key))
        return "a public key has 40 characters of Z85";
    if (p->revoked)
        return NULL;
    if (!acl_queues_valid(p->queues))
        return "queues are * or the beginnings of their names, with commas";
    if (p->role != ACL_CLIENT && p->role != ACL_WORKER && !everything(p->queues))
        return "only clients and workers can be bound to queues: say *";
    p->quotas = quotas_usual(p->role == ACL_CLIENT);
    if (p->until_s || count < 5)
        return NULL;
    if (p->role == ACL_WORKER)
        return "a worker hands in nothing: it has no quotas";
    return quotas_read(&p->quotas, words[4]);
}

/* Space for one more is there. False: it stands in an earlier line. */
static bool principal_add(struct acl *acl, const struct principal *read, char *why, size_t why_size)
{
    const struct principal *other = acl_by_key(acl, read->key);
    const char *what = "key";
    if (!other && !read->revoked) {
        other = acl_by_name(acl, read->name);
        what = "name";
    }
    if (other) {
        snprintf(why, why_size, "line %u: this %s stands in line %u already%s", read->line, what,
                 other->line, other->revoked ? ", revoked" : "");
        return false;
    }
    struct principal *p = &acl->list[acl->count++];
    *p = *read;
    namemap_put(&acl->by_key, p->key, p);
    if (!p->revoked)
        namemap_put(&acl->by_name, p->name, p);
    return true;
}

static size_t lines_of(struct bytes text)
{
    const char *at = text.data;
    size_t count = 1;
    for (size_t i = 0; i < text.size; i++)
        count += at[i] == '\n';
    return count;
}

static bool lines_read(struct acl *acl, size_t size, char *why, size_t why_size)
{
    const char *at = acl->text, *end = at + size;
    for (unsigned number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)), *start = at;
        const char *stop = newline ? newline : end;
        at = newline ? newline + 1 : end;
        while (start < stop && blank(*start))
            start++;
        if (start == stop || *start == '#')
            continue;
        struct principal p = {.line = number};
        const char *wrong = principal_read(&p, bytes_of(start, (size_t)(stop - start)));
        if (wrong) {
            snprintf(why, why_size, "line %u: %s", number, wrong);
            return false;
        }
        if (!principal_add(acl, &p, why, why_size))
            return false;
    }
    return true;
}

bool acl_read(struct acl *acl, struct bytes text, char *why, size_t why_size)
{
    *acl = (struct acl){0};
    if (text.size > ACL_TEXT_MAX) {
        snprintf(why, why_size, "line 1: a list of more than %d bytes", ACL_TEXT_MAX);
        return false;
    }
    acl->text = must_alloc(text.size + 1);
    bytes_copy(acl->text, text);
    acl->list = must_alloc(lines_of(text) * sizeof *acl->list); /* the maps point into it */
    if (lines_read(acl, text.size, why, why_size))
        return true;
    acl_fini(acl);
    return false;
}

void acl_fini(struct acl *acl)
{
    namemap_fini(&acl->by_key);
    namemap_fini(&acl->by_name);
    free(acl->list);
    free(acl->text);
    *acl = (struct acl){0};
}

const struct principal *acl_by_key(const struct acl *acl, struct bytes key)
{
    return namemap_find(&acl->by_key, key);
}

const struct principal *acl_by_name(const struct acl *acl, struct bytes name)
{
    return namemap_find(&acl->by_name, name);
}

struct principal acl_principal(enum acl_role role, const char *name, const char *queues)
{
    return (struct principal){.name = bytes_text(name),
                              .queues = bytes_text(queues ? queues : "*"),
                              .quotas = quotas_usual(role == ACL_CLIENT),
                              .role = role};
}

void acl_quotas_print(struct buf *out, const struct principal *p)
{
    struct quotas usual = quotas_usual(p->role == ACL_CLIENT);
    if (!p->revoked)
        quotas_print(out, &p->quotas, &usual);
}

static void line_print(struct buf *out, const struct principal *p)
{
    struct buf quotas = {0};
    acl_quotas_print(&quotas, p);
    buf_printf(out, "%s %.*s %.*s %.*s", roles[p->role], BYTES_ARG(p->name), BYTES_ARG(p->key),
               BYTES_ARG(p->queues));
    if (quotas.size)
        buf_printf(out, " %s", buf_text(&quotas));
    buf_put(out, "\n", 1);
    buf_fini(&quotas);
}

void acl_print(struct buf *out, const struct principal *p)
{
    if (p->revoked)
        buf_printf(out, "revoked %.*s %.*s\n", BYTES_ARG(p->name), BYTES_ARG(p->key));
    else if (p->until_s)
        buf_printf(out, "invited %.*s %.*s %.*s %lld\n", BYTES_ARG(p->name), BYTES_ARG(p->key),
                   BYTES_ARG(p->queues), (long long)p->until_s);
    else
        line_print(out, p);
}
