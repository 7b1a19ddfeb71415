/* Small values with an expiry (see record.h): what an idempotency key answered. The first value of a key stands until
 * it expires. */
#include "store/record.h"

#include <stdio.h>

static furrow_status name_key(const char *service, const char *key, furrow_arena *arena, furrow_bytes *out,
                              furrow_error *err)
{
    const char *name = furrow_arena_printf(arena, "%s:@idem:%s", service, key);
    if (!name)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "an idempotency key does not fit the request's memory");
    *out = furrow_bytes_of(name);
    return FURROW_OK;
}

furrow_status furrow_store_remember(furrow_store *store, const char *service, const char *key, furrow_bytes value,
                                    uint64_t ttl_s, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(4096);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_bytes name;
    char ttl[24];
    furrow_status status = name_key(service, key, arena, &name, err);
    if (status) return status;
    snprintf(ttl, sizeof ttl, "%llu", (unsigned long long)ttl_s);
    const furrow_bytes argv[] = {
        FURROW_BYTES_LITERAL("SET"), name, value, FURROW_BYTES_LITERAL("NX"), FURROW_BYTES_LITERAL("EX"),
        furrow_bytes_of(ttl)};
    return furrow_store_command(store, argv, 6, arena, NULL, err);
}

furrow_status furrow_store_recall(furrow_store *store, const char *service, const char *key, furrow_arena *arena,
                                  furrow_value *out, furrow_error *err)
{
    furrow_bytes name;
    furrow_status status = name_key(service, key, arena, &name, err);
    if (status) return status;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("GET"), name};
    return furrow_store_command(store, argv, 2, arena, out, err);
}
