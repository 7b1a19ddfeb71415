/*
 * Stored messages: the replies to STREAM.MSG.GET and to DIRECT.GET, and what is the same of a message that a pull
 * delivered. The first is JSON with body and headers in base64; it is walked once. May depend on: api, wire/json,
 * wire/subject, libsodium (base64).
 */
#include "link/api.h"
#include "link/internal.h"

#include "base/number.h"
#include "wire/subject.h"
#include "wire/tombstone.h"

#include <sodium.h>
#include <string.h>

furrow_status furrow_js_stored_parse(furrow_bytes json, furrow_js_stored_reply *out, furrow_error *err)
{
    furrow_json_member members[] = {
        {.name = "seq"}, {.name = "subject"}, {.name = "data"}, {.name = "hdrs"}, {.name = "time"}};
    furrow_js_stored_reply reply = {.sequence = 0};
    if (!furrow_json_find_members(json, "message", members, sizeof members / sizeof members[0]) ||
        !furrow_number_parse(members[0].raw, UINT64_MAX, &reply.sequence) || reply.sequence == 0 ||
        !members[1].raw.data || !members[4].raw.data)
        return furrow_fail(err, FURROW_INTERNAL, "JetStream: not a stored message");
    reply.subject = members[1];
    reply.data = members[2];
    reply.headers = members[3];
    reply.time = members[4];
    *out = reply;
    return FURROW_OK;
}

static furrow_status no_room_for_message(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the stored message does not fit into the request's memory");
}

/* Absent is empty. */
static furrow_status decode_base64(const furrow_json_member *member, furrow_arena *arena, furrow_bytes *out,
                                   furrow_error *err)
{
    size_t room = member->raw.len / 4 * 3 + 3, len = 0;
    *out = (furrow_bytes){"", 0};
    if (member->raw.len == 0) return FURROW_OK;
    char *bytes = furrow_arena_alloc(arena, room + 1);
    if (!bytes) return no_room_for_message(err);
    /* libsodium takes bytes above 127 for digits. */
    if (!furrow_bytes_ascii(member->raw) ||
        sodium_base642bin((unsigned char *)bytes, room, member->raw.data, member->raw.len, NULL, &len, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return furrow_fail(err, FURROW_INTERNAL, "JetStream: %s of a stored message is not base64", member->name);
    bytes[len] = '\0';
    *out = (furrow_bytes){bytes, len};
    return FURROW_OK;
}

/* A block with a NUL in it is not one of ours, nor of any library's: as if there were none. */
static const char *headers_text(furrow_bytes headers)
{
    return headers.len && !memchr(headers.data, 0, headers.len) ? headers.data : NULL;
}

/* A subject is a C string from here on: one with a NUL in it must not become another's, so it becomes nobody's. */
static char *decode_subject(const furrow_json_member *member, furrow_arena *arena)
{
    furrow_bytes text = furrow_json_member_text(member, arena);
    char *subject = (char *)text.data;
    for (size_t i = 0; subject && i < text.len; i++)
        if (subject[i] == '\0') subject[i] = '?';
    return subject;
}

furrow_status furrow_js_stored_decode(const furrow_js_stored_reply *reply, furrow_arena *arena, furrow_js_stored *out,
                                      furrow_error *err)
{
    furrow_bytes data, headers;
    const char *subject = decode_subject(&reply->subject, arena);
    furrow_bytes time = furrow_json_member_text(&reply->time, arena);
    if (!subject || !time.data) return no_room_for_message(err);
    furrow_status status = decode_base64(&reply->data, arena, &data, err);
    if (status == FURROW_OK) status = decode_base64(&reply->headers, arena, &headers, err);
    if (status != FURROW_OK) return status;
    *out = (furrow_js_stored){.sequence = reply->sequence,
                              .timestamp_ns = furrow_js_parse_time(time.data),
                              .subject = subject,
                              .data = data,
                              .headers = headers_text(headers)};
    return FURROW_OK;
}

/*
 * ADR-31: the message as it is, with headers of the server's behind its own. An event's own header of such a name comes
 * before, and counts for nothing.
 */
bool furrow_js_stored_direct(const furrow_msg *msg, furrow_js_stored *out)
{
    const char *sequence = furrow_message_last_header(msg, "Nats-Sequence");
    const char *subject = furrow_message_last_header(msg, "Nats-Subject");
    const char *time = furrow_message_last_header(msg, "Nats-Time-Stamp");
    uint64_t number = 0;
    if (!sequence || !subject || !time || !furrow_number_parse(furrow_bytes_of(sequence), UINT64_MAX, &number))
        return false;
    *out = (furrow_js_stored){.sequence = number,
                              .timestamp_ns = furrow_js_parse_time(time),
                              .subject = subject,
                              .data = msg->data,
                              .delivered = msg};
    return number > 0;
}

bool furrow_js_stored_of(const furrow_msg *msg, furrow_js_stored *out)
{
    furrow_ack ack;
    if (!msg->reply || !furrow_subject_parse_ack(msg->reply, &ack)) return false;
    *out = (furrow_js_stored){.sequence = ack.stream_seq,
                              .timestamp_ns = ack.timestamp_ns,
                              .subject = msg->subject,
                              .data = msg->data,
                              .delivered = msg};
    return true;
}

bool furrow_js_stored_has_headers(const furrow_js_stored *stored)
{
    return stored->delivered ? furrow_msg_has_headers(stored->delivered) : stored->headers != NULL;
}

/* The next "Name: value" of a raw block after @line (the status line first); false at the block's end. */
static bool next_header(const char **line, furrow_bytes *name, furrow_bytes *value)
{
    while ((*line = strstr(*line, "\r\n"))) {
        *line += 2;
        size_t len = strcspn(*line, "\r\n");
        const char *colon = memchr(*line, ':', len);
        if (!colon) continue;
        const char *from = colon + 1, *end = *line + len;
        while (from < end && *from == ' ') from++;
        *name = (furrow_bytes){*line, (size_t)(colon - *line)};
        *value = (furrow_bytes){from, (size_t)(end - from)};
        return true;
    }
    return false;
}

char *furrow_js_stored_header(const furrow_js_stored *stored, const char *name, furrow_arena *arena)
{
    furrow_bytes found, value;
    if (stored->delivered) {
        const char *text = furrow_msg_header(stored->delivered, name);
        return text ? furrow_arena_strdup(arena, text) : NULL;
    }
    for (const char *line = stored->headers; line && next_header(&line, &found, &value);)
        if (furrow_bytes_is(found, name)) return furrow_arena_memdup(arena, value.data, value.len);
    return NULL;
}

furrow_status furrow_js_stored_check_deletion(const furrow_js_stored *event, const char *entity, const char *owner,
                                              furrow_arena *arena, furrow_error *err)
{
    furrow_tombstone headers = {.specversion = furrow_js_stored_header(event, "ce-specversion", arena),
                                .id = furrow_js_stored_header(event, "ce-id", arena),
                                .type = furrow_js_stored_header(event, "ce-type", arena),
                                .source = furrow_js_stored_header(event, "ce-source", arena)};
    return furrow_tombstone_check(&headers, entity, owner, err);
}

void furrow_js_stored_each_header(const furrow_js_stored *stored, furrow_arena *arena,
                                  void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
    furrow_bytes name, value;
    if (stored->delivered) {
        furrow_msg_each_header(stored->delivered, fn, arg);
        return;
    }
    for (const char *line = stored->headers; line && next_header(&line, &name, &value);) {
        char *name_text = furrow_arena_memdup(arena, name.data, name.len);
        char *value_text = furrow_arena_memdup(arena, value.data, value.len);
        if (name_text && value_text) fn(arg, name_text, value_text);
    }
}
