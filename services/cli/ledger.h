/**
 * What the log says each record of a table must be: by id the newest event that can be applied, as a version and a hash
 * of what would be stored. Ids that only Redis knows get an entry, too. Memory: some 100 bytes an id; out of it ends the
 * tool, which holds nothing. Pure.
 */
#ifndef FURROW_CLI_LEDGER_H
#define FURROW_CLI_LEDGER_H

#include "base/bytes.h"
#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ledger_entry {
    char *id;
    uint64_t version; /* 0: the log has nothing of it */
    uint8_t hash[FURROW_HASH_BYTES];
    bool deleted, seen, suspect;
} ledger_entry;

typedef struct ledger ledger;

ledger *ledger_create(void);
void ledger_destroy(ledger *self);

size_t ledger_count(const ledger *self);
ledger_entry *ledger_at(ledger *self, size_t at);
/* The entry of @id, made if there is none; its place. It moves when others are made. */
size_t ledger_find(ledger *self, furrow_bytes id);

/* An event: counts if it is newer. An empty body is a deletion. */
void ledger_note(ledger *self, furrow_bytes id, uint64_t version, furrow_bytes body);

void ledger_hash(furrow_bytes body, uint8_t out[FURROW_HASH_BYTES]);

/* A set of index entries that there must be, each with the place of its record. */
typedef struct ledger_members ledger_members;
ledger_members *ledger_members_create(void);
void ledger_members_destroy(ledger_members *self);
void ledger_members_add(ledger_members *self, size_t index, furrow_bytes member, size_t record);
/* Marks it; false: it is none of them. */
bool ledger_members_mark(ledger_members *self, size_t index, furrow_bytes member);
/* The next record whose entry was not marked, from *@at on; false at the end. */
bool ledger_members_missing(const ledger_members *self, size_t *at, size_t *record);

#endif
