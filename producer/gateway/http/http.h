/* SPDX-License-Identifier: Apache-2.0
 *
 * http: the web server, as the rest of the gateway sees it: requests come in whole, are answered
 * once, now or later; or become a stream. libmicrohttpd stands behind it and is seen nowhere else.
 * It knows limits, not the farm. One thread; nothing here blocks.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "common/buf.h"
#include "common/must.h"

struct http;    /* the server */
struct request; /* lent to the handler until it is answered */

enum { HTTP_PARTS_MAX = 4, HTTP_BODY_BYTES_MAX = 1 << 20 };

/* --- what was asked; all lent until the answer --- */
const char *request_method(const struct request *r);
/* Is its path /NAME or below it? */
bool request_path_below(const struct request *r, const char *name);
struct bytes request_part(const struct request *r,
                          size_t i); /* what {name} in the path stood for */
struct bytes request_query(const struct request *r, const char *name); /* empty: not there */
/* Every value of a query parameter, in order: start with *at = 0; data NULL at the end. name NULL:
 * of every parameter, and *name_out says which. */
struct bytes request_query_next(const struct request *r, const char *name, size_t *at,
                                struct bytes *name_out);
struct bytes request_header(const struct request *r, const char *name); /* empty: not there */
struct bytes request_body(const struct request *r);
void *request_context(const struct request *r); /* what the route table was given */

/* --- the answer: exactly one of the two below, from the handler or any time later, whether or not
 * the other side is still there --- */
/* A header of the answer that is to come; both are copied. */
void request_header_put(struct request *r, const char *name, const char *value);
/* type NULL: no body. The body is copied. The request is gone. */
void request_answer(struct request *r, unsigned status, const char *type, struct bytes body);

/* A stream: the answer's body is pulled as the other side takes it. */
struct stream_source {
    /* Appends what there is, at most about `most` bytes; nothing: the stream sleeps until
     * stream_wake. */
    void (*pull)(void *user, struct buf *out, size_t most);
    void (*closed)(void *user); /* the other side is gone, or the server ends: the last call */
};
struct stream;
/* NULL, and the request answered 503: there are too many. The request is gone. */
struct stream *request_stream(struct request *r, const char *type,
                              const struct stream_source *source, void *user);
void stream_wake(struct stream *s); /* there is something to pull, by the next http_run */

/* --- routes --- */
struct route {
    const char *method; /* "GET", ...; GET stands for HEAD too */
    const char *path;   /* "/v1/jobs/{id}/cancel"; a part in {} matches one segment */
    bool open;          /* answered without a token */
    void (*run)(struct request *r);
};

/* --- the server --- */
enum { HTTP_STREAMS_MAX = 600, HTTP_CONNECTIONS_MAX = 1000 };

/* What there is at the path of a request. */
enum http_found { HTTP_FOUND, HTTP_NO_PATH, HTTP_NO_METHOD };

struct http_options {
    int listen_fd; /* bound, listening, non-blocking; taken */
    /* Tables of routes, each ended by {0}, the whole by NULL; the first that fits is it. Borrowed
     * for life, as is all below. */
    const struct route *const *routes;
    void *context; /* request_context */
    /* Sees each request before its body is read. route: NULL unless found. True: go on; otherwise
     * it has answered. */
    bool (*admit)(struct request *r, enum http_found found, const struct route *route);
    /* Answers a request that is over a limit of the server: 400, 413, 414, 503. */
    void (*refuse)(struct request *r, unsigned status);
};

/* NULL: the server cannot be started. */
struct http *http_new(const struct http_options *options);
/* Ends the streams, answers what still waits with 503, gives both a moment to leave, and frees.
 * No handler may answer after it. */
void http_free(struct http *h);
/* To be polled for reading; http_run when it fires, by http_wait_ms, and after requests were
 * answered or streams woken. */
int http_fd(const struct http *h);
int http_wait_ms(const struct http *h);
void http_run(struct http *h, int64_t now_ms);

struct http_figures {
    uint64_t answers[6]; /* by hundreds of the status: [2] is 2xx */
    size_t connections, streams, waiting;
};
struct http_figures http_figures(const struct http *h);

#endif
