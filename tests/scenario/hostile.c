/* SPDX-License-Identifier: Apache-2.0
 *
 * hostile SEED ROUNDS ADDRESS...: floods the broker's ports with garbage. Each round is a DEALER of
 * its own that connects, perhaps says a proper hello, sends a few hundred messages of one kind and
 * leaves: random bytes, real records with bytes changed, records in random order with every field
 * set, messages of many frames, a message of many frames that never ends. It reads no answer, so
 * that the broker's side of the connection fills up too. Same seed, same bytes. Prints how much it
 * sent. Exit status 1 when a port takes nothing for 30 s: then the broker is stuck.
 */
#include <czmq.h>

#include "common/random.h"
#include "tests/unit/fields.h"

enum { MESSAGES = 300, LONG_FRAMES = 3000, STUCK_MS = 30000 };

enum attack { NOISE, MUTATED, RECORDS, MANY_FRAMES, ENDLESS, ATTACKS };

static void garble_hello(struct buf *out, struct random *r, unsigned role)
{
    uint64_t id[2] = {random_next(r), random_next(r)};
    char name[32];
    snprintf(name, sizeof name, "hostile-%jx", (uintmax_t)id[0]);
    struct record hello = {.type = REC_hello,
                           .hello = {.version_min = 1,
                                     .version_max = 1,
                                     .role = role,
                                     .peer_id = bytes_of(id, sizeof id),
                                     .name = bytes_text(name),
                                     .slots = 2}};
    struct record offer = {.type = REC_offer, .offer = {.queue = bytes_text("hostile.work")}};
    struct record ready = {.type = REC_ready};
    record_put(out, &hello);
    if (role == ROLE_WORKER) {
        record_put(out, &offer);
        record_put(out, &ready);
    }
}

/* A body of a few records with all fields set; its goodbyes left out, so that the peer stays. */
static void put_records(struct buf *out, struct random *r)
{
    for (uint64_t count = 1 + random_below(r, 20); count-- > 0;) {
        unsigned type = records[random_below(r, LENGTH(records))].type;
        struct record record = record_filled(type);
        if (type == REC_submit)
            record.submit = (struct msg_submit){.number = 1 + random_below(r, 50),
                                                .queue = bytes_text("hostile.work"),
                                                .args = bytes_text("\x90"),
                                                .flags = SUBMIT_WAIT_FOR_HANDLER};
        if (type != REC_goodbye)
            record_put(out, &record);
    }
}

static void put_message(struct buf *out, struct random *r, enum attack attack)
{
    if (attack == NOISE) {
        for (uint64_t size = random_below(r, 2000); size-- > 0;)
            *buf_extend(out, 1) = (unsigned char)random_next(r);
        return;
    }
    put_records(out, r);
    for (uint64_t changes = attack == MUTATED ? 1 + random_below(r, 4) : 0;
         out->size && changes-- > 0;)
        out->data[random_below(r, out->size)] ^= (unsigned char)(1u << random_below(r, 8));
}

static int send_frame(zsock_t *socket, const struct buf *b, bool more)
{
    zframe_t *frame = zframe_new(b->data, b->size);
    int rc = zframe_send(&frame, socket, more ? ZFRAME_MORE : 0);
    if (rc)
        zframe_destroy(&frame);
    return rc;
}

/* Returns the number of frames sent, or -1 when the port takes no more. */
static long attack_once(zsock_t *socket, struct random *r, enum attack attack)
{
    struct buf b = {0};
    long sent = 0;
    for (int i = 0; i < MESSAGES && sent >= 0; i++) {
        uint64_t frames = attack == MANY_FRAMES ? 1 + random_below(r, 50)
                          : attack == ENDLESS   ? LONG_FRAMES
                                                : 1;
        for (uint64_t k = 0; k < frames && sent >= 0; k++) {
            buf_clear(&b);
            put_message(&b, r, attack);
            bool more = attack == ENDLESS || k + 1 < frames;
            sent = send_frame(socket, &b, more) ? -1 : sent + 1;
        }
        if (attack == ENDLESS)
            break;
    }
    buf_fini(&b);
    return sent;
}

static long visit(const char *address, struct random *r)
{
    zsock_t *socket = zsock_new(ZMQ_DEALER);
    must(socket);
    zsock_set_sndhwm(socket, 10);
    zsock_set_sndtimeo(socket, STUCK_MS);
    zsock_set_linger(socket, 1000);
    long sent = -1;
    if (zsock_connect(socket, "%s", address) == 0) {
        struct buf hello = {0};
        enum attack attack = (enum attack)random_below(r, ATTACKS);
        sent = 0;
        if (random_below(r, 4)) {
            garble_hello(&hello, r, 1 + (unsigned)random_below(r, 2));
            sent = send_frame(socket, &hello, false);
        }
        if (sent == 0)
            sent = attack_once(socket, r, attack);
        buf_fini(&hello);
    }
    zsock_destroy(&socket);
    return sent;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: hostile SEED ROUNDS ADDRESS...\n");
        return 2;
    }
    struct random r = {.state = strtoull(argv[1], NULL, 10)};
    long total = 0;
    for (long round = strtol(argv[2], NULL, 10); round > 0; round--) {
        const char *address = argv[3 + random_below(&r, (uint64_t)argc - 3)];
        long sent = visit(address, &r);
        if (sent < 0) {
            fprintf(stderr, "hostile: %s takes no more\n", address);
            return 1;
        }
        total += sent;
    }
    printf("sent %ld frames\n", total);
    return 0;
}
