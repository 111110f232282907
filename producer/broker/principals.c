/* SPDX-License-Identifier: Apache-2.0
 *
 * principals: who is let in, while the broker runs: the list that a person has changed is read
 * again, and who was invited is written into it.
 */
#include <errno.h>
#include <zmq.h>

#include "producer/broker/inside.h"

struct enrolment {
    uint64_t peer;
    char name[ACL_NAME_MAX + 1], key[ACL_KEY_SIZE + 1];
};

/* Files are written when no effects are being applied: what comes of it is an event. */
void principals_enrol_later(struct shell *s, uint64_t peer, struct bytes name, struct bytes key)
{
    struct enrolment e = {.peer = peer};
    must(name.size < sizeof e.name && key.size < sizeof e.key);
    bytes_copy(e.name, name);
    bytes_copy(e.key, key);
    buf_put(&s->enrolments, &e, sizeof e);
}

/* Its connections cannot be told from each other: so all end, and who is still let in comes again.
 */
static void updates_anew(struct shell *s)
{
    if (ports_anew(&s->ports, UPDATES)) {
        log_error("cannot bind the port of the updates again: %s", zmq_strerror(errno));
        s->status = EXIT_DATA;
        return;
    }
    s->fds[UPDATES].fd = conn_fd(s->ports.sockets[UPDATES]);
    s->touched[UPDATES] = true;
    shell_step(s, &(struct event){.type = EV_UNWATCHED});
}

bool principals_again(struct shell *s)
{
    char why[400];
    bool updates = false;
    if (!keys_again(s->ports.keys, &updates, why, sizeof why)) {
        log_error("the list of principals stays as it was: %s", why);
        return false;
    }
    log_info("another list of principals is in force");
    shell_step(s, &(struct event){.type = EV_ACL, .acl = {.text = keys_list(s->ports.keys)}});
    if (updates)
        updates_anew(s);
    return true;
}

/* While a person changes the list, who then waits for us, it is put off. */
static void enrol(struct shell *s, const struct enrolment *e)
{
    char why[600];
    struct event ev = {.type = EV_ENROLLED,
                       .enrolled = {.peer = e->peer, .name = bytes_text(e->name)}};
    enum keyring_end end = keys_enrol(s->ports.keys, e->name, e->key, why, sizeof why);
    if (end == KEYRING_BUSY) {
        buf_put(&s->enrolments, e, sizeof *e);
        return;
    }
    if (end) {
        log_error("cannot enrol %s: %s", e->name, why);
        ev.enrolled.failure = "the broker cannot change its list of principals; its log says why";
    } else if (!principals_again(s)) {
        ev.enrolled.failure = "the broker's list of principals does not read; its log says why";
    } else {
        log_info("enrolled worker=%s", e->name);
    }
    shell_step(s, &ev);
}

void principals_enrol(struct shell *s)
{
    struct buf due = s->enrolments;
    struct enrolment e;
    s->enrolments = (struct buf){0};
    for (size_t at = 0; at < due.size; at += sizeof e) {
        memcpy(&e, due.data + at, sizeof e);
        enrol(s, &e);
    }
    buf_fini(&due);
}
