/* SPDX-License-Identifier: Apache-2.0
 *
 * session_view: a session as its clients know it: what the broker last told of it, kept; what can
 * be asked of it as it is now; how programs see it. The words are those of the optimisation
 * service, which other clients match on; any other session can be shown, paused and stopped as
 * well. Asks nobody, prints nothing.
 *
 * What is relied on of the handler program that answers:
 *
 *   optimisation.session [SPEC]   a session. Iteration 0 checks SPEC:
 *       it fails with a text, or asks. Each view holds {message, objective_text, method, maximize,
 *       model, max_iterations} and, from iteration 1 on, {objective, best: {objective, mvs, cvs,
 *       violation}, mvs, cvs, violation, evaluations, history: [the best objective of each
 *       iteration, at most 200]}. The first word is {cvs: {name: value}, mvs: {name: value}}: where
 *       the search begins, and where CVs stand whose expression is a number.
 *       A session with `external` asks after each proposal, which are the view's mvs; a word to
 *       that is {objective, cvs: {name: value}, objective_cv: name}: the CV that the objective is,
 *       whose bounds do not hold then, may be left out. view.spec, when there, is handed to the
 * next: optimisation.cv [{model, mvs: {name: value}, spec, session}] -> {session, cvs: {name:
 * value}, message} optimisation.models [] -> [{id, title, mvs: [{name, unit, lower, upper,
 * nominal}], cvs: [{name, unit}], objective, maximize, constraints}]
 */
#ifndef VIEW_SESSION_VIEW_H
#define VIEW_SESSION_VIEW_H

#include <reeve/client.h>

#include "producer/view/pairs.h"
#include "proto/record.h"

#define SESSION_METHOD "optimisation.session"
#define MODELS_METHOD  "optimisation.models"
#define CV_METHOD      "optimisation.cv"

#define SAID_UNKNOWN        "err_sessionNotFound"
#define SAID_STARTED        "msg_optimization_started"
#define SAID_RESUMED        "msg_optimization_resumed"
#define SAID_RUNNING        "err_optimization_already_running"
#define SAID_FINISHED       "msg_optimization_finished"
#define SAID_NOT_RUNNING    "err_optimization_not_running"
#define SAID_PAUSED         "msg_paused"
#define SAID_ALREADY_PAUSED "msg_already_paused"
#define SAID_STOPPED        "msg_session_stopped"
#define SAID_STOP           "success: " SAID_STOPPED /* one client looks for "success" */
#define SAID_PROPOSED       "msg_proposed"
#define SAID_TOLD           "msg_told"

/* What a failure because of a model that there is not begins with. */
#define SAID_NO_MODEL "unknown model "

enum session_flag { FLAG_ERROR = -1, FLAG_STARTED, FLAG_RESUMED, FLAG_RUNNING, FLAG_FINISHED };

struct session_view { /* zeroed storage is one of which nothing is known */
    uint64_t id;
    enum reeve_session_state state;
    enum reeve_state job_state;
    uint64_t iteration, submitted_ms, ended_ms;
    struct buf queue, view, value;
    struct buf text; /* why it failed */
    char reason[64];
};

void session_view_take(struct session_view *s, const struct reeve_session *from); /* copies */
/* The same of the broker's own answer. */
void session_view_record(struct session_view *s, const struct msg_session *from);
void session_view_fini(struct session_view *s);

/* The first iteration has looked at what it is to do; it may have been refused, and be over. */
bool session_view_checked(const struct session_view *s);
bool session_view_ended(const struct session_view *s);
/* Does it wait for a client's word? For the one to begin, nothing having been proposed yet? */
bool session_view_asks(const struct session_view *s);
bool session_view_begins(const struct session_view *s);

/* What it takes to let it optimise. */
enum session_step {
    STEP_WAIT,     /* it is being checked: look again when that has changed */
    STEP_BEGIN,    /* tell it the word of session_view_begin */
    STEP_RESUME,   /* and then look again: it may have been paused before it began */
    STEP_RUNNING,  /* nothing: it does */
    STEP_FINISHED, /* nothing: it has */
    STEP_OVER,     /* it was stopped, or failed */
};
enum session_step session_view_step(const struct session_view *s);

/* The best point so far, a map; size 0: none yet. Lent, as the next. */
struct bytes session_view_best(const struct session_view *s);
/* The best MVs of one that is finished, else the current ones; size 0: none yet. */
struct bytes session_view_mvs(const struct session_view *s);

/* {id, queue, state, iteration, best, ...} and what the view holds. */
void session_view_pairs(const struct session_view *s, struct pairs *p, bool history);
/* The argument of CV_METHOD for these MVs, a packed map. */
void session_view_question(const struct session_view *s, struct bytes mvs, struct buf *args);

#endif
