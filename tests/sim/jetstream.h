/** The streams of the server in memory, as the world sees them. */
#ifndef FURROW_SIM_JETSTREAM_H
#define FURROW_SIM_JETSTREAM_H

#include "nats.h"

typedef struct sim_stream sim_stream;

typedef struct sim_stored {
    uint64_t sequence;
    int64_t time_ns;
    const sim_message *message;
    uint64_t gone_at; /* the sequence that pushed it out; 0: it is there */
} sim_stored;

typedef struct sim_stream_options {
    const char *name, *subjects;
    uint64_t per_subject;  /* messages kept of each; 0: all */
    uint64_t max_messages; /* then it takes no more; 0: no limit */
    bool sequence_first;   /* as servers from 2.11: a stale expectation is looked at before the message id */
} sim_stream_options;

void sim_js_add_stream(const sim_stream_options *options);
void sim_js_add_consumer(const char *stream, const char *name);
void sim_js_delete_consumer(const char *stream, const char *name);

sim_stream *sim_js_stream(const char *name);
uint64_t sim_js_last(const sim_stream *stream);
/* The newest message of @subject, or NULL. */
const sim_stored *sim_js_newest(const sim_stream *stream, const char *subject);
/* By sequence, also one that was pushed out; NULL: there never was, or it was lost. */
const sim_stored *sim_js_at(const sim_stream *stream, uint64_t sequence);

/* The next after *@found of what it has lost of @subject since @time_ns, that included; NULL: no more. */
const sim_stored *sim_js_lost(const sim_stream *stream, const char *subject, int64_t time_ns, size_t *found);

/*
 * A power cut: what came after the sequence @last is lost, what it had pushed out is there again. The consumers' state
 * is as it was when they had got so far, or @ahead: as it is now. The server must be down.
 */
void sim_js_lose_end(sim_stream *stream, uint64_t last, bool ahead);
/* The stream is made anew, empty, with its consumers. */
void sim_js_remake(sim_stream *stream);

/* Faults that are planted: expectations are not looked at; message ids are not. */
void sim_js_take_stale(void);
void sim_js_forget_ids(void);

#endif
