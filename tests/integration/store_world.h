/**
 * What the tests of common/store share: a real Redis, a loop, a store on it, and the body of the test as a task.
 */
#ifndef FURROW_TEST_STORE_WORLD_H
#define FURROW_TEST_STORE_WORLD_H

#include "base/clock.h"
#include "store/record.h"
#include "support/servers.h"
#include "support/wait.h"

#include <check.h>

#define PATIENCE_MS 10000

/* The call names its error `failure`. */
#define ck_assert_ok(call)                                                                                             \
    do {                                                                                                               \
        furrow_error failed = {0}, *const failure = &failed;                                                           \
        furrow_status outcome = (call);                                                                                \
        ck_assert_msg(outcome == FURROW_OK, "%s: %s: %s", #call, furrow_status_name(outcome), failure->text);          \
    } while (0)

typedef struct store_world {
    furrow_test_server *redis;
    furrow_loop *loop;
    furrow_store *store; /* connected, over the unix socket */
    furrow_arena *arena;
    void (*body)(struct store_world *world);
} store_world;

/* Runs @body as a task with everything there. @server may be NULL. With server->stopped the store is not connected. */
void store_world_run(const furrow_test_redis_options *server, void (*body)(store_world *world));

/* Another store; @options are completed with the world's URL (TCP) and quick reconnects. */
furrow_store *store_world_open(store_world *world, furrow_store_options options);
bool store_world_connected(furrow_store *store);

/* One command of words. */
furrow_status store_world_ask(store_world *world, furrow_store *store, const char *words, furrow_value *out,
                              furrow_error *err);
/* The same with success and an integer or text expected. */
int64_t store_world_number(store_world *world, const char *words);
const char *store_world_text(store_world *world, const char *words);

/* Number after "<name>:" in INFO. */
int64_t store_world_info(store_world *world, const char *name);

/* A plain table of workers, and one with the indexes named (space-separated fields of store_test.proto; name folds). */
furrow_table *store_world_table(store_world *world, furrow_store *store, const char *entity, const char *indexes,
                                bool reactions);

/* Bytes of @message in the world's arena. */
furrow_bytes store_world_pack(store_world *world, const ProtobufCMessage *message);

/* A small worker: @tags is space-separated. */
furrow_bytes store_world_worker(store_world *world, const char *id, const char *name, int status, const char *tags);

/* One write and one read, which succeed. */
size_t store_world_put(furrow_table *table, const char *id, uint64_t version, furrow_bytes body);
furrow_record store_world_get(store_world *world, furrow_table *table, const char *id);

/* Repeatable random numbers in 0..below-1. */
uint32_t store_world_random(uint32_t below);

int store_world_main(const char *name, const TTest *const tests[], size_t count);

/* A task that asks once, and what came of it. */
typedef struct store_world_caller {
    store_world *world;
    furrow_store *store;
    const char *words;
    furrow_status status;
    furrow_value value;
    furrow_error err;
    size_t *left;
} store_world_caller;
/* So many of them, each of which asks for @words; *left becomes 0 when all have their answers. */
void store_world_start_callers(store_world *world, furrow_store *store, store_world_caller *callers, size_t count,
                               const char *words, size_t *left);

#endif
