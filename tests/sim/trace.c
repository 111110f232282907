/* SPDX-License-Identifier: Apache-2.0
 *
 * trace: what happened, a line an event: virtual time, who, what. Records are printed from the one
 * list of messages. A failure prints its rule and the command that runs its seed again.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "tests/sim/sim.h"

static void print_time(const struct sim *s)
{
    printf("[%4" PRId64 ".%06" PRId64 "] ", s->now_us / SEC_US, s->now_us % SEC_US);
}

void trace(struct sim *s, const char *who, const char *format, ...)
{
    if (!s->tracing)
        return;
    va_list args;
    print_time(s);
    printf("%-7s ", who);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static void print_UINT(const char *name, field_UINT v)
{
    if (v)
        printf(" %s=%" PRIu64, name, v);
}

static void print_INT(const char *name, field_INT v)
{
    if (v)
        printf(" %s=%" PRId64, name, v);
}

static void print_STR(const char *name, field_STR v)
{
    if (v.size)
        printf(" %s=%.*s", name, BYTES_ARG(v));
}

static void print_BIN(const char *name, field_BIN v)
{
    if (!v.size)
        return;
    printf(" %s=", name);
    for (size_t i = 0; i < v.size && i < 16; i++)
        printf("%02x", ((const unsigned char *)v.data)[i]);
    if (v.size > 16)
        printf("...%zu", v.size);
}

/* A token or a job; the job's sequence is what people can tell apart. */
static void print_ID(const char *name, field_ID v)
{
    if (v)
        printf(" %s=%" PRIx64, name, v & 0xfffffffffffffu);
}

static void print_record(const struct record *r)
{
    printf("%s", record_name(r->type));
    switch (r->type) {
#define RECORD(name, number, required) case REC_##name:
#define FIELD(record, kind, name)      print_##kind(#name, r->record.name);
#define END(record)                    break;
#include "proto/messages.def"
    default: break;
    }
    putchar('\n');
}

void trace_body(struct sim *s, const char *from, const char *to, struct bytes body)
{
    struct cursor c = cursor_of(body);
    struct record r = {.type = REC_NONE};
    if (!s->tracing)
        return;
    while (!cursor_done(&c)) {
        enum err err = record_next(&c, &r);
        if (!err && (r.type == REC_ping || r.type == REC_pong || r.type == REC_beat ||
                     r.type == REC_slot_state))
            continue;
        print_time(s);
        printf("%s > %-3s ", from, to);
        if (err) {
            printf("bytes that do not decode\n");
            return;
        }
        print_record(&r);
    }
}

void sim_fail(struct sim *s, const char *rule, const char *format, ...)
{
    va_list args;
    printf("seed %" PRIu64 " at %" PRId64 ".%06" PRId64 " s: %s: ", s->seed, s->now_us / SEC_US,
           s->now_us % SEC_US, rule);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\nagain: reeve-sim --seed %" PRIu64 " --trace\n", s->seed);
    fflush(stdout);
    _exit(1);
}
