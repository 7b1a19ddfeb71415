/*
 * Index entries, made of any record's bytes. Properties: members are "<value> NUL <id>" with a value that has neither
 * NUL nor 0xff and is bounded, in order, each once; numbers sort as they count; folding is done once for all and keeps
 * UTF-8.
 */
#include "fuzz.h"

#include "mutate.h"
#include "store/index.h"
#include "store/record.h"
#include "wire/message.h"
#include "wire/nul.h"
#include "wire_test.pb-c.h"

#define INDEXES_MAX 32

static const ProtobufCMessageDescriptor *const types[] = {
    &wiretest__v1__person__descriptor, &wiretest__v1__scalars__descriptor, &wiretest__v1__repeated__descriptor,
    &wiretest__v1__choice__descriptor, &wiretest__v1__well_known__descriptor};
#define TYPE_OF(byte) types[(byte) % (sizeof types / sizeof *types)]

static const furrow_bytes id = {"E1", 2};

/* Every field of @type that can be listed by. */
static size_t indexes_of(const ProtobufCMessageDescriptor *type, furrow_index_contract out[INDEXES_MAX])
{
    size_t count = 0;
    for (unsigned i = 0; i < type->n_fields && count < INDEXES_MAX; i++) {
        out[count] = (furrow_index_contract){type->fields[i].name, &type->fields[i], i % 2 == 0};
        count += furrow_index_check(&out[count], NULL) == FURROW_OK;
    }
    return count;
}

static void check_member(furrow_bytes member)
{
    const char *text = member.data, *nul = memchr(text, '\0', member.len);
    FURROW_REQUIRE(nul && nul - text <= FURROW_INDEX_TEXT_BYTES && !memchr(text, 0xff, member.len));
    FURROW_REQUIRE(furrow_bytes_equal(id, furrow_index_id(member)));
    FURROW_REQUIRE(furrow_nul_text_valid((furrow_bytes){text, (size_t)(nul - text)}));
}

static void check_record(const ProtobufCMessageDescriptor *type, furrow_bytes body, furrow_arena *arena)
{
    furrow_index_contract indexes[INDEXES_MAX];
    furrow_index_entries entries;
    furrow_error err = {0};
    size_t count = indexes_of(type, indexes);
    furrow_status status = furrow_index_compute(type, indexes, count, id, body, arena, &entries, &err);
    if (status != FURROW_OK) {
        FURROW_REQUIRE(status == FURROW_INVALID_ARGUMENT || status == FURROW_RESOURCE_EXHAUSTED);
        return;
    }
    for (size_t i = 0; i < entries.count; i++) {
        check_member(entries.list[i].member);
        FURROW_REQUIRE(entries.list[i].index < count);
        if (i == 0 || entries.list[i - 1].index < entries.list[i].index) continue;
        FURROW_REQUIRE(entries.list[i - 1].index == entries.list[i].index &&
                       furrow_index_compare(entries.list[i - 1].member, entries.list[i].member) < 0);
    }
}

static void check_text(furrow_bytes text, furrow_arena *arena)
{
    furrow_bytes once = furrow_index_text(text, true, arena), twice = furrow_index_text(once, true, arena);
    FURROW_REQUIRE(once.data && once.len <= FURROW_INDEX_TEXT_BYTES);
    FURROW_REQUIRE(!memchr(once.data, '\0', once.len));
    /* What is no text may become some, where an accent between two halves of a letter falls out. */
    if (furrow_utf8_valid(text.data, text.len))
        FURROW_REQUIRE(furrow_utf8_valid(once.data, once.len) && furrow_bytes_equal(once, twice));
}

static int sign(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static void check_numbers(const uint8_t *data, furrow_arena *arena)
{
    int64_t a, b;
    memcpy(&a, data, sizeof a);
    memcpy(&b, data + sizeof a, sizeof b);
    int order = furrow_index_compare(furrow_record_index_integer(a, arena), furrow_record_index_integer(b, arena));
    FURROW_REQUIRE(sign(order, 0) == sign(a, b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    furrow_arena *arena = furrow_arena_create(4u << 20);
    FURROW_REQUIRE(arena);
    check_record(TYPE_OF(data[0]), (furrow_bytes){data + 1, size - 1}, arena);
    check_text((furrow_bytes){data + 1, size - 1}, arena);
    if (size > 2 * sizeof(int64_t)) check_numbers(data + 1, arena);
    furrow_arena_destroy(arena);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (size == 0 || mutate_below(&dice, 16) == 0) {
        mutate_raw(&text, 0, size);
        return text.size;
    }
    mutate_text body = {data + 1, size - 1, max_size - 1};
    mutate_wire(&body, TYPE_OF(data[0]), &dice);
    return body.size + 1;
}
