/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "producer/cli/field.h"
#include "producer/cli/session.h"

void session_fini(struct session *s)
{
    buf_fini(&s->queue);
    buf_fini(&s->view);
    buf_fini(&s->value);
    buf_fini(&s->text);
    buf_fini(&s->said);
}

bool session_ended(const struct session *s)
{
    return s->state >= REEVE_SESSION_FINISHED;
}

bool session_asks(const struct session *s)
{
    return s->job_state == REEVE_ASKING;
}

struct bytes session_best(const struct session *s)
{
    struct bytes best = field_of(buf_bytes(&s->view), "best");
    if (fields_of(best).left)
        return best;
    best = field_of(buf_bytes(&s->value), "best");
    return fields_of(best).left ? best : bytes_of(NULL, 0);
}

struct bytes session_mvs(const struct session *s)
{
    struct bytes now = field_of(buf_bytes(&s->view), "mvs");
    struct bytes best = field_of(session_best(s), "mvs");
    return s->state == REEVE_SESSION_FINISHED && best.size ? best : now;
}

/* --- what is said --------------------------------------------------------------------------- */

static int say(struct session *s, int exit_code, enum session_flag flag, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static int say(struct session *s, int exit_code, enum session_flag flag, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_clear(&s->said);
    buf_printf(&s->said, "%s", text);
    s->flag = flag;
    return exit_code;
}

static int goes_on(struct session *s, int exit_code, const char *why)
{
    char id[JOB_ID_TEXT] = "";
    if (s->id)
        reeve_job_id_format(s->id, id);
    return say(s, exit_code, FLAG_ERROR, "%s; the session %s%sgoes on", why, id, *id ? " " : "");
}

static int fail(struct session *s, int code)
{
    const char *text = s->cli->client ? reeve_error(s->cli->client) : "";
    switch (code) {
    case REEVE_EUNKNOWN_JOB:
    case REEVE_ENO_SESSION: return say(s, EXIT_UNKNOWN, FLAG_ERROR, "err_sessionNotFound");
    case REEVE_ETIMEOUT: return goes_on(s, EXIT_WAIT, "the time to wait has passed");
    case REEVE_EINTERRUPTED: return goes_on(s, EXIT_INTERRUPTED, "interrupted");
    case REEVE_EUNREACHABLE:
        return say(s, EXIT_UNREACHABLE, FLAG_ERROR, "no broker answers at %s", cli_address(s->cli));
    default:
        return say(s, err_exit_code((unsigned)code), FLAG_ERROR, "%s",
                   *text ? text : err_text((unsigned)code));
    }
}

static int not_running(struct session *s)
{
    return say(s, EXIT_JOB, FLAG_ERROR, "err_optimization_not_running: the session is %s",
               reeve_session_state_name(s->state));
}

/* Why one that has ended otherwise than well has. */
static int say_end(struct session *s)
{
    struct bytes text = buf_bytes(&s->text);
    if (s->state == REEVE_SESSION_STOPPED)
        return say(s, EXIT_JOB, FLAG_ERROR, "msg_session_stopped");
    return say(s, EXIT_JOB, FLAG_ERROR, "%.*s", BYTES_ARG(text));
}

/* How long a request may take: a broker that is gone for this long is not coming back soon. */
static int request_ms(const struct session *s)
{
    int left = cli_left_ms(s->cli);
    return left >= 0 && left < CONNECT_MS ? left : CONNECT_MS;
}

static int asked(struct session *s, int code)
{
    if (code == REEVE_ETIMEOUT && cli_left_ms(s->cli) != 0)
        code = REEVE_EUNREACHABLE;
    return code == REEVE_OK ? 0 : fail(s, code);
}

/* --- what it is ----------------------------------------------------------------------------- */

static void keep(struct buf *to, const void *data, size_t size)
{
    buf_clear(to);
    buf_put(to, data, size);
}

static void session_take(struct session *s, const struct reeve_session *from)
{
    s->state = from->state;
    s->job_state = from->job_state;
    s->iteration = from->iteration;
    s->submitted_ms = from->submitted_ms;
    s->ended_ms = from->ended_ms;
    keep(&s->queue, from->queue, strlen(from->queue));
    keep(&s->view, from->view, from->view_size);
    keep(&s->value, from->value, from->size);
    keep(&s->text, from->text, strlen(from->text));
    snprintf(s->reason, sizeof s->reason, "%s", from->reason);
}

int session_refresh(struct session *s)
{
    struct reeve_session now;
    int code = reeve_get_session_wait(s->cli->client, s->id, request_ms(s), &now);
    if (code == REEVE_OK)
        session_take(s, &now);
    return asked(s, code);
}

int session_find(struct session *s, const char *word)
{
    s->id = reeve_job_id_parse(strncmp(word, "session/", 8) == 0 ? word + 8 : word);
    if (s->id == 0)
        return fail(s, REEVE_EUNKNOWN_JOB); /* nothing but an id is ever looked for */
    return session_refresh(s);
}

/* --- waiting -------------------------------------------------------------------------------- */

static void on_session(void *user, const struct reeve_session *now)
{
    struct session *s = user;
    if (now->id != s->id)
        return; /* of one that was asked about before */
    s->asked = false;
    s->code = now->code;
    if (now->code == REEVE_OK)
        session_take(s, now);
}

static void on_update(void *user, const struct reeve_update *update)
{
    struct session *s = user;
    (void)update;
    s->stale = true;
}

static int until(struct session *s, bool (*done)(const struct session *))
{
    s->stale = true;
    s->asked = false;
    s->code = REEVE_OK;
    for (;;) {
        int left = cli_left_ms(s->cli);
        if (s->stale && !s->asked) {
            s->stale = false;
            s->asked = true;
            reeve_get_session(s->cli->client, s->id, on_session, s);
        }
        int code = left == 0           ? REEVE_ETIMEOUT
                   : cli_interrupted() ? REEVE_EINTERRUPTED
                                       : cli_turn(s->cli, NULL, 0, left);
        if (code == REEVE_OK)
            code = s->code;
        if (code != REEVE_OK)
            return fail(s, code);
        if (!s->asked && done(s))
            return 0;
    }
}

int session_until(struct session *s, bool (*done)(const struct session *))
{
    char topic[8 + JOB_ID_TEXT] = "session/";
    reeve_job_id_format(s->id, topic + 8);
    int code = reeve_subscribe(s->cli->client, topic, on_update, s);
    if (code)
        return fail(s, code);
    int exit_code = until(s, done);
    reeve_unsubscribe(s->cli->client, topic);
    return exit_code;
}

/* --- starting ------------------------------------------------------------------------------- */

static void on_accepted(void *user, uint64_t number, uint64_t id)
{
    struct session *s = user;
    if (number == s->number)
        s->id = id;
}

static void on_result(void *user, const struct reeve_result *result)
{
    struct session *s = user;
    if (result->number != s->number || result->code == REEVE_OK)
        return; /* its end is seen by who watches it */
    s->code = result->code;
    buf_clear(&s->text);
    buf_printf(&s->text, "%s", result->text);
}

static bool is_checked(const struct session *s)
{
    return s->iteration > 0 || session_ended(s);
}

static int accepted(struct session *s)
{
    while (!s->id) {
        int left = cli_left_ms(s->cli);
        int code = left == 0           ? REEVE_ETIMEOUT
                   : cli_interrupted() ? REEVE_EINTERRUPTED
                                       : cli_turn(s->cli, NULL, 0, left);
        if (code != REEVE_OK)
            return fail(s, code);
        if (s->code != REEVE_OK)
            return say(s, err_exit_code((unsigned)s->code), FLAG_ERROR, "%s", buf_text(&s->text));
    }
    return 0;
}

int session_start(struct session *s, struct bytes spec, const struct reeve_job_options *options)
{
    struct buf args = {0};
    pack_array(&args, 1);
    buf_put(&args, spec.data, spec.size);
    s->id = 0;
    s->code = REEVE_OK;
    s->iteration = 0;
    s->state = REEVE_SESSION_CREATED;
    int code = reeve_submit(s->cli->client, SESSION_METHOD, args.data, args.size, options,
                            on_accepted, on_result, s, &s->number);
    buf_fini(&args);
    if (code)
        return fail(s, code);
    int exit_code = accepted(s);
    if (exit_code == 0)
        exit_code = session_until(s, is_checked);
    if (exit_code)
        return exit_code;
    struct bytes message = field_text(buf_bytes(&s->view), "message");
    if (s->state != REEVE_SESSION_STOPPED && s->state != REEVE_SESSION_FAILED)
        return say(s, 0, FLAG_STARTED, "%.*s", BYTES_ARG(message));
    exit_code = say_end(s);
    reeve_drop(s->cli->client, s->id, NULL, NULL);
    s->id = 0;
    return exit_code;
}

/* --- steering ------------------------------------------------------------------------------- */

/* It has been checked and waits for nothing but the word to begin: nothing was proposed yet. */
static bool waits_to_begin(const struct session *s)
{
    bool proposed = field_of(buf_bytes(&s->view), "mvs").size > 0;
    return session_asks(s) && (s->state == REEVE_SESSION_CREATED || !proposed);
}

static bool can_begin(const struct session *s)
{
    return waits_to_begin(s) || s->state != REEVE_SESSION_CREATED;
}

static int begin(struct session *s, const struct tags *cvs, const struct tags *mvs)
{
    struct pairs p = {.count = 0};
    struct buf word = {0};
    tags_pack_values(cvs, pairs_key(&p, "cvs"));
    tags_pack_values(mvs, pairs_key(&p, "mvs"));
    pairs_close(&p, &word);
    int code =
        reeve_tell_wait(s->cli->client, s->id, s->iteration, word.data, word.size, request_ms(s));
    buf_fini(&word);
    if (code == REEVE_ENOT_ASKING) /* somebody else was first */
        return say(s, EXIT_JOB, FLAG_RUNNING, "err_optimization_already_running");
    int exit_code = asked(s, code);
    return exit_code ? exit_code : say(s, 0, FLAG_STARTED, "msg_optimization_started");
}

static int go_on(struct session *s)
{
    int code = reeve_resume_wait(s->cli->client, s->id, request_ms(s));
    if (code == REEVE_ENOT_PAUSED)
        return say(s, EXIT_JOB, FLAG_RUNNING, "err_optimization_already_running");
    int exit_code = asked(s, code);
    return exit_code ? exit_code : say(s, 0, FLAG_RESUMED, "msg_optimization_resumed");
}

int session_optimise(struct session *s, const struct tags *cvs, const struct tags *mvs)
{
    int exit_code = can_begin(s) ? 0 : session_until(s, can_begin);
    if (exit_code)
        return exit_code;
    if (s->state == REEVE_SESSION_PAUSED) {
        exit_code = go_on(s);
        if (exit_code || !waits_to_begin(s)) /* paused before it began */
            return exit_code;
    }
    if (waits_to_begin(s))
        return begin(s, cvs, mvs);
    switch (s->state) {
    case REEVE_SESSION_FINISHED: return say(s, 0, FLAG_FINISHED, "msg_optimization_finished");
    case REEVE_SESSION_STOPPED:
    case REEVE_SESSION_FAILED: return say_end(s);
    default: return say(s, EXIT_JOB, FLAG_RUNNING, "err_optimization_already_running");
    }
}

int session_follow(struct session *s)
{
    int exit_code = session_until(s, session_ended);
    if (exit_code == EXIT_UNKNOWN) /* it was here: somebody has stopped and so removed it */
        return say(s, EXIT_JOB, FLAG_ERROR, "msg_session_stopped");
    if (exit_code)
        return exit_code;
    if (s->state != REEVE_SESSION_FINISHED)
        return say_end(s);
    return say(s, 0, FLAG_FINISHED, "msg_optimization_finished");
}

int session_pause(struct session *s)
{
    if (s->state == REEVE_SESSION_PAUSED)
        return say(s, 0, FLAG_ERROR, "msg_already_paused");
    if (s->state != REEVE_SESSION_RUNNING)
        return not_running(s);
    int code = reeve_pause_wait(s->cli->client, s->id, request_ms(s));
    if (code == REEVE_EPAUSED)
        return say(s, 0, FLAG_ERROR, "msg_already_paused");
    if (code == REEVE_EENDED) {
        int exit_code = session_refresh(s);
        return exit_code ? exit_code : not_running(s);
    }
    int exit_code = asked(s, code);
    return exit_code ? exit_code : say(s, 0, FLAG_ERROR, "msg_paused");
}

int session_stop(struct session *s)
{
    int exit_code = asked(s, reeve_drop_wait(s->cli->client, s->id, request_ms(s)));
    return exit_code ? exit_code : say(s, 0, FLAG_ERROR, "success: msg_session_stopped");
}

/* --- the client as the plant ---------------------------------------------------------------- */

static bool proposes(const struct session *s)
{
    return session_ended(s) || s->state == REEVE_SESSION_PAUSED || waits_to_begin(s) ||
           session_asks(s);
}

int session_propose(struct session *s)
{
    int exit_code = session_until(s, proposes);
    if (exit_code)
        return exit_code;
    if (!session_asks(s) || waits_to_begin(s))
        return not_running(s);
    return say(s, 0, FLAG_RUNNING, "msg_proposed");
}

int session_tell(struct session *s, int64_t iteration, double objective, const struct tags *cvs)
{
    struct pairs p = {.count = 0};
    struct buf word = {0};
    if (!session_asks(s) || waits_to_begin(s))
        return not_running(s);
    pairs_number(&p, "objective", objective);
    tags_pack_values(cvs, pairs_key(&p, "cvs"));
    pairs_close(&p, &word);
    uint64_t answered = iteration < 0 ? s->iteration : (uint64_t)iteration;
    int code =
        reeve_tell_wait(s->cli->client, s->id, answered, word.data, word.size, request_ms(s));
    buf_fini(&word);
    int exit_code = asked(s, code);
    return exit_code ? exit_code : say(s, 0, FLAG_RUNNING, "msg_told");
}
