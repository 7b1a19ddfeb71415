/*
 * Publishing: checks, nats.c's output buffer, and its account. Without headers, the common case, nothing is allocated.
 * What leaves at the end of the turn, or before when it is much, is adapter.c's business. May depend on: nats.c.
 */
#include "link/internal.h"

#include <stdlib.h>
#include <string.h>

#define PROTOCOL_BYTES 32                  /* of a message beside subject, reply, headers and body */
#define READY_MAX      ((size_t)128 << 10) /* of output that waits, before what is ready made is not sent any more */
#define RELIEVE_BYTES  ((size_t)256 << 10) /* a turn that produces more writes some of it before it ends */

bool furrow_link_subject_ok(const char *subject)
{
    /* White space or a control character would end the subject within the protocol line: an injection. */
    const unsigned char *at = (const unsigned char *)subject;
    while (*at > ' ' && *at != 0x7f) at++;
    return *at == '\0' && at != (const unsigned char *)subject &&
           at - (const unsigned char *)subject < FURROW_SUBJECT_MAX;
}

static furrow_status refuse_output(const furrow_link *link, furrow_error *err)
{
    return furrow_fail_busy(err, FURROW_RETRY_MS, "%zu bytes wait to be sent to NATS", link->buffered);
}

static furrow_status check_outgoing(const furrow_link *link, const furrow_outgoing *out, furrow_error *err)
{
    if (!link->connected)
        return furrow_fail(err, FURROW_UNAVAILABLE, "not connected to NATS%s%s", link->error[0] ? ": " : "",
                           link->error);
    if (!furrow_link_subject_ok(out->subject))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "no valid subject to publish to");
    if (out->data.len > link->max_payload)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "message of %zu bytes, the server takes %zu", out->data.len,
                           link->max_payload);
    if (link->buffered > 0 && link->buffered + out->data.len > link->max_buffered) return refuse_output(link, err);
    return FURROW_OK;
}

static furrow_status refused(natsStatus status, furrow_error *err)
{
    if (status == NATS_MAX_PAYLOAD)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "message and headers larger than the server takes");
    if (status == NATS_NO_MEMORY) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory for NATS output");
    return furrow_fail(err, FURROW_UNAVAILABLE, "publish to NATS: %s", natsStatus_GetText(status));
}

static furrow_status publish_with_headers(furrow_link *link, const furrow_outgoing *out, const char *reply,
                                          furrow_error *err)
{
    natsMsg *msg = NULL;
    for (size_t i = 0; i < out->header_count; i++)
        if (!furrow_header_valid(out->headers[i].name, out->headers[i].value))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "header %zu: not a valid name or value", i + 1);
    natsStatus status = natsMsg_Create(&msg, out->subject, reply, out->data.data, (int)out->data.len);
    for (size_t i = 0; status == NATS_OK && i < out->header_count; i++) {
        status = natsMsgHeader_Set(msg, out->headers[i].name, out->headers[i].value);
        link->buffered += strlen(out->headers[i].name) + strlen(out->headers[i].value);
    }
    if (status == NATS_OK) status = natsConnection_PublishMsg(link->conn->native, msg);
    if (msg) furrow_message_discard(link->messages, msg);
    return status == NATS_OK ? FURROW_OK : refused(status, err);
}

static furrow_status publish_plain(furrow_link *link, const furrow_outgoing *out, const char *reply, furrow_error *err)
{
    natsConnection *native = link->conn->native;
    natsStatus status =
        reply ? natsConnection_PublishRequest(native, out->subject, reply, out->data.data, (int)out->data.len)
              : natsConnection_Publish(native, out->subject, out->data.data, (int)out->data.len);
    return status == NATS_OK ? FURROW_OK : refused(status, err);
}

furrow_status furrow_link_send(furrow_link *link, const furrow_outgoing *out, const char *reply, furrow_error *err)
{
    if (link->connected && link->buffered >= RELIEVE_BYTES) furrow_adapter_relieve(link);
    furrow_status status = check_outgoing(link, out, err);
    if (status != FURROW_OK) return status;
    link->buffered += out->data.len + PROTOCOL_BYTES;
    return out->header_count > 0 ? publish_with_headers(link, out, reply, err) : publish_plain(link, out, reply, err);
}

furrow_status furrow_link_publish(furrow_link *link, const furrow_outgoing *out, furrow_error *err)
{
    if (out->reply && !furrow_link_subject_ok(out->reply))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "no valid subject to reply to");
    return furrow_link_send(link, out, out->reply, err);
}

/*
 * nats.c takes headers only in a message of its own, which costs some ten allocations, each freed on another thread,
 * under the locks that the next ones need. But it copies a message whole when it publishes it, so one can be published
 * again; and reads its subject anew, which lies in the message where natsMsg_GetSubject says, with all the room that
 * the first subject had. Whether it does so is looked at when the message is made.
 */
struct furrow_ready_made {
    natsMsg *native;
    char *subject; /* within it, room for FURROW_SUBJECT_MAX */
    size_t bytes;
};

static bool can_be_readdressed(const furrow_ready_made *made)
{
    memcpy(made->subject, "other", sizeof "other");
    return strcmp(natsMsg_GetSubject(made->native), "other") == 0;
}

furrow_ready_made *furrow_link_make_ready(const furrow_header headers[], size_t header_count, furrow_bytes data)
{
    char room[FURROW_SUBJECT_MAX];
    furrow_ready_made *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    memset(room, 'x', sizeof room - 1);
    room[sizeof room - 1] = '\0';
    natsStatus status = natsMsg_Create(&made->native, room, NULL, data.data, (int)data.len);
    for (size_t i = 0; status == NATS_OK && i < header_count; i++) {
        bool valid = furrow_header_valid(headers[i].name, headers[i].value);
        status = valid ? natsMsgHeader_Set(made->native, headers[i].name, headers[i].value) : NATS_INVALID_ARG;
        made->bytes += strlen(headers[i].name) + strlen(headers[i].value);
    }
    made->bytes += data.len + PROTOCOL_BYTES;
    if (status == NATS_OK) {
        made->subject = (char *)(uintptr_t)natsMsg_GetSubject(made->native);
        if (can_be_readdressed(made)) return made;
    }
    furrow_ready_made_destroy(made);
    return NULL;
}

void furrow_ready_made_destroy(furrow_ready_made *made)
{
    if (!made) return;
    natsMsg_Destroy(made->native);
    free(made);
}

furrow_status furrow_link_publish_ready(furrow_link *link, furrow_ready_made *made, const char *subject,
                                        furrow_error *err)
{
    if (link->connected && link->buffered >= READY_MAX) furrow_adapter_relieve(link);
    furrow_status status =
        check_outgoing(link, &(furrow_outgoing){.subject = subject, .data = {NULL, made->bytes}}, err);
    if (status != FURROW_OK) return status;
    if (link->buffered >= READY_MAX) return refuse_output(link, err);
    memcpy(made->subject, subject, strlen(subject) + 1); /* check_outgoing has measured it */
    link->buffered += made->bytes;
    natsStatus sent = natsConnection_PublishMsg(link->conn->native, made->native);
    return sent == NATS_OK ? FURROW_OK : refused(sent, err);
}
