/** What nats-server says of itself before anybody signs in, and which of its versions are known for what. */
#ifndef FURROW_CLI_PEER_H
#define FURROW_CLI_PEER_H

#include <stdbool.h>

typedef struct peer_trouble {
    const char *what;
    bool loses; /* what was acknowledged, or two writers both win: on a single server, too */
} peer_trouble;

/* The version in the server's INFO, of the first of @urls that answers. False: @why. Blocks for 2 s at most. */
bool peer_nats_version(const char *urls, char version[64], char why[200]);

/* Is @version known for lost or slow writes? Pure. */
bool peer_nats_trouble(const char *version, peer_trouble *out);

#endif
