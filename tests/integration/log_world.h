/**
 * The little mesh that the tests of common/log share: nats-server, redis-server, a loop, and the entities of one
 * service: counters and keys (twice, over two links, as two replicas of the service would have them), claims on badges.
 * A test's body runs as a task of the loop.
 */
#ifndef FURROW_TEST_LOG_WORLD_H
#define FURROW_TEST_LOG_WORLD_H

#include "base/clock.h"
#include "log/claim.h"
#include "log/entity.h"
#include "log/seal.h"
#include "log_test.pb-c.h"
#include "support/process.h"
#include "support/servers.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Logtest__V1__Counter test_counter;

#define LOG_FORBIDDEN_VALUE INT64_MIN /* a counter's rules allow every value but this */

typedef struct log_world {
    furrow_test_server *nats, *redis;
    furrow_loop *loop;
    furrow_link *link, *other_link;
    furrow_store *store;
    furrow_table *counter_table, *claim_table, *key_table;
    furrow_entity *counters, *other_counters, *claims, *keys, *other_keys;
    furrow_arena *arena;
} log_world;

extern const furrow_entity_contract log_counter, log_claim, log_key;

/* Starts all with the streams (duplicate window of 100 ms), runs @body in a task, ends all. */
void log_run(void (*body)(log_world *world));
/* The same in a child process on servers that run: connects, runs @body, and exits with 0. */
void log_run_child(const char *nats_url, const char *redis_url, void (*body)(log_world *world));
/* Connects `link` anew, to @url; its counters too. */
void log_reconnect_through(log_world *world, const char *url);

const furrow_secret *log_secret(void); /* the service's */
uint64_t log_soon(void);
furrow_command log_command(void);
/* With the key hash(@key) and the request hash(@request). */
furrow_command log_keyed(const char *key, const char *request);

/* Sets, adds, deletes; the write's status. */
furrow_status log_set(furrow_entity *entity, furrow_arena *arena, const char *id, int64_t value,
                      const furrow_command *command, furrow_written *out, furrow_error *err);
furrow_status log_add(furrow_entity *entity, furrow_arena *arena, const char *id, int64_t value,
                      const furrow_command *command, furrow_written *out, furrow_error *err);
furrow_status log_delete(furrow_entity *entity, furrow_arena *arena, const char *id, const furrow_command *command,
                         furrow_written *out, furrow_error *err);

int64_t log_value(const furrow_state *state);
furrow_state log_load(log_world *world, const char *id);
furrow_state log_newest(log_world *world, const char *id);
furrow_js_stored log_stored(log_world *world, const char *id);
void log_must(furrow_status status, const furrow_error *err);

/* What was published up to now is out of the server's window for duplicates. */
void log_await_window_closed(log_world *world);

int log_main(Suite *suite);

#endif
