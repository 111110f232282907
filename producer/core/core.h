/* SPDX-License-Identifier: Apache-2.0
 *
 * core: what the files of this room do for each other with the things that the broker remembers
 * (things.h); shared by them and by nobody else.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "common/fetch.h"
#include "producer/core/things.h"

/* row.c: a row taken apart */
struct row {
    struct msg_submit submit;
    struct msg_origin origin;
    bool session;
    struct msg_chain_row chain;
    struct msg_job job;     /* of an ended one: as it is shown */
    struct msg_ended ended; /* likewise */
    struct bytes attempts;  /* a run of attempt records */
};
bool row_read(struct bytes bytes, struct row *row);
bool row_next(struct cursor *c, struct row *row); /* of a run of rows of ended jobs */
void row_show(struct row *row, const struct msg_ended_row *end); /* row::job, of all else */

/* effects.c: what leaves. The name and the bytes of an effect are put into b->into between
 * effect_add and effect_close. What is told between gate_open and gate_close leaves when all rows
 * put so far are kept. */
struct effect *effect_add(struct broker *b, enum effect_type type);
void effect_name_put(struct broker *b, struct effect *e, struct bytes name);
void effect_close(struct broker *b, struct effect *e);
void gate_open(struct broker *b);
void gate_close(struct broker *b);
void gate_release(struct broker *b);
void send_lazily(struct broker *b, const struct peer *peer, const struct record *r);
/* Behind what was sent with the same *by, which says when the last of it leaves. */
void send_behind(struct broker *b, const struct peer *peer, const struct record *r, uint64_t *by);
void send_record(struct broker *b, const struct peer *peer, const struct record *r);
void send_lease(struct broker *b, const struct peer *peer, const struct msg_lease *m);
void send_ended(struct broker *b, const struct peer *peer, const struct msg_ended *m);
/* Of one that was made with peer->again. */
void send_said(struct broker *b, const struct peer *peer, struct bytes both, struct said said);
void send_error(struct broker *b, const struct peer *peer, uint64_t number, enum err code,
                const char *text);
/* retry_ms 0: it is not worth trying again. */
void send_refusal(struct broker *b, const struct peer *peer, uint64_t number, enum err code,
                  const char *text, uint64_t retry_ms);
void send_done(struct broker *b, const struct peer *peer, uint64_t number);
void send_end(struct broker *b, const struct peer *peer, uint64_t number, uint64_t next);

/* client.c */
void client_hello(struct broker *b, struct peer *peer, const struct msg_hello *hello);
void client_record(struct broker *b, struct peer *peer, const struct record *r);
void client_left(struct broker *b, struct client *client, bool goodbye);
void client_release(struct broker *b, struct client *client, uint64_t jobs); /* they ended */
void client_forget(struct broker *b, struct client *client);
void client_load(struct broker *b, struct bytes peer_id, const struct msg_client_row *row);
struct client *client_load_job(struct broker *b, struct bytes peer_id, uint64_t number,
                               uint64_t id);
void client_load_joined(struct broker *b, struct bytes peer_id, const struct msg_joined_row *row);
void clients_loaded(struct broker *b);
void client_heard(struct broker *b, struct client *client); /* all of a body */
void accepted_flush(struct broker *b);
/* So many more numbers, up to this one, have become jobs, as the one accepted before. */
void accepted_on(struct broker *b, uint64_t number, uint64_t count);

/* ask.c */
bool ask_record(struct broker *b, struct peer *peer, const struct record *r);

/* enrol.c: failure NULL: the list in force has the key */
void enrol(struct broker *b, struct peer *peer, const struct msg_enrol *m);
void enrol_done(struct broker *b, uint64_t id, struct bytes name, const char *failure);

/* explain.c: why a job waits, or what happened to it */
void explain_job(struct broker *b, struct peer *peer, uint64_t number, const struct job *job);
void explain_ended(struct broker *b, struct peer *peer, uint64_t number, const struct row *row);

/* key.c */
enum err key_check(struct broker *b, struct bytes name, uint64_t body_hash, uint64_t *job);
void key_put(struct broker *b, struct bytes name, uint64_t body_hash, const struct job *job);
void key_ended(struct broker *b, struct bytes name);
void key_load(struct broker *b, struct bytes name, const struct msg_key_row *row,
              int64_t expires_ms);
void keys_loaded(struct broker *b);
void keys_purge(struct broker *b);
void keys_fini(struct broker *b);

/* keep.c: rows out. Each returns at once; what depends on them is told through the gate. */
void keep_job(struct broker *b, struct job *job);
/* Of one that stays here there is no row, see bygone.h. ended: the record. */
void keep_ended(struct broker *b, const struct job *job, const struct msg_ended_row *row,
                struct bytes ended);
void keep_lines(struct broker *b, const struct job *job, struct bytes lines);
void keep_attempt(struct job *job, const struct msg_attempt *attempt);
void keep_client(struct broker *b, struct client *client); /* by the next keep_late */
void keep_late(struct broker *b);
void keep_joined(struct broker *b, const struct client *client, uint64_t number, uint64_t id);
void forget_joined(struct broker *b, const struct client *client, uint64_t number);
void keep_key(struct broker *b, const struct key *key);
void keep_worker(struct broker *b, struct worker *w);
void keep_queue(struct broker *b, const struct queue *q);
void keep_task(struct broker *b, const struct task *task);
void drop_ended(struct broker *b, uint64_t id);
void settle(struct broker *b, uint64_t id, uint64_t count);       /* fetched */
void settle_later(struct broker *b, uint64_t id, uint64_t count); /* by the next keep_late */
void forget(struct broker *b, struct row_key key);
bool mark_covers(struct broker *b, const struct job *job);
void mark_want(struct broker *b, uint64_t id);
void storing_enter(struct broker *b); /* jobs whose rows are kept */
void kept_up_to(struct broker *b, uint64_t seq, enum row_outcome outcome);

/* load.c: rows in, and what the workers of the life before still hold */
bool load_row(struct broker *b, const struct row_key *key, struct bytes row);
void load_end(struct broker *b);
bool recovery_awaits(const struct broker *b, struct bytes peer_id);
/* Is it of such a worker, and somebody else's? */
bool recovery_foreign(const struct broker *b, struct bytes peer_id, const struct owner *owner);
bool recovery_late(const struct broker *b, struct bytes peer_id);
bool recovery_adopt(struct broker *b, struct worker *w, struct job *job, uint64_t token);
void recovery_heard(struct broker *b, struct worker *w);
void recovery_tick(struct broker *b);
void recovery_fini(struct broker *b);

/* queue.c */
struct queue *queue_find(const struct broker *b, struct bytes name);
struct queue *queue_make(struct broker *b, struct bytes name); /* NULL: too many */
/* The one for jobs that want these tags; NULL: too many. */
struct queue *queue_tagged(struct broker *b, struct queue *plain, struct bytes tags);
void queue_sum(const struct queue *plain, struct queue *out); /* all of its name, to be shown */
void queue_put(struct broker *b, struct job *job, bool first);
void queue_take(struct broker *b, struct job *job);
void queue_joined(struct broker *b, struct queue *q, uint64_t jobs); /* behind others of it */
/* So many have left; last: of their priority there is none any more. */
void queue_left(struct broker *b, struct queue *q, bool last, uint64_t jobs);
struct job *queue_head(const struct queue *q);
const struct link *queue_first(const struct queue *q); /* of those, level::jobs; NULL: none */
uint64_t queue_oldest_ms(const struct broker *b, const struct queue *q); /* 0: nothing is ready */
void queue_hold(struct broker *b, struct queue *q, bool held);
void queue_event(struct broker *b, struct queue *q, const char *event);
void queue_fini(struct queue *q);

/* waiter.c: connections that wait for jobs by their ids. */
void job_wait(struct broker *b, struct job *job, struct peer *peer, uint64_t number);
void waiters_tell(struct broker *b, const struct job *job, const struct msg_ended *ended);
void waiters_of_job_free(struct job *job);
void waiters_of_peer_free(struct peer *peer);

/* intake.c */
uint64_t job_last_id(const struct broker *b); /* of the newest one there has been */
/* owner: of a job without a client; NULL: of nobody. */
struct job *job_make(struct broker *b, struct client *client, struct owner *owner,
                     const struct msg_submit *submit, struct queue *q);
struct job *job_restore(struct broker *b, struct client *client, const struct row *row,
                        struct queue *q);
/* The first of a row has been accepted: others may follow it. */
void intake_open(struct broker *b, struct job *job);
/* One that follows. False: there is no row, or no room; it is to be looked at. */
bool intake_next(struct broker *b, const struct msg_submit *submit);
void intake_close(struct broker *b); /* there is a row: it is over before anything else is done */

/* job.c */
struct job_more *job_more(struct job *job);
/* Of its last lease, or below it; 0: it was never leased. */
uint64_t job_last_token(const struct broker *b, const struct job *job);
void job_token_before(struct job *job, uint64_t token); /* its last lease was in a life before */
bool job_once(const struct job *job);     /* at most once: no retries, and that was asked for */
bool job_unwanted(const struct job *job); /* nobody waits for its result */
void job_fetch(const struct link *l);     /* job::link; a list's head does no harm */
size_t job_bytes(size_t args_size);       /* of one with so many */
void job_free(struct broker *b, struct job *job);
struct job *job_find(const struct broker *b, uint64_t id); /* NULL: none that lives */
struct job *job_next(const struct broker *b, size_t *at);  /* of all that live: as idmap_next */
void job_new(struct broker *b, struct job *job, uint64_t delay_ms);
void job_enter(struct broker *b, struct job *job);
void job_adopt(struct broker *b, struct job *job, struct worker *w, uint64_t token);
void job_ready(struct broker *b, struct job *job, bool first);
/* A worker gets it from its queue. It is counted with those that go along, see jobs_moved. */
void job_lease(struct broker *b, struct job *job, struct worker *w);
/* So many of a queue have changed their state; that each has, and is where it belongs, is the
 * caller's. */
void jobs_moved(struct broker *b, struct queue *q, enum job_state from, enum job_state to,
                uint64_t jobs);
void jobs_ended(struct broker *b, struct queue *q, enum job_state state, uint64_t jobs);
void job_unlease(struct broker *b, struct job *job); /* takes it from its worker; state is next */
struct outcome {
    enum reason reason;
    uint64_t detail, run_us, peak_kib;
    struct bytes value, last_lines;
};
void job_over(struct broker *b, struct job *job, struct outcome *outcome);
void job_done(struct broker *b, struct job *job, struct bytes value); /* without a worker */
void job_aside(struct broker *b, struct job *job);
void job_store(struct broker *b, struct job *job);
void job_pause(struct broker *b, struct job *job);
void job_unstarted(struct broker *b, struct job *job);
void job_lost(struct broker *b, struct job *job, const struct outcome *outcome);
void job_stop(struct broker *b, struct job *job, enum reason reason);
void job_timer(struct broker *b, struct job *job);
void job_view(const struct broker *b, const struct job *job, struct msg_job *out);
void job_view_ended(struct msg_job *out, const struct msg_ended *ended,
                    const struct msg_ended_row *row);
/* Sends it: the attempts so far, a run of records, then the view, which gets the number. */
void job_show(struct broker *b, struct peer *peer, uint64_t number, const struct msg_job *view,
              struct bytes attempts);
void session_show(struct broker *b, struct peer *peer, uint64_t number, const struct msg_job *job,
                  const struct msg_chain_row *row, struct bytes value);
unsigned job_state_shown(const struct job *job);

/* chain.c */
struct chain *job_chain(const struct job *job); /* NULL: no session */
size_t chain_bytes(const struct job *job);
void chain_begin(struct broker *b, struct job *job, struct bytes input);
void chain_show(struct broker *b, struct job *job, struct bytes view);
void chain_free(struct chain *chain);
void chain_args(const struct chain *chain, struct buf *out);
/* False: what is left to do with the job is in the outcome. */
bool chain_verdict(struct broker *b, struct job *job, struct outcome *outcome);
void chain_child_ended(struct broker *b, const struct job_more *more,
                       const struct msg_ended *ended);
void chain_ended(struct broker *b, const struct job *job, struct chain *chain);
void chain_pause(struct broker *b, struct job *job);
void chain_resume(struct broker *b, struct job *job);
void chain_tell(struct broker *b, struct job *job, struct bytes value);
void chain_row_of(const struct chain *chain, struct msg_chain_row *row);
void session_view(const struct msg_job *job, const struct msg_chain_row *row,
                  struct msg_session *out);
void chain_load(struct broker *b, struct job *job, const struct msg_chain_row *row);
void chain_load_child(struct broker *b, const struct row *row);
void chain_loaded(struct broker *b, struct job *job); /* all rows are in */

/* lease.c */
/* Something became ready there; it may have room. Leases are given when all records of a body are
 * read, for then there is one look at a queue and a worker, not one for each job. */
void lend_later(struct broker *b, struct queue *q);
void fill_later(struct broker *b, struct worker *w);
void lend_due(struct broker *b);
void worker_fill(struct broker *b, struct worker *w);
void worker_place(struct broker *b, struct worker *w);
void lease_stop(struct broker *b, const struct job *job, enum reason reason);
/* The job that this worker holds under this token; NULL: it does not, or not any more. */
struct job *lease_find(const struct broker *b, const struct worker *w, uint64_t id, uint64_t token);
void lease_begun(struct broker *b, struct job *job); /* its worker says so */
void lease_result(struct broker *b, struct worker *w, const struct msg_result *result);
void lease_heard(struct worker *w, uint64_t number); /* a result of this number */
/* How long jobs of the queue take. Returns what one that ran so long counts for. */
double lease_learn(struct queue *q, uint64_t run_us);
/* Jobs that were taken to cost so much have. */
void lease_took(struct queue *q, double run_us, double lent_us);
/* So many leases are over, for whatever reason. */
void lease_discharge(struct broker *b, struct queue *q, struct worker *w, uint32_t jobs,
                     uint64_t lent_us, uint64_t leased_ms);
double queue_cost_us(const struct queue *q);
double queue_used_us(const struct broker *b, const struct queue *q);
void lease_adopt(struct broker *b, struct job *job); /* its worker has it already */
void recall_tick(struct broker *b);

/* worker.c */
void worker_fetch(const struct worker *w); /* it is about to say something */
void worker_hello(struct broker *b, struct peer *peer, const struct msg_hello *hello);
void worker_record(struct broker *b, struct peer *peer, const struct record *r);
void worker_gone(struct broker *b, struct worker *w);
void worker_dismiss(struct broker *b, struct worker *w); /* it is let go at once */
void worker_drain(struct broker *b, struct worker *w);
void workers_tick(struct broker *b);
void past_workers_fini(struct broker *b);
void worker_free(struct broker *b, struct worker *w);
struct worker *worker_find(const struct broker *b, struct bytes name);
int worker_offer(const struct worker *w, const struct queue *q); /* -1: none */
void workers_serve(struct broker *b, struct queue *q); /* with tags; those that have them */

/* figure.c */
void figure_count(struct figure *f, uint64_t us, uint64_t times);
void figure_waited(struct broker *b, const struct job *job, uint64_t jobs); /* so many alike */
void figures_send(struct broker *b, struct peer *peer, uint64_t number);

struct bytes bytes_keep(struct bytes b); /* an owned copy */
void bytes_drop(struct bytes *b);

#endif
