/** The inside of the JetStream in memory: streams (jetstream.c), their API (js_api.c), durable consumers (js_pull.c). */
#ifndef FURROW_SIM_JS_H
#define FURROW_SIM_JS_H

#include "jetstream.h"

#include <stdio.h>

#define SIM_JS_ACK_WAIT_NS     (30 * SIM_S)
#define SIM_JS_MAX_ACK_PENDING 20000

typedef struct sim_request {
    struct sim_request *next;
    const char *inbox;
    uint64_t batch, left, max_bytes, bytes_left, heartbeat_ns, last_sent_ns;
    bool no_wait, limits_bytes, over;
    sim_event *expiry, *pulse;
    struct sim_consumer *consumer;
} sim_request;

typedef struct sim_pending {
    uint64_t sequence, consumer_seq, deliveries, due_ns;
    bool again; /* to be delivered again as soon as somebody asks */
} sim_pending;

typedef struct sim_consumer {
    struct sim_consumer *next;
    sim_stream *stream;
    const char *name;
    int64_t created_ns;
    uint64_t delivered, consumer_seq, floor, floor_consumer_seq;
    sim_pending *pending;
    size_t pending_count, pending_room;
    sim_request *requests;
    sim_event *alarm; /* when the next pending one is due */
    bool deleted;
} sim_consumer;

typedef struct sim_seen {
    struct sim_seen *next;
    const char *id;
    uint64_t sequence;
    uint64_t at_ns;
} sim_seen;

struct sim_stream {
    sim_stream *next;
    sim_stream_options options;
    int64_t created_ns, last_ns;
    sim_stored *stored; /* stored[i] has the sequence i + 1 */
    uint64_t last, room, count;
    sim_stored *lost; /* what it lost, in the order in which it had taken it */
    size_t lost_count;
    sim_seen *seen;
    sim_consumer *consumers;
};

sim_stream *sim_js_streams(void);
sim_consumer *sim_js_consumer(const sim_stream *stream, const char *name);
void sim_js_reply(const sim_message *to, const char *text);
uint64_t sim_js_first(const sim_stream *stream);
/* The first one there at or after @from, of subjects that match @pattern (NULL: all); NULL: none. */
const sim_stored *sim_js_next(const sim_stream *stream, uint64_t from, const char *pattern);

/* js_api.c: @verb is what stands behind "API.". */
void sim_js_api(const char *verb, const sim_message *request);
/* The number at "@key":, the text at "@key":"…"; false: there is none. */
bool sim_js_number(const sim_message *request, const char *key, uint64_t *out);
bool sim_js_text(const sim_message *request, const char *key, char *out, size_t size);
void sim_js_format_time(int64_t wall_ns, char out[40]);

/* js_pull.c */
void sim_js_pull(sim_consumer *consumer, const sim_message *request);
void sim_js_acked(const char *rest, const sim_message *message);
void sim_js_serve(sim_consumer *consumer);
/* @sequence is no longer there. */
void sim_js_dropped(sim_consumer *consumer, uint64_t sequence);
/* Ends all requests without a word; what is pending stays. */
void sim_js_forget_requests(sim_consumer *consumer);
void sim_js_tidy_floor(sim_consumer *consumer);

#endif
