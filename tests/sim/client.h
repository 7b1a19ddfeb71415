/** The inside of the client library in memory: client.c and client_msg.c. */
#ifndef FURROW_SIM_CLIENT_H
#define FURROW_SIM_CLIENT_H

#include "nats.h"

#include <nats/nats.h>
#include <uv.h>

#define CLIENT_LISTS 64

struct __natsOptions {
    void *loop;
    natsEvLoop_Attach attach;
    natsEvLoop_ReadAddRemove read;
    natsEvLoop_WriteAddRemove write;
    natsEvLoop_Detach detach;
};

struct __natsStatistics {
    uint64_t messages, bytes;
};

typedef struct sim_queued {
    struct sim_queued *next;
    const sim_message *message;
} sim_queued;

/* On its way out: a message, or a subscription that begins or (without a subject) ends. */
typedef struct sim_item {
    struct sim_item *next;
    const sim_message *message;
    uint64_t sid;
    const char *subject, *queue;
} sim_item;

struct __natsConnection {
    natsOptions options;
    sim_conn *line;
    void *user; /* the adapter's */
    int fd;
    uv_poll_t *poll;
    bool ended, destroyed;
    uint64_t messages, bytes, sids;
    natsSubscription *by_sid[CLIENT_LISTS];
    size_t subscriptions;
    sim_item *out, **out_tail;
};

struct __natsSubscription {
    natsSubscription *next;
    natsConnection *conn;
    uint64_t sid;
    sim_queued *head, **tail;
    uint64_t count;
    bool stopped;
};

struct __natsMsg {
    char *subject; /* the beginning of it all */
    char *reply;
    void *data;
    int len;
    sim_header *headers; /* of one that is made */
    size_t header_count;
};

sim_message *sim_client_message(const natsMsg *msg);
natsStatus sim_client_received(const sim_message *message, natsMsg **out);

#endif
