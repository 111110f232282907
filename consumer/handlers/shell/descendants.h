/* SPDX-License-Identifier: Apache-2.0
 *
 * descendants: all processes below this one, children of children too, whatever their process
 * group or session. Needs PR_SET_CHILD_SUBREAPER (orphans below become our children) and /proc.
 */
#ifndef SHELL_DESCENDANTS_H
#define SHELL_DESCENDANTS_H

/* Sends each of them the signal. */
void descendants_signal(int signal);

/* Kills them all and waits until they are gone. Costs one system call when there are none. */
void descendants_end(void);

#endif
