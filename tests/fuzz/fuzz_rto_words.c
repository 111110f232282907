/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of the real-time optimisation doors. The first byte says which message the others are
 * unpacked as; of tags a spec is made, which is one packed map or none with a reason, of values a
 * map, which says the same as they did when it is read back.
 */
#include <math.h>

#include "common/pack.h"
#include "producer/gateway/doors/rto_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that the two Starts have, and the rest of the bytes. */
static void check_spec(const Grpc__RtoApi__StartRequest *m, unsigned how)
{
    struct rto_start start = {.cvs = m->cvs,
                              .mvs = m->mvs,
                              .cv_count = m->n_cvs,
                              .mv_count = m->n_mvs,
                              .objective = m->objective_function,
                              .method = m->optimization_method,
                              .maximize = m->maximize,
                              .plant = how & 1,
                              .max_iterations = m->max_iterations};
    struct buf spec = {0};
    char why[RTO_WHY] = "";
    if (rto_spec(&start, how & 2 ? m->model_id : "", &spec, why)) {
        must(pack_valid(buf_bytes(&spec)) && !*why);
        struct cursor c = cursor_of(buf_bytes(&spec));
        must(cursor_peek(&c) == PACK_MAP);
    } else {
        must(!spec.size && *why && strlen(why) < RTO_WHY);
    }
    buf_fini(&spec);
}

static void check_values(Grpc__RtoApi__TagVal *const *said, size_t count)
{
    struct buf map = {0};
    size_t at = 0;
    rto_pack_values(said, count, &map);
    must(pack_valid(buf_bytes(&map)));
    struct rto_values back = rto_values_of(buf_bytes(&map), 1);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(said[i]->numericvalue))
            continue;
        must(at < back.count && back.at[at]->numericvalue == said[i]->numericvalue);
        must(strcmp(back.at[at++]->tagid, said[i]->tagid) == 0);
    }
    must(at == back.count);
    rto_values_free(&back);
    buf_fini(&map);
}

static void check_outcome(const Grpc__RtoApi__OptimizeIterationRequest *m)
{
    struct buf word = {0};
    if (rto_has_outcome(m)) {
        rto_pack_outcome(m, &word);
        must(pack_valid(buf_bytes(&word)));
    }
    check_values(m->cv_values, m->n_cv_values);
    buf_fini(&word);
}

static void check_beginning(const Grpc__RtoApi__StartOptimizeRequest *m)
{
    struct buf word = {0};
    rto_pack_beginning(m, &word);
    must(pack_valid(buf_bytes(&word)));
    check_values(m->initial_mvs, m->n_initial_mvs);
    buf_fini(&word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &grpc__rto_api__start_request__descriptor,
        &grpc__rto_api__optimize_iteration_request__descriptor,
        &grpc__rto_api__start_optimize_request__descriptor};
    if (!size)
        return 0;
    unsigned which = data[0] % 3, how = data[0] / 3;
    ProtobufCMessage *m = protobuf_c_message_unpack(types[which], NULL, size - 1, data + 1);
    if (!m)
        return 0;
    if (which == 0)
        check_spec((const Grpc__RtoApi__StartRequest *)m, how);
    else if (which == 1)
        check_outcome((const Grpc__RtoApi__OptimizeIterationRequest *)m);
    else
        check_beginning((const Grpc__RtoApi__StartOptimizeRequest *)m);
    protobuf_c_message_free_unpacked(m, NULL);
    return 0;
}
