/* SPDX-License-Identifier: Apache-2.0
 *
 * When the client says hello, and when it doubts.
 */
#include "producer/client/session.h"
#include "tests/unit/check.h"

TEST(hello_is_said_at_once_and_every_200_ms_until_the_welcome)
{
    struct session s = {.hello_ms = 1000};
    CHECK(!session_hello_due(&s, 999));
    CHECK(session_hello_due(&s, 1000));
    CHECK(!session_hello_due(&s, 1199));
    CHECK_EQ(session_deadline(&s), 1200);
    CHECK(session_hello_due(&s, 1200));
    session_welcome(&s, 7, 1250);
    CHECK(s.up && s.met && s.incarnation == 7);
    CHECK(!session_hello_due(&s, 5000));
}

TEST(a_silent_broker_is_asked_and_then_given_up)
{
    struct session s = {.hello_ms = 0};
    session_welcome(&s, 7, 1000);
    CHECK_EQ(session_deadline(&s), 1800);
    CHECK(!session_probe_due(&s, 1799));
    CHECK(session_probe_due(&s, 1800));
    CHECK(!session_probe_due(&s, 1801));
    CHECK_EQ(session_deadline(&s), 2600);
    s.heard_ms = 2000;
    CHECK_EQ(session_deadline(&s), 2800);
    CHECK(session_probe_due(&s, 2800) && session_probe_due(&s, 3600) &&
          session_probe_due(&s, 4400));
    CHECK(!session_silent(&s, 4999));
    CHECK_EQ(session_deadline(&s), 5000);
    CHECK(session_silent(&s, 5000));
    CHECK(!s.up);
    CHECK(!session_silent(&s, 5000)); /* told once */
    CHECK(!session_probe_due(&s, 9000));
    CHECK(session_hello_due(&s, 5000));
}

TEST(losing_it_twice_does_not_hurry_the_hello)
{
    struct session s = {.hello_ms = 0};
    session_welcome(&s, 7, 1000);
    session_lose(&s, 1100);
    CHECK(session_hello_due(&s, 1100));
    session_lose(&s, 1101);
    CHECK(!session_hello_due(&s, 1101));
    CHECK_EQ(s.incarnation, 7);
}
