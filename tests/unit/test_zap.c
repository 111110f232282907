/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is let in by key and port, and the proof that a broker makes of it at its start.
 */
#include "producer/broker/zap.h"

#include <errno.h>
#include <zmq.h>

#include "common/conn.h"
#include "producer/broker/proof.h"
#include "tests/unit/check.h"

#define KEY_1 "1111111111111111111111111111111111111111"
#define KEY_2 "2222222222222222222222222222222222222222"
#define KEY_4 "4444444444444444444444444444444444444444"
#define KEY_5 "5555555555555555555555555555555555555555"
#define KEY_3 "3333333333333333333333333333333333333333"

enum { NOW_S = 1700000000 };

static struct acl list_of(const char *text)
{
    struct acl list;
    char why[100];
    CHECK(acl_read(&list, bytes_text(text), why, sizeof why));
    return list;
}

TEST(who_is_let_in)
{
    static const struct {
        const char *domain, *key, *why, *who;
    } rows[] = {
        {"clients", KEY_1, NULL, "a"},
        {"workers", KEY_1, "wrong-port", "a"},
        {"updates", KEY_1, "wrong-port", "a"},
        {"clients", KEY_2, "revoked", "b"},
        {"clients", KEY_3, "unknown-key", NULL},
        {"client", KEY_1, "unknown-port", "a"},
        {"", KEY_1, "unknown-port", "a"},
        {"workers", "", "unknown-key", NULL},
        {"workers", KEY_4, NULL, "c"},
        {"clients", KEY_4, "wrong-port", "c"},
        {"workers", KEY_5, "invitation-expired", "d"},
    };
    struct acl list = list_of("client a " KEY_1 " *\nrevoked b " KEY_2 "\n"
                              "invited c " KEY_4 " * 1700000001\n"
                              "invited d " KEY_5 " * 1699999999\n");
    for (size_t i = 0; i < LENGTH(rows); i++) {
        const struct principal *who;
        const char *why = zap_refuses(&list, bytes_text(rows[i].domain), bytes_text(rows[i].key),
                                      NOW_S * INT64_C(1000), &who);
        CHECK_TEXT(why ? why : "in", rows[i].why ? rows[i].why : "in");
        CHECK_BYTES(who ? who->name : bytes_text("nobody"),
                    bytes_text(rows[i].who ? rows[i].who : "nobody"));
    }
    acl_fini(&list);
}

TEST(an_empty_list_lets_nobody_in)
{
    struct acl list = list_of("");
    const struct principal *who;
    CHECK(zap_refuses(&list, bytes_text("clients"), bytes_text(KEY_1), 0, &who));
    acl_fini(&list);
}

TEST(the_proof_is_made)
{
    void *context = conn_context();
    struct acl list = list_of("client a " KEY_1 " *\n");
    struct zap *zap;
    char why[200];
    if (!proof_start(context, &list, &zap, why, sizeof why))
        check_failed(__FILE__, __LINE__, "%s", why);
    CHECK(!list.count); /* it was taken over */
    zmq_ctx_shutdown(context);
    zap_stop(zap);
    zmq_ctx_term(context);
}

/* Somebody else answers for libzmq in this process: it may let everybody in. */
TEST(the_proof_fails_beside_another_handler)
{
    void *context = conn_context(), *other = zmq_socket(context, ZMQ_REP);
    struct acl list = list_of("");
    struct zap *zap;
    char why[200] = "";
    CHECK_EQ(zmq_bind(other, "inproc://zeromq.zap.01"), 0);
    CHECK(!proof_start(context, &list, &zap, why, sizeof why));
    CHECK(strlen(why) > 0 && !zap);
    acl_fini(&list);
    zmq_close(other);
    zmq_ctx_shutdown(context);
    zap_stop(zap);
    zmq_ctx_term(context);
}

/* What is no question of libzmq's gets no answer that would let anybody in. */
TEST(other_questions_are_refused)
{
    static const char *const questions[][7] = {
        {"1.0", "1", "clients", "::1", "", "PLAIN", "user"},
        {"2.0", "1", "clients", "::1", "", "CURVE", "key"},
        {"1.0", "1", "clients", "::1", "", "CURVE", "too short"},
        {"1.0", "1", "clients", "::1", "", "NULL", NULL},
    };
    void *context = conn_context(), *asks = zmq_socket(context, ZMQ_REQ);
    struct acl list = list_of("client a " KEY_1 " *\n");
    struct zap *zap = zap_start(context, &list);
    CHECK(zap && zmq_connect(asks, "inproc://zeromq.zap.01") == 0);
    for (size_t i = 0; i < LENGTH(questions); i++) {
        char answer[6][64] = {{0}};
        for (size_t k = 0; k < 7 && questions[i][k]; k++)
            CHECK(zmq_send(asks, questions[i][k], strlen(questions[i][k]),
                           k < 6 && questions[i][k + 1] ? ZMQ_SNDMORE : 0) >= 0);
        for (size_t k = 0; k < 6; k++)
            CHECK(zmq_recv(asks, answer[k], sizeof answer[k] - 1, 0) >= 0);
        CHECK(answer[2][0] == '3' || answer[2][0] == '4');
        CHECK_TEXT(answer[4], "");
    }
    zmq_close(asks);
    zmq_ctx_shutdown(context);
    zap_stop(zap);
    zmq_ctx_term(context);
}
