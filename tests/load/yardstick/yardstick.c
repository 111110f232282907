/* SPDX-License-Identifier: Apache-2.0
 *
 * yardstick: the least a job broker on libzmq can be, to measure Reeve against. Two ROUTER sockets,
 * one job a message, credit from the workers, the longest waiting worker first, a queue for what
 * has no worker. No ids, no retries, no priorities, nothing kept: what is lost is lost. Its rate is
 * what libzmq's sockets leave for a broker that does nothing.
 *
 *     yardstick broker FRONT BACK           until a signal ends it
 *     yardstick worker BACK CREDIT BYTES    answers each job with BYTES bytes
 *     yardstick client FRONT JOBS WINDOW BYTES   keeps WINDOW jobs on their way; prints
 * {"rate":...} yardstick single FRONT JOBS BYTES     one job at a time; prints
 * {"p50_us":...,"p99_us":...}
 *
 * On the wire: client -> [body], worker <- [client][body], worker -> [client][result], client <-
 * [result]; a worker's first message is [""][its credit as text].
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

enum { WORKERS_MAX = 256, TURN_MAX = 256, BODY_MAX = 65536 };

static void check(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "yardstick: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *open_socket(int type, const char *address)
{
    static void *context;
    if (context == NULL)
        context = zmq_ctx_new();
    void *s = zmq_socket(context, type);
    check(s != NULL, "socket");
    int none = 0; /* no high-water mark: the window bounds what is on its way */
    zmq_setsockopt(s, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(s, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none);
    check((type == ZMQ_ROUTER ? zmq_bind : zmq_connect)(s, address) == 0, address);
    return s;
}

/* --- broker ----------------------------------------------------------------------------------- */

struct worker {
    zmq_msg_t id;
    long credit;
    int waits; /* is in the line of those with credit */
};

struct job {
    zmq_msg_t client, body;
};

struct broker {
    void *front, *back;
    struct worker workers[WORKERS_MAX];
    size_t worker_count;
    unsigned line[WORKERS_MAX]; /* ring of workers with credit, the longest waiting first */
    size_t line_first, line_count;
    struct job *jobs; /* ring of jobs without a worker; its capacity is a power of 2 */
    size_t job_first, job_count, job_capacity;
};

/* One message of two (front) or three (back) frames; 0 when none waits. */
static int take(void *socket, zmq_msg_t *frames, int count)
{
    for (int i = 0; i < count; i++)
        zmq_msg_init(&frames[i]);
    if (zmq_msg_recv(&frames[0], socket, ZMQ_DONTWAIT) < 0) {
        check(errno == EAGAIN || errno == EINTR, "receive");
        return 0;
    }
    for (int i = 1; i < count; i++)
        check(zmq_msg_recv(&frames[i], socket, 0) >= 0, "receive");
    return 1;
}

static struct worker *find_worker(struct broker *b, zmq_msg_t *id)
{
    size_t size = zmq_msg_size(id);
    for (size_t i = 0; i < b->worker_count; i++)
        if (zmq_msg_size(&b->workers[i].id) == size &&
            memcmp(zmq_msg_data(&b->workers[i].id), zmq_msg_data(id), size) == 0)
            return &b->workers[i];
    check(b->worker_count < WORKERS_MAX, "too many workers");
    struct worker *w = &b->workers[b->worker_count++];
    zmq_msg_init(&w->id);
    zmq_msg_copy(&w->id, id);
    return w;
}

static void line_up(struct broker *b, struct worker *w)
{
    if (w->waits || w->credit <= 0)
        return;
    w->waits = 1;
    b->line[(b->line_first + b->line_count++) % WORKERS_MAX] = (unsigned)(w - b->workers);
}

/* Hands the job to the worker that has waited longest; there must be one. */
static void dispatch(struct broker *b, zmq_msg_t *client, zmq_msg_t *body)
{
    struct worker *w = &b->workers[b->line[b->line_first]];
    b->line_first = (b->line_first + 1) % WORKERS_MAX;
    b->line_count--;
    w->waits = 0;
    w->credit--;
    line_up(b, w);
    zmq_msg_t id;
    zmq_msg_init(&id);
    zmq_msg_copy(&id, &w->id);
    check(zmq_msg_send(&id, b->back, ZMQ_SNDMORE) >= 0, "send");
    check(zmq_msg_send(client, b->back, ZMQ_SNDMORE) >= 0, "send");
    check(zmq_msg_send(body, b->back, 0) >= 0, "send");
}

static void enqueue(struct broker *b, zmq_msg_t *client, zmq_msg_t *body)
{
    if (b->job_count == b->job_capacity) {
        size_t capacity = b->job_capacity ? b->job_capacity * 2 : 1024;
        struct job *jobs = calloc(capacity, sizeof *jobs);
        check(jobs != NULL, "memory");
        for (size_t i = 0; i < b->job_count; i++)
            jobs[i] = b->jobs[(b->job_first + i) & (b->job_capacity - 1)];
        free(b->jobs);
        b->jobs = jobs;
        b->job_first = 0;
        b->job_capacity = capacity;
    }
    struct job *j = &b->jobs[(b->job_first + b->job_count++) & (b->job_capacity - 1)];
    zmq_msg_init(&j->client);
    zmq_msg_init(&j->body);
    zmq_msg_move(&j->client, client);
    zmq_msg_move(&j->body, body);
}

static int from_back(struct broker *b)
{
    zmq_msg_t f[3]; /* worker, client, result */
    if (!take(b->back, f, 3))
        return 0;
    struct worker *w = find_worker(b, &f[0]);
    if (zmq_msg_size(&f[1]) == 0) {
        w->credit += strtol(zmq_msg_data(&f[2]), NULL, 10);
    } else {
        w->credit++;
        check(zmq_msg_send(&f[1], b->front, ZMQ_SNDMORE) >= 0, "send");
        check(zmq_msg_send(&f[2], b->front, 0) >= 0, "send");
    }
    line_up(b, w);
    while (b->job_count && b->line_count) {
        struct job *j = &b->jobs[b->job_first];
        b->job_first = (b->job_first + 1) & (b->job_capacity - 1);
        b->job_count--;
        dispatch(b, &j->client, &j->body);
    }
    for (int i = 0; i < 3; i++)
        zmq_msg_close(&f[i]);
    return 1;
}

static int from_front(struct broker *b)
{
    zmq_msg_t f[2]; /* client, body */
    if (!take(b->front, f, 2))
        return 0;
    if (b->line_count)
        dispatch(b, &f[0], &f[1]);
    else
        enqueue(b, &f[0], &f[1]);
    zmq_msg_close(&f[0]);
    zmq_msg_close(&f[1]);
    return 1;
}

_Noreturn static void run_broker(const char *front, const char *back)
{
    struct broker *b = calloc(1, sizeof *b);
    check(b != NULL, "memory");
    b->front = open_socket(ZMQ_ROUTER, front);
    b->back = open_socket(ZMQ_ROUTER, back);
    puts("ready");
    fflush(stdout);
    zmq_pollitem_t items[] = {{b->front, 0, ZMQ_POLLIN, 0}, {b->back, 0, ZMQ_POLLIN, 0}};
    for (;;) {
        check(zmq_poll(items, 2, -1) >= 0, "poll");
        for (int i = 0, more = 1; more && i < TURN_MAX; i++) {
            more = from_back(b);
            more |= from_front(b);
        }
    }
}

/* --- worker and clients ----------------------------------------------------------------------- */

_Noreturn static void run_worker(const char *back, const char *credit, size_t result_bytes)
{
    void *s = open_socket(ZMQ_DEALER, back);
    check(zmq_send(s, "", 0, ZMQ_SNDMORE) == 0, "send");
    check(zmq_send(s, credit, strlen(credit) + 1, 0) > 0, "send"); /* its closing 0 goes along */
    for (;;) {
        zmq_msg_t client, body, result;
        zmq_msg_init(&client);
        zmq_msg_init(&body);
        check(zmq_msg_recv(&client, s, 0) >= 0, "receive");
        check(zmq_msg_recv(&body, s, 0) >= 0, "receive");
        zmq_msg_init_size(&result, result_bytes);
        memset(zmq_msg_data(&result), 'r', result_bytes);
        check(zmq_msg_send(&client, s, ZMQ_SNDMORE) >= 0, "send");
        check(zmq_msg_send(&result, s, 0) >= 0, "send");
        zmq_msg_close(&body);
    }
}

static void send_job(void *s, uint64_t number, size_t bytes)
{
    zmq_msg_t m;
    zmq_msg_init_size(&m, bytes);
    memset(zmq_msg_data(&m), '.', bytes);
    memcpy(zmq_msg_data(&m), &number, bytes < sizeof number ? bytes : sizeof number);
    check(zmq_msg_send(&m, s, 0) >= 0, "send");
}

static int run_client(const char *front, uint64_t jobs, uint64_t window, size_t bytes)
{
    void *s = open_socket(ZMQ_DEALER, front);
    uint64_t sent = 0, done = 0;
    zmq_msg_t m;
    zmq_msg_init(&m);
    double start = now();
    while (done < jobs) {
        for (; sent < jobs && sent - done < window; sent++)
            send_job(s, sent, bytes);
        check(zmq_msg_recv(&m, s, 0) >= 0, "receive");
        done++;
        while (done < jobs && zmq_msg_recv(&m, s, ZMQ_DONTWAIT) >= 0)
            done++;
    }
    double seconds = now() - start;
    printf("{\"jobs\":%" PRIu64 ",\"seconds\":%.4f,\"rate\":%.1f}\n", jobs, seconds,
           (double)jobs / seconds);
    zmq_msg_close(&m);
    return 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int run_single(const char *front, size_t jobs, size_t bytes)
{
    static char answer[BODY_MAX];
    void *s = open_socket(ZMQ_DEALER, front);
    double *us = calloc(jobs, sizeof *us);
    check(us != NULL && jobs > 0, "memory");
    for (size_t i = 0; i < jobs; i++) {
        double start = now();
        send_job(s, i, bytes);
        check(zmq_recv(s, answer, sizeof answer, 0) >= 0, "receive");
        us[i] = (now() - start) * 1e6;
    }
    qsort(us, jobs, sizeof *us, by_size);
    printf("{\"jobs\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n", jobs, us[jobs / 2],
           us[jobs * 99 / 100]);
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "broker") == 0 && argc == 4)
        run_broker(argv[2], argv[3]);
    if (strcmp(mode, "worker") == 0 && argc == 5)
        run_worker(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    if (strcmp(mode, "client") == 0 && argc == 6)
        return run_client(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
                          strtoul(argv[5], NULL, 10));
    if (strcmp(mode, "single") == 0 && argc == 5)
        return run_single(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    fprintf(stderr, "usage: see the head of yardstick.c\n");
    return 2;
}
