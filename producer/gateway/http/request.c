/* SPDX-License-Identifier: Apache-2.0
 *
 * One request: what was asked, what is answered, and when the daemon gets to see it.
 */
#include <sys/socket.h>

#include "producer/gateway/http/server.h"

/* On every answer. The page has all its parts from us, runs no text as program, and may not be
 * framed or read by another. */
static const struct {
    const char *name, *value;
} always[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

struct request *request_new(struct peer *p, struct MHD_Connection *connection, const char *method)
{
    struct request *r = must_alloc(sizeof *r);
    r->http = p->http;
    r->peer = p;
    r->connection = connection;
    link_init(&r->link);
    snprintf(r->method, sizeof r->method, "%s", method);
    p->request = r;
    return r;
}

void request_free(struct request *r)
{
    link_take(&r->link);
    if (r->peer)
        r->peer->request = NULL;
    for (size_t i = 0; i < r->header_count; i++) {
        free(r->headers[i].name);
        free(r->headers[i].value);
    }
    url_fini(&r->url);
    buf_fini(&r->body);
    buf_fini(&r->answer);
    free(r);
}

/* --- what was asked ------------------------------------------------------------------------- */

const char *request_method(const struct request *r)
{
    return r->method;
}

bool request_path_below(const struct request *r, const char *name)
{
    return r->url.segment_count && bytes_equal(r->url.segments[0], bytes_text(name));
}

struct bytes request_part(const struct request *r, size_t i)
{
    return i < HTTP_PARTS_MAX ? r->parts[i] : bytes_of(NULL, 0);
}

struct bytes request_query_next(const struct request *r, const char *name, size_t *at,
                                struct bytes *name_out)
{
    while (*at < r->url.pair_count) {
        const struct url_pair *pair = &r->url.pairs[(*at)++];
        if (name && !bytes_equal(pair->name, bytes_text(name)))
            continue;
        if (name_out)
            *name_out = pair->name;
        return pair->value;
    }
    return bytes_of(NULL, 0);
}

struct bytes request_query(const struct request *r, const char *name)
{
    size_t at = 0;
    return request_query_next(r, name, &at, NULL);
}

struct bytes request_header(const struct request *r, const char *name)
{
    return bytes_text(MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name));
}

struct bytes request_body(const struct request *r)
{
    return buf_bytes(&r->body);
}

void *request_context(const struct request *r)
{
    return r->http->options.context;
}

/* --- the answer ----------------------------------------------------------------------------- */

void request_header_put(struct request *r, const char *name, const char *value)
{
    must(r->header_count < REQUEST_HEADERS_MAX);
    struct request_header *header = &r->headers[r->header_count++];
    header->name = strdup(name);
    header->value = strdup(value);
    must(header->name && header->value);
}

void request_resume(struct request *r)
{
    if (!r->suspended)
        return;
    r->suspended = false;
    r->http->resumed = true;
    MHD_resume_connection(r->connection);
}

void request_answer(struct request *r, unsigned status, const char *type, struct bytes body)
{
    if (r->state == REQUEST_ORPHAN) {
        request_free(r);
        return;
    }
    must(r->state != REQUEST_ANSWERED);
    if (r->state == REQUEST_RUN)
        r->http->figures.waiting--;
    r->state = REQUEST_ANSWERED;
    r->status = status;
    r->type = type;
    if (type)
        buf_put(&r->answer, body.data, body.size);
    request_resume(r);
}

static bool header_said(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return true;
    return false;
}

static void free_answer(void *data)
{
    free(data);
}

/* The body changes hands; it is not copied again. */
static struct MHD_Response *plain_response(struct request *r)
{
    size_t size = r->answer.size;
    void *data = r->answer.data;
    r->answer = (struct buf){0};
    if (data)
        return MHD_create_response_from_buffer_with_free_callback(size, data, free_answer);
    return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
}

enum MHD_Result request_send(struct request *r)
{
    struct MHD_Response *response = r->stream ? stream_response(r->stream) : plain_response(r);
    must(response);
    for (size_t i = 0; i < LENGTH(always); i++)
        must(MHD_add_response_header(response, always[i].name, always[i].value) == MHD_YES);
    if (!header_said(r, MHD_HTTP_HEADER_CACHE_CONTROL))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (r->type)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->type);
    /* A value that no header may have (it came from outside) is left out. */
    for (size_t i = 0; i < r->header_count; i++)
        MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
    r->http->figures.answers[r->status / 100]++;
    enum MHD_Result result = MHD_queue_response(r->connection, r->status, response);
    MHD_destroy_response(response);
    return result;
}

void request_send_raw(struct request *r)
{
    struct buf out = {0};
    buf_printf(&out, "HTTP/1.1 %u Refused\r\nConnection: close\r\nCache-Control: no-store\r\n",
               r->status);
    for (size_t i = 0; i < LENGTH(always); i++)
        buf_printf(&out, "%s: %s\r\n", always[i].name, always[i].value);
    buf_printf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", r->type, r->answer.size);
    buf_put(&out, r->answer.data, r->answer.size);
    r->http->figures.answers[r->status / 100]++;
    /* Nothing was sent before it, so it fits; to whoever does not read it, it is not repeated. */
    ssize_t sent = send(r->peer->fd, out.data, out.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
    buf_fini(&out);
}
