/* SPDX-License-Identifier: Apache-2.0
 *
 * record: the records of messages.def as structs, to bytes and back. A message body is a run of
 * records; strings and binaries of a decoded record borrow the frame they were read from.
 */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "common/buf.h"
#include "common/must.h"
#include "common/pack.h"
#include "proto/errors.h"
#include "proto/states.h"

enum {
    PROTOCOL_VERSION = 1,
    VALUE_BYTES_MAX = 16 << 20, /* arguments or result of one job */
    FRAME_BYTES = 64 << 10,     /* a frame gathers records up to here; a bigger one goes alone */
    FRAME_BYTES_MAX = 17 << 20, /* what a socket takes at all */
    QUEUE_NAME_MAX = 100,       /* bytes of handler.method */
    KEY_BYTES_MAX = 200,
    TOPIC_BYTES_MAX = 200,
    NAME_BYTES_MAX = 64, /* worker's and host's names */
    PEER_ID_BYTES = 16,
    STATE_BYTES_MAX = 1 << 20, /* of a session */
    VIEW_BYTES_MAX = 64 << 10, /* what it shows, and lines for its file, of one iteration */
    CHILDREN_MAX = 1024,       /* of one iteration */
    PROGRESS_BYTES_MAX = 4096, /* what a running job tells of its progress */
    OFFERS_MAX = 1024,         /* handlers of one worker */
    SLOTS_MAX = 1024,          /* slots of one worker */
    PRIORITY_MAX = 100,        /* -100 .. 100, higher first */
    DEFAULT_PORT = 7710,       /* clients; workers +1, updates +2 */
};

enum role { ROLE_CLIENT = 1, ROLE_WORKER = 2 };
/* What a peer says in hello and welcome that it understands beyond the first release. */
enum knows { KNOWS_AGAIN = 1, KNOWS_ALL = 1 };
enum submit_flags {
    SUBMIT_WAIT_FOR_HANDLER = 1,
    SUBMIT_ACCEPT_LAZILY = 2,
    SUBMIT_SESSION = 4, /* its results are verdicts */
    SUBMIT_FLAGS = 7
};

#define WORKER_STATES_LIST(X)                                                                      \
    X(WORKER_UP, 1, "up")                                                                          \
    X(WORKER_DRAINING, 2, "draining")                                                              \
    X(WORKER_SILENT, 3, "silent") /* not heard of; its leases still stand */
enum worker_state {
    WORKER_NONE,
#define X(name, number, text) name = number,
    WORKER_STATES_LIST(X)
#undef X
};
const char *worker_state_name(unsigned state);

#define BROKER_STATES_LIST(X)                                                                      \
    X(BROKER_SERVING, 1, "serving")                                                                \
    X(BROKER_RECOVERING, 2, "recovering") /* waits for workers that may hold leases */             \
    X(BROKER_REFUSING, 3, "refusing")     /* new jobs, until the store has room */                 \
    X(BROKER_STALLED, 4, "stalled")       /* what is to be kept waits for the disk, for long now */
enum broker_state {
    BROKER_NONE,
#define X(name, number, text) name = number,
    BROKER_STATES_LIST(X)
#undef X
};
const char *broker_state_name(unsigned state);

#define SLOT_STATES_LIST(X)                                                                        \
    X(SLOT_IDLE, 1, "idle")                                                                        \
    X(SLOT_RUNNING, 2, "running")                                                                  \
    X(SLOT_STARTING, 3, "starting")                                                                \
    X(SLOT_STOPPING, 4, "stopping")                                                                \
    X(SLOT_COOLING, 5, "cooling")
enum slot_state {
    SLOT_NONE,
#define X(name, number, text) name = number,
    SLOT_STATES_LIST(X)
#undef X
};
const char *slot_state_name(unsigned state);

enum record_type {
    REC_NONE,
#define RECORD(name, number, required) REC_##name = number,
#define FIELD(record, kind, name)
#define END(record)
#include "proto/messages.def"
    REC_TYPES = 128
};

typedef uint64_t field_UINT, field_ID;
typedef int64_t field_INT;
typedef struct bytes field_STR, field_BIN;

#define RECORD(name, number, required) struct msg_##name {
#define FIELD(record, kind, name)      field_##kind name;
#define END(record)                                                                                \
    }                                                                                              \
    ;
#include "proto/messages.def"

struct record {
    enum record_type type;
    bool in_row; /* read by record_next: all but number, id, value and run time is as it was */
    union {
#define RECORD(name, number, required) struct msg_##name name;
#define FIELD(record, kind, name)
#define END(record)
#include "proto/messages.def"
    };
};

/* Reads the next record. ERR_MALFORMED: the rest of the frame is not to be read. A type that is not
 * in the list gives OK with REC_NONE: a newer peer may know more than we do. */
enum err record_get(struct cursor *c, struct record *out) MUST_CHECK;

/* The same of a frame, whose records may be said by `again`. r: what it gave for the record before,
 * unchanged; before the first one its type is REC_NONE. */
enum err record_next(struct cursor *c, struct record *r) MUST_CHECK;
/* The id of the job that the first record of a body is about, when a worker says that it has begun
 * or ended; else 0. Nothing else is read. */
uint64_t record_job(struct bytes body);

void record_put(struct buf *out, const struct record *r);

/* put_submit(out, &submit), ...: the same for a record whose type is known, without the union. */
#define RECORD(name, number, required) void put_##name(struct buf *out, const struct msg_##name *m);
#define FIELD(record, kind, name)
#define END(record)
#include "proto/messages.def"

/* "submit"; "unknown" when there is no such. */
const char *record_name(unsigned type);

/* A name that may stand on the wire as a queue: letters, digits, _ - and at least one dot inside.
 */
bool queue_name_valid(struct bytes name);

/* A map of text keys that may stand as a job's progress wherever one is shown. */
bool progress_valid(struct bytes map);

/* Lease token: incarnation and lease count. */
static inline uint64_t token_of(uint32_t incarnation, uint32_t count)
{
    return (uint64_t)incarnation << 32 | count;
}

#endif
