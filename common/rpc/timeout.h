/** What client and server both assume, so that it need not be sent. */
#ifndef FURROW_RPC_TIMEOUT_H
#define FURROW_RPC_TIMEOUT_H

/* Deadline of a method whose contract states none. */
#define FURROW_RPC_TIMEOUT_MS 5000

/* Of a stream: messages that may be unread, and between heartbeats, where a caller states none; and the most. */
#define FURROW_STREAM_WINDOW      64
#define FURROW_STREAM_WINDOW_MAX  1024
#define FURROW_STREAM_INTERVAL_MS 5000

#endif
