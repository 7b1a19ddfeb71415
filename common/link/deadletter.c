/*
 * See deadletter.h. The event's own headers travel along, but for those of NATS itself (a message id or an expected
 * sequence would be obeyed again), those that no publish takes and those in excess of HEADERS_MAX. May depend on
 * jetstream and wire.
 */
#include "link/deadletter.h"

#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 30 /* of the 32 that a publish takes */
#define HEADERS_OWN 5
#define REASON_SIZE 512

typedef struct dead_letter {
    furrow_header headers[HEADERS_MAX];
    size_t count, bytes;
    char sequence[24], reason[REASON_SIZE];
} dead_letter;

static void add(dead_letter *letter, const char *name, const char *value)
{
    if (letter->count == HEADERS_MAX) return;
    letter->headers[letter->count++] = (furrow_header){name, value};
    letter->bytes += strlen(name) + strlen(value) + 4; /* ": " and CR LF */
}

static void add_original(void *arg, const char *name, const char *value)
{
    dead_letter *letter = arg;
    bool ours = furrow_bytes_after_nocase(name, "Nats-") || furrow_bytes_after_nocase(name, "Furrow-");
    /* One that no publish takes would keep the event out of the dead letters for ever. */
    bool fit = furrow_header_name_valid(name) && furrow_header_value_valid(value);
    if (!ours && fit && letter->count < HEADERS_MAX - HEADERS_OWN) add(letter, name, value);
}

/* A reason may quote the event's bytes: only what may stand in a header stays as it is. */
static void set_reason(dead_letter *letter, const char *reason)
{
    snprintf(letter->reason, sizeof letter->reason, "%s", reason);
    for (char *at = letter->reason; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
}

/*
 * The time tells a sequence from the same sequence of a log that was made again. Within the stream's window for
 * duplicates the same event is stored once.
 */
static void make_id(char *out, size_t size, const char *service, const char *stream, const furrow_js_stored *event)
{
    snprintf(out, size, "%s.%s.%llu.%lld", service, stream, (unsigned long long)event->sequence,
             (long long)event->timestamp_ns);
}

furrow_status furrow_deadletter_put(furrow_link *link, const char *service, const furrow_js_stored *event,
                                    const char *stream, const char *reason, uint64_t deadline_ns, furrow_error *err)
{
    dead_letter letter = {.count = 0};
    char subject[FURROW_SUBJECT_MAX], id[FURROW_SUBJECT_MAX];
    int len = snprintf(subject, sizeof subject, "deadletter.%s.%s", service, stream);
    if (len < 0 || (size_t)len >= sizeof subject)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "the names of service and stream are too long");
    make_id(id, sizeof id, service, stream, event);
    set_reason(&letter, reason);
    snprintf(letter.sequence, sizeof letter.sequence, "%llu", (unsigned long long)event->sequence);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (furrow_js_stored_has_headers(event)) furrow_js_stored_each_header(event, arena, add_original, &letter);
    add(&letter, "Furrow-Reason", letter.reason);
    add(&letter, "Furrow-Stream", stream);
    add(&letter, "Furrow-Sequence", letter.sequence);
    bool fits = furrow_header_value_valid(event->subject);
    add(&letter, "Furrow-Subject", fits ? event->subject : "left out: longer than a header may be");
    furrow_js_publish_options options = {
        .msg_id = id, .expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = letter.headers, .header_count = letter.count};
    furrow_js_puback ack;
    furrow_status status = furrow_js_publish(link, subject, (furrow_bytes){NULL, 0}, &options, deadline_ns, &ack, err);
    return status == FURROW_OK ? FURROW_OK : furrow_wrap(err, "store on %s", subject);
}
