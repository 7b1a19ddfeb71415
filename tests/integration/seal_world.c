/* See seal_world.h. */
#include "seal_world.h"

#include "support/tempdir.h"
#include "wire/message.h"

#include <sys/stat.h>

const char seal_hex[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

const char *seal_key_file(const char *text, size_t len, mode_t mode)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/key", furrow_test_tempdir());
    FILE *file = fopen(path, "wb");
    ck_assert(file && fwrite(text, 1, len, file) == len && fclose(file) == 0 && chmod(path, mode) == 0);
    return path;
}

furrow_sealer *seal_open(furrow_entity *keys, const char *path)
{
    furrow_error err = {0};
    furrow_sealer *sealer = furrow_sealer_create(keys, path, NULL, &err);
    ck_assert_msg(sealer != NULL, "%s", err.text);
    return sealer;
}

furrow_sealer *seal_open_usual(furrow_entity *keys)
{
    return seal_open(keys, seal_key_file(seal_hex, strlen(seal_hex), 0400));
}

furrow_seal_target seal_target_of(furrow_entity *counters, const char *id, const furrow_command *command)
{
    return (furrow_seal_target){.entity = counters, .id = id, .command = command};
}

furrow_status seal_decide_secret(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *error)
{
    const furrow_bytes *sealed = arg;
    test_counter *next = (test_counter *)furrow_message_new(log_counter.descriptor, arena);
    next->id = furrow_arena_strdup(arena, "c1");
    next->secret = (ProtobufCBinaryData){sealed->len, (uint8_t *)(uintptr_t)sealed->data};
    *out = (furrow_decision){.next = &next->base, .event = "sealed"};
    return FURROW_OK;
}

furrow_bytes seal_redis_dump(log_world *world, const char *key)
{
    furrow_value value;
    furrow_error err = {0};
    const furrow_bytes get[] = {FURROW_BYTES_LITERAL("GET"), furrow_bytes_of(key)};
    log_must(furrow_store_command(world->store, get, 2, world->arena, &value, &err), &err);
    return value.kind == FURROW_VALUE_TEXT ? value.text : (furrow_bytes){"", 0};
}
