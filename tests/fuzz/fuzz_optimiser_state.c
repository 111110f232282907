/* SPDX-License-Identifier: Apache-2.0
 *
 * A saved state of the optimiser, damaged: it is refused with a sentence, or it is a state that is
 * saved and loaded as what it is and that can be gone on with. After '#' the input is a state as it
 * stands. Otherwise it makes a true one (method, evaluations) and damages its body at the places
 * that follow (two bytes of place, one of what to change), under a sum that agrees.
 */
#include "common/crc32c.h"
#include "common/must.h"
#include "common/pack.h"
#include "consumer/handlers/optimiser/optimiser.h"

enum { ASKED = 4, RUN = 3, TOLD_MAX = 60 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool evaluate(void *context, const double *x, double *f, double *constraints)
{
    const struct optimiser *o = context;
    *f = 0;
    for (size_t i = 0; i < optimiser_variables(o); i++)
        *f += x[i] * x[i];
    for (size_t i = 0; i < optimiser_constraints(o); i++)
        constraints[i] = 1 - x[i % optimiser_variables(o)];
    return *f < 1e6;
}

static void state_make(uint8_t method, uint8_t evaluations, struct buf *out)
{
    static const double lower[] = {-1, -1e300, 2}, upper[] = {3, 1e300, 2}, start[] = {0, 5, 2};
    char text[OPTIMISER_TEXT_SIZE];
    size_t methods = 0;
    while (optimiser_method_name(methods))
        methods++;
    struct optimiser_problem p = {3, 1, method & 1, lower, upper, start};
    struct optimiser_settings settings = {.method = optimiser_method_name(method % methods),
                                          .table_max = 30};
    struct optimiser *o = optimiser_new(&p, &settings, text);
    must(o);
    optimiser_run(o, evaluations % TOLD_MAX, evaluate, o);
    optimiser_save(o, out);
    optimiser_free(o);
}

/* Damages the body and seals it anew. */
static void state_damage(struct buf *state, const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(buf_bytes(state));
    cursor_array(&c);
    uint64_t version = cursor_uint(&c);
    cursor_uint(&c);
    struct bytes body = cursor_bin(&c);
    must(cursor_ok(&c) && body.size > 0);
    unsigned char *at = state->data + ((const unsigned char *)body.data - state->data);
    for (; size >= 3; data += 3, size -= 3)
        at[(size_t)(data[0] << 8 | data[1]) % body.size] ^= data[2];
    struct buf sealed = {0};
    pack_array(&sealed, 3);
    pack_uint(&sealed, version);
    pack_uint(&sealed, crc32c(0, body));
    pack_bin(&sealed, body);
    buf_fini(state);
    *state = sealed;
}

static void go_on(struct optimiser *o)
{
    struct buf once = {0}, twice = {0};
    char text[OPTIMISER_TEXT_SIZE] = "";
    double xs[ASKED * OPTIMISER_VARIABLES_MAX];
    optimiser_save(o, &once);
    struct optimiser *same = optimiser_load(buf_bytes(&once), text);
    must(same);
    optimiser_save(same, &twice);
    must(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
    must(optimiser_run(o, RUN, evaluate, o) <= RUN);
    must(optimiser_ask(same, ASKED, xs) <= ASKED);
    struct optimiser_status s = optimiser_status(o);
    must(!s.found || s.violation >= 0);
    optimiser_free(same);
    buf_fini(&once);
    buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[OPTIMISER_TEXT_SIZE] = "";
    struct buf state = {0};
    if (size > 0 && data[0] == '#') {
        buf_put(&state, data + 1, size - 1);
    } else if (size >= 2) {
        state_make(data[0], data[1], &state);
        state_damage(&state, data + 2, size - 2);
    }
    struct optimiser *o = optimiser_load(buf_bytes(&state), text);
    must(o || text[0]);
    if (o)
        go_on(o);
    optimiser_free(o);
    buf_fini(&state);
    return 0;
}
