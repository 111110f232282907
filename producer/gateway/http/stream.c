/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer without an end, made as it is taken: when the daemon has room it asks for more, and
 * when there is no more the connection sleeps until it is woken. So a reader that takes nothing
 * costs what was pulled last and its socket's buffer, whatever happens meanwhile.
 */
#include "producer/gateway/http/server.h"

enum { BLOCK_BYTES = 16 << 10 };

static ssize_t stream_read(void *cls, uint64_t position, char *to, size_t room)
{
    (void)position;
    struct stream *s = cls;
    struct request *r = s->request;
    if (r->peer->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (s->taken == s->out.size) {
        buf_clear(&s->out);
        s->taken = 0;
        s->source.pull(s->user, &s->out, room);
    }
    size_t size = s->out.size - s->taken;
    if (size == 0) {
        if (r->http->ending)
            return MHD_CONTENT_READER_END_OF_STREAM;
        MHD_suspend_connection(r->connection);
        r->suspended = true;
        return 0;
    }
    if (size > room)
        size = room;
    memcpy(to, s->out.data + s->taken, size);
    s->taken += size;
    return (ssize_t)size;
}

struct stream *request_stream(struct request *r, const char *type,
                              const struct stream_source *source, void *user)
{
    struct http *h = r->http;
    must(r->state != REQUEST_ANSWERED);
    if (r->state == REQUEST_ORPHAN || strcmp(r->method, MHD_HTTP_METHOD_HEAD) == 0) {
        request_answer(r, MHD_HTTP_OK, type, bytes_of(NULL, 0));
        return NULL;
    }
    if (h->ending || h->figures.streams >= HTTP_STREAMS_MAX) {
        h->options.refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE);
        return NULL;
    }
    struct stream *s = must_alloc(sizeof *s);
    *s = (struct stream){.request = r, .source = *source, .user = user};
    r->stream = s;
    h->figures.streams++;
    request_answer(r, MHD_HTTP_OK, type, bytes_of(NULL, 0));
    return s;
}

void stream_wake(struct stream *s)
{
    request_resume(s->request);
}

struct MHD_Response *stream_response(struct stream *s)
{
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, stream_read, s, NULL);
}

void stream_close(struct stream *s)
{
    s->request->http->figures.streams--;
    s->source.closed(s->user);
    buf_fini(&s->out);
    free(s);
}
