/* See ledger.h. Two open hash tables with linear probing, never more than half full. */
#include "cli/ledger.h"

#include "base/hash.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_PLACES 1024

struct ledger {
    ledger_entry *entries;
    size_t count, capacity;
    uint32_t *places; /* index of an entry, plus 1; 0: free */
    size_t place_count;
};

static uint64_t hash_bytes(uint64_t hash, furrow_bytes bytes)
{
    hash = furrow_hash_quick(hash, bytes);
    return hash ^ hash >> 29;
}

/* Nobody can choose ids that hide each other: what the hash begins with is another each time. */
uint64_t ledger_hash(furrow_bytes id)
{
    static uint64_t seed;
    while (seed == 0) FURROW_REQUIRE(getrandom(&seed, sizeof seed, 0) == (ssize_t)sizeof seed);
    return hash_bytes(seed, id);
}

static void *resize(void *array, size_t count, size_t size)
{
    void *grown = realloc(array, count * size);
    FURROW_REQUIRE(grown);
    return grown;
}

static void *zeroes(size_t count, size_t size)
{
    void *made = calloc(count, size);
    FURROW_REQUIRE(made);
    return made;
}

ledger *ledger_create(void)
{
    ledger *self = zeroes(1, sizeof *self);
    self->place_count = FIRST_PLACES;
    self->places = zeroes(self->place_count, sizeof *self->places);
    return self;
}

void ledger_destroy(ledger *self)
{
    if (!self) return;
    for (size_t i = 0; i < self->count; i++) free(self->entries[i].id);
    free(self->entries);
    free(self->places);
    free(self);
}

size_t ledger_count(const ledger *self)
{
    return self->count;
}

ledger_entry *ledger_at(ledger *self, size_t at)
{
    return &self->entries[at];
}

/* Where the entry of @hash is, or would be. */
static uint32_t *place_of_hash(const ledger *self, uint64_t hash)
{
    size_t at = (size_t)hash & (self->place_count - 1);
    while (self->places[at] && self->entries[self->places[at] - 1].hash != hash)
        at = (at + 1) & (self->place_count - 1);
    return &self->places[at];
}

static void grow_ledger(ledger *self)
{
    free(self->places);
    self->place_count *= 2;
    self->places = zeroes(self->place_count, sizeof *self->places);
    for (size_t i = 0; i < self->count; i++) *place_of_hash(self, self->entries[i].hash) = (uint32_t)(i + 1);
}

size_t ledger_find(ledger *self, uint64_t hash)
{
    uint32_t *place = place_of_hash(self, hash);
    if (*place) return *place - 1;
    FURROW_REQUIRE(self->count < UINT32_MAX - 1);
    if (2 * (self->count + 1) > self->place_count) {
        grow_ledger(self);
        place = place_of_hash(self, hash);
    }
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? 2 * self->capacity : FIRST_PLACES;
        self->entries = resize(self->entries, self->capacity, sizeof *self->entries);
    }
    self->entries[self->count] = (ledger_entry){.hash = hash};
    *place = (uint32_t)++self->count;
    return self->count - 1;
}

bool ledger_has(const ledger *self, uint64_t hash)
{
    return *place_of_hash(self, hash) != 0;
}

void ledger_name(ledger_entry *entry, furrow_bytes id)
{
    if (entry->id) return;
    entry->id = zeroes(id.len + 1, 1);
    memcpy(entry->id, id.data, id.len);
}

/* ---- index entries ---- */

typedef struct member_place {
    uint64_t hash;   /* of index and member; 0: free */
    uint32_t record; /* its place in the ledger */
    bool marked;
} member_place;

struct ledger_members {
    member_place *places;
    size_t count, place_count;
};

ledger_members *ledger_members_create(void)
{
    ledger_members *self = zeroes(1, sizeof *self);
    self->place_count = FIRST_PLACES;
    self->places = zeroes(self->place_count, sizeof *self->places);
    return self;
}

void ledger_members_destroy(ledger_members *self)
{
    if (!self) return;
    free(self->places);
    free(self);
}

static uint64_t hash_member(size_t index, furrow_bytes member)
{
    uint64_t hash = hash_bytes(14695981039346656037u + 31 * index, member);
    return hash ? hash : 1;
}

static member_place *member_place_of(ledger_members *self, uint64_t hash)
{
    size_t at = (size_t)hash & (self->place_count - 1);
    while (self->places[at].hash && self->places[at].hash != hash) at = (at + 1) & (self->place_count - 1);
    return &self->places[at];
}

static void grow_members(ledger_members *self)
{
    member_place *old = self->places;
    size_t old_count = self->place_count;
    self->place_count *= 2;
    self->places = zeroes(self->place_count, sizeof *self->places);
    for (size_t i = 0; i < old_count; i++)
        if (old[i].hash) *member_place_of(self, old[i].hash) = old[i];
    free(old);
}

void ledger_members_add(ledger_members *self, size_t index, furrow_bytes member, size_t record)
{
    if (2 * (self->count + 1) > self->place_count) grow_members(self);
    uint64_t hash = hash_member(index, member);
    member_place *place = member_place_of(self, hash);
    if (place->hash) return;
    *place = (member_place){.hash = hash, .record = (uint32_t)record};
    self->count++;
}

bool ledger_members_mark(ledger_members *self, size_t index, furrow_bytes member)
{
    member_place *place = member_place_of(self, hash_member(index, member));
    if (place->hash) place->marked = true;
    return place->hash != 0;
}

bool ledger_members_missing(const ledger_members *self, size_t *at, size_t *record)
{
    for (; *at < self->place_count; (*at)++) {
        if (!self->places[*at].hash || self->places[*at].marked) continue;
        *record = self->places[(*at)++].record;
        return true;
    }
    return false;
}
