/*
 * What a marker may be read from: seven fields of a hash and the build's own key, each text, nothing or something else.
 * Properties: a marker that is found has a build, which begins the key's value; every text ends within its place; what
 * is not found has no build; and numbers that are written as the functions write them are read back the same.
 */
#include "fuzz.h"

#include "mutate.h"
#include "store/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 7

/* Up to the next NUL, in memory of its own of that size, so that a byte too many is noticed. One that is empty, or
 * begins with a control character, is something else than text. */
static furrow_value next_value(const uint8_t **at, size_t *left)
{
    size_t len = strnlen((const char *)*at, *left), used = len < *left ? len + 1 : len;
    furrow_value value = {.kind = FURROW_VALUE_NIL};
    if (len > 0 && **at >= ' ') {
        char *text = malloc(len);
        FURROW_REQUIRE(text);
        memcpy(text, *at, len);
        value = (furrow_value){.kind = FURROW_VALUE_TEXT, .text = {text, len}};
    } else if (len > 0) {
        value = (furrow_value){.kind = FURROW_VALUE_INTEGER, .integer = **at};
    }
    *at += used;
    *left -= used;
    return value;
}

static void free_value(const furrow_value *value)
{
    if (value->kind == FURROW_VALUE_TEXT) free((char *)(uintptr_t)value->text.data);
}

static void check_found(const furrow_marker *marker, const furrow_value *build)
{
    size_t len = strlen(marker->build);
    FURROW_REQUIRE(len > 0 && build->kind == FURROW_VALUE_TEXT && build->text.len > len);
    FURROW_REQUIRE(memcmp(build->text.data, marker->build, len) == 0 && marker->dated_ns >= 0);
}

/* As the functions write it. */
static void check_again(const furrow_marker *marker, const furrow_value *fields)
{
    char text[160];
    furrow_marker again;
    int len = snprintf(text, sizeof text, "%s %" PRIu64 " %" PRIu64 " %" PRId64, marker->build, marker->newest,
                       marker->dated, marker->dated_ns);
    furrow_value build = {.kind = FURROW_VALUE_TEXT, .text = {text, (size_t)len}};
    FURROW_REQUIRE(furrow_marker_of(fields, &build, &again, NULL) == FURROW_OK && again.found);
    FURROW_REQUIRE(again.newest == marker->newest && again.dated == marker->dated &&
                   again.dated_ns == marker->dated_ns && again.position == marker->position);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_value items[FIELDS], build;
    furrow_marker marker;
    furrow_error err = {0};
    if (size == 0) return 0;
    size_t count = data[0] % 8 == 7 ? data[0] / 8 % FIELDS : FIELDS, left = size - 1;
    const uint8_t *at = data + 1;
    for (size_t i = 0; i < FIELDS; i++) items[i] = next_value(&at, &left);
    build = next_value(&at, &left);
    furrow_value fields = {.kind = FURROW_VALUE_LIST, .items = items, .count = count};
    furrow_status status = furrow_marker_of(&fields, &build, &marker, &err);
    FURROW_REQUIRE((status == FURROW_OK) == (count == FIELDS) && (status == FURROW_OK || err.text[0]));
    if (status == FURROW_OK) {
        FURROW_REQUIRE(memchr(marker.build, 0, sizeof marker.build) && memchr(marker.shape, 0, sizeof marker.shape));
        FURROW_REQUIRE(memchr(marker.run_id, 0, sizeof marker.run_id) && marker.epoch_ns >= 0);
        FURROW_REQUIRE(memchr(marker.tally, 0, sizeof marker.tally));
        if (marker.found) {
            check_found(&marker, &build);
            check_again(&marker, &fields);
        } else {
            FURROW_REQUIRE(!marker.build[0] && marker.newest == 0 && marker.dated == 0 && marker.dated_ns == 0);
        }
    }
    for (size_t i = 0; i < FIELDS; i++) free_value(&items[i]);
    free_value(&build);
    return 0;
}

/* The build, the numbers and the blanks are what matters: the first is copied to where it is looked for. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    mutate_dice dice = mutate_dice_of(seed);
    mutate_text text = {data, size, max_size};
    if (size < 2 || mutate_below(&dice, 4)) {
        mutate_raw(&text, 0, size);
        return text.size;
    }
    char made[96];
    size_t build_len = strnlen((const char *)data + 1, size - 1 < 30 ? size - 1 : 30);
    int len = snprintf(made, sizeof made, "%c%.*s %" PRIu64 " %" PRIu64 " %" PRIu64, '\0', (int)build_len, data + 1,
                       (uint64_t)mutate_roll(&dice), (uint64_t)mutate_roll(&dice) << 32, (uint64_t)mutate_roll(&dice));
    mutate_splice(&text, text.size, 0, made, (size_t)len);
    return text.size;
}
