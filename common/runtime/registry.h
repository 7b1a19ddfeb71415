/**
 * The NATS service protocol (ADR-32): answers $SRV.PING, INFO and STATS, each alone, by name, and by name and id, so
 * that `nats micro ls | info | stats` shows the service; and health on furrow.v1.Health.<service>[.<id>].
 * https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md
 * Threads: the loop's.
 */
#ifndef FURROW_RUNTIME_REGISTRY_H
#define FURROW_RUNTIME_REGISTRY_H

#include "base/buffer.h"
#include "rpc/server.h"

typedef struct furrow_registry furrow_registry;

/* One line of service metadata. */
typedef struct furrow_registry_pair {
    char name[128];
    char value[256];
} furrow_registry_pair;

typedef struct furrow_registry_options {
    const char *name, *id, *version, *description; /* lent */
    const furrow_registry_pair *metadata;
    size_t metadata_count;
    /* Appends the health document, a JSON object. */
    void (*health)(void *user, furrow_buffer *out);
    /* Appends what each endpoint's `data` tells of the service beside the endpoint: members of an object; or NULL. */
    void (*data)(void *user, furrow_buffer *out);
    void *user;
} furrow_registry_options;

furrow_registry *furrow_registry_create(furrow_link *link, furrow_server *server,
                                        const furrow_registry_options *options, furrow_error *err);
void furrow_registry_destroy(furrow_registry *registry);

/* "load":{…}: how many run, may run, queue, wait, were refused and had expired. */
void furrow_registry_write_load(const furrow_server_load *load, furrow_buffer *out);

#endif
