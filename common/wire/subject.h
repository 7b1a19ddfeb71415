/**
 * Subjects and ids: protobuf names in, NATS subjects out, and back. Pure.
 * Wrong ids are INVALID_ARGUMENT with what an id may be; nothing invalid ever reaches a subject or a key.
 */
#ifndef FURROW_WIRE_SUBJECT_H
#define FURROW_WIRE_SUBJECT_H

#include "base/bytes.h"
#include "base/status.h"

#define FURROW_SUBJECT_MAX 256 /* bytes with NUL */

/* Checks an id that came in @field of a request. */
furrow_status furrow_subject_check_id(const char *id, size_t len, const char *field, furrow_error *err) FURROW_MUST_USE;

/* "<entity>.<id>" into @out. INVALID_ARGUMENT for a wrong id. */
furrow_status furrow_subject_of_entity(const char *entity, const char *id, char out[FURROW_SUBJECT_MAX],
                                       furrow_error *err) FURROW_MUST_USE;

/* The id of an event on "<entity>.<id>"; borrowed from @subject. INVALID_ARGUMENT when it is no such subject. */
furrow_status furrow_subject_id(const char *subject, const char *entity, furrow_bytes *id,
                                furrow_error *err) FURROW_MUST_USE;

/* The last token: the method of a request's subject, the id of an event's. */
const char *furrow_subject_last(const char *subject);

/* May we answer to it? Only inbox prefixes: "_INBOX…" and "_R_.", else a caller could make us write where it may not.
 */
bool furrow_subject_is_inbox(const char *reply);

/*
 * Whose inbox is it, as far as an inbox tells: its first token, lent. "_INBOX_payroll" for who has a prefix of its own,
 * which permissions can keep others from listening to; "_INBOX" for all who have none; "_R_", which the server makes,
 * for all who call from another account.
 */
furrow_bytes furrow_subject_inbox_prefix(const char *reply);

/*
 * The same with what nobody else can know: the next token, too, if it is one that its owner keeps secret, which begins
 * with '~': "_INBOX_payroll.~Zk3…". NATS keeps others from listening to an inbox, not from naming it as a reply subject;
 * whoever can name this one has been told it. "_R_" needs none: nats-server takes no such reply subject of a client.
 */
furrow_bytes furrow_subject_inbox_owner(const char *reply);

/* The parts of a JetStream ack subject, $JS.ACK v1 and v2. */
typedef struct furrow_ack {
    furrow_bytes stream, consumer; /* borrowed */
    uint64_t delivered;            /* 1 on first delivery */
    uint64_t stream_seq, consumer_seq;
    int64_t timestamp_ns; /* when the log took it */
    uint64_t pending;
} furrow_ack;
bool furrow_subject_parse_ack(const char *subject, furrow_ack *out);

#endif
