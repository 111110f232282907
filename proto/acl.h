/* SPDX-License-Identifier: Apache-2.0
 *
 * acl: who may reach a broker, and as what. A principal is a name with one public key and one role;
 * the list is a text, a principal a line:
 *
 *   ROLE NAME PUBLIC-KEY QUEUES [QUOTAS]
 *   invited NAME PUBLIC-KEY QUEUES UNTIL
 *   revoked NAME PUBLIC-KEY
 *
 * Who is invited may hand in a key of its own, once and before UNTIL (seconds since 1970), and is a
 * worker under that key from then on.
 *
 * Words are parted by spaces or tabs. A line whose first character is # is a comment (only the
 * first: a key may hold one). Reads, finds and prints; knows no file and no socket, and no secret.
 */
#ifndef PROTO_ACL_H
#define PROTO_ACL_H

#include "common/buf.h"
#include "common/map.h"
#include "proto/quota.h"

enum {
    ACL_NAME_MAX = 64,       /* [A-Za-z0-9._-] */
    ACL_KEY_SIZE = 40,       /* Z85 characters: 32 bytes */
    ACL_QUEUES_MAX = 1000,   /* bytes of one principal's list */
    ACL_TEXT_MAX = 16 << 20, /* bytes of a whole list */
};

#define ACL_ROLES_LIST(X)                                                                          \
    X(ACL_CLIENT, "client")   /* hands in jobs of its queues and sees its own */                   \
    X(ACL_WORKER, "worker")   /* runs jobs of its queues */                                        \
    X(ACL_WATCHER, "watcher") /* sees everything, changes nothing */                               \
    X(ACL_GATEWAY, "gateway") /* acts for others: everything */                                    \
    X(ACL_ADMIN, "admin")     /* everything */

enum acl_role {
#define X(role, name) role,
    ACL_ROLES_LIST(X)
#undef X
        ACL_ROLES
};

/* The ports of a broker; their names are the domains of its ZAP handler. */
#define ACL_PORTS_LIST(X)                                                                          \
    X(ACL_CLIENTS, "clients")                                                                      \
    X(ACL_WORKERS, "workers")                                                                      \
    X(ACL_UPDATES, "updates")

enum acl_port {
#define X(port, name) port,
    ACL_PORTS_LIST(X)
#undef X
        ACL_PORTS
};

/* Lent by its acl. */
struct principal {
    struct bytes name, key;
    struct bytes queues;  /* "*", or prefixes of queue names with commas; revoked: empty */
    struct quotas quotas; /* where its line says nothing the usual ones */
    enum acl_role role;
    bool revoked;    /* its key is known so that it cannot come back; it has no role */
    int64_t until_s; /* invited, until then; else 0 */
    unsigned line;
};

struct acl {
    struct principal *list; /* as the lines stand */
    size_t count;
    struct namemap by_key, by_name; /* by_name: without the revoked ones */
    char *text;
};

/* Reads a whole list into a zeroed acl; the text is copied. False: nothing is left to free, and why
 * is "line N: ...". One name has one key and one key one name; a revoked key never comes back,
 * its name may, with another key. Only clients and workers can be bound to queues;
 * workers, who hand in nothing, have no quotas. */
bool acl_read(struct acl *acl, struct bytes text, char *why, size_t why_size);
void acl_fini(struct acl *acl);

/* Also revoked ones; NULL: unknown. */
const struct principal *acl_by_key(const struct acl *acl, struct bytes key);
/* Only such as are in force. */
const struct principal *acl_by_name(const struct acl *acl, struct bytes name);

/* One without a key yet, with the usual quotas of its role; queues NULL: all. Borrows the texts. */
struct principal acl_principal(enum acl_role role, const char *name, const char *queues);

/* The line of one principal, with its newline. */
void acl_print(struct buf *out, const struct principal *p);
/* The last column of it; nothing when its quotas are the usual ones of its role. */
void acl_quotas_print(struct buf *out, const struct principal *p);

bool acl_name_valid(struct bytes name);
bool acl_key_valid(struct bytes key);
bool acl_queues_valid(struct bytes queues);

/* Is this queue among its queues? Never for a revoked one. */
bool acl_covers(const struct principal *p, struct bytes queue);

/* Who is let in where. */
bool acl_admits(enum acl_role role, enum acl_port port);

const char *acl_role_name(enum acl_role role);
/* ACL_ROLES: no such role. */
enum acl_role acl_role_find(struct bytes name);
const char *acl_port_name(enum acl_port port);
/* ACL_PORTS: no such port. */
enum acl_port acl_port_find(struct bytes name);

#endif
