/**
 * What is known of each record of a table while it is audited: by a hash of its id the newest event that was seen of it,
 * and whether the record was right by that. Memory: some 60 bytes an id; out of it ends the tool, which holds nothing.
 * Two ids of one hash (one in 10^7 audits of a million) may hide each other. Pure.
 */
#ifndef FURROW_CLI_LEDGER_H
#define FURROW_CLI_LEDGER_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ledger_entry {
    uint64_t hash;    /* of the id */
    uint64_t version; /* of the newest event; 0: the log has nothing of it */
    char *id;         /* owned; NULL: the event tells */
    uint64_t counted; /* a hash of what totals must hold of the record; 0: nothing */
    bool is_counted;  /* totals hold something of it */
    bool right;       /* the record is as that event says */
    bool suspect;     /* something does not fit, or did not */
} ledger_entry;

typedef struct ledger ledger;

ledger *ledger_create(void);
void ledger_destroy(ledger *self);

size_t ledger_count(const ledger *self);
ledger_entry *ledger_at(ledger *self, size_t at);

uint64_t ledger_hash(furrow_bytes id);
/* The entry of the id with @hash, made if there is none; its place. It moves when others are made. */
size_t ledger_find(ledger *self, uint64_t hash);
bool ledger_has(const ledger *self, uint64_t hash);
void ledger_name(ledger_entry *entry, furrow_bytes id);

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
