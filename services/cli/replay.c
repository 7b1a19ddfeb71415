/* See replay.h. */
#include "cli/replay.h"

#include "base/clock.h"
#include "base/number.h"
#include "cli/text.h"
#include "wire/json.h"

#define ASK_MS     7000
#define BODY_BYTES ((size_t)1 << 20)

static furrow_status read_replay_answer(const furrow_msg *reply, replay_request *what, furrow_error *err)
{
    char *version = NULL, *instance = NULL;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (!furrow_json_find_text(reply->data, "version", arena, &version) ||
        !furrow_json_find_text(reply->data, "id", arena, &instance) ||
        !furrow_number_parse(furrow_bytes_of(version), UINT64_MAX, &what->version))
        return furrow_fail(err, FURROW_INTERNAL, "what answered for %s is no service of Furrow", what->service);
    snprintf(what->instance, sizeof what->instance, "%s", instance);
    return FURROW_OK;
}

furrow_status replay_ask(cli *tool, replay_request *what, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_buffer body;
    FURROW_AUTO(furrow_msg) reply = NULL;
    snprintf(subject, sizeof subject, "furrow.v1.Replay.%s", what->service);
    furrow_buffer_init(&body, BODY_BYTES);
    furrow_buffer_printf(&body, "{\"kind\":\"%s\"", what->kind);
    text_json(&body, "stream", what->stream);
    text_json(&body, "subject", what->subject);
    furrow_buffer_append_byte(&body, '}');
    furrow_outgoing out = {.subject = subject, .data = {body.data, body.len}};
    furrow_status status = body.failed ? furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory")
                                       : furrow_link_request(tool->link, &out, furrow_clock_in_ms(ASK_MS), &reply, err);
    furrow_buffer_fini(&body);
    /* Before nats-server 2.10 nobody is told across accounts that a service is gone. */
    if (status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED)
        return furrow_wrap(err, "%s itself does it, and must run", what->service);
    if (status == FURROW_OK) status = furrow_client_reply_status(reply, err);
    return status == FURROW_OK ? read_replay_answer(reply, what, err) : status;
}
