/* SPDX-License-Identifier: Apache-2.0
 *
 * rto_words: the words of the real-time optimisation doors and those of sessions, one turned into
 * the other: tags to the spec of a session, values to maps and back, flags to messages. Clients in
 * the field are sloppy, and what is meant is read here: a tag without id goes by its name; one id
 * may stand several times (an MV wins over CVs, bounds of the same intersect); a bound of 1e100 and
 * beyond is none, and so are bounds that are both 0, which is what a client that sets none sends.
 * An MV whose type is Integer takes whole numbers only, one of type Bool 0 or 1. Pure.
 */
#ifndef DOORS_RTO_WORDS_H
#define DOORS_RTO_WORDS_H

#include "common/buf.h"
#include "common/must.h"
#include "producer/view/session_view.h"
#include "rto.pb-c.h"

enum {
    RTO_NO_SESSION = 4, /* a flag beside enum session_flag, on port 5089 */
    RTO_WHY = 200,
    RTO_TAGS_MAX = 1000, /* of each kind, doubled ones counted */
    RTO_NAME_BYTES_MAX = 256,
    RTO_OBJECTIVE_BYTES_MAX = 32 << 10, /* each name in it is looked for among all tags */
};

struct rto_start { /* StartRequest of either port; borrows from it */
    Grpc__RtoApi__TagType **cvs, **mvs;
    size_t cv_count, mv_count;
    const char *objective, *method;
    bool maximize, plant; /* plant: the client is it */
    int32_t max_iterations;
};

/* Appends the spec (see session_view.h). model: "" is none; then, unless the client is the plant,
 * nothing computes the CVs: they stand still, at a value within their bounds until the client says
 * another. False with a sentence: these are no tags. */
MUST_CHECK bool rto_spec(const struct rto_start *start, const char *model, struct buf *out,
                         char why[static RTO_WHY]);

/* Values as a packed map {id: number}; what is no finite number: nil. isGood is never looked at. */
void rto_pack_values(Grpc__RtoApi__TagVal *const *values, size_t count, struct buf *out);
/* What a session that is to begin is told. */
void rto_pack_beginning(const Grpc__RtoApi__StartOptimizeRequest *said, struct buf *out);
/* What came of a proposal. */
void rto_pack_outcome(const Grpc__RtoApi__OptimizeIterationRequest *said, struct buf *out);
/* Is there an outcome in it? One that only asks has no objective, or an empty one. */
bool rto_has_outcome(const Grpc__RtoApi__OptimizeIterationRequest *said);

struct rto_values {
    Grpc__RtoApi__TagVal **at;
    size_t count;
};
/* Of a packed map; what is no number is left out. */
struct rto_values rto_values_of(struct bytes map, uint64_t time_ms);
void rto_values_free(struct rto_values *values);

#endif
