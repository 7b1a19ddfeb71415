/*
 * What a command has checked, by version; see record.h. Of the bytes their hash is kept, so that a log that was put in
 * the place of another, with the same versions of other events, is checked. May depend on table, libsodium.
 */
#include "store/table.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

typedef struct furrow_vouched {
    uint64_t version; /* 0: nobody vouches */
    uint8_t hash[crypto_shorthash_BYTES];
} furrow_vouched;

/* Sixty-four bits of body and id under a key of this process. */
static void vouch_hash(const furrow_record_write *write, uint8_t out[crypto_shorthash_BYTES])
{
    static uint8_t key[crypto_shorthash_KEYBYTES];
    static bool drawn;
    if (!drawn) randombytes_buf(key, sizeof key);
    drawn = true;
    uint8_t of_body[crypto_shorthash_BYTES], of_id[crypto_shorthash_BYTES];
    crypto_shorthash(of_body, write->body.data, write->body.len, key);
    crypto_shorthash(of_id, write->id.data, write->id.len, key);
    for (size_t i = 0; i < crypto_shorthash_BYTES; i++) out[i] = of_body[i] ^ of_id[i];
}

void furrow_record_vouch(furrow_table *table, const furrow_record_write *write)
{
    if (write->body.len == 0) return; /* a tombstone's headers are what is checked */
    if (!table->vouched) table->vouched = calloc(FURROW_RECORD_VOUCHED, sizeof *table->vouched);
    if (!table->vouched) return;
    furrow_vouched *entry = &table->vouched[write->version % FURROW_RECORD_VOUCHED];
    entry->version = write->version;
    vouch_hash(write, entry->hash);
}

bool furrow_record_vouched(const furrow_table *table, const furrow_record_write *write)
{
    uint8_t hash[crypto_shorthash_BYTES];
    const furrow_vouched *entry = table->vouched ? &table->vouched[write->version % FURROW_RECORD_VOUCHED] : NULL;
    if (!entry || write->version == 0 || entry->version != write->version || write->body.len == 0) return false;
    vouch_hash(write, hash);
    return memcmp(hash, entry->hash, sizeof hash) == 0;
}
