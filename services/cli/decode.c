/* furrow decode: bytes of a message to JSON, for `nats sub --translate` and for a look into Redis. */
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/descriptor_build.h"
#include "cli/descriptor_sets.h"

#include "wire/json.h"
#include "wire/message.h"

#include <inttypes.h>

#define INPUT_MAX     (8 * 1024 * 1024)
#define VERSION_BYTES 8

static void print_decoded(cli *tool, const ProtobufCMessageDescriptor *descriptor, furrow_bytes bytes)
{
    furrow_error err;
    ProtobufCMessage *message;
    furrow_buffer out;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(4 * INPUT_MAX);
    furrow_buffer_init(&out, 4 * INPUT_MAX);
    if (furrow_message_unpack(descriptor, bytes, arena, &message, &err) != FURROW_OK ||
        furrow_json_encode(message, NULL, &out, &err) != FURROW_OK)
        cli_fail_error(tool, descriptor->name, &err);
    else
        printf("%.*s\n", (int)out.len, (const char *)out.data);
    furrow_buffer_fini(&out);
}

static bool has_message(const descriptor_pool *pool, const char *name)
{
    return descriptor_find_message(pool, name) != NULL;
}

/* Compiled in, or of a contract's descriptors, or of what a service of the mesh says of itself. NULL: told why. */
static const ProtobufCMessageDescriptor *find_descriptor(cli *tool, const char *name, descriptor_pool *pool)
{
    const ProtobufCMessageDescriptor *descriptor = cli_find_message(name);
    furrow_error err;
    if (descriptor || !descriptor_sets_find(tool, name, has_message, pool)) return descriptor;
    if (descriptor_build(pool, name, &descriptor, &err) == FURROW_OK) return descriptor;
    return cli_fail_error(tool, name, &err), NULL;
}

/* redis-cli ends a raw value with a newline of its own; whoever pipes from it strips that (head -c -1). */
static int decode_input(cli *tool, const ProtobufCMessageDescriptor *descriptor)
{
    static uint8_t input[INPUT_MAX];
    size_t len = fread(input, 1, sizeof input, stdin);
    furrow_bytes body = {input, len};
    if (cli_flag(tool, "--record")) {
        if (len < VERSION_BYTES)
            return cli_fail(tool, 1, "%zu bytes are no record: it begins with 8 bytes of version", len);
        uint64_t version = 0;
        for (size_t i = 0; i < VERSION_BYTES; i++) version = version << 8 | input[i];
        printf("version %" PRIu64 ", %zu bytes: ", version, len - VERSION_BYTES);
        body = (furrow_bytes){input + VERSION_BYTES, len - VERSION_BYTES};
        if (body.len == 0) {
            printf("deleted\n");
            return 0;
        }
    }
    print_decoded(tool, descriptor, body);
    return tool->exit_code;
}

int cli_decode(cli *tool)
{
    descriptor_pool pool = {0};
    const ProtobufCMessageDescriptor *descriptor = find_descriptor(tool, tool->argv[0], &pool);
    if (descriptor) decode_input(tool, descriptor);
    descriptor_pool_fini(&pool);
    return tool->exit_code;
}
