/* SPDX-License-Identifier: Apache-2.0
 *
 * knocks: who comes to a port that asks for keys and shows none. libzmq hangs up on them before
 * anybody is asked (zap.h hears of those only who show a wrong one): so what it tells of the port's
 * connections is read here, in a thread of its own, since it waits for whoever reads that. The log
 * names one a minute, with its address (and one whose address could not be had), and says how many
 * there were.
 */
#ifndef BROKER_KNOCKS_H
#define BROKER_KNOCKS_H

struct knocks;

/* Of a bound socket, which is borrowed; port: its name, kept as it is. NULL and errno. */
struct knocks *knocks_hear(void *context, void *socket, const char *port);

/* Before the socket is closed, by the thread that owns it. NULL: nothing. */
void knocks_end(struct knocks *knocks);

#endif
