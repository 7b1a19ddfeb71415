/**
 * JetStream spoken through core NATS on the loop's connection: publish with ack, read one message, pull, ack, and a
 * side reader for replays. (nats.c's js_* block their thread; management with them is in provision.h, off the loop.)
 * Protocol: ADR-13, ADR-31, ADR-37; 2.9 to 2.14.
 * Threads: the loop's; what says "parks" must run in a task.
 */
#ifndef FURROW_LINK_JETSTREAM_H
#define FURROW_LINK_JETSTREAM_H

#include "link/link.h"

#define FURROW_JS_ANY_SEQUENCE (-1)

/*
 * @stream is in another account's JetStream, which ours imports as `$JS.<account>.API`: from now on its API is asked
 * there. (Our account has a JetStream of its own, which would answer `$JS.API` as well, and first.) Acks keep their
 * subjects. For the link's life, or until another account is named for it; no check whether the imports are there.
 */
furrow_status furrow_js_import(furrow_link *link, const char *stream, const char *account,
                               furrow_error *err) FURROW_MUST_USE;

typedef struct furrow_js_publish_options {
    const char *msg_id;   /* Nats-Msg-Id, or NULL */
    int64_t expected_seq; /* last sequence of the subject; 0: it has no message; FURROW_JS_ANY_SEQUENCE: no check */
    const furrow_header *headers;
    size_t header_count;
} furrow_js_publish_options;

typedef struct furrow_js_puback {
    uint64_t sequence;
    bool duplicate; /* the server had a message of this id: nothing was written, sequence is that message's */
} furrow_js_puback;

/**
 * Publishes and parks until the ack.
 * Errors: ABORTED (the subject's last sequence is another; server errors 10071 and 10164), UNAVAILABLE (not connected,
 * no stream takes the subject: nothing was written), DEADLINE_EXCEEDED (outcome unknown: publish again with the same
 * msg_id and expectation, or read), FAILED_PRECONDITION and RESOURCE_EXHAUSTED with the server's text. A repetition
 * with an expectation that its own first copy made stale answers `duplicate` up to 2.10, where the server looks at the
 * message id first, and ABORTED on 2.12, where it looks at the sequence first (measured: 2.9.10, 2.10.27; 2.12.7):
 * after ABORTED the newest message's Nats-Msg-Id tells whose it is.
 */
furrow_status furrow_js_publish(furrow_link *link, const char *subject, furrow_bytes data,
                                const furrow_js_publish_options *options, uint64_t deadline_ns, furrow_js_puback *ack,
                                furrow_error *err) FURROW_MUST_USE;

/* A message as the log has it: read (all of it in an arena) or delivered by a pull (lent from that message). */
typedef struct furrow_js_stored {
    uint64_t sequence;
    int64_t timestamp_ns;
    const char *subject;
    furrow_bytes data;
    const char *headers;         /* read: the raw block "NATS/1.0\r\n…", or NULL when it has none */
    const furrow_msg *delivered; /* else whose headers they are */
} furrow_js_stored;

/* What a pull delivered; lent from @msg. False when it is no message of a stream. */
bool furrow_js_stored_of(const furrow_msg *msg, furrow_js_stored *out);

/* Has it a header block at all (cheap)? */
bool furrow_js_stored_has_headers(const furrow_js_stored *stored);

/* Value of @name, copied into @arena; NULL when absent. Case matters. */
char *furrow_js_stored_header(const furrow_js_stored *stored, const char *name, furrow_arena *arena);

/* Is the empty message @event a deletion of an @entity (wire/tombstone.h)? INVALID_ARGUMENT says why not. */
furrow_status furrow_js_stored_check_deletion(const furrow_js_stored *event, const char *entity, const char *owner,
                                              furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

/* Walks the headers; what is handed to @fn lives in @arena. */
void furrow_js_stored_each_header(const furrow_js_stored *stored, furrow_arena *arena,
                                  void (*fn)(void *arg, const char *name, const char *value), void *arg);

/* The newest message of @subject ($JS.API.STREAM.MSG.GET: always the leader's answer). NOT_FOUND; FAILED_PRECONDITION:
 * no such stream. Parks. */
furrow_status furrow_js_get_last(furrow_link *link, const char *stream, const char *subject, uint64_t deadline_ns,
                                 furrow_arena *arena, furrow_js_stored *out, furrow_error *err) FURROW_MUST_USE;
/* The first message of @subject at or after the sequence @from. */
furrow_status furrow_js_get_next(furrow_link *link, const char *stream, const char *subject, uint64_t from,
                                 uint64_t deadline_ns, furrow_arena *arena, furrow_js_stored *out,
                                 furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_js_get(furrow_link *link, const char *stream, uint64_t sequence, uint64_t deadline_ns,
                            furrow_arena *arena, furrow_js_stored *out, furrow_error *err) FURROW_MUST_USE;

typedef struct furrow_js_stream_state {
    int64_t created_ns; /* the stream's epoch: a new one means another log */
    uint64_t first_seq, last_seq, messages;
} furrow_js_stream_state;
/* NOT_FOUND: no such stream. Parks. */
furrow_status furrow_js_stream_info(furrow_link *link, const char *stream, uint64_t deadline_ns,
                                    furrow_js_stream_state *out, furrow_error *err) FURROW_MUST_USE;

typedef struct furrow_js_consumer_state {
    int64_t created_ns;
    uint64_t delivered_seq, ack_floor_seq; /* stream sequences */
    uint64_t ack_pending, pending, redelivered;
} furrow_js_consumer_state;
furrow_status furrow_js_consumer_info(furrow_link *link, const char *stream, const char *consumer, uint64_t deadline_ns,
                                      furrow_js_consumer_state *out, furrow_error *err) FURROW_MUST_USE;

/**
 * A pull on a durable consumer: keeps up to two requests' worth outstanding while there is credit, hands each turn's
 * messages over in one call, asks again after a reconnect, heartbeat loss or any status that ends a request. It asks
 * for the consumer's info at the start, after each reconnect and when the consumer falls silent (half of expires), so
 * that needs permission too. Destroy it before its link.
 */
typedef struct furrow_js_pull furrow_js_pull;

typedef struct furrow_js_pull_options {
    const char *stream, *consumer;
    size_t batch;        /* messages a request asks for; 0: 1000 */
    size_t max_in_hand;  /* delivered and not yet released; 0: 4 batches. 8 MiB at most are in hand, too, and what two
                            requests of 4 MiB then still bring; less when the process is short of memory (budget.h) */
    uint64_t expires_ms; /* 0: 30000; idle heartbeat is a quarter of it */
    uint64_t gather_ms;  /* messages come together for so long (half a second when idle); 0: each at once */
} furrow_js_pull_options;

/* @count messages, oldest first; the receiver owns each (furrow_msg_free) and, when done with n of them, calls
 * furrow_js_pull_release. */
typedef void furrow_js_batch_fn(void *arg, furrow_msg **messages, size_t count);
/*
 * The consumer is missing (FURROW_NOT_FOUND) or refused: the pull goes on trying with back-off; FURROW_OK when it flows
 * again. Only changes are told; for readiness and logs.
 */
typedef void furrow_js_state_fn(void *arg, furrow_status status, const char *text);

furrow_js_pull *furrow_js_pull_create(furrow_link *link, const furrow_js_pull_options *options, furrow_js_batch_fn *fn,
                                      furrow_js_state_fn *state, void *arg, furrow_error *err);
void furrow_js_pull_release(furrow_js_pull *pull, size_t count);
/* How often "no responders" has come since the pull began: each may have been a message of the stream (see
 * furrow_js_term_sequence). */
uint64_t furrow_js_pull_swallowed(const furrow_js_pull *pull);
/* No more requests; messages in flight still arrive. */
void furrow_js_pull_stop(furrow_js_pull *pull);
void furrow_js_pull_destroy(furrow_js_pull *pull);

/* +ACK, -NAK (redeliver after @delay_ms) and +TERM of a pulled message; leave at the end of the turn. Losses are
 * harmless: redelivery. */
void furrow_js_ack(furrow_link *link, const furrow_msg *msg);
void furrow_js_nak(furrow_link *link, const furrow_msg *msg, uint64_t delay_ms);
void furrow_js_term(furrow_link *link, const furrow_msg *msg);

/*
 * +TERM of the message at @sequence, of which no delivery is at hand: nats.c takes an empty message with the status 503
 * for its own "no responders", so nobody ever gets it from a consumer. Of one that is not pending the server takes no
 * notice.
 */
void furrow_js_term_sequence(furrow_link *link, const char *stream, const char *consumer, uint64_t sequence);

/**
 * A side reader: reads the range [start_seq, end_seq] of @stream without a consumer, by many single questions at once
 * ("the first message at or after N"), so that who reads needs no right but to ask them: $JS.API.STREAM.INFO,
 * STREAM.MSG.GET and better DIRECT.GET, too, which is three times as fast. Dense ranges cost one question a message;
 * gaps (deleted, superseded messages) are jumped. An end past the log's end is the log's end.
 *
 * Order: messages come in batches and not in the order of the log, but each exactly once, and @reached tells with each
 * batch up to which sequence all has been handed over. Who keeps the newest of each subject compares sequences.
 * Memory: at most 128 answers are on their way and 512 in hand, fewer when they are large: 8 MiB, or one message, by
 * the size of the latest. (After many small ones 128 large ones may come before that is known.) Flow control: @fn runs
 * in the calling task and may park; meanwhile no more is asked for than fits in there.
 *
 * Answers that get lost, a server without a leader, a broken connection: asked again, until nothing has come for
 * patience_ms. Parks until all has been handed over.
 * Errors: what @fn returns other than OK; DEADLINE_EXCEEDED (patience is over), NOT_FOUND (no such stream),
 * PERMISSION_DENIED, INVALID_ARGUMENT, FAILED_PRECONDITION and INTERNAL as the server says.
 */
typedef furrow_status furrow_js_read_fn(void *arg, const furrow_js_stored *messages, size_t count, uint64_t reached,
                                        furrow_error *err);
typedef struct furrow_js_read_options {
    const char *stream;
    uint64_t start_seq, end_seq;
    uint64_t patience_ms; /* 0: 10000 */
    size_t workers;       /* furrow_js_sweep: tasks that run @fn at once, up to 16; 0: one */
} furrow_js_read_options;
furrow_status furrow_js_read(furrow_link *link, const furrow_js_read_options *options, furrow_js_read_fn *fn, void *arg,
                             furrow_error *err) FURROW_MUST_USE;

/*
 * The same at the speed of the server: through a consumer of its own that goes with it, so it needs the right to make
 * and delete one; without that, or when the consumer falls silent, the rest is read as above. @fn runs in several tasks
 * at once, so batches may come in any order; @reached is always 0.
 */
furrow_status furrow_js_sweep(furrow_link *link, const furrow_js_read_options *options, furrow_js_read_fn *fn,
                              void *arg, furrow_error *err) FURROW_MUST_USE;

#endif
