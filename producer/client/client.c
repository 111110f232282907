/* SPDX-License-Identifier: Apache-2.0
 *
 * A client's life, from connect to close, and what it has to say of itself.
 */
#include "producer/client/client.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/random.h>

enum { CLOSE_MS = 1000 };

static _Thread_local char connect_error[512];

const char *reeve_error(const struct reeve_client *c)
{
    return c ? (const char *)c->error.data : connect_error;
}

static void error_set(struct reeve_client *c, const char *text, size_t size)
{
    buf_clear(&c->error);
    buf_put(&c->error, text, size);
    (void)buf_text(&c->error);
}

int client_fail(struct reeve_client *c, enum err code, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(c, text, strlen(text));
    return (int)code;
}

void client_fault(struct reeve_client *c, enum err code, struct bytes text)
{
    struct bytes said = text.size ? text : bytes_text(err_text(code));
    error_set(c, said.data, said.size);
    c->fault = code;
}

const struct msg_welcome *client_welcome(const struct reeve_client *c)
{
    return &c->welcome;
}

int reeve_connected(const struct reeve_client *c)
{
    return c->session.up;
}

int reeve_fd(const struct reeve_client *c)
{
    /* That it is polled is known to the wire only: the client's state is not touched. */
    return wire_fd((struct wire *)(uintptr_t)&c->wire);
}

/* --- life ------------------------------------------------------------------------------------ */

static void client_free(struct reeve_client *c)
{
    subscribe_fini(c);
    submit_fini(c);
    ask_fini(c);
    pending_fini(&c->pending);
    wire_close(&c->wire);
    if (c->strings)
        result_strings_fini(c->strings);
    free(c->strings);
    result_strings_fini(&c->kept);
    chain_strings_fini(&c->chain_kept);
    buf_fini(&c->welcome_name);
    buf_fini(&c->welcome_release);
    buf_fini(&c->error);
    buf_fini(&c->record);
    terms_fini(&c->terms);
    free(c);
}

static bool is_up(const void *what)
{
    return ((const struct reeve_client *)what)->session.up;
}

int client_open(struct reeve_client **out, const struct reeve_options *options)
{
    struct identity identity;
    const char *given = options->address ? options->address : getenv("REEVE_BROKER");
    if (!given || !*given)
        given = "tcp://127.0.0.1:7710";
    *out = NULL;
    if (!identity_own(&identity, options->identity, connect_error, sizeof connect_error))
        return REEVE_EDENIED;
    struct reeve_client *c = must_alloc(sizeof *c);
    if (getrandom(c->session.peer_id, PEER_ID_BYTES, 0) != PEER_ID_BYTES) {
        free(c);
        snprintf(connect_error, sizeof connect_error, "no random bytes: %s", strerror(errno));
        return REEVE_EIO;
    }
    int rc = wire_open(&c->wire, given, &identity);
    identity_wipe(&identity);
    if (rc) {
        free(c);
        snprintf(connect_error, sizeof connect_error, "%s: %s", given,
                 rc == EINVAL ? "not an address like tcp://HOST:PORT" : zmq_strerror(rc));
        return rc == EINVAL ? REEVE_EINVALID : REEVE_EIO;
    }
    const char *updates = getenv("REEVE_UPDATES");
    c->one_port = updates && strcmp(updates, "connection") == 0;
    pending_init(&c->pending);
    link_init(&c->calls);
    link_init(&c->asks);
    link_init(&c->subscriptions);
    error_set(c, "", 0);
    *out = c;
    return REEVE_OK;
}

int reeve_connect(struct reeve_client **out, const char *address, int timeout_ms)
{
    return reeve_connect_with(out, &(struct reeve_options){.address = address}, timeout_ms);
}

int reeve_connect_with(struct reeve_client **out, const struct reeve_options *options,
                       int timeout_ms)
{
    struct reeve_client *c;
    *out = NULL;
    int rc = client_open(&c, options);
    if (rc)
        return rc;
    rc = client_until(c, is_up, c, timeout_ms);
    if (rc) {
        snprintf(connect_error, sizeof connect_error, "%s", reeve_error(c));
        client_free(c);
        return rc == REEVE_ETIMEOUT ? REEVE_EUNREACHABLE : rc;
    }
    *out = c;
    return REEVE_OK;
}

static bool all_sent(const void *what)
{
    const struct reeve_client *c = what;
    return c->session.up && outbox_empty(&c->wire.out) && c->pending.sent == c->pending.next &&
           !c->acks.count && !ask_unsaid(c);
}

void reeve_close(struct reeve_client *c)
{
    if (!c)
        return;
    c->closing = true;
    bool waits = !outbox_empty(&c->wire.out) || c->pending.sent < c->pending.next ||
                 c->acks.count || ask_unsaid(c);
    /* When it cannot be sent there is nobody to tell it to: the caller has turned away. */
    if (waits && !c->refused)
        (void)client_until(c, all_sent, c, CLOSE_MS);
    if (c->session.up) {
        wire_put(&c->wire, &(struct record){.type = REC_goodbye});
        client_send(c, true);
    }
    client_free(c);
}
