/* SPDX-License-Identifier: Apache-2.0
 *
 * updates: how fast updates get to many subscribers. `watch` is those subscribers, of Reeve's
 * broker or of anybody who publishes alike; `publish` is the least a publisher on libzmq can be,
 * to measure the broker against: an XPUB socket that sends the same frame again and again.
 *
 *     updates watch ADDRESS TOPIC SUBSCRIBERS
 *     updates publish ADDRESS COUNT TOPIC_BYTES BODY_BYTES
 *
 * The two frames `sync/begin` and `sync/end` go around what is measured: a watcher says "ready"
 * when each of its subscribers has had the one, and prints a line of JSON when each has had the
 * other: subscribers, least and most updates that one of them got, the time from the first update
 * to the last end, and the bytes of a topic and of a body (means). A publisher says "listens"; with
 * the first line of its input it publishes the beginning, again with each further one, and with
 * "go" the updates and the end. Both then stay until a signal ends them.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "common/clock.h"
#include "common/must.h"

enum { SUBSCRIBERS_MAX = 1000, TAKE_MAX = 256, HIGH_WATER = 50000, TOPIC_MAX = 200 };

static const char begin[] = "sync/begin", end[] = "sync/end";

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "updates: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void *open_socket(void *context, int type, const char *address, int high_water)
{
    void *s = zmq_socket(context, type);
    check(s != NULL, "socket");
    zmq_setsockopt(s, ZMQ_SNDHWM, &high_water, sizeof high_water);
    check((type == ZMQ_XPUB ? zmq_bind : zmq_connect)(s, address) == 0, address);
    return s;
}

/* --- watch ------------------------------------------------------------------------------------ */

struct watch {
    zmq_pollitem_t items[SUBSCRIBERS_MAX];
    uint64_t got[SUBSCRIBERS_MAX];
    bool begun[SUBSCRIBERS_MAX], ended[SUBSCRIBERS_MAX];
    int count, begun_count, ended_count;
    uint64_t topic_bytes, body_bytes;
    int64_t first_ns, last_ns;
};

static bool is(zmq_msg_t *frame, const char *text)
{
    size_t size = strlen(text) + 1; /* a topic ends with its 0 */
    return zmq_msg_size(frame) == size && memcmp(zmq_msg_data(frame), text, size) == 0;
}

static void take(struct watch *w, int i, zmq_msg_t *topic, zmq_msg_t *body)
{
    if (is(topic, begin)) {
        w->begun_count += !w->begun[i];
        w->begun[i] = true;
    } else if (is(topic, end)) {
        w->ended_count += !w->ended[i];
        w->ended[i] = true;
        w->last_ns = clock_ns();
    } else {
        if (!w->first_ns)
            w->first_ns = clock_ns();
        w->got[i]++;
        w->topic_bytes += zmq_msg_size(topic);
        w->body_bytes += zmq_msg_size(body);
    }
}

/* What one subscriber has, some at most: the others have their turn. */
static bool take_some(struct watch *w, int i)
{
    zmq_msg_t topic, body;
    int taken = 0;
    zmq_msg_init(&topic);
    zmq_msg_init(&body);
    while (taken < TAKE_MAX && zmq_msg_recv(&topic, w->items[i].socket, ZMQ_DONTWAIT) >= 0) {
        check(zmq_msg_recv(&body, w->items[i].socket, 0) >= 0, "receive");
        take(w, i, &topic, &body);
        taken++;
    }
    zmq_msg_close(&topic);
    zmq_msg_close(&body);
    return taken > 0;
}

static void take_until(struct watch *w, const int *count)
{
    while (*count < w->count) {
        bool any = false;
        for (int i = 0; i < w->count; i++)
            any |= take_some(w, i);
        if (!any)
            check(zmq_poll(w->items, w->count, -1) >= 0, "poll");
    }
}

static void report(const struct watch *w)
{
    uint64_t least = UINT64_MAX, most = 0, all = 0;
    for (int i = 0; i < w->count; i++) {
        least = w->got[i] < least ? w->got[i] : least;
        most = w->got[i] > most ? w->got[i] : most;
        all += w->got[i];
    }
    double mean = all ? 1.0 / (double)all : 0;
    printf("{\"subscribers\":%d,\"least\":%" PRIu64 ",\"most\":%" PRIu64 ",\"seconds\":%.4f,"
           "\"topic_bytes\":%.1f,\"body_bytes\":%.1f}\n",
           w->count, least, most, (double)(w->last_ns - w->first_ns) / 1e9,
           (double)w->topic_bytes * mean, (double)w->body_bytes * mean);
    fflush(stdout);
}

static int watch(const char *address, const char *topic, int count)
{
    struct watch *w = must_alloc(sizeof *w);
    void *context = zmq_ctx_new();
    zmq_ctx_set(context, ZMQ_MAX_SOCKETS, SUBSCRIBERS_MAX + 10);
    check(count > 0 && count <= SUBSCRIBERS_MAX, "so many subscribers");
    w->count = count;
    for (int i = 0; i < count; i++) {
        void *s = open_socket(context, ZMQ_SUB, address, 0);
        check(zmq_setsockopt(s, ZMQ_SUBSCRIBE, topic, strlen(topic)) == 0, topic);
        check(zmq_setsockopt(s, ZMQ_SUBSCRIBE, "sync/", 5) == 0, "sync/");
        w->items[i] = (zmq_pollitem_t){.socket = s, .events = ZMQ_POLLIN};
    }
    take_until(w, &w->begun_count);
    puts("ready");
    fflush(stdout);
    take_until(w, &w->ended_count);
    report(w);
    for (int i = 0; i < count; i++)
        zmq_close(w->items[i].socket);
    zmq_ctx_term(context);
    free(w);
    return 0;
}

/* --- publish ---------------------------------------------------------------------------------- */

static void send_update(void *s, const char *topic, size_t topic_bytes, const char *body,
                        size_t body_bytes)
{
    check(zmq_send(s, topic, topic_bytes, ZMQ_SNDMORE) >= 0, "send");
    check(zmq_send(s, body, body_bytes, 0) >= 0, "send");
}

static int publish(const char *address, uint64_t count, size_t topic_bytes, size_t body_bytes)
{
    char line[16], topic[TOPIC_MAX] = "job/", *body = must_alloc(body_bytes + 1);
    void *s = open_socket(zmq_ctx_new(), ZMQ_XPUB, address, HIGH_WATER);
    check(topic_bytes <= sizeof topic, "a topic of so many bytes");
    puts("listens");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        zmq_msg_t subscription;
        zmq_msg_init(&subscription);
        while (zmq_msg_recv(&subscription, s, ZMQ_DONTWAIT) >= 0)
            continue;
        zmq_msg_close(&subscription);
        if (strcmp(line, "go\n") != 0) {
            send_update(s, begin, sizeof begin, "", 0);
            continue;
        }
        for (uint64_t i = 0; i < count; i++)
            send_update(s, topic, topic_bytes, body, body_bytes);
        send_update(s, end, sizeof end, "", 0);
    }
    free(body);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "watch") == 0)
        return watch(argv[2], argv[3], atoi(argv[4]));
    if (argc == 6 && strcmp(argv[1], "publish") == 0)
        return publish(argv[2], strtoull(argv[3], NULL, 10), strtoul(argv[4], NULL, 10),
                       strtoul(argv[5], NULL, 10));
    fprintf(stderr, "usage: see the head of updates.c\n");
    return 2;
}
