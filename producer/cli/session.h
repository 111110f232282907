/* SPDX-License-Identifier: Apache-2.0
 *
 * session: a session of the optimisation service, as this program knows and steers it. Each request
 * leaves what the service says to it (in its own vocabulary, which other clients match on) and an
 * exit code, and prints nothing: the verbs and the menu do that. Any other session can be shown,
 * paused and stopped as well.
 *
 * What is relied on of the handler program that answers:
 *
 *   optimisation.session [SPEC]   a session; SPEC as sessionspec.h tells it. Iteration 0 checks it:
 *       it fails with a text, or asks. Each view holds {message, objective_text, method, maximize,
 *       model, max_iterations} and, from iteration 1 on, {objective, best: {objective, mvs, cvs,
 *       violation}, mvs, cvs, violation, evaluations, history: [the best objective of each
 *       iteration, at most 200]}. The first word is {cvs: {name: value}, mvs: {name: value}}.
 *       A session with `external` asks after each proposal, which are the view's mvs; a word to
 *       that is {objective, cvs: {name: value}}. view.spec, when there, is handed to the next:
 *   optimisation.cv [{model, mvs: {name: value}, spec, session}] -> {session, cvs: {name: value},
 *       message}
 *   optimisation.models [] -> [{id, title, mvs: [{name, unit, lower, upper, nominal}],
 *       cvs: [{name, unit}], objective, maximize, constraints}]
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "producer/cli/cli.h"
#include "producer/cli/pairs.h"
#include "producer/cli/tags.h"

#define SESSION_METHOD "optimisation.session"
#define MODELS_METHOD  "optimisation.models"
#define CV_METHOD      "optimisation.cv"

enum session_flag { FLAG_ERROR = -1, FLAG_STARTED, FLAG_RESUMED, FLAG_RUNNING, FLAG_FINISHED };

/* Zeroed storage with cli set. It must outlive the client's dispatching: answers go to it. */
struct session {
    struct cli *cli;
    uint64_t id; /* 0: none */
    enum reeve_session_state state;
    enum reeve_state job_state;
    uint64_t iteration, submitted_ms, ended_ms;
    struct buf queue, view, value;
    struct buf text; /* why it failed */
    char reason[64];
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

/* Has it ended? Does it wait for a client's word? */
bool session_ended(const struct session *s);
bool session_asks(const struct session *s);
/* The best point so far, a map; size 0: none yet. */
struct bytes session_best(const struct session *s);
/* The best MVs of one that is finished, else the current ones; size 0: none yet. */
struct bytes session_mvs(const struct session *s);

/* --- session_show.c: how it is shown ---------------------------------------------------------- */

/* For people: all of it, with the plot. */
void session_print(const struct session *s);
/* objective, violation, MVs, CVs of the best point as a table. */
void session_print_best(const struct session *s);
/* "NAME = VALUE" for each number of a map. */
void session_print_numbers(struct bytes map);
/* For programs: {id, queue, state, iteration, best, ...} and what the view holds. */
void session_pairs(const struct session *s, struct pairs *p, bool history);
void pairs_print(struct pairs *p); /* as a line of JSON; the pairs are gone */

#endif
