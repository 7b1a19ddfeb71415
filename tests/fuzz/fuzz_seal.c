/*
 * Sealed fields and keys, as they come out of a log or Redis. Properties: the parts of a box lie within it; what was not
 * sealed under the key, for the subject, does not open, nor does anything of it with one bit changed; what was sealed
 * opens, with its counter, and looks as it went in.
 *
 * An input is a counter, a length and so much that is sealed, then what is taken for sealed as it is.
 */
#include "fuzz.h"

#include "log/sealbox.h"
#include "mutate.h"

#include <sodium.h>
#include <stdlib.h>

#define SUBJECT "employee.v1.Employee.E1"
#define HEAD    9

static const uint8_t key[FURROW_SEALBOX_KEY] = {1, 2, 3}, other_key[FURROW_SEALBOX_KEY] = {1, 2, 4};

static bool is_within(const uint8_t *part, size_t len, furrow_bytes whole)
{
    const uint8_t *begin = whole.data;
    return part >= begin && part + len <= begin + whole.len;
}

/* Nobody who has not the key makes what opens. */
static void check_foreign(furrow_bytes sealed)
{
    furrow_sealbox box = {.version = 99};
    if (!furrow_sealbox_parse(sealed, &box)) {
        FURROW_REQUIRE(box.version == 99);
        return;
    }
    FURROW_REQUIRE(box.text.len >= FURROW_SEALBOX_TAG && is_within(box.text.data, box.text.len, sealed));
    FURROW_REQUIRE(is_within(box.nonce, (size_t)((const uint8_t *)box.text.data - box.nonce), sealed));
    FURROW_REQUIRE(box.version == 2 || box.counter == 0);
    uint8_t *plain = malloc(box.text.len - FURROW_SEALBOX_TAG + 1);
    FURROW_REQUIRE(plain && !furrow_sealbox_open(key, SUBJECT, &box, plain));
    free(plain);
}

static void check_sealed(uint64_t counter, furrow_bytes plain, size_t spoil)
{
    size_t len = plain.len + FURROW_SEALBOX_OVERHEAD;
    uint8_t *sealed = malloc(len), *back = malloc(plain.len + 1);
    furrow_sealbox box;
    FURROW_REQUIRE(sealed && back);
    furrow_sealbox_seal(key, SUBJECT, counter, plain, sealed);
    FURROW_REQUIRE(furrow_sealbox_parse((furrow_bytes){sealed, len}, &box) && box.counter == counter);
    FURROW_REQUIRE(furrow_sealbox_open(key, SUBJECT, &box, back) && memcmp(back, plain.data, plain.len) == 0);
    FURROW_REQUIRE(!furrow_sealbox_open(other_key, SUBJECT, &box, back));
    FURROW_REQUIRE(!furrow_sealbox_open(key, SUBJECT "2", &box, back));
    sealed[spoil / 8 % len] ^= (uint8_t)(1 << spoil % 8);
    FURROW_REQUIRE(!furrow_sealbox_parse((furrow_bytes){sealed, len}, &box) ||
                   box.text.len < FURROW_SEALBOX_TAG + plain.len || !furrow_sealbox_open(key, SUBJECT, &box, back));
    free(sealed);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_foreign((furrow_bytes){data, size});
    if (size < HEAD) return 0;
    uint64_t counter;
    memcpy(&counter, data, sizeof counter);
    size_t rest = size - HEAD, len = data[HEAD - 1] < rest ? data[HEAD - 1] : rest;
    check_sealed(counter, (furrow_bytes){data + HEAD, len}, counter % 100003 + size);
    check_foreign((furrow_bytes){data + HEAD + len, rest - len});
    return 0;
}

/* Frames what comes last as a box, mostly: else the first byte is as far as most inputs get. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    mutate_raw(&text, 0, size);
    if (text.size <= HEAD || mutate_below(&dice, 4) == 0) return text.size;
    size_t rest = text.size - HEAD, at = HEAD + (data[HEAD - 1] < rest ? data[HEAD - 1] : rest);
    uint8_t box[FURROW_SEALBOX_OVERHEAD + 8] = {(uint8_t)(1 + mutate_below(&dice, 2))};
    for (size_t i = 1; i < sizeof box; i++) box[i] = (uint8_t)mutate_roll(&dice);
    mutate_splice(&text, at, text.size - at, box, sizeof box - mutate_below(&dice, 24));
    return text.size;
}
