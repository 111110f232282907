/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve/handler.h: a program that answers jobs.
 *
 *     #include <reeve/handler.h>
 *
 *     static void greet(struct reeve_job *job)
 *     {
 *         const char *name;
 *         if (reeve_arg_text(job, 0, &name) == 0)
 *             reeve_reply_text(job, name);
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         static const struct reeve_handler handlers[] = {{"hello.greet", greet}, {0}};
 *         return reeve_serve(handlers, argc, argv);
 *     }
 *
 * A worker starts such a program once a slot and hands it one job at a time. The program may
 * crash, hang or leak: that costs the job it was running one attempt and nothing else. Each job
 * must get exactly one reply or failure; a method that returns without one has replied nil. The
 * program runs by hand too: `PROGRAM --offers` lists its methods, `PROGRAM --call hello.greet
 * World` runs one without a farm.
 */
#ifndef REEVE_HANDLER_H
#define REEVE_HANDLER_H

#include <stddef.h>
#include <stdint.h>

#include <reeve/value.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct reeve_job; /* lent to the method until it returns */

struct reeve_handler {
    const char *name; /* handler.method; the array ends with a NULL name */
    void (*run)(struct reeve_job *job);
    const char *feed; /* NULL, or the head of the topics it feeds, see feeds below */
};

/* Serves until the worker ends the program; returns its exit status. Called once, from main. */
int reeve_serve(const struct reeve_handler *handlers, int argc, char **argv);

/* --- the job --------------------------------------------------------------------------------- */
const char *reeve_job_id(struct reeve_job *job);         /* 13 characters */
const char *reeve_job_method(struct reeve_job *job);     /* handler.method */
unsigned reeve_job_attempt(const struct reeve_job *job); /* 1, 2, ... */
/* Has somebody asked for this job to stop? Worth asking in long loops: who does not stop in time
 * is ended by TERM, then KILL. */
int reeve_cancelled(const struct reeve_job *job);

/* How far the job is, for whoever watches job/ID or asks for the job: a finished map with text
 * keys, at most 4 KiB, as {"done": 3, "of": 10}, or what else there is to show. Only the latest
 * counts, and of quick ones no more than some ten a second are seen, so it is cheap enough for a
 * loop. It is gone with the attempt. 0; -1: it is no such map, and nothing is told. Not for
 * sessions, which have views. */
int reeve_progress(struct reeve_job *job, const void *map, size_t size);
/* The same of that map with two numbers; `of` 0: nobody knows of how many. */
int reeve_progress_of(struct reeve_job *job, uint64_t done, uint64_t of);

/* --- arguments --------------------------------------------------------------------------------
 * Numbered from 0. Each returns 0, or -1 when there is no such argument or it is of another kind;
 * the job is then already failed with a text that says so, and the method just returns. */
size_t reeve_arg_count(const struct reeve_job *job);
int reeve_args_expect(struct reeve_job *job, size_t least, size_t most);
int reeve_arg_int(struct reeve_job *job, size_t i, int64_t *out);
int reeve_arg_double(struct reeve_job *job, size_t i, double *out);    /* any number */
int reeve_arg_text(struct reeve_job *job, size_t i, const char **out); /* ends in 0; no 0 inside */
int reeve_arg_text_n(struct reeve_job *job, size_t i, const char **out, size_t *size);
int reeve_arg_bytes(struct reeve_job *job, size_t i, const void **out, size_t *size);
/* Whatever it is, as the msgpack bytes of that one value. */
int reeve_arg_value(struct reeve_job *job, size_t i, const void **out, size_t *size);
/* An argument or any value in the words of a command line: text as it is, else as JSON. */
int reeve_arg_words(struct reeve_job *job, size_t i, const char **out);
/* All arguments: the msgpack bytes of the array. */
const void *reeve_args(const struct reeve_job *job, size_t *size);

/* --- the answer: one of these, once ----------------------------------------------------------- */
void reeve_reply_nil(struct reeve_job *job);
void reeve_reply_int(struct reeve_job *job, int64_t number);
void reeve_reply_double(struct reeve_job *job, double number);
void reeve_reply_text(struct reeve_job *job, const char *text);
void reeve_reply_text_n(struct reeve_job *job, const char *text, size_t size);
void reeve_reply_bytes(struct reeve_job *job, const void *data, size_t size);
/* A finished value (see reeve/value.h); the bytes are copied. Above 16 MiB the job fails. */
void reeve_reply_value(struct reeve_job *job, const void *value, size_t size);
/* The job fails with this text: an error of the handler's own, not retried unless asked. */
void reeve_fail(struct reeve_job *job, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- sessions ---------------------------------------------------------------------------------
 * A session (reeve submit --session, reeve_submit with REEVE_SESSION) is a method that is called
 * again and again. Each call, an iteration, gets two arguments:
 *
 *     0  the state that the call before left (reeve_session_state); nil the first time
 *     1  an input: the session's own arguments the first time; after reeve_session_ask what a
 *        client said; after reeve_session_fork the children's results, in order, an array of
 *        [state, value] each, state as in proto/states.h (6: ok) and value a text when it is not;
 *        else nil
 *
 * and ends with one of the four below; none of them holds the slot. A method that replies as always
 * ends the session with that value; one that fails or crashes loses this iteration only, which is
 * tried again as the session's retries say. */

/* What the next iteration gets: one finished value of at most 1 MiB; without this, nil. */
void reeve_session_state(struct reeve_job *job, const void *value, size_t size);
/* What watchers of session/ID are to see of this iteration, and what `show` shows: a finished map
 * with text keys, at most 64 KiB; without this, what was shown last. */
void reeve_session_view(struct reeve_job *job, const void *map, size_t size);
/* A line for the session's file, without its newline; at most 64 KiB an iteration together. */
void reeve_session_line(struct reeve_job *job, const char *line);
/* A child for reeve_session_fork: a job of its own. args: a finished array. At most 1024. */
void reeve_session_child(struct reeve_job *job, const char *method, const void *args, size_t size);

/* The next iteration comes at once, or after so many ms. */
void reeve_session_continue(struct reeve_job *job, uint64_t delay_ms);
/* It comes when a client says something (reeve_tell). */
void reeve_session_ask(struct reeve_job *job);
/* It comes when all children have ended. */
void reeve_session_fork(struct reeve_job *job);
/* There is none: the session has this value, one finished value; NULL: nil. */
void reeve_session_done(struct reeve_job *job, const void *value, size_t size);

/* --- feeds ------------------------------------------------------------------------------------
 * A method whose row says feed "ticker" (a word of at most 32 bytes without /) is run as a session
 * for each topic below it that somebody watches: ticker/AAPL begins with the first subscriber, with
 * the arguments ["AAPL"] (ticker/AAPL/5: ["AAPL", "5"]), and rests when the last one has left. What
 * an iteration shows (reeve_session_view) is the topic's next update, so it ends with
 * reeve_session_continue and a delay. A feed is kept in memory only, and begins afresh after a
 * restart of the broker. */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
