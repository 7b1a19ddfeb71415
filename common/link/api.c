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
        {10014, FURROW_NOT_FOUND},   /* no consumer */
        {10059, FURROW_NOT_FOUND},   /* no stream */
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

furrow_status furrow_js_import(furrow_link *link, const char *stream, const char *account, furrow_error *err)
{
    if (!furrow_js_name_ok(stream) || !furrow_js_name_ok(account))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream and an account");
    furrow_js_imported *made = link->imported;
    while (made && strcmp(made->stream, stream) != 0) made = made->next;
    if (made) {
        snprintf(made->account, sizeof made->account, "%s", account);
        return FURROW_OK;
    }
    made = calloc(1, sizeof *made);
    if (!made) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    snprintf(made->stream, sizeof made->stream, "%s", stream);
    snprintf(made->account, sizeof made->account, "%s", account);
    made->next = link->imported;
    link->imported = made;
    return FURROW_OK;
}

void furrow_js_forget_imports(furrow_link *link)
{
    while (link->imported) {
        furrow_js_imported *gone = link->imported;
        link->imported = gone->next;
        free(gone);
    }
}

void furrow_js_api_subject(const furrow_link *link, const char *verb, const char *stream, const char *consumer,
                           char out[FURROW_SUBJECT_MAX])
{
    const furrow_js_imported *from = link->imported;
    while (from && strcmp(from->stream, stream) != 0) from = from->next;
    snprintf(out, FURROW_SUBJECT_MAX, "$JS%s%s.API.%s.%s%s%s", from ? "." : "", from ? from->account : "", verb, stream,
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
