/*
 * Requests to the JetStream API and what is common to their answers. May depend on: link, wire/json.
 */
#include "link/api.h"
#include "link/internal.h"
#include "wire/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_ARENA_BYTES 8192

/* By the server's err_code where that says more than its HTTP-like code. */
static furrow_status status_of(int64_t code, int64_t err_code)
{
    static const struct {
        int64_t err_code;
        furrow_status status;
    } known[] = {
        {FURROW_JS_WRONG_LAST_SEQUENCE, FURROW_ABORTED},
        {FURROW_JS_WRONG_LAST_SEQUENCE2, FURROW_ABORTED},
        {10158, FURROW_UNAVAILABLE}, /* the same message id is being written right now: ask again */
        {FURROW_JS_NO_MESSAGE, FURROW_NOT_FOUND},
        {10014, FURROW_NOT_FOUND}, /* no consumer */
        {FURROW_JS_NO_STREAM, FURROW_NOT_FOUND},
        {10008, FURROW_UNAVAILABLE}, /* no leader, not available */
        {10009, FURROW_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].err_code == err_code) return known[i].status;
    if (code == 503 || code == 429) return FURROW_RESOURCE_EXHAUSTED;
    return code == 404 ? FURROW_NOT_FOUND : FURROW_FAILED_PRECONDITION;
}

furrow_status furrow_js_reply_status(furrow_bytes json, furrow_error *err)
{
    int64_t code = 0, err_code = 0;
    char *text = NULL;
    if (!furrow_json_find_int(json, "error.code", &code)) return FURROW_OK;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(TEXT_ARENA_BYTES);
    (void)furrow_json_find_int(json, "error.err_code", &err_code);
    if (!arena || !furrow_json_find_text(json, "error.description", arena, &text)) text = NULL;
    return furrow_fail(err, status_of(code, err_code), "JetStream: %s (%lld)", text ? text : "refused",
                       (long long)err_code);
}

furrow_status furrow_js_call(furrow_link *link, const char *api_subject, const char *body, uint64_t deadline_ns,
                             furrow_msg **reply, furrow_error *err)
{
    furrow_msg *msg = NULL;
    furrow_outgoing out = {.subject = api_subject, .data = furrow_bytes_of(body ? body : "")};
    furrow_status status = furrow_link_request(link, &out, deadline_ns, &msg, err);
    if (status != FURROW_OK) return status;
    status = furrow_js_reply_status(msg->data, err);
    if (status != FURROW_OK) {
        furrow_msg_free(msg);
        return status;
    }
    *reply = msg;
    return FURROW_OK;
}

static furrow_js_stream *find_stream(const furrow_link *link, const char *name)
{
    furrow_js_stream *at = link->streams;
    while (at && strcmp(at->name, name) != 0) at = at->next;
    return at;
}

/* NULL: out of memory. */
static furrow_js_stream *know_stream(furrow_link *link, const char *name)
{
    furrow_js_stream *stream = find_stream(link, name);
    if (stream || !(stream = calloc(1, sizeof *stream))) return stream;
    snprintf(stream->name, sizeof stream->name, "%s", name);
    stream->next = link->streams;
    link->streams = stream;
    return stream;
}

furrow_status furrow_js_import(furrow_link *link, const char *stream, const char *account, furrow_error *err)
{
    if (!furrow_js_name_ok(stream) || !furrow_js_name_ok(account))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream and an account");
    furrow_js_stream *known = know_stream(link, stream);
    if (!known) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    snprintf(known->account, sizeof known->account, "%s", account);
    return FURROW_OK;
}

void furrow_js_hear_of_stream(furrow_link *link, const char *name, bool filled)
{
    furrow_js_stream *stream = filled ? know_stream(link, name) : find_stream(link, name);
    if (stream) stream->filled = filled;
}

bool furrow_js_stream_filled(const furrow_link *link, const char *name)
{
    const furrow_js_stream *stream = find_stream(link, name);
    return stream && stream->filled;
}

void furrow_js_forget_streams(furrow_link *link)
{
    while (link->streams) {
        furrow_js_stream *gone = link->streams;
        link->streams = gone->next;
        free(gone);
    }
}

void furrow_js_api_subject(const furrow_link *link, const char *verb, const char *stream, const char *consumer,
                           char out[FURROW_SUBJECT_MAX])
{
    const furrow_js_stream *known = find_stream(link, stream);
    const char *account = known ? known->account : "";
    snprintf(out, FURROW_SUBJECT_MAX, "$JS%s%s.API.%s.%s%s%s", account[0] ? "." : "", account, verb, stream,
             consumer ? "." : "", consumer ? consumer : "");
}

bool furrow_js_name_ok(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-') return false;
    return len > 0 && len <= 64;
}

int64_t furrow_js_parse_time(const char *text)
{
    int64_t ns = 0;
    return furrow_json_parse_time(furrow_bytes_of(text), &ns) ? ns : 0;
}
