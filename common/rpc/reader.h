/**
 * Server streams, as their caller reads them: one call, many messages, no more of them in memory than the caller asked
 * for. README.md has the protocol, stream.h the other side. Typed readers (protoc-gen-furrow's *.client.h) are thin
 * wrappers of these:
 *
 *   furrow_reader *reader;
 *   furrow_status status = orchard_watch_trees_open(client, &request, NULL, &reader, err);
 *   if (status != FURROW_OK) return status;
 *   while ((status = orchard_watch_trees_next(reader, arena, &tree, err)) == FURROW_OK && tree) use(tree);
 *   furrow_reader_close(reader);
 *
 * A stream passes the client's chain (outbound.h) once: out when it is opened, back when it has ended or is closed.
 * Threads: the loop's, in a task; one task reads a stream.
 */
#ifndef FURROW_RPC_READER_H
#define FURROW_RPC_READER_H

#include "rpc/client.h"

typedef struct furrow_reader furrow_reader;

typedef struct furrow_reader_options {
    furrow_call_options
        call;              /* a deadline, if any is stated, is the stream's; version and idempotency_key are not used */
    uint32_t window;       /* messages that may be unread, at most 1024; 0: 64 */
    uint32_t heartbeat_ms; /* who is silent for twice as long is gone, for both sides; at least 200; 0: 5000 */
} furrow_reader_options;

/**
 * Asks, and parks until the stream is open or refused. @options may be NULL; nothing of them or of @request is kept.
 * The client and its link outlive the reader.
 * Errors: as furrow_client_call; where it is refused, it has not begun.
 */
furrow_status furrow_reader_open(furrow_client *client, const furrow_method_contract *method,
                                 const ProtobufCMessage *request, const furrow_reader_options *options,
                                 furrow_reader **reader, furrow_error *err) FURROW_MUST_USE;

/**
 * The next message, in @arena; parks until there is one. OK with *message NULL: the stream has ended, all of it was read.
 * Errors: the service's status; DATA_LOSS (a message was lost on the way), UNAVAILABLE (the service or the connection is
 * gone), DEADLINE_EXCEEDED, INTERNAL (more than was asked for, or no message). Then it has ended, too, and answers the
 * same again.
 */
furrow_status furrow_reader_next(furrow_reader *reader, furrow_arena *arena, ProtobufCMessage **message,
                                 furrow_error *err) FURROW_MUST_USE;

/* Frees it. One that has not ended is cancelled: its handler is told at its next wait or send. NULL does nothing. */
void furrow_reader_close(furrow_reader *reader);

#endif
