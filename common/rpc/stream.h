/**
 * Server streams, as a service answers them: many messages to one call, as fast as its caller reads them. README.md has
 * the protocol, reader.h the other side. A method that the contract declares as `returns (stream X)` has a handler that
 * gets no response to fill in, but sends:
 *
 *   furrow_status orchard_watch_trees(furrow_call *call, const WatchRequest *request, furrow_error *err)
 *   {
 *       while (there is one) {
 *           furrow_status status = orchard_watch_trees_send(call, &tree, err);
 *           if (status != FURROW_OK) return status;
 *       }
 *       return FURROW_OK; // the stream's end, with a status
 *   }
 *
 * What a handler makes in furrow_call_arena stays until the call ends: one that sends for long has an arena of its own
 * for each message. Threads: the loop's, in the call's task.
 */
#ifndef FURROW_RPC_STREAM_H
#define FURROW_RPC_STREAM_H

#include "rpc/server.h"

/**
 * Sends one message; parks while the caller has as many unread as it asked for. @message is the caller's again when this
 * returns.
 * Errors: CANCELLED (the caller has ended the call, or is gone), DEADLINE_EXCEEDED, UNAVAILABLE (the connection is lost,
 * the service ends), RESOURCE_EXHAUSTED, INTERNAL (it cannot be encoded). The call cannot send any more then.
 */
furrow_status furrow_stream_send(furrow_call *call, const ProtobufCMessage *message, furrow_error *err) FURROW_MUST_USE;

/* OK while the stream can be sent on; else why not, as send would answer. For handlers that wait for something else. */
furrow_status furrow_stream_check(furrow_call *call, furrow_error *err) FURROW_MUST_USE;

#endif
