/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/must.h"

/* Of a request: what RFC 27 names, in its order. */
enum { VERSION, REQUEST_ID, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, FRAMES };

enum { FRAME_MAX = 256, CURVE_KEY = 32 };

struct zap {
    void *socket;
    pthread_t thread;
    pthread_mutex_t lock;
    struct acl list; /* under lock, as the next one */
    bool in_earnest; /* the list is not the first one: see proof.h */
    struct log_limit said;
};

struct request {
    char bytes[FRAMES][FRAME_MAX];
    struct bytes frames[FRAMES];
};

const char *zap_refuses(const struct acl *list, struct bytes domain, struct bytes key,
                        int64_t wall_ms, const struct principal **who)
{
    enum acl_port port = acl_port_find(domain);
    *who = acl_by_key(list, key);
    if (port == ACL_PORTS)
        return "unknown-port";
    if (!*who)
        return "unknown-key";
    if ((*who)->revoked)
        return "revoked";
    if ((*who)->until_s && (*who)->until_s * 1000 < wall_ms)
        return "invitation-expired";
    return acl_admits((*who)->role, port) ? NULL : "wrong-port";
}

/* False: the context ends. Frames beyond those wanted, or too long, make a request that is none. */
static bool receive(struct zap *zap, struct request *request, bool *whole)
{
    int more = 1;
    size_t size = sizeof more, count = 0;
    *whole = true;
    for (; more; count++) {
        char spare[1];
        bool fits = count < FRAMES;
        int n = zmq_recv(zap->socket, fits ? request->bytes[count] : spare,
                         fits ? FRAME_MAX : sizeof spare, 0);
        if (n < 0)
            return false;
        if (fits && n <= FRAME_MAX)
            request->frames[count] = bytes_of(request->bytes[count], (size_t)n);
        else
            *whole = false;
        if (zmq_getsockopt(zap->socket, ZMQ_RCVMORE, &more, &size))
            return false;
    }
    *whole &= count == FRAMES;
    return true;
}

static void answer(struct zap *zap, const struct request *request, const char *code,
                   struct bytes user)
{
    const struct bytes frames[] = {
        bytes_text("1.0"), request->frames[REQUEST_ID], bytes_text(code), {0}, user, {0}};
    for (size_t i = 0; i < LENGTH(frames); i++)
        if (zmq_send(zap->socket, frames[i].data, frames[i].size,
                     i + 1 < LENGTH(frames) ? ZMQ_SNDMORE : 0) < 0)
            return; /* the context ends */
}

/* name NULL: it is of no interest to anybody. */
static void refuse(struct zap *zap, const struct request *request, const char *why,
                   const char *name)
{
    struct bytes address = request->frames[ADDRESS], domain = request->frames[DOMAIN];
    if (name && !log_limited(&zap->said, clock_ms()))
        log_warn("refused address=%.*s port=%.*s why=%s principal=%s", BYTES_ARG(address),
                 BYTES_ARG(domain), why, name);
    answer(zap, request, "400", (struct bytes){0});
}

static void judge(struct zap *zap, const struct request *request)
{
    char key[ACL_KEY_SIZE + 1], name[ACL_NAME_MAX + 1] = "";
    const struct principal *who;
    if (!bytes_equal(request->frames[VERSION], bytes_text("1.0")) ||
        !bytes_equal(request->frames[MECHANISM], bytes_text("CURVE")) ||
        request->frames[CREDENTIALS].size != CURVE_KEY) {
        refuse(zap, request, "no-curve", name);
        return;
    }
    must(zmq_z85_encode(key, request->frames[CREDENTIALS].data, CURVE_KEY));
    pthread_mutex_lock(&zap->lock);
    const char *why =
        zap_refuses(&zap->list, request->frames[DOMAIN], bytes_text(key), clock_wall_ms(), &who);
    if (who)
        snprintf(name, sizeof name, "%.*s", BYTES_ARG(who->name));
    bool in_earnest = zap->in_earnest;
    pthread_mutex_unlock(&zap->lock);
    if (why)
        refuse(zap, request, why, in_earnest ? name : NULL);
    else
        answer(zap, request, "200", bytes_text(key));
}

static void *serve(void *user)
{
    struct zap *zap = user;
    struct request request;
    bool whole;
    while (receive(zap, &request, &whole))
        if (whole)
            judge(zap, &request);
        else /* libzmq asks only in this way: so this is no question of its own */
            answer(zap, &request, "300", (struct bytes){0});
    zmq_close(zap->socket);
    return NULL;
}

struct zap *zap_start(void *context, struct acl *list)
{
    static const int forever = 0;
    void *socket = zmq_socket(context, ZMQ_REP);
    must(socket && zmq_setsockopt(socket, ZMQ_LINGER, &forever, sizeof forever) == 0);
    if (zmq_bind(socket, "inproc://zeromq.zap.01")) {
        int saved = errno;
        zmq_close(socket);
        errno = saved;
        return NULL;
    }
    struct zap *zap = must_alloc(sizeof *zap);
    zap->socket = socket;
    zap->list = *list;
    *list = (struct acl){0};
    must(pthread_mutex_init(&zap->lock, NULL) == 0);
    must(pthread_create(&zap->thread, NULL, serve, zap) == 0);
    return zap;
}

void zap_replace(struct zap *zap, struct acl *list)
{
    struct acl old;
    pthread_mutex_lock(&zap->lock);
    old = zap->list;
    zap->list = *list;
    zap->in_earnest = true;
    pthread_mutex_unlock(&zap->lock);
    *list = (struct acl){0};
    acl_fini(&old);
}

void zap_stop(struct zap *zap)
{
    if (!zap)
        return;
    must(pthread_join(zap->thread, NULL) == 0);
    pthread_mutex_destroy(&zap->lock);
    acl_fini(&zap->list);
    free(zap);
}
