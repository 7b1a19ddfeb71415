/*
 * JetStream on the loop's connection: publish with ack, read one message, infos, acks. A publish is a request whose
 * reply is the ack; a hot path, so its JSON is scanned for just two keys. May depend on: link, api, wire/json.
 */
#include "link/api.h"

#include "base/number.h"
#include "link/internal.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 32
#define TEXT_MAX    512
#define INFO_BYTES  4096

/*
 * {"stream":"EMPLOYEE", "seq":12,"duplicate": true} or {"error":{…},…}: the server writes an error first, "duplicate"
 * only when it is true, and a stream's name, which has no quotes, before both: so what looks like a key is one.
 */
furrow_status furrow_js_ack_parse(furrow_bytes json, furrow_js_puback *ack, furrow_error *err)
{
    static const char seq[] = "\"seq\":", duplicate[] = "\"duplicate\"";
    const char *at = json.len ? memmem(json.data, json.len, seq, sizeof seq - 1) : NULL;
    if (!at || furrow_bytes_begin(json, FURROW_BYTES_LITERAL("{\"error\""))) {
        furrow_status status = furrow_js_reply_status(json, err);
        return status != FURROW_OK ? status
                                   : furrow_fail(err, FURROW_INTERNAL, "what answered is not a JetStream stream");
    }
    uint64_t sequence = 0;
    const char *end = (const char *)json.data + json.len;
    for (at += sizeof seq - 1; at < end && *at == ' ';) at++;
    size_t digits = furrow_number_digits((furrow_bytes){at, (size_t)(end - at)});
    if (!furrow_number_parse((furrow_bytes){at, digits}, UINT64_MAX, &sequence))
        return furrow_fail(err, FURROW_INTERNAL, "JetStream: the acknowledgement has no sequence");
    at += digits;
    *ack = (furrow_js_puback){sequence, memmem(at, (size_t)(end - at), duplicate, sizeof duplicate - 1) != NULL};
    return FURROW_OK;
}

furrow_status furrow_js_publish(furrow_link *link, const char *subject, furrow_bytes data,
                                const furrow_js_publish_options *options, uint64_t deadline_ns, furrow_js_puback *ack,
                                furrow_error *err)
{
    furrow_header headers[HEADERS_MAX + 2];
    char expected[FURROW_NUMBER_SIZE];
    size_t count = 0;
    if (options->header_count > HEADERS_MAX)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "more than %d headers", HEADERS_MAX);
    if (options->msg_id) headers[count++] = (furrow_header){FURROW_HEADER_MSG_ID, options->msg_id};
    if (options->expected_seq != FURROW_JS_ANY_SEQUENCE) {
        (void)furrow_number_format((uint64_t)options->expected_seq, expected);
        headers[count++] = (furrow_header){FURROW_HEADER_EXPECTED_SEQ, expected};
    }
    if (options->header_count > 0) memcpy(headers + count, options->headers, options->header_count * sizeof headers[0]);
    furrow_outgoing out = {
        .subject = subject, .headers = headers, .header_count = count + options->header_count, .data = data};
    furrow_msg *reply = NULL;
    furrow_status status = furrow_link_request(link, &out, deadline_ns, &reply, err);
    if (status != FURROW_OK) return status;
    status = furrow_js_ack_parse(reply->data, ack, err);
    furrow_msg_free(reply);
    return status;
}

/* A missing stream is not a missing message: who takes it for one would create an entity that exists. */
static furrow_status fail_missing(const char *stream, furrow_error *err)
{
    return furrow_fail(err, FURROW_FAILED_PRECONDITION, "stream %s does not exist: provision it", stream);
}

static bool is_missing(furrow_link *link, const char *stream, furrow_bytes reply)
{
    int64_t err_code = 0;
    if (!furrow_json_find_int(reply, "error.err_code", &err_code) || err_code != FURROW_JS_NO_STREAM) return false;
    furrow_js_hear_of_stream(link, stream, false);
    return true;
}

/* That @stream may be asked for its messages; else there are none, and the answer is as the server would give it. */
static furrow_status make_sure(furrow_link *link, const char *stream, uint64_t deadline_ns, furrow_error *err)
{
    furrow_js_stream_state state;
    if (furrow_js_stream_filled(link, stream)) return FURROW_OK;
    furrow_status status = furrow_js_stream_info(link, stream, deadline_ns, &state, err);
    if (status == FURROW_NOT_FOUND) return fail_missing(stream, err);
    if (status != FURROW_OK || state.last_seq > 0) return status;
    return furrow_fail(err, FURROW_NOT_FOUND, "JetStream: no message found (%d)", FURROW_JS_NO_MESSAGE);
}

static furrow_status get(furrow_link *link, const char *stream, const char *body, uint64_t deadline_ns,
                         furrow_arena *arena, furrow_js_stored *out, furrow_error *err)
{
    char api[FURROW_SUBJECT_MAX];
    furrow_msg *reply = NULL;
    if (!furrow_js_name_ok(stream)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream name");
    furrow_status status = make_sure(link, stream, deadline_ns, err);
    if (status != FURROW_OK) return status;
    furrow_js_api_subject(link, "STREAM.MSG.GET", stream, NULL, api);
    furrow_outgoing request = {.subject = api, .data = furrow_bytes_of(body)};
    status = furrow_link_request(link, &request, deadline_ns, &reply, err);
    if (status != FURROW_OK) return status;
    status =
        is_missing(link, stream, reply->data) ? fail_missing(stream, err) : furrow_js_reply_status(reply->data, err);
    furrow_js_stored_reply stored;
    if (status == FURROW_OK) status = furrow_js_stored_parse(reply->data, &stored, err);
    if (status == FURROW_OK) status = furrow_js_stored_decode(&stored, arena, out, err);
    furrow_msg_free(reply);
    return status;
}

furrow_status furrow_js_get_last(furrow_link *link, const char *stream, const char *subject, uint64_t deadline_ns,
                                 furrow_arena *arena, furrow_js_stored *out, furrow_error *err)
{
    char body[TEXT_MAX];
    if (!furrow_link_subject_ok(subject) || strpbrk(subject, "\"\\"))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a subject");
    snprintf(body, sizeof body, "{\"last_by_subj\":\"%s\"}", subject);
    return get(link, stream, body, deadline_ns, arena, out, err);
}

furrow_status furrow_js_get_next(furrow_link *link, const char *stream, const char *subject, uint64_t from,
                                 uint64_t deadline_ns, furrow_arena *arena, furrow_js_stored *out, furrow_error *err)
{
    char body[TEXT_MAX];
    if (!furrow_link_subject_ok(subject) || strpbrk(subject, "\"\\"))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a subject");
    snprintf(body, sizeof body, "{\"seq\":%" PRIu64 ",\"next_by_subj\":\"%s\"}", from ? from : 1, subject);
    return get(link, stream, body, deadline_ns, arena, out, err);
}

furrow_status furrow_js_get(furrow_link *link, const char *stream, uint64_t sequence, uint64_t deadline_ns,
                            furrow_arena *arena, furrow_js_stored *out, furrow_error *err)
{
    char body[TEXT_MAX];
    snprintf(body, sizeof body, "{\"seq\":%" PRIu64 "}", sequence);
    return get(link, stream, body, deadline_ns, arena, out, err);
}

static int64_t created(furrow_bytes json)
{
    char *text = NULL;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(INFO_BYTES);
    return arena && furrow_json_find_text(json, "created", arena, &text) ? furrow_js_parse_time(text) : 0;
}

/* Absent counts as 0: the server leaves zeros out of some of its answers. */
static uint64_t number(furrow_bytes json, const char *path)
{
    int64_t value = 0;
    return furrow_json_find_int(json, path, &value) && value > 0 ? (uint64_t)value : 0;
}

furrow_js_stream_state furrow_js_stream_parse(furrow_bytes json)
{
    return (furrow_js_stream_state){.created_ns = created(json),
                                    .first_seq = number(json, "state.first_seq"),
                                    .last_seq = number(json, "state.last_seq"),
                                    .messages = number(json, "state.messages")};
}

furrow_status furrow_js_stream_info(furrow_link *link, const char *stream, uint64_t deadline_ns,
                                    furrow_js_stream_state *out, furrow_error *err)
{
    char api[FURROW_SUBJECT_MAX];
    furrow_msg *reply = NULL;
    if (!furrow_js_name_ok(stream)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream name");
    furrow_js_api_subject(link, "STREAM.INFO", stream, NULL, api);
    furrow_status status = furrow_js_call(link, api, NULL, deadline_ns, &reply, err);
    if (status == FURROW_NOT_FOUND) furrow_js_hear_of_stream(link, stream, false);
    if (status != FURROW_OK) return status;
    *out = furrow_js_stream_parse(reply->data);
    furrow_js_hear_of_stream(link, stream, out->last_seq > 0);
    furrow_msg_free(reply);
    return FURROW_OK;
}

furrow_js_consumer_state furrow_js_consumer_parse(furrow_bytes json)
{
    return (furrow_js_consumer_state){.created_ns = created(json),
                                      .delivered_seq = number(json, "delivered.stream_seq"),
                                      .ack_floor_seq = number(json, "ack_floor.stream_seq"),
                                      .ack_pending = number(json, "num_ack_pending"),
                                      .pending = number(json, "num_pending"),
                                      .redelivered = number(json, "num_redelivered")};
}

furrow_status furrow_js_consumer_info(furrow_link *link, const char *stream, const char *consumer, uint64_t deadline_ns,
                                      furrow_js_consumer_state *out, furrow_error *err)
{
    char api[FURROW_SUBJECT_MAX];
    furrow_msg *reply = NULL;
    if (!furrow_js_name_ok(stream) || !furrow_js_name_ok(consumer))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream and a consumer name");
    furrow_js_api_subject(link, "CONSUMER.INFO", stream, consumer, api);
    furrow_status status = furrow_js_call(link, api, NULL, deadline_ns, &reply, err);
    if (status != FURROW_OK) return status;
    *out = furrow_js_consumer_parse(reply->data);
    furrow_msg_free(reply);
    return FURROW_OK;
}

static void send_verdict(furrow_link *link, const furrow_msg *msg, furrow_bytes verdict)
{
    /* Not connected, or full: the server delivers the message again after the ack wait. */
    if (msg->reply)
        (void)!furrow_link_send(link, &(furrow_outgoing){.subject = msg->reply, .data = verdict}, NULL, NULL);
}

/* The server goes by the stream's sequence; the consumer's is 0, which none has. ADR-15's first form of the subject. */
void furrow_js_term_sequence(furrow_link *link, const char *stream, const char *consumer, uint64_t sequence)
{
    char subject[FURROW_SUBJECT_MAX];
    int len = snprintf(subject, sizeof subject, "$JS.ACK.%s.%s.1.%" PRIu64 ".0.0.0", stream, consumer, sequence);
    furrow_outgoing out = {.subject = subject, .data = FURROW_BYTES_LITERAL("+TERM")};
    if (len > 0 && (size_t)len < sizeof subject) (void)!furrow_link_send(link, &out, NULL, NULL);
}

void furrow_js_ack(furrow_link *link, const furrow_msg *msg)
{
    send_verdict(link, msg, FURROW_BYTES_LITERAL("+ACK"));
}

void furrow_js_nak(furrow_link *link, const furrow_msg *msg, uint64_t delay_ms)
{
    char text[64];
    snprintf(text, sizeof text, "-NAK {\"delay\":%llu}", (unsigned long long)(delay_ms * FURROW_NS_PER_MS));
    send_verdict(link, msg, furrow_bytes_of(text));
}

void furrow_js_term(furrow_link *link, const furrow_msg *msg)
{
    send_verdict(link, msg, FURROW_BYTES_LITERAL("+TERM"));
}
