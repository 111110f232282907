/* SPDX-License-Identifier: Apache-2.0
 *
 * guard: may this request be looked at at all? Lists of what is allowed, on every method and path;
 * what is not on them is refused. A page of another site can make a browser send requests here, and
 * by a name of its own that leads to this host even read the answers: Host and Origin tell. Pure.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "common/bytes.h"

enum { TOKEN_TEXT = 65, GUARD_HOSTS_MAX = 16, GUARD_HOST_TEXT = 280 };

struct guard {
    char hosts[GUARD_HOSTS_MAX][GUARD_HOST_TEXT]; /* "127.0.0.1:7713": what Host may say */
    size_t host_count;
    char token[TOKEN_TEXT];
};

struct guard_request { /* headers: size 0: not there */
    struct bytes host, origin, site, authorization, content_type;
    bool open;     /* what is asked for wants no token */
    bool has_body; /* or says it has */
};

enum guard_verdict {
    GUARD_GO,
    GUARD_HOST,   /* 421: by a name that is not ours */
    GUARD_ORIGIN, /* 403: from a page that is not ours */
    GUARD_TOKEN,  /* 401 */
    GUARD_TYPE,   /* 415: a body that is no JSON */
};

/* The names of an address: of loopback all its names, then the address itself. */
void guard_names(struct guard *g, const char *address, unsigned port);
/* One more name, as a proxy in front is called. False: too many, or too long. */
bool guard_name(struct guard *g, const char *name);

enum guard_verdict guard_check(const struct guard *g, const struct guard_request *r);

/* Takes as long whatever differs. */
bool guard_same(struct bytes a, struct bytes b);

#endif
