/* SPDX-License-Identifier: Apache-2.0
 *
 * enrol: whoever is invited hands in a public key. The list is a file of the broker's host, so the
 * shell writes it and brings it into force; the answer follows that.
 */
#include "producer/core/core.h"

void enrol(struct broker *b, struct peer *peer, const struct msg_enrol *m)
{
    const struct principal *p = peer->principal;
    const struct record said = {.type = REC_enrol, .enrol = *m};
    if (!b->permits.on) {
        send_error(b, peer, 0, ERR_UNEXPECTED, "this broker asks for no keys");
    } else if (!p->until_s) {
        permit_deny(b, peer, &said);
    } else if (p->until_s * 1000 < b->wall_ms) {
        send_error(b, peer, 0, ERR_DENIED, "the invitation has expired");
    } else if (!acl_key_valid(m->public_key) || acl_by_key(&b->permits.acl, m->public_key)) {
        send_error(b, peer, 0, ERR_INVALID, "enrol: not a new public key");
    } else {
        struct effect *e = effect_add(b, FX_ENROL);
        e->peer = peer->id;
        effect_name_put(b, e, p->name);
        buf_put(&b->into->bytes, m->public_key.data, m->public_key.size);
        effect_close(b, e);
    }
}

void enrol_done(struct broker *b, uint64_t id, struct bytes name, const char *failure)
{
    const struct peer *peer = idmap_find(&b->peers, id);
    if (!peer)
        return;
    if (failure)
        send_error(b, peer, 0, ERR_IO, failure);
    else
        send_record(b, peer, &(struct record){.type = REC_enrolled, .enrolled = {.name = name}});
}
