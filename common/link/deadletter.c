/*
 * See deadletter.h. The event's own headers travel along, but for those of NATS itself (a message id or an expected
 * sequence would be obeyed again), those that no publish takes and those in excess of HEADERS_MAX. May depend on
 * jetstream, api and wire.
 */
#include "link/deadletter.h"

#include "base/number.h"
#include "link/api.h"

#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 30 /* of the 32 that a publish takes */
#define HEADERS_OWN 5
#define REASON_SIZE 512

typedef struct letter_headers {
    furrow_header headers[HEADERS_MAX];
    size_t count;
    char sequence[24], reason[REASON_SIZE];
} letter_headers;

static void add_letter_header(letter_headers *letter, const char *name, const char *value)
{
    if (letter->count < HEADERS_MAX) letter->headers[letter->count++] = (furrow_header){name, value};
}

static void add_original(void *arg, const char *name, const char *value)
{
    letter_headers *letter = arg;
    bool ours = furrow_bytes_after_nocase(name, "Nats-") || furrow_bytes_after_nocase(name, "Furrow-");
    /* One that no publish takes would keep the event out of the dead letters for ever. */
    bool fit = furrow_header_valid(name, value);
    if (!ours && fit && letter->count < HEADERS_MAX - HEADERS_OWN) add_letter_header(letter, name, value);
}

/* A reason may quote the event's bytes: only what may stand in a header stays as it is. */
static void set_reason(letter_headers *letter, const char *reason)
{
    snprintf(letter->reason, sizeof letter->reason, "%s", reason);
    for (char *at = letter->reason; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
}

/*
 * The time tells a sequence from the same sequence of a log that was made again, and a reaction that was given up from
 * the same one given up once more. Within the stream's window for duplicates the same is stored once.
 */
static void make_letter_id(char *out, size_t size, const furrow_deadletter *letter)
{
    snprintf(out, size, "%s.%s.%llu.%lld%s", letter->service, letter->stream,
             (unsigned long long)letter->event->sequence, (long long)letter->event->timestamp_ns,
             letter->reaction ? ".reaction" : "");
}

static furrow_status letter_subject(const char *service, const char *stream, char out[FURROW_SUBJECT_MAX],
                                    furrow_error *err)
{
    int len = snprintf(out, FURROW_SUBJECT_MAX, "deadletter.%s.%s", service, stream);
    if (len >= 0 && len < FURROW_SUBJECT_MAX) return FURROW_OK;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "the names of service and stream are too long");
}

furrow_status furrow_deadletter_put(furrow_link *link, const furrow_deadletter *letter, uint64_t deadline_ns,
                                    furrow_error *err)
{
    letter_headers out = {.count = 0};
    const furrow_js_stored *event = letter->event;
    char subject[FURROW_SUBJECT_MAX], id[FURROW_SUBJECT_MAX];
    furrow_status status = letter_subject(letter->service, letter->stream, subject, err);
    if (status != FURROW_OK) return status;
    make_letter_id(id, sizeof id, letter);
    set_reason(&out, letter->reason);
    snprintf(out.sequence, sizeof out.sequence, "%llu", (unsigned long long)event->sequence);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (furrow_js_stored_has_headers(event)) furrow_js_stored_each_header(event, arena, add_original, &out);
    add_letter_header(&out, FURROW_DEADLETTER_REASON, out.reason);
    add_letter_header(&out, FURROW_DEADLETTER_KIND, letter->reaction ? FURROW_DEADLETTER_REACTION : "event");
    add_letter_header(&out, FURROW_DEADLETTER_STREAM, letter->stream);
    add_letter_header(&out, FURROW_DEADLETTER_SEQUENCE, out.sequence);
    bool fits = furrow_header_value_valid(event->subject);
    add_letter_header(&out, FURROW_DEADLETTER_SUBJECT, fits ? event->subject : "left out: longer than a header may be");
    furrow_js_publish_options options = {
        .msg_id = id, .expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = out.headers, .header_count = out.count};
    furrow_js_puback ack;
    status = furrow_js_publish(link, subject, (furrow_bytes){NULL, 0}, &options, deadline_ns, &ack, err);
    return status == FURROW_OK ? FURROW_OK : furrow_wrap(err, "store on %s", subject);
}

furrow_status furrow_deadletter_count(furrow_link *link, const char *service, uint64_t deadline_ns, furrow_reply_fn *fn,
                                      void *arg, furrow_error *err)
{
    char api[FURROW_SUBJECT_MAX], body[FURROW_SUBJECT_MAX];
    furrow_js_api_subject(link, "STREAM.INFO", FURROW_DEADLETTER_LOG, NULL, api);
    snprintf(body, sizeof body, "{\"subjects_filter\":\"deadletter.%s.*\"}", service);
    furrow_outgoing out = {.subject = api, .data = furrow_bytes_of(body)};
    return furrow_link_request_async(link, &out, deadline_ns, fn, arg, err);
}

/* "state":{…,"subjects":{"deadletter.timesheet.EMPLOYEE":3}}; what has no letters is left out. */
bool furrow_deadletter_counted(const furrow_msg *reply, const char *service, const char *stream, uint64_t *count)
{
    char subject[FURROW_SUBJECT_MAX];
    int64_t any;
    uint64_t found = 0;
    if (!furrow_json_find_int(reply->data, "state.messages", &any)) return false;
    if (letter_subject(service, stream, subject, NULL) != FURROW_OK) return false;
    furrow_json_member member = {.name = subject};
    if (any > 0 && furrow_json_find_members(reply->data, "state.subjects", &member, 1) && member.raw.data &&
        !furrow_number_parse(member.raw, UINT64_MAX, &found))
        return false;
    *count = found;
    return true;
}

furrow_status furrow_deadletter_remove(furrow_link *link, uint64_t sequence, uint64_t deadline_ns, bool *was_there,
                                       furrow_error *err)
{
    char api[FURROW_SUBJECT_MAX], body[64];
    FURROW_AUTO(furrow_msg) reply = NULL;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_js_stored stored;
    furrow_error missing;
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_js_api_subject(link, "STREAM.MSG.DELETE", FURROW_DEADLETTER_LOG, NULL, api);
    snprintf(body, sizeof body, "{\"seq\":%llu}", (unsigned long long)sequence);
    furrow_status status = furrow_js_call(link, api, body, deadline_ns, &reply, err);
    /* Servers have no code of its own for "it is not there", so it is looked for. */
    bool gone = status != FURROW_OK && furrow_js_get(link, FURROW_DEADLETTER_LOG, sequence, deadline_ns, arena, &stored,
                                                     &missing) == FURROW_NOT_FOUND;
    if (status != FURROW_OK && !gone) return furrow_wrap(err, "remove dead letter %llu", (unsigned long long)sequence);
    *was_there = !gone;
    return FURROW_OK;
}
