/**
 * The JetStream API as requests: shared by jetstream.c, stored.c, pull.c, read.c; private to the link.
 * https://docs.nats.io/reference/reference-protocols/nats_api_reference
 */
#ifndef FURROW_LINK_API_H
#define FURROW_LINK_API_H

#include "link/jetstream.h"
#include "wire/json.h"

#define FURROW_JS_NO_MESSAGE           10037
#define FURROW_JS_NO_STREAM            10059
#define FURROW_JS_WRONG_LAST_SEQUENCE  10071
#define FURROW_JS_WRONG_LAST_SEQUENCE2 10164 /* from 2.11: while a write of the same subject is in flight */

/* The server's error in an API reply as ours; OK when it carries none. */
furrow_status furrow_js_reply_status(furrow_bytes json, furrow_error *err) FURROW_MUST_USE;

/* Request to $JS.API.<verb>.<tokens>; parks. @body NULL: empty. A reply that carries an error is a failure. */
furrow_status furrow_js_call(furrow_link *link, const char *api_subject, const char *body, uint64_t deadline_ns,
                             furrow_msg **reply, furrow_error *err) FURROW_MUST_USE;

/*
 * "$JS.API.<verb>.<stream>", and ".<consumer>" after it unless that is NULL; for a stream that is imported (see
 * furrow_js_import) "$JS.<account>.API.…".
 */
void furrow_js_api_subject(const furrow_link *link, const char *verb, const char *stream, const char *consumer,
                           char out[FURROW_SUBJECT_MAX]);

/*
 * STREAM.MSG.GET for a stream that is just being made, and has no store yet, ends nats-server 2.9 for everybody, and
 * services ask while `furrow provision` works. So the link keeps in mind which streams have been heard to have something
 * in them, and asks these alone; of others STREAM.INFO tells first, which is answered at any time. Who hears that a
 * stream is gone, or that its consumer is, says @filled false.
 */
void furrow_js_hear_of_stream(furrow_link *link, const char *name, bool filled);
bool furrow_js_stream_filled(const furrow_link *link, const char *name);

/* May @name stand as one token of an API subject and in its JSON? */
bool furrow_js_name_ok(const char *name);

/* The reply to a publish. The server's error as ours; INTERNAL when no stream answered. */
furrow_status furrow_js_ack_parse(furrow_bytes json, furrow_js_puback *ack, furrow_error *err) FURROW_MUST_USE;

/* Replies to STREAM.INFO and CONSUMER.INFO that carry no error; what is absent is 0. */
furrow_js_stream_state furrow_js_stream_parse(furrow_bytes json);
furrow_js_consumer_state furrow_js_consumer_parse(furrow_bytes json);

/* A reply to STREAM.MSG.GET, still in its JSON; borrowed from it. */
typedef struct furrow_js_stored_reply {
    uint64_t sequence;
    furrow_json_member subject, data, headers, time;
} furrow_js_stored_reply;

/* INTERNAL when @json is no such reply. */
furrow_status furrow_js_stored_parse(furrow_bytes json, furrow_js_stored_reply *out, furrow_error *err) FURROW_MUST_USE;

/* Into @arena, which needs less than the reply is long. Errors: RESOURCE_EXHAUSTED (@arena is full), INTERNAL. */
furrow_status furrow_js_stored_decode(const furrow_js_stored_reply *reply, furrow_arena *arena, furrow_js_stored *out,
                                      furrow_error *err) FURROW_MUST_USE;

/*
 * What a status message says of a pull request of @batch messages (ADR-13, ADR-37).
 *   FURROW_OK: the request has ended, or (heartbeat) it has not; ask again.
 *   Else the consumer is not to be had: UNAVAILABLE, NOT_FOUND, RESOURCE_EXHAUSTED, FAILED_PRECONDITION.
 */
typedef struct furrow_js_pull_ending {
    furrow_status status;
    int code;       /* what the message says itself; 0: nothing */
    bool heartbeat; /* no more than a sign of life */
    bool none;      /* nothing was there */
    bool large;     /* the next message was too large for what was asked */
    size_t unfilled;
    const char *text; /* lent from the message, or "" */
} furrow_js_pull_ending;
furrow_js_pull_ending furrow_js_pull_status(const furrow_msg *msg, size_t batch);

/* A reply to DIRECT.GET; lent from @msg. False: it is none (no such message, or another status). */
bool furrow_js_stored_direct(const furrow_msg *msg, furrow_js_stored *out);

/* "2026-11-23T06:00:00.123Z" as wall-clock nanoseconds; 0 when it is no such text. */
int64_t furrow_js_parse_time(const char *text);

#endif
