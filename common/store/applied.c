/* See applied.h. */
#include "store/applied.h"

#include "store/table.h"

#include <string.h>

furrow_status furrow_applied_read(furrow_table *table, const char *build, furrow_arena *arena, furrow_applied *out,
                                  furrow_error *err)
{
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("GET"), table->applied_key};
    size_t build_len = strlen(build), before = FURROW_VERSION_BYTES + build_len;
    furrow_applied applied = {.base = 0};
    furrow_value value;
    furrow_status status = furrow_store_command(table->store, argv, 2, arena, &value, err);
    if (status) return furrow_wrap(err, "what is applied of %s", table->options.entity);
    if (value.kind == FURROW_VALUE_TEXT && value.text.len >= before) {
        const uint8_t *bytes = value.text.data;
        for (size_t i = 0; i < FURROW_VERSION_BYTES; i++) applied.base = applied.base << 8 | bytes[i];
        applied.bits = (furrow_bytes){bytes + before, value.text.len - before};
        if (memcmp(bytes + FURROW_VERSION_BYTES, build, build_len) != 0) applied = (furrow_applied){.base = 0};
    }
    *out = applied;
    return FURROW_OK;
}

static bool is_noted(const furrow_applied *applied, uint64_t at)
{
    return at / 8 < applied->bits.len && (((const uint8_t *)applied->bits.data)[at / 8] >> (7 - at % 8) & 1) != 0;
}

furrow_applied_gap furrow_applied_next_gap(const furrow_applied *applied, uint64_t after)
{
    uint64_t at = after > applied->base ? after - applied->base : 0, end = 8 * (uint64_t)applied->bits.len;
    while (is_noted(applied, at)) at++;
    furrow_applied_gap gap = {.first = applied->base + at + 1, .last = UINT64_MAX};
    while (at < end && !is_noted(applied, at)) at++;
    if (at < end) gap.last = applied->base + at;
    return gap;
}
