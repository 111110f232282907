/* SPDX-License-Identifier: Apache-2.0
 *
 * batch: the least a job broker can be that puts many jobs into a message, to measure Reeve
 * against. As yardstick.c, and further: a table of jobs with generations, a queue, credit, up to
 * BATCH jobs a message on each hop, in msgpack read and written by hand. With a log each job and
 * each end is written and synced once a turn, before anything of that turn is handed out or
 * answered; nothing ever reads the log. No priorities, retries, deadlines or second queue.
 *
 *     batch broker FRONT BACK BATCH [LOG]   until a signal ends it
 *     batch worker BACK CREDIT
 *     batch client FRONT JOBS WINDOW BATCH  prints {"rate":...}
 *     batch single FRONT JOBS               one job at a time; prints {"p50_us":...,"p99_us":...}
 *
 * A message is a kind byte and an array of two-element arrays: submit [number, job], lease and
 * result [ticket, job or result], done [number, result]; a worker's credit is one ticket.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>
#include <zmq.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/histogram.h"
#include "common/must.h"

enum kind { SUBMIT = 1, LEASE, RESULT, CREDIT, DONE };

enum {
    PEERS_MAX = 64,
    TURN_MAX = 64, /* messages of a side before the other has its turn */
    BATCH_MAX = 1024,
    JOB_BYTES = 16,
    RESULT_BYTES = 8,
    PAIR_BYTES = 12, /* of a pair without its bytes */
    HEAD_BYTES = 4,
    LOG_STEP_BYTES = 64 << 20, /* space is taken so far ahead: a sync then writes no sizes */
    NONE = -1,
};

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "batch: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

static void *open_socket(int type, const char *address)
{
    static void *context;
    if (!context)
        context = zmq_ctx_new();
    void *s = zmq_socket(context, type);
    check(s != NULL, "socket");
    int none = 0; /* no high-water mark: window and credit bound what is on its way */
    zmq_setsockopt(s, ZMQ_SNDHWM, &none, sizeof none);
    zmq_setsockopt(s, ZMQ_RCVHWM, &none, sizeof none);
    zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none);
    check((type == ZMQ_ROUTER ? zmq_bind : zmq_connect)(s, address) == 0, address);
    return s;
}

/* --- messages --------------------------------------------------------------------------------- */

struct message {
    uint32_t count;
    size_t size;
    unsigned char bytes[HEAD_BYTES + BATCH_MAX * (PAIR_BYTES + JOB_BYTES)];
};

static void message_put(struct message *m, enum kind kind, uint64_t number, const void *bytes,
                        size_t size)
{
    if (m->count == 0)
        m->size = HEAD_BYTES;
    unsigned char *p = m->bytes + m->size;
    uint64_t big = __builtin_bswap64(number);
    *p++ = 0x92;
    *p++ = 0xcf;
    memcpy(p, &big, sizeof big);
    p += sizeof big;
    *p++ = 0xc4;
    *p++ = (unsigned char)size;
    if (size)
        memcpy(p, bytes, size);
    m->size = (size_t)(p - m->bytes) + size;
    m->count++;
    m->bytes[0] = (unsigned char)kind;
    m->bytes[1] = 0xdc;
    m->bytes[2] = (unsigned char)(m->count >> 8);
    m->bytes[3] = (unsigned char)m->count;
}

static void message_send(struct message *m, void *socket)
{
    if (m->count)
        check(zmq_send(socket, m->bytes, m->size, 0) >= 0, "send");
    m->count = 0;
}

struct reader {
    const unsigned char *at, *end;
    enum kind kind;
    uint32_t left; /* pairs */
};

static bool reader_open(struct reader *r, zmq_msg_t *m)
{
    r->at = zmq_msg_data(m);
    r->end = r->at + zmq_msg_size(m);
    if (zmq_msg_size(m) < HEAD_BYTES || r->at[1] != 0xdc)
        return false;
    r->kind = r->at[0];
    r->left = (uint32_t)r->at[2] << 8 | r->at[3];
    r->at += HEAD_BYTES;
    return true;
}

static bool reader_next(struct reader *r, uint64_t *number, const unsigned char **bytes,
                        size_t *size)
{
    if (!r->left || r->end - r->at < PAIR_BYTES || r->at[0] != 0x92 || r->at[1] != 0xcf ||
        r->at[10] != 0xc4 || r->end - r->at - PAIR_BYTES < r->at[11])
        return false;
    memcpy(number, r->at + 2, sizeof *number);
    *number = __builtin_bswap64(*number);
    *size = r->at[11];
    *bytes = r->at + PAIR_BYTES;
    r->at += PAIR_BYTES + *size;
    r->left--;
    return true;
}

/* --- broker ----------------------------------------------------------------------------------- */

struct peer {
    unsigned char id[16];
    size_t id_size;
    uint64_t credit;
    struct message out;
};

struct peers {
    struct peer at[PEERS_MAX];
    unsigned count, turn;
};

struct job {
    uint64_t number; /* the client's */
    uint32_t generation;
    int32_t next; /* in the queue, or of those that are free */
    uint16_t client;
    bool leased;
    uint8_t size;
    unsigned char bytes[JOB_BYTES];
};

struct broker {
    void *front, *back;
    struct peers clients, workers;
    struct job *jobs;
    int32_t job_count, job_capacity, free, first, last;
    uint32_t batch;
    int log_fd; /* NONE: there is no log */
    struct buf log;
    off_t log_size, log_space;
};

static unsigned peer_of(struct peers *peers, zmq_msg_t *id)
{
    size_t size = zmq_msg_size(id);
    for (unsigned i = 0; i < peers->count; i++)
        if (peers->at[i].id_size == size && memcmp(peers->at[i].id, zmq_msg_data(id), size) == 0)
            return i;
    check(peers->count < PEERS_MAX && size <= sizeof peers->at[0].id, "too many peers");
    struct peer *p = &peers->at[peers->count];
    memcpy(p->id, zmq_msg_data(id), size);
    p->id_size = size;
    return peers->count++;
}

static void peer_send(struct peer *p, void *socket)
{
    if (p->out.count)
        check(zmq_send(socket, p->id, p->id_size, ZMQ_SNDMORE) >= 0, "send");
    message_send(&p->out, socket);
}

static struct job *job_new(struct broker *b)
{
    if (b->free != NONE) {
        struct job *j = &b->jobs[b->free];
        b->free = j->next;
        return j;
    }
    if (b->job_count == b->job_capacity) {
        b->job_capacity = b->job_capacity ? 2 * b->job_capacity : 65536;
        b->jobs = must_realloc(b->jobs, (size_t)b->job_capacity * sizeof *b->jobs);
    }
    struct job *j = &b->jobs[b->job_count++];
    *j = (struct job){0};
    return j;
}

/* Of a job its place, number and bytes; of an end its place and ticket. */
static void log_put(struct broker *b, uint64_t what, uint64_t number, const void *bytes,
                    size_t size)
{
    if (b->log_fd == NONE)
        return;
    buf_put(&b->log, &what, sizeof what);
    buf_put(&b->log, &number, sizeof number);
    if (size)
        buf_put(&b->log, bytes, size);
}

static void log_sync(struct broker *b)
{
    off_t size = (off_t)b->log.size;
    if (!size)
        return;
    if (b->log_size + size > b->log_space) {
        check(posix_fallocate(b->log_fd, b->log_space, LOG_STEP_BYTES) == 0, "log");
        b->log_space += LOG_STEP_BYTES;
    }
    check(write(b->log_fd, b->log.data, b->log.size) == size && fdatasync(b->log_fd) == 0, "log");
    b->log_size += size;
    buf_clear(&b->log);
}

static void take_submit(struct broker *b, unsigned client, struct reader *r)
{
    uint64_t number;
    const unsigned char *bytes;
    size_t size;
    while (reader_next(r, &number, &bytes, &size)) {
        struct job *j = job_new(b);
        int32_t at = (int32_t)(j - b->jobs);
        j->number = number;
        j->client = (uint16_t)client;
        j->leased = false;
        j->next = NONE;
        j->size = (uint8_t)(size < JOB_BYTES ? size : JOB_BYTES);
        memcpy(j->bytes, bytes, j->size);
        if (b->first == NONE)
            b->first = at;
        else
            b->jobs[b->last].next = at;
        b->last = at;
        log_put(b, (uint64_t)at, number, j->bytes, j->size);
    }
}

/* A ticket is generation and place; one that is not out any more changes nothing. */
static void take_result(struct broker *b, struct peer *worker, struct reader *r)
{
    uint64_t ticket;
    const unsigned char *bytes;
    size_t size;
    while (reader_next(r, &ticket, &bytes, &size)) {
        uint32_t at = (uint32_t)ticket;
        worker->credit++;
        if (at >= (uint32_t)b->job_count || !b->jobs[at].leased ||
            b->jobs[at].generation != ticket >> 32 || size > JOB_BYTES)
            continue;
        struct job *j = &b->jobs[at];
        struct peer *client = &b->clients.at[j->client];
        if (client->out.count == BATCH_MAX)
            peer_send(client, b->front);
        message_put(&client->out, DONE, j->number, bytes, size);
        j->leased = false;
        j->generation++;
        j->next = b->free;
        b->free = (int32_t)at;
        log_put(b, at, ticket, NULL, 0);
    }
}

static void take_message(struct broker *b, void *socket, zmq_msg_t *id, zmq_msg_t *body)
{
    struct reader r;
    uint64_t credit;
    const unsigned char *none;
    size_t size;
    if (!reader_open(&r, body))
        return;
    if (socket == b->front) {
        if (r.kind == SUBMIT)
            take_submit(b, peer_of(&b->clients, id), &r);
        return;
    }
    struct peer *worker = &b->workers.at[peer_of(&b->workers, id)];
    if (r.kind == RESULT)
        take_result(b, worker, &r);
    else if (r.kind == CREDIT && reader_next(&r, &credit, &none, &size))
        worker->credit += credit;
}

static void take_some(struct broker *b, void *socket)
{
    for (int i = 0; i < TURN_MAX; i++) {
        zmq_msg_t id, body;
        zmq_msg_init(&id);
        zmq_msg_init(&body);
        bool more = zmq_msg_recv(&id, socket, ZMQ_DONTWAIT) >= 0;
        if (more) {
            check(zmq_msg_recv(&body, socket, 0) >= 0, "receive");
            take_message(b, socket, &id, &body);
        }
        zmq_msg_close(&body);
        zmq_msg_close(&id);
        if (!more)
            return;
    }
}

/* The workers with credit take turns, a message each. */
static void hand_out(struct broker *b)
{
    for (unsigned idle = 0; b->first != NONE && idle < b->workers.count;) {
        struct peer *w = &b->workers.at[b->workers.turn++ % b->workers.count];
        idle = w->credit ? 0 : idle + 1;
        while (w->out.count < b->batch && w->credit && b->first != NONE) {
            int32_t at = b->first;
            struct job *j = &b->jobs[at];
            b->first = j->next;
            j->leased = true;
            w->credit--;
            message_put(&w->out, LEASE, (uint64_t)j->generation << 32 | (uint32_t)at, j->bytes,
                        j->size);
        }
        peer_send(w, b->back);
    }
}

_Noreturn static void run_broker(const char *front, const char *back, uint32_t batch,
                                 const char *log)
{
    struct broker *b = must_alloc(sizeof *b);
    b->free = b->first = NONE;
    b->batch = batch < BATCH_MAX ? batch : BATCH_MAX;
    b->log_fd = log ? open(log, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600) : NONE;
    check(!log || b->log_fd >= 0, "log");
    b->front = open_socket(ZMQ_ROUTER, front);
    b->back = open_socket(ZMQ_ROUTER, back);
    puts("ready");
    fflush(stdout);
    zmq_pollitem_t items[] = {{b->front, 0, ZMQ_POLLIN, 0}, {b->back, 0, ZMQ_POLLIN, 0}};
    for (;;) {
        check(zmq_poll(items, 2, -1) >= 0, "poll");
        take_some(b, b->front);
        take_some(b, b->back);
        log_sync(b);
        for (unsigned i = 0; i < b->clients.count; i++)
            peer_send(&b->clients.at[i], b->front);
        hand_out(b);
    }
}

/* --- worker and clients ----------------------------------------------------------------------- */

_Noreturn static void run_worker(const char *back, uint64_t credit)
{
    static struct message out;
    void *s = open_socket(ZMQ_DEALER, back);
    message_put(&out, CREDIT, credit, NULL, 0);
    message_send(&out, s);
    for (;;) {
        struct reader r;
        uint64_t ticket;
        const unsigned char *bytes;
        size_t size;
        zmq_msg_t m;
        zmq_msg_init(&m);
        check(zmq_msg_recv(&m, s, 0) >= 0 && reader_open(&r, &m), "receive");
        while (reader_next(&r, &ticket, &bytes, &size))
            message_put(&out, RESULT, ticket, "rrrrrrrr", RESULT_BYTES);
        zmq_msg_close(&m);
        message_send(&out, s);
    }
}

static void submit(void *s, uint64_t number, uint64_t count)
{
    static struct message out;
    for (; count; count--, number++) {
        unsigned char job[JOB_BYTES] = {0};
        memcpy(job, &number, sizeof number);
        message_put(&out, SUBMIT, number, job, sizeof job);
    }
    message_send(&out, s);
}

/* How many results one message has; 0 when none waits. */
static uint64_t results(void *s, int flags)
{
    struct reader r;
    uint64_t number, count = 0;
    const unsigned char *bytes;
    size_t size;
    zmq_msg_t m;
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, s, flags) >= 0) {
        check(reader_open(&r, &m), "receive");
        while (reader_next(&r, &number, &bytes, &size))
            count++;
    }
    zmq_msg_close(&m);
    return count;
}

static int run_client(const char *front, uint64_t jobs, uint64_t window, uint64_t batch)
{
    void *s = open_socket(ZMQ_DEALER, front);
    uint64_t sent = 0, done = 0;
    check(batch > 0 && batch <= BATCH_MAX && batch <= window, "batch");
    int64_t start_ns = clock_ns();
    while (done < jobs) {
        while (sent < jobs && sent - done + batch <= window) {
            uint64_t count = jobs - sent < batch ? jobs - sent : batch;
            submit(s, sent, count);
            sent += count;
            for (uint64_t more; (more = results(s, ZMQ_DONTWAIT));)
                done += more;
        }
        if (done < jobs)
            done += results(s, 0);
    }
    double seconds = (double)(clock_ns() - start_ns) / 1e9;
    printf("{\"jobs\":%" PRIu64 ",\"seconds\":%.4f,\"rate\":%.1f}\n", jobs, seconds,
           (double)jobs / seconds);
    return 0;
}

static int run_single(const char *front, uint64_t jobs)
{
    struct histogram *h = must_alloc(sizeof *h);
    void *s = open_socket(ZMQ_DEALER, front);
    for (uint64_t i = 0; i < jobs; i++) {
        int64_t start_ns = clock_ns();
        submit(s, i, 1);
        results(s, 0);
        histogram_add(h, (uint64_t)(clock_ns() - start_ns));
    }
    printf("{\"jobs\":%" PRIu64 ",\"p50_us\":%.1f,\"p99_us\":%.1f}\n", jobs,
           (double)histogram_percentile(h, 0.5) / 1e3, (double)histogram_percentile(h, 0.99) / 1e3);
    free(h);
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "broker") == 0 && (argc == 5 || argc == 6))
        run_broker(argv[2], argv[3], (uint32_t)strtoul(argv[4], NULL, 10), argv[5]);
    if (strcmp(mode, "worker") == 0 && argc == 4)
        run_worker(argv[2], strtoull(argv[3], NULL, 10));
    if (strcmp(mode, "client") == 0 && argc == 6)
        return run_client(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
                          strtoull(argv[5], NULL, 10));
    if (strcmp(mode, "single") == 0 && argc == 4)
        return run_single(argv[2], strtoull(argv[3], NULL, 10));
    fprintf(stderr, "usage: see the head of batch.c\n");
    return 2;
}
