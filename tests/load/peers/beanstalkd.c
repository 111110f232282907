/* SPDX-License-Identifier: Apache-2.0
 *
 * beanstalkd, by its text protocol over a plain socket: put, reserve and delete of the job, and the
 * same of its result in a tube of its own. Commands are pipelined: as many as there are jobs, at
 * most PIPELINE.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/buf.h"
#include "tests/load/peers/driver.h"

enum { PIPELINE = 500, READ_BYTES = 65536 };

static int fd;
static struct buf out;
static char in[2 * READ_BYTES];
static size_t in_at, in_end;
static uint64_t have[PIPELINE]; /* ids that are reserved */
static unsigned have_count;
static uint64_t put_count; /* whose answers have not been read */

static void fail(const char *what)
{
    driver_check(false, "beanstalkd", what);
}

static void send_all(void)
{
    for (size_t at = 0; at < out.size;) {
        ssize_t size = send(fd, out.data + at, out.size - at, MSG_NOSIGNAL);
        driver_check(size > 0 || errno == EINTR, "beanstalkd", "it does not take any more");
        at += size > 0 ? (size_t)size : 0;
    }
    buf_clear(&out);
}

static void read_more(void)
{
    memmove(in, in + in_at, in_end - in_at);
    in_end -= in_at;
    in_at = 0;
    ssize_t size = recv(fd, in + in_end, READ_BYTES, 0);
    driver_check(size > 0, "beanstalkd", "the connection has ended");
    in_end += (size_t)size;
}

/* The next line of the answer, without its end. */
static const char *line(void)
{
    char *end;
    while (!(end = memchr(in + in_at, '\n', in_end - in_at)))
        read_more();
    const char *start = in + in_at;
    *end = 0;
    in_at = (size_t)(end + 1 - in);
    return start;
}

static void expect(const char *word)
{
    const char *is = line();
    if (strncmp(is, word, strlen(word)) != 0)
        fail(is);
}

/* An answer to reserve; false: there was none to be had. */
static bool take_reserved(uint64_t *id)
{
    size_t size;
    const char *is = line();
    if (strncmp(is, "TIMED_OUT", 9) == 0)
        return false;
    if (sscanf(is, "RESERVED %" SCNu64 " %zu", id, &size) != 2)
        fail(is);
    for (size += 2; in_end - in_at < size;)
        read_more();
    in_at += size;
    return true;
}

static void connect_to(unsigned port, const char *use, const char *watch)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    driver_check(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "beanstalkd",
                 strerror(errno));
    buf_printf(&out, "use %s\r\nwatch %s\r\nignore default\r\n", use, watch);
    send_all();
    expect("USING");
    expect("WATCHING");
    expect("WATCHING");
}

static void put(const char *bytes, size_t size)
{
    buf_printf(&out, "put 0 0 60 %zu\r\n%.*s\r\n", size, (int)size, bytes);
    put_count++;
}

/* What was reserved is deleted, then up to `ask` more are reserved; with 1 that is waited for. */
static void turn(unsigned ask)
{
    unsigned deleted = have_count;
    for (unsigned i = 0; i < have_count; i++)
        buf_printf(&out, "delete %" PRIu64 "\r\n", have[i]);
    for (unsigned i = 0; i < ask; i++)
        buf_printf(&out, ask == 1 ? "reserve\r\n" : "reserve-with-timeout 0\r\n");
    send_all();
    for (; put_count; put_count--)
        expect("INSERTED");
    for (unsigned i = 0; i < deleted; i++)
        expect("DELETED");
    have_count = 0;
    for (unsigned i = 0; i < ask; i++)
        have_count += take_reserved(&have[have_count]);
}

/* Twice of what the last turn gave, so that an empty tube is not asked in vain. */
static unsigned appetite(void)
{
    unsigned ask = 2 * have_count;
    return ask == 0 ? 1 : ask < PIPELINE ? ask : PIPELINE;
}

static void open_client(unsigned port, bool single)
{
    (void)single;
    connect_to(port, "jobs", "results");
}

static void submit(const char *job)
{
    put(job, DRIVER_JOB_BYTES);
}

static uint64_t results(uint64_t on_their_way)
{
    turn(on_their_way == 1 ? 1 : appetite());
    if (!have_count)
        turn(1);
    return have_count;
}

static void serve(unsigned port, bool single)
{
    connect_to(port, "results", "jobs");
    for (;;) {
        for (unsigned i = 0; i < have_count; i++)
            put(DRIVER_RESULT, DRIVER_RESULT_BYTES);
        turn(single ? 1 : appetite());
    }
}

int main(int argc, char **argv)
{
    static const struct driver driver = {
        .serve = serve, .open = open_client, .submit = submit, .results = results};
    return driver_main(&driver, argc, argv);
}
