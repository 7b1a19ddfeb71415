/* nats.c's messages: those that came in are the server's own, those that are made belong to their maker. */
#include "client.h"

#include <stdlib.h>
#include <string.h>

natsStatus natsMsg_Create(natsMsg **out, const char *subject, const char *reply, const char *data, int len)
{
    natsMsg *made = calloc(1, sizeof *made);
    if (made) made->subject = strdup(subject);
    if (made && reply) made->reply = strdup(reply);
    if (made) made->data = malloc((size_t)len + 1);
    if (!made || !made->subject || !made->data || (reply && !made->reply)) {
        natsMsg_Destroy(made);
        return NATS_NO_MEMORY;
    }
    if (len > 0) memcpy(made->data, data, (size_t)len);
    made->len = len;
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
    free(msg->reply);
    free(msg->data);
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

sim_message *sim_client_message(const natsMsg *msg)
{
    sim_message *made = sim_message_make(msg->subject, msg->reply, msg->data, (size_t)msg->len);
    for (size_t i = 0; i < msg->header_count; i++) sim_message_add(made, msg->headers[i].name, msg->headers[i].value);
    return made;
}

natsStatus sim_client_received(const sim_message *message, natsMsg **out)
{
    natsMsg *made = calloc(1, sizeof *made);
    if (!made) return NATS_NO_MEMORY;
    made->received = message;
    *out = made;
    return NATS_OK;
}

const char *natsMsg_GetSubject(const natsMsg *msg)
{
    return msg->received ? msg->received->subject : msg->subject;
}

const char *natsMsg_GetReply(const natsMsg *msg)
{
    return msg->received ? msg->received->reply : msg->reply;
}

const char *natsMsg_GetData(const natsMsg *msg)
{
    return msg->received ? msg->received->data : msg->data;
}

int natsMsg_GetDataLength(const natsMsg *msg)
{
    return msg->received ? (int)msg->received->len : msg->len;
}

static const sim_header *headers_of(const natsMsg *msg, size_t *count)
{
    *count = msg->received ? msg->received->header_count : msg->header_count;
    return msg->received ? msg->received->headers : msg->headers;
}

natsStatus natsMsgHeader_Get(natsMsg *msg, const char *name, const char **value)
{
    size_t count;
    const sim_header *headers = headers_of(msg, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(headers[i].name, name) != 0) continue;
        *value = headers[i].value;
        return NATS_OK;
    }
    return NATS_NOT_FOUND;
}

natsStatus natsMsgHeader_Values(natsMsg *msg, const char *name, const char ***values, int *count)
{
    size_t all;
    const sim_header *headers = headers_of(msg, &all);
    const char **found = calloc(all + 1, sizeof *found);
    *count = 0;
    if (!found) return NATS_NO_MEMORY;
    for (size_t i = 0; i < all; i++)
        if (strcmp(headers[i].name, name) == 0) found[(*count)++] = headers[i].value;
    *values = found;
    if (*count > 0) return NATS_OK;
    free((void *)found);
    *values = NULL;
    return NATS_NOT_FOUND;
}

natsStatus natsMsgHeader_Keys(natsMsg *msg, const char ***keys, int *count)
{
    size_t all;
    const sim_header *headers = headers_of(msg, &all);
    *count = 0;
    if (all == 0) return NATS_NOT_FOUND;
    const char **found = calloc(all, sizeof *found);
    if (!found) return NATS_NO_MEMORY;
    for (size_t i = 0; i < all; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++) again |= strcmp(headers[j].name, headers[i].name) == 0;
        if (!again) found[(*count)++] = headers[i].name;
    }
    *keys = found;
    return NATS_OK;
}
