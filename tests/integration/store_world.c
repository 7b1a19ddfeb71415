/* See store_world.h. */
#include "store_world.h"

#include "store/functions.h"
#include "wire/message.h"

#include "store_test.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void body_task(void *arg)
{
    store_world *world = arg;
    world->body(world);
    furrow_store_destroy(world->store);
}

void store_world_run(const furrow_test_redis_options *server, void (*body)(store_world *world))
{
    furrow_error err = {0};
    char url[160];
    furrow_test_redis_options with_library = server ? *server : (furrow_test_redis_options){0};
    with_library.library = furrow_functions_text();
    store_world world = {
        .redis = furrow_test_redis_start(&with_library), .body = body, .arena = furrow_arena_create(64 << 20)};
    world.loop = furrow_loop_create(NULL, &err);
    ck_assert(world.loop && world.arena);
    snprintf(url, sizeof url, "unix://%s", furrow_test_server_socket(world.redis));
    world.store = store_world_open(&world, (furrow_store_options){.url = url});
    ck_assert_int_eq(furrow_loop_run_task(world.loop, body_task, &world, &err), FURROW_OK);
    furrow_loop_destroy(world.loop);
    furrow_arena_destroy(world.arena);
    furrow_test_server_destroy(world.redis);
}

furrow_store *store_world_open(store_world *world, furrow_store_options options)
{
    furrow_error err = {0};
    if (!options.url) options.url = furrow_test_server_url(world->redis);
    if (!options.timeout_ms) options.timeout_ms = PATIENCE_MS; /* of a busy machine */
    options.reconnect_min_ms = 5;
    options.reconnect_max_ms = 50;
    furrow_store *store = furrow_store_create(world->loop, &options, &err);
    ck_assert_msg(store != NULL, "%s", err.text);
    return store;
}

bool store_world_connected(furrow_store *store)
{
    return furrow_store_wait_connected(store, furrow_clock_now_ns() + PATIENCE_MS * FURROW_NS_PER_MS);
}

furrow_status store_world_ask(store_world *world, furrow_store *store, const char *words, furrow_value *out,
                              furrow_error *err)
{
    furrow_bytes argv[32];
    size_t argc = 0;
    char *copy = furrow_arena_strdup(world->arena, words), *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word && argc < 32; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = furrow_bytes_of(word);
    return furrow_store_command(store, argv, argc, world->arena, out, err);
}

int64_t store_world_number(store_world *world, const char *words)
{
    furrow_value value;
    ck_assert(store_world_connected(world->store));
    ck_assert_ok(store_world_ask(world, world->store, words, &value, failure));
    ck_assert_int_eq(value.kind, FURROW_VALUE_INTEGER);
    return value.integer;
}

const char *store_world_text(store_world *world, const char *words)
{
    furrow_value value;
    ck_assert(store_world_connected(world->store));
    ck_assert_ok(store_world_ask(world, world->store, words, &value, failure));
    ck_assert_int_eq(value.kind, FURROW_VALUE_TEXT);
    return value.text.data;
}

int64_t store_world_info(store_world *world, const char *name)
{
    const char *info = store_world_text(world, "INFO");
    for (const char *line = info; (line = strstr(line, name)); line++)
        if (line[strlen(name)] == ':' && (line == info || line[-1] == '\n'))
            return strtoll(line + strlen(name) + 1, NULL, 10);
    ck_abort_msg("INFO has no %s", name);
}

furrow_table *store_world_table(store_world *world, furrow_store *store, const char *entity, const char *indexes,
                                bool reactions)
{
    furrow_error err = {0};
    furrow_table_options options = {.service = "test", .entity = entity, .reactions = reactions};
    furrow_index_contract *list = furrow_arena_zalloc(world->arena, 16 * sizeof *list);
    char *copy = furrow_arena_strdup(world->arena, indexes), *rest = NULL;
    options.descriptor = &storetest__v1__worker__descriptor;
    options.indexes = list;
    for (char *field = strtok_r(copy, " ", &rest); field; field = strtok_r(NULL, " ", &rest)) {
        list[options.index_count] = (furrow_index_contract){
            .field = field,
            .descriptor = protobuf_c_message_descriptor_get_field_by_name(options.descriptor, field),
            .fold = strcmp(field, "name") == 0,
        };
        ck_assert_ptr_nonnull(list[options.index_count].descriptor);
        options.index_count++;
    }
    furrow_table *table = furrow_table_create(store, &options, &err);
    ck_assert_msg(table != NULL, "%s", err.text);
    return table;
}

furrow_bytes store_world_pack(store_world *world, const ProtobufCMessage *message)
{
    furrow_bytes bytes;
    ck_assert_ok(furrow_message_pack(message, world->arena, &bytes, failure));
    return bytes;
}

furrow_bytes store_world_worker(store_world *world, const char *id, const char *name, int status, const char *tags)
{
    Storetest__V1__Worker worker = STORETEST__V1__WORKER__INIT;
    char *list[32], *copy = furrow_arena_strdup(world->arena, tags), *rest = NULL;
    worker.id = furrow_arena_strdup(world->arena, id);
    worker.name = furrow_arena_strdup(world->arena, name);
    worker.status = (Storetest__V1__Status)status;
    worker.tags = list;
    for (char *tag = strtok_r(copy, " ", &rest); tag; tag = strtok_r(NULL, " ", &rest)) list[worker.n_tags++] = tag;
    return store_world_pack(world, &worker.base);
}

size_t store_world_put(furrow_table *table, const char *id, uint64_t version, furrow_bytes body)
{
    size_t applied = 99;
    furrow_record_write write = {furrow_bytes_of(id), version, body};
    ck_assert_ok(furrow_record_apply(table, &write, 1, &applied, failure));
    return applied;
}

furrow_record store_world_get(store_world *world, furrow_table *table, const char *id)
{
    furrow_record_read read = {.table = table, .id = id};
    ck_assert_ok(furrow_record_read_many(furrow_table_store(table), &read, 1, world->arena, failure));
    return read.record;
}

uint32_t store_world_random(uint32_t below)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 20) % below);
}

int store_world_main(const char *name, const TTest *const tests[], size_t count)
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    tcase_set_timeout(cases, 60);
    for (size_t i = 0; i < count; i++) tcase_add_test(cases, tests[i]);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void call_task(void *arg)
{
    store_world_caller *self = arg;
    self->status = store_world_ask(self->world, self->store, self->words, &self->value, &self->err);
    --*self->left;
}

void store_world_start_callers(store_world *world, furrow_store *store, store_world_caller *callers, size_t count,
                               const char *words, size_t *left)
{
    *left = count;
    for (size_t i = 0; i < count; i++) {
        callers[i] = (store_world_caller){.world = world, .store = store, .words = words, .left = left};
        ck_assert_ok(furrow_loop_spawn(world->loop, call_task, &callers[i], failure));
    }
}
