/* SPDX-License-Identifier: Apache-2.0
 *
 * session: a session of the optimisation service, as this program knows and steers it. Each request
 * leaves what the service says to it (in its own vocabulary, which other clients match on) and an
 * exit code, and prints nothing: the verbs and the menu do that. Any other session can be shown,
 * paused and stopped as well.
 *
 * What is relied on of the handler program stands in producer/view/session_view.h; SPEC in
 * sessionspec.h.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "producer/cli/cli.h"
#include "producer/cli/tags.h"
#include "producer/view/session_view.h"

/* Zeroed storage with cli set. It must outlive the client's dispatching: answers go to it. */
struct session {
    struct cli *cli;
    struct session_view now; /* id 0: none */
    /* what was said to the last request; flag: when that was to optimise, follow or propose */
    struct buf said;
    enum session_flag flag;
    /* while it is waited for */
    bool stale, asked;
    uint64_t number; /* of its submission */
    int code;        /* of the last answer */
};

void session_fini(struct session *s);

/* Each 0, or an exit code with why in said. word: an id, or session/ID. */
int session_find(struct session *s, const char *word) MUST_CHECK;
int session_refresh(struct session *s) MUST_CHECK;
/* Until done says so of it; it is looked at anew with each of its updates. --wait and Ctrl-C end
 * that too. */
int session_until(struct session *s, bool (*done)(const struct session *)) MUST_CHECK;

/* Hands in a spec and waits until it is checked; one that is refused leaves no session. */
int session_start(struct session *s, struct bytes spec,
                  const struct reeve_job_options *options) MUST_CHECK;
/* Begins, or goes on after a pause, or tells what there is: see flag. */
int session_optimise(struct session *s, const struct tags *cvs, const struct tags *mvs) MUST_CHECK;
/* Until it has ended, however often it is paused in between. */
int session_follow(struct session *s) MUST_CHECK;
int session_pause(struct session *s) MUST_CHECK;
int session_stop(struct session *s) MUST_CHECK;
/* Answers the proposal that iteration made; iteration -1: the last one. */
int session_tell(struct session *s, int64_t iteration, double objective,
                 const struct tags *cvs) MUST_CHECK;
/* Until it proposes. */
int session_propose(struct session *s) MUST_CHECK;

/* --- session_show.c: how it is shown ---------------------------------------------------------- */

/* For people: all of it, with the plot. */
void session_print(const struct session *s);
/* objective, violation, MVs, CVs of the best point as a table. */
void session_print_best(const struct session *s);
/* "NAME = VALUE" for each number of a map. */
void session_print_numbers(struct bytes map);
void pairs_print(struct pairs *p); /* as a line of JSON; the pairs are gone */

#endif
