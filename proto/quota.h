/* SPDX-License-Identifier: Apache-2.0
 *
 * quota: how much of a broker one principal may have at a time, whatever the number of its keys'
 * holders and connections: the last column of its line (proto/acl.h), as `jobs=1000,rate=50`. This
 * is the one table of what there is and what holds where a line says nothing; what somebody has,
 * and what comes of too much, is the broker's to know (producer/core/usage.h).
 */
#ifndef PROTO_QUOTA_H
#define PROTO_QUOTA_H

#include "common/buf.h"
#include "common/must.h"

/* X(NAME, word, what a client has of which nothing is said, what it counts). A client alone must
 * not fill the broker: these are a quarter of what that takes, or less (producer/core/broker.h). */
#define QUOTAS_LIST(X)                                                                             \
    X(QUOTA_JOBS, "jobs", 5000000, "live jobs")                                                    \
    X(QUOTA_RATE, "rate", 1000000, "submissions a second; as many may come at once")               \
    X(QUOTA_BYTES, "bytes", 1ull << 30,                                                            \
      "bytes kept in memory for its jobs: arguments, states of sessions, results of class "        \
      "received that nobody has fetched")                                                          \
    X(QUOTA_SESSIONS, "sessions", 100000, "live sessions and open tasks")                          \
    X(QUOTA_FOLLOWS, "follows", 25000, "topics followed over the clients' port")

enum quota {
#define X(quota, word, usual, text) quota,
    QUOTAS_LIST(X)
#undef X
        QUOTAS
};

#define QUOTA_NONE      UINT64_MAX    /* no limit of its own; in a text `*` */
#define QUOTA_MAX       1000000000ull /* that a text can say; `bytes`: */
#define QUOTA_BYTES_MAX (1024ull << 40)

struct quotas {
    uint64_t of[QUOTAS];
};

/* Of a client of which nothing is said, and of all others. */
struct quotas quotas_usual(bool client);

/* Takes what a list says: each word once, a number or `*`; bytes may end in K, M, G or T. NULL, or
 * why not, for people; *q is of no use then. */
const char *quotas_read(struct quotas *q, struct bytes list) MUST_CHECK;

/* The list of those that are not as in `usual`; nothing when all are. */
void quotas_print(struct buf *out, const struct quotas *q, const struct quotas *usual);

const char *quota_word(enum quota quota);

#endif
