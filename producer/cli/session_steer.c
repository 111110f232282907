/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "producer/cli/session.h"
#include "producer/view/field.h"

void session_fini(struct session *s)
{
    session_view_fini(&s->now);
    buf_fini(&s->said);
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
    if (s->now.id)
        reeve_job_id_format(s->now.id, id);
    return say(s, exit_code, FLAG_ERROR, "%s; the session %s%sgoes on", why, id, *id ? " " : "");
}

static int fail(struct session *s, int code)
{
    const char *text = s->cli->client ? reeve_error(s->cli->client) : "";
    switch (code) {
    case REEVE_EUNKNOWN_JOB:
    case REEVE_ENO_SESSION: return say(s, EXIT_UNKNOWN, FLAG_ERROR, SAID_UNKNOWN);
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
    return say(s, EXIT_JOB, FLAG_ERROR, SAID_NOT_RUNNING ": the session is %s",
               reeve_session_state_name(s->now.state));
}

/* Why one that has ended otherwise than well has. */
static int say_end(struct session *s)
{
    struct bytes text = buf_bytes(&s->now.text);
    if (s->now.state == REEVE_SESSION_STOPPED)
        return say(s, EXIT_JOB, FLAG_ERROR, SAID_STOPPED);
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

int session_refresh(struct session *s)
{
    struct reeve_session now;
    int code = reeve_get_session_wait(s->cli->client, s->now.id, request_ms(s), &now);
    if (code == REEVE_OK)
        session_view_take(&s->now, &now);
    return asked(s, code);
}

int session_find(struct session *s, const char *word)
{
    s->now.id = reeve_job_id_parse(strncmp(word, "session/", 8) == 0 ? word + 8 : word);
    if (s->now.id == 0)
        return fail(s, REEVE_EUNKNOWN_JOB); /* nothing but an id is ever looked for */
    return session_refresh(s);
}

/* --- waiting -------------------------------------------------------------------------------- */

static void on_session(void *user, const struct reeve_session *now)
{
    struct session *s = user;
    if (now->id != s->now.id)
        return; /* of one that was asked about before */
    s->asked = false;
    s->code = now->code;
    if (now->code == REEVE_OK)
        session_view_take(&s->now, now);
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
            reeve_get_session(s->cli->client, s->now.id, on_session, s);
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
    reeve_job_id_format(s->now.id, topic + 8);
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
        s->now.id = id;
}

static void on_result(void *user, const struct reeve_result *result)
{
    struct session *s = user;
    if (result->number != s->number || result->code == REEVE_OK)
        return; /* its end is seen by who watches it */
    s->code = result->code;
    buf_clear(&s->now.text);
    buf_printf(&s->now.text, "%s", result->text);
}

static bool is_over(const struct session *s)
{
    return session_view_ended(&s->now);
}

static bool is_checked(const struct session *s)
{
    return session_view_checked(&s->now);
}

static int accepted(struct session *s)
{
    while (!s->now.id) {
        int left = cli_left_ms(s->cli);
        int code = left == 0           ? REEVE_ETIMEOUT
                   : cli_interrupted() ? REEVE_EINTERRUPTED
                                       : cli_turn(s->cli, NULL, 0, left);
        if (code != REEVE_OK)
            return fail(s, code);
        if (s->code != REEVE_OK)
            return say(s, err_exit_code((unsigned)s->code), FLAG_ERROR, "%s",
                       buf_text(&s->now.text));
    }
    return 0;
}

int session_start(struct session *s, struct bytes spec, const struct reeve_job_options *options)
{
    struct buf args = {0};
    pack_array(&args, 1);
    buf_put(&args, spec.data, spec.size);
    s->now.id = 0;
    s->code = REEVE_OK;
    s->now.iteration = 0;
    s->now.state = REEVE_SESSION_CREATED;
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
    struct bytes message = field_text(buf_bytes(&s->now.view), "message");
    if (s->now.state != REEVE_SESSION_STOPPED && s->now.state != REEVE_SESSION_FAILED)
        return say(s, 0, FLAG_STARTED, "%.*s", BYTES_ARG(message));
    exit_code = say_end(s);
    reeve_drop(s->cli->client, s->now.id, NULL, NULL);
    s->now.id = 0;
    return exit_code;
}

/* --- steering ------------------------------------------------------------------------------- */

static bool can_begin(const struct session *s)
{
    return session_view_step(&s->now) != STEP_WAIT;
}

static int begin(struct session *s, const struct tags *cvs, const struct tags *mvs)
{
    struct pairs p = {.count = 0};
    struct buf word = {0};
    tags_pack_values(cvs, pairs_key(&p, "cvs"));
    tags_pack_values(mvs, pairs_key(&p, "mvs"));
    pairs_close(&p, &word);
    int code = reeve_tell_wait(s->cli->client, s->now.id, s->now.iteration, word.data, word.size,
                               request_ms(s));
    buf_fini(&word);
    if (code == REEVE_ENOT_ASKING) /* somebody else was first */
        return say(s, EXIT_JOB, FLAG_RUNNING, SAID_RUNNING);
    int exit_code = asked(s, code);
    return exit_code ? exit_code : say(s, 0, FLAG_STARTED, SAID_STARTED);
}

static int go_on(struct session *s)
{
    int code = reeve_resume_wait(s->cli->client, s->now.id, request_ms(s));
    if (code == REEVE_ENOT_PAUSED)
        return say(s, EXIT_JOB, FLAG_RUNNING, SAID_RUNNING);
    int exit_code = asked(s, code);
    return exit_code ? exit_code : say(s, 0, FLAG_RESUMED, SAID_RESUMED);
}

int session_optimise(struct session *s, const struct tags *cvs, const struct tags *mvs)
{
    int exit_code = can_begin(s) ? 0 : session_until(s, can_begin);
    if (exit_code)
        return exit_code;
    enum session_step step = session_view_step(&s->now);
    if (step == STEP_RESUME) {
        exit_code = go_on(s);
        if (exit_code || !session_view_begins(&s->now)) /* paused before it began */
            return exit_code;
        step = STEP_BEGIN;
    }
    switch (step) {
    case STEP_BEGIN: return begin(s, cvs, mvs);
    case STEP_FINISHED: return say(s, 0, FLAG_FINISHED, SAID_FINISHED);
    case STEP_OVER: return say_end(s);
    default: return say(s, EXIT_JOB, FLAG_RUNNING, SAID_RUNNING);
    }
}

int session_follow(struct session *s)
{
    int exit_code = session_until(s, is_over);
    if (exit_code == EXIT_UNKNOWN) /* it was here: somebody has stopped and so removed it */
        return say(s, EXIT_JOB, FLAG_ERROR, SAID_STOPPED);
    if (exit_code)
        return exit_code;
    if (s->now.state != REEVE_SESSION_FINISHED)
        return say_end(s);
    return say(s, 0, FLAG_FINISHED, SAID_FINISHED);
}

int session_pause(struct session *s)
{
    if (s->now.state == REEVE_SESSION_PAUSED)
        return say(s, 0, FLAG_ERROR, SAID_ALREADY_PAUSED);
    if (s->now.state != REEVE_SESSION_RUNNING)
        return not_running(s);
    int code = reeve_pause_wait(s->cli->client, s->now.id, request_ms(s));
    if (code == REEVE_EPAUSED)
        return say(s, 0, FLAG_ERROR, SAID_ALREADY_PAUSED);
    if (code == REEVE_EENDED) {
        int exit_code = session_refresh(s);
        return exit_code ? exit_code : not_running(s);
    }
    int exit_code = asked(s, code);
    return exit_code ? exit_code : say(s, 0, FLAG_ERROR, SAID_PAUSED);
}

int session_stop(struct session *s)
{
    int exit_code = asked(s, reeve_drop_wait(s->cli->client, s->now.id, request_ms(s)));
    return exit_code ? exit_code : say(s, 0, FLAG_ERROR, SAID_STOP);
}

/* --- the client as the plant ---------------------------------------------------------------- */

static bool proposes(const struct session *s)
{
    return session_view_ended(&s->now) || s->now.state == REEVE_SESSION_PAUSED ||
           session_view_begins(&s->now) || session_view_asks(&s->now);
}

int session_propose(struct session *s)
{
    int exit_code = session_until(s, proposes);
    if (exit_code)
        return exit_code;
    if (!session_view_asks(&s->now) || session_view_begins(&s->now))
        return not_running(s);
    return say(s, 0, FLAG_RUNNING, SAID_PROPOSED);
}

int session_tell(struct session *s, int64_t iteration, double objective, const struct tags *cvs)
{
    struct pairs p = {.count = 0};
    struct buf word = {0};
    if (!session_view_asks(&s->now) || session_view_begins(&s->now))
        return not_running(s);
    pairs_number(&p, "objective", objective);
    tags_pack_values(cvs, pairs_key(&p, "cvs"));
    pairs_close(&p, &word);
    uint64_t answered = iteration < 0 ? s->now.iteration : (uint64_t)iteration;
    int code =
        reeve_tell_wait(s->cli->client, s->now.id, answered, word.data, word.size, request_ms(s));
    buf_fini(&word);
    int exit_code = asked(s, code);
    return exit_code ? exit_code : say(s, 0, FLAG_RUNNING, SAID_TOLD);
}
