/**
 * A nats-server with one stream and a link to it, for the tests of JetStream over the link. A test's body runs as a task
 * of the loop.
 */
#ifndef FURROW_TEST_STREAM_WORLD_H
#define FURROW_TEST_STREAM_WORLD_H

#include "base/clock.h"
#include "link/jetstream.h"
#include "link/provision.h"
#include "support/servers.h"

#define STREAM_PATIENCE_MS 20000

extern const furrow_entity_contract stream_thing; /* THING: t.v1.Thing.*, two states of each */
extern const furrow_replica_contract stream_thing_replica;

typedef struct stream_world {
    furrow_test_server *nats;
    furrow_loop *loop;
    furrow_link *link;
    void (*body)(struct stream_world *world);
} stream_world;

uint64_t stream_within_ms(uint64_t ms);

/* Starts all, runs @body, ends all. */
void stream_run(bool with_stream, void (*body)(stream_world *world));
/* With the stream, on a server of this configuration, which lets in who does not say who he is. */
void stream_run_on(const char *config, void (*body)(stream_world *world));

furrow_status stream_provision(const stream_world *world, const furrow_entity_contract *entity,
                               const furrow_replica_contract *consumer, furrow_error *err);

/* Publishes @text on t.v1.Thing.@id. @ack may be NULL. */
furrow_status stream_put(stream_world *world, const char *id, const char *text, const char *msg_id, int64_t expected,
                         furrow_js_puback *ack, furrow_error *err);

/* @count messages from many tasks at once, on @keys ids in turn. */
void stream_fill(stream_world *world, size_t count, size_t keys);

#endif
