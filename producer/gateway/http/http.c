/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections, and the loop they are served in. The daemon of libmicrohttpd reads and writes; what
 * it does not do for a connection that sleeps (see whether the other side is still there) and not
 * at all (say how long a request may take to arrive) is done here.
 */
#include "producer/gateway/http/http.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "producer/gateway/http/server.h"

enum {
    MEMORY_BYTES = 32 << 10,   /* of the daemon for a connection: bounds the head of a request */
    LINE_BYTES_MAX = 16 << 10, /* path and query; 64 topics have room */
    SILENCE_S = 30,            /* neither side has sent or taken anything */
    ARRIVAL_MS = 60000,        /* from one request to the next one's last byte */
    EVENTS = 64,
    LEAVE_MS = 500,
};

/* --- connections ---------------------------------------------------------------------------- */

static struct peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void peer_idle(struct peer *p)
{
    p->idle_ms = p->http->now_ms;
    link_take(&p->idle_link);
    list_append(&p->http->idle, &p->idle_link);
}

static struct peer *peer_new(struct http *h, int fd)
{
    struct peer *p = must_alloc(sizeof *p);
    p->http = h;
    p->fd = fd;
    link_init(&p->idle_link);
    link_init(&p->link);
    list_append(&h->peers, &p->link);
    peer_idle(p);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = p};
    if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event))
        log_warn("connection not watched: %s", strerror(errno));
    h->figures.connections++;
    return p;
}

static void peer_free(struct peer *p)
{
    epoll_ctl(p->http->epoll, EPOLL_CTL_DEL, p->fd, NULL);
    p->http->figures.connections--;
    link_take(&p->link);
    link_take(&p->idle_link);
    buf_fini(&p->line);
    free(p);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = peer_new(cls, info->connect_fd);
    } else if (*context) {
        peer_free(*context);
        *context = NULL;
    }
}

/* It has closed its side: whoever waits for us does not any more. */
static void peer_left(struct peer *p)
{
    p->gone = true;
    if (p->request)
        request_resume(p->request);
}

/* --- requests ------------------------------------------------------------------------------- */

static void *on_line(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct peer *p = peer_of(connection);
    (void)cls;
    if (p) {
        buf_clear(&p->line);
        buf_put(&p->line, uri, strlen(uri));
    }
    return NULL;
}

static bool method_fits(const struct route *route, const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        method = MHD_HTTP_METHOD_GET;
    return strcmp(route->method, method) == 0;
}

static enum http_found find_route(struct request *r)
{
    enum http_found found = HTTP_NO_PATH;
    struct buf allow = {0};
    for (const struct route *const *table = r->http->options.routes; *table; table++)
        for (const struct route *route = *table; route->method; route++) {
            struct bytes parts[HTTP_PARTS_MAX] = {0};
            if (!url_match(&r->url, route->path, parts, HTTP_PARTS_MAX))
                continue;
            if (method_fits(route, r->method)) {
                memcpy(r->parts, parts, sizeof parts);
                r->route = route;
                buf_fini(&allow);
                return HTTP_FOUND;
            }
            found = HTTP_NO_METHOD;
            buf_printf(&allow, "%s%s", allow.size ? ", " : "", route->method);
        }
    if (found == HTTP_NO_METHOD)
        request_header_put(r, MHD_HTTP_HEADER_ALLOW, buf_text(&allow));
    buf_fini(&allow);
    return found;
}

static bool body_too_large(const struct request *r)
{
    struct bytes said = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return said.size && strtoull(said.data, NULL, 10) > HTTP_BODY_BYTES_MAX;
}

/* The head is there: may it go on? */
static enum MHD_Result request_begin(struct request *r)
{
    const struct http_options *o = &r->http->options;
    struct bytes line = buf_bytes(&r->peer->line);
    if (line.size > LINE_BYTES_MAX)
        o->refuse(r, MHD_HTTP_URI_TOO_LONG);
    else if (!url_parse(&r->url, line))
        o->refuse(r, MHD_HTTP_BAD_REQUEST);
    else if (o->admit(r, find_route(r), r->route) && body_too_large(r))
        o->refuse(r, MHD_HTTP_CONTENT_TOO_LARGE);
    buf_fini(&r->peer->line);
    if (r->state != REQUEST_ANSWERED)
        return MHD_YES;
    if (body_too_large(r)) /* it is not going to be read */
        request_header_put(r, MHD_HTTP_HEADER_CONNECTION, "close");
    return request_send(r);
}

static enum MHD_Result request_take(struct request *r, const char *data, size_t *size)
{
    if (r->body.size + *size > HTTP_BODY_BYTES_MAX) {
        r->http->options.refuse(r, MHD_HTTP_CONTENT_TOO_LARGE);
        request_send_raw(r);
        return MHD_NO;
    }
    buf_put(&r->body, data, *size);
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result request_go_on(struct request *r)
{
    if (r->state == REQUEST_BEGUN) {
        r->state = REQUEST_RUN;
        r->http->figures.waiting++;
        link_take(&r->peer->idle_link);
        r->route->run(r);
    }
    if (r->state == REQUEST_ANSWERED)
        return request_send(r);
    if (r->peer->gone)
        return MHD_NO;
    MHD_suspend_connection(r->connection);
    r->suspended = true;
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct request *r = *context;
    (void)cls, (void)url, (void)version;
    if (!r) {
        struct peer *p = peer_of(connection);
        if (!p)
            return MHD_NO;
        *context = r = request_new(p, connection, method);
        return request_begin(r);
    }
    return *upload_size ? request_take(r, upload, upload_size) : request_go_on(r);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct request *r = *context;
    (void)cls, (void)connection, (void)code;
    if (!r)
        return;
    *context = NULL;
    peer_idle(r->peer);
    if (r->stream)
        stream_close(r->stream);
    if (r->state != REQUEST_RUN) {
        request_free(r);
        return;
    }
    r->http->figures.waiting--;
    r->state = REQUEST_ORPHAN;
    r->peer->request = NULL;
    r->peer = NULL;
    r->connection = NULL;
    list_append(&r->http->orphans, &r->link);
}

/* --- the loop ------------------------------------------------------------------------------- */

static void on_log(void *cls, const char *format, va_list args)
{
    char text[300];
    (void)cls;
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = 0;
    log_debug("http: %s", text);
}

static struct MHD_Daemon *daemon_start(struct http *h)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_TURBO, 0, NULL, NULL,
        on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET,
        h->options.listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SILENCE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_URI_LOG_CALLBACK, on_line, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
}

struct http *http_new(const struct http_options *options)
{
    struct http *h = must_alloc(sizeof *h);
    h->options = *options;
    h->now_ms = clock_ms();
    link_init(&h->peers);
    link_init(&h->idle);
    link_init(&h->orphans);
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    h->daemon = h->epoll < 0 ? NULL : daemon_start(h);
    if (!h->daemon) {
        if (h->epoll >= 0)
            close(h->epoll);
        free(h);
        return NULL;
    }
    int fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    must(epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    return h;
}

int http_fd(const struct http *h)
{
    return h->epoll;
}

int http_wait_ms(const struct http *h)
{
    MHD_UNSIGNED_LONG_LONG ms;
    if (h->resumed)
        return 0;
    if (MHD_get_timeout(h->daemon, &ms) != MHD_YES || ms > 1000)
        ms = 1000;
    return (int)ms;
}

/* Whoever takes for ever to say what it wants holds a place that others could have. */
static void drop_late(struct http *h)
{
    list_each_safe(l, &h->idle)
    {
        struct peer *p = container_of(l, struct peer, idle_link);
        if (h->now_ms - p->idle_ms < ARRIVAL_MS)
            return;
        link_take(&p->idle_link);
        shutdown(p->fd, SHUT_RDWR); /* which the daemon then sees */
    }
}

void http_run(struct http *h, int64_t now_ms)
{
    struct epoll_event events[EVENTS];
    h->now_ms = now_ms;
    int count = epoll_wait(h->epoll, events, EVENTS, 0);
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr)
            peer_left(events[i].data.ptr);
    drop_late(h);
    h->resumed = false;
    MHD_run(h->daemon);
}

struct http_figures http_figures(const struct http *h)
{
    return h->figures;
}

static void end_all(struct http *h)
{
    h->ending = true;
    list_each_safe(l, &h->peers)
    {
        struct request *r = container_of(l, struct peer, link)->request;
        if (r && r->stream)
            stream_wake(r->stream);
        else if (r && r->state == REQUEST_RUN)
            h->options.refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE);
    }
}

static bool anybody_busy(const struct http *h)
{
    list_each(l, &h->peers) if (container_of(l, struct peer, link)->request) return true;
    return false;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    int fd = MHD_quiesce_daemon(h->daemon);
    if (fd >= 0)
        close(fd);
    end_all(h);
    int64_t until = clock_ms() + LEAVE_MS, now_ms;
    while (anybody_busy(h) && (now_ms = clock_ms()) < until) {
        struct pollfd poll_fd = {.fd = h->epoll, .events = POLLIN};
        int wait = http_wait_ms(h);
        poll(&poll_fd, 1, wait < 20 ? wait : 20);
        http_run(h, now_ms);
    }
    MHD_stop_daemon(h->daemon);
    list_each_safe(l, &h->orphans) request_free(container_of(l, struct request, link));
    close(h->epoll);
    free(h);
}
