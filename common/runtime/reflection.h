/**
 * What a service is, in its own words: on furrow.v1.Reflection.<service> any one of its instances answers the .proto files
 * of its contracts and all that they import, comments included, as a google.protobuf.FileDescriptorSet. What gRPC's
 * server reflection is for; in one answer, since a NATS client has no stream to ask on. The answer's header is
 * `Content-Type: application/protobuf`, whatever is asked for; the request's body means nothing.
 * May depend on link, rpc and wire; for common/runtime only. Threads: the loop's.
 */
#ifndef FURROW_RUNTIME_REFLECTION_H
#define FURROW_RUNTIME_REFLECTION_H

#include "rpc/server.h"

typedef struct furrow_reflection furrow_reflection;

/* Once @server has all services. RESOURCE_EXHAUSTED: they are more than one message holds. */
furrow_reflection *furrow_reflection_create(furrow_link *link, furrow_server *server, const char *service,
                                            furrow_error *err);
/* Before its link and its server. NULL is fine. */
void furrow_reflection_destroy(furrow_reflection *reflection);

#endif
