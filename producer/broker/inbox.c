/* SPDX-License-Identifier: Apache-2.0 */
#include "producer/broker/inbox.h"

/* The frames after the first of a message: none of ours sends any. Read and thrown away. */
static bool drain_parts(void *socket)
{
    bool any = false;
    int more = 1;
    size_t size = sizeof more;
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0)
            more = 0;
        zmq_msg_close(&part);
        any = true;
    }
    return any;
}

static bool letter_take(struct letter *l, void *socket)
{
    zmq_msg_init(&l->from);
    if (zmq_msg_recv(&l->from, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&l->from);
        return false;
    }
    zmq_msg_init(&l->body);
    bool second = zmq_msg_more(&l->from) && zmq_msg_recv(&l->body, socket, ZMQ_DONTWAIT) >= 0;
    bool extra = second && zmq_msg_more(&l->body) && drain_parts(socket);
    l->whole = second && !extra;
    return true;
}

void inbox_fill(struct inbox *in, void *socket)
{
    in->count = 0;
    while (in->count < INBOX_LETTERS && letter_take(&in->letters[in->count], socket))
        in->count++;
}

struct bytes letter_from(struct letter *l)
{
    return bytes_of(zmq_msg_data(&l->from), zmq_msg_size(&l->from));
}

struct bytes letter_body(struct letter *l)
{
    static const unsigned char not_a_record = 0xc1; /* the one byte msgpack never uses */
    return l->whole ? bytes_of(zmq_msg_data(&l->body), zmq_msg_size(&l->body))
                    : bytes_of(&not_a_record, 1);
}

const char *letter_key(const struct letter *l)
{
    return zmq_msg_gets(&l->body, "User-Id");
}

void letter_close(struct letter *l)
{
    zmq_msg_close(&l->body);
    zmq_msg_close(&l->from);
}
