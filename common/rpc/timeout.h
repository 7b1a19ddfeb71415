/** What client and server both assume, so that it need not be sent. */
#ifndef FURROW_RPC_TIMEOUT_H
#define FURROW_RPC_TIMEOUT_H

/* Deadline of a method whose contract states none. */
#define FURROW_RPC_TIMEOUT_MS 5000

#endif
