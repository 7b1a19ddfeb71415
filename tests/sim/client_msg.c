/* nats.c's messages: those that came in are the server's own, those that are made belong to their maker. */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Subject, reply, header block and body lie one behind the other, each with a NUL behind it, and the block only if
 * there is one: common/link reads it there, and writes over it. */
static natsMsg *lay_out(const char *subject, const char *reply, const char *block, const void *data, size_t len)
{
    size_t subject_size = strlen(subject) + 1, reply_size = reply ? strlen(reply) + 1 : 0,
           block_size = block ? strlen(block) + 1 : 0;
    natsMsg *made = calloc(1, sizeof *made);
    char *at = malloc(subject_size + reply_size + block_size + len + 1);
    if (!made || !at) {
        free(made);
        free(at);
        return NULL;
    }
    made->subject = memcpy(at, subject, subject_size);
    at += subject_size;
    if (reply) made->reply = memcpy(at, reply, reply_size);
    at += reply_size;
    if (block) memcpy(at, block, block_size);
    at += block_size;
    made->data = at;
    if (len > 0) memcpy(at, data, len);
    at[len] = '\0';
    made->len = (int)len;
    return made;
}

natsStatus natsMsg_Create(natsMsg **out, const char *subject, const char *reply, const char *data, int len)
{
    natsMsg *made = lay_out(subject, reply, NULL, data, (size_t)len);
    if (!made) return NATS_NO_MEMORY;
    *out = made;
    return NATS_OK;
}

void natsMsg_Destroy(natsMsg *msg)
{
    if (!msg) return;
    for (size_t i = 0; i < msg->header_count; i++) {
        free((void *)(uintptr_t)msg->headers[i].name);
        free((void *)(uintptr_t)msg->headers[i].value);
    }
    free(msg->headers);
    free(msg->subject);
    free(msg);
}

natsStatus natsMsgHeader_Set(natsMsg *msg, const char *name, const char *value)
{
    sim_header *headers = realloc(msg->headers, (msg->header_count + 1) * sizeof *headers);
    if (!headers) return NATS_NO_MEMORY;
    msg->headers = headers;
    headers[msg->header_count] = (sim_header){strdup(name), strdup(value)};
    if (!headers[msg->header_count].name || !headers[msg->header_count].value) return NATS_NO_MEMORY;
    msg->header_count++;
    return NATS_OK;
}

natsStatus natsMsgHeader_Delete(natsMsg *msg, const char *name)
{
    size_t at = 0;
    while (at < msg->header_count && strcmp(msg->headers[at].name, name) != 0) at++;
    if (at == msg->header_count) return NATS_NOT_FOUND;
    free((void *)(uintptr_t)msg->headers[at].name);
    free((void *)(uintptr_t)msg->headers[at].value);
    memmove(&msg->headers[at], &msg->headers[at + 1], (--msg->header_count - at) * sizeof *msg->headers);
    return NATS_OK;
}

/* In no header of nats.c's. No simulated caller sends what it is for (link/message.c). */
extern void natsConn_setFilterWithClosure(natsConnection *native,
                                          void (*filter)(natsConnection *native, natsMsg **msg, void *closure),
                                          void *closure);
void natsConn_setFilterWithClosure(natsConnection *native,
                                   void (*filter)(natsConnection *native, natsMsg **msg, void *closure), void *closure)
{
}

sim_message *sim_client_message(const natsMsg *msg)
{
    sim_message *made = sim_message_make(msg->subject, msg->reply, msg->data, (size_t)msg->len);
    for (size_t i = 0; i < msg->header_count; i++) sim_message_add(made, msg->headers[i].name, msg->headers[i].value);
    return made;
}

/* A status stands in the block's first line. */
static char *block_of(const sim_message *message)
{
    char *block = sim_message_block(message), line[200];
    const char *status = sim_message_header(message, "Status"), *text = sim_message_header(message, "Description");
    if (!status || message->len > 0) return block;
    snprintf(line, sizeof line, "NATS/1.0 %s %s", status, text ? text : "");
    const char *rest = strstr(block, text ? "Description: " : "Status: ");
    rest = strchr(rest, '\r');
    char *whole = sim_alloc(strlen(line) + strlen(rest) + 1);
    strcpy(whole, line);
    strcat(whole, rest);
    return whole;
}

natsStatus sim_client_received(const sim_message *message, natsMsg **out)
{
    natsMsg *made = lay_out(message->subject, message->reply, block_of(message), message->data, message->len);
    if (!made) return NATS_NO_MEMORY;
    *out = made;
    return NATS_OK;
}

const char *natsMsg_GetSubject(const natsMsg *msg)
{
    return msg->subject;
}

const char *natsMsg_GetReply(const natsMsg *msg)
{
    return msg->reply;
}

const char *natsMsg_GetData(const natsMsg *msg)
{
    return msg->data;
}

int natsMsg_GetDataLength(const natsMsg *msg)
{
    return msg->len;
}
