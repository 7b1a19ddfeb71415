/**
 * A nats-server in memory: subjects, queue groups, connections that take time and break, and JetStream (jetstream.c)
 * behind its own API subjects. One account. What the SDK relies on is here; each of it is compared with a real server
 * by conformance.c.
 */
#ifndef FURROW_SIM_NATS_H
#define FURROW_SIM_NATS_H

#include "sim.h"

typedef struct sim_header {
    const char *name, *value;
} sim_header;

/* Immutable once it is sent; lives until the world's end. */
typedef struct sim_message {
    const char *subject, *reply; /* reply: NULL when none */
    sim_header *headers;
    size_t header_count;
    const void *data;
    size_t len;
} sim_message;

sim_message *sim_message_make(const char *subject, const char *reply, const void *data, size_t len);
void sim_message_add(sim_message *message, const char *name, const char *value);
/* The first value of @name, or NULL. */
const char *sim_message_header(const sim_message *message, const char *name);
/* "NATS/1.0\r\n…"; NULL when it has none. */
char *sim_message_block(const sim_message *message);

/* ---- connections, as the client sees them ---- */

typedef struct sim_conn sim_conn;

/* All in the client's process. */
typedef struct sim_conn_events {
    void (*readable)(void *client); /* something has come, or it is over */
} sim_conn_events;

/* NULL: nobody listens. */
sim_conn *sim_conn_open(sim_process *process, const sim_conn_events *events, void *client);
void sim_conn_close(sim_conn *conn);
/* Says once more that it is readable, soon. */
void sim_conn_look(sim_conn *conn);
bool sim_conn_over(const sim_conn *conn);
/* What has come: the subscription it is for and the message. False: nothing. */
bool sim_conn_next(sim_conn *conn, uint64_t *sid, const sim_message **message);
void sim_conn_subscribe(sim_conn *conn, uint64_t sid, const char *subject, const char *queue);
void sim_conn_unsubscribe(sim_conn *conn, uint64_t sid);
void sim_conn_publish(sim_conn *conn, const sim_message *message);
/* When a PING sent now would be answered; UINT64_MAX: never, as it is now. */
uint64_t sim_conn_pong_ns(const sim_conn *conn);

/* ---- the server, as the world sees it ---- */

void sim_nats_start(void);     /* a new one, without streams */
void sim_nats_set_up(bool up); /* down: connections break, nobody listens; streams stay */
bool sim_nats_is_up(void);
/* Connections of @process (NULL: all) break. */
void sim_nats_break(const sim_process *process);
/* Nothing travels on them, either way, until then; nobody is told. */
void sim_nats_darken(const sim_process *process, uint64_t until_ns);
/* Of what the server sends, so many of 1000 are lost, as to a slow consumer. */
void sim_nats_lose(unsigned in_1000);
/* How long messages travel at most. */
void sim_nats_latency(uint64_t max_ns);

/* A client within the world, at the server itself: gets what is published to @subject until the world's end. */
void sim_nats_listen(const char *subject, void (*fn)(void *arg, const sim_message *message), void *arg);
/* As from a client. How many got it. */
size_t sim_nats_publish(const sim_message *message);

/* ---- between nats.c and jetstream.c ---- */

/* Is it the JetStream's business? Then it has been dealt with, or stored. */
bool sim_js_take(const sim_message *message);
void sim_js_start(void);
/* Hands @message to whoever listens on @inbox. False: nobody does. */
bool sim_nats_send(const char *inbox, const sim_message *message);
bool sim_subject_matches(const char *pattern, const char *subject);

#endif
