/* SPDX-License-Identifier: Apache-2.0
 *
 * server: what the web server is made of; shared by http.c (connections and the loop), request.c
 * (one request and its answer) and stream.c (an answer without an end), and by nobody else.
 *
 *     a request's life:  BEGUN -> (head and body are in) -> RUN -> (handler answers) -> ANSWERED
 *                          |                                |
 *                          +--- refused: ANSWERED           +--- the other side leaves: ORPHAN,
 *                                                                kept until the handler answers
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <microhttpd.h>

#include "common/list.h"
#include "producer/gateway/http/http.h"
#include "producer/gateway/http/url.h"

enum { REQUEST_HEADERS_MAX = 8 };

struct http {
    struct http_options options;
    struct MHD_Daemon *daemon;
    int epoll; /* the daemon's own, and whether other sides leave */
    int64_t now_ms;
    struct link peers;   /* peer::link */
    struct link idle;    /* peer::idle_link, who waits longest first */
    struct link orphans; /* request::link */
    bool ending;
    bool resumed; /* somebody, since the daemon ran last: it does not say so by itself */
    struct http_figures figures;
};

/* One connection. */
struct peer {
    struct http *http;
    struct link link, idle_link;
    int fd;
    int64_t idle_ms; /* since when it has no whole request with us */
    bool gone;       /* it has closed its side */
    struct buf line; /* path and query of the request that comes, as sent */
    struct request *request;
};

enum request_state { REQUEST_BEGUN, REQUEST_RUN, REQUEST_ANSWERED, REQUEST_ORPHAN };

struct request {
    struct http *http;
    struct peer *peer; /* NULL: orphan */
    struct link link;  /* http::orphans */
    struct MHD_Connection *connection;
    enum request_state state;
    bool suspended; /* not looked at by the daemon until it is resumed */
    char method[16];
    struct url url;
    struct bytes parts[HTTP_PARTS_MAX];
    const struct route *route;
    struct buf body;
    /* the answer */
    unsigned status;
    const char *type; /* of its body; literal; NULL: none */
    struct buf answer;
    struct request_header {
        char *name, *value;
    } headers[REQUEST_HEADERS_MAX];
    size_t header_count;
    struct stream *stream;
};

struct stream {
    struct request *request;
    struct stream_source source;
    void *user;
    struct buf out; /* pulled and not taken yet, from `taken` on */
    size_t taken;
};

/* request.c */
struct request *request_new(struct peer *p, struct MHD_Connection *connection, const char *method);
void request_free(struct request *r);
/* Gives the answer to the daemon. */
enum MHD_Result request_send(struct request *r);
/* Writes a short answer past the daemon, which takes none while a body comes. */
void request_send_raw(struct request *r);
/* The daemon looks at it again. */
void request_resume(struct request *r);

/* stream.c */
struct MHD_Response *stream_response(struct stream *s);
void stream_close(struct stream *s);

#endif
