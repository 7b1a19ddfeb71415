/**
 * The inside of a table: its keys, and helpers that the record modules share. Private to store/.
 */
#ifndef FURROW_STORE_TABLE_H
#define FURROW_STORE_TABLE_H

#include "store/pipeline.h"
#include "store/record.h"
#include "store/trust.h"

#define FURROW_VERSION_BYTES 8
#define FURROW_VERSION_MAX   ((uint64_t)1 << 53) /* Lua's numbers are exact below */
#define FURROW_INDEXES_MAX   26                  /* an index is a letter in furrow.lua */

struct furrow_batch;       /* of batch.h */
struct furrow_write_group; /* of write_group.c */

typedef struct furrow_trust {
    furrow_table_guard *guard;  /* NULL: nobody's business */
    char build[FURROW_ID_SIZE]; /* that writes belong to; "": none */
    bool trusted, log_known;
    uint64_t generation; /* of the connection on which it was verified */
    uint64_t moment;     /* grows with each doubt */
    char why[200];
    struct furrow_trust_waiter *waiters;
} furrow_trust;

struct furrow_table {
    furrow_store *store;
    furrow_table_options options;
    furrow_bytes base;   /* "timesheet:{Employee}:", NUL-terminated */
    furrow_bytes prefix; /* of the generation's keys: the same, or "timesheet:{Employee}:@2:" */
    int generation;
    furrow_table *next; /* of the store's */
    furrow_bytes reactions_key, parked_key, marker_key, ids_key, build_key, applied_key;
    furrow_bytes generations_key; /* of all generations */
    furrow_bytes *index_keys;
    furrow_arena *names; /* holds the keys above */
    struct furrow_batch *idle;
    size_t idle_count;
    struct furrow_write_group *group; /* that others may join in this turn; or NULL */
    struct furrow_endings *endings;   /* of reaction.c: likewise */
    uint64_t reaction_cursor;         /* where the next look for pending reactions begins */
    size_t reaction_offset;           /* and how much of what lies there was looked at */
    uint64_t parked_cursor;           /* where the next ones to be tried again are */
    struct furrow_vouched *vouched;   /* of vouch.c; made when first needed */
    furrow_trust trust;
    int64_t epoch; /* of the log that it is of; 0: not known yet */
};

/* Until when a read may wait for trust: its task's deadline less a little, at most FURROW_TRUST_WAIT_MS. */
uint64_t furrow_trust_until(void);
/* Parks until the table is trusted. */
furrow_status furrow_table_await(furrow_table *table, uint64_t until_ns, furrow_error *err) FURROW_MUST_USE;
/* Until all of them are, at once. */
furrow_status furrow_tables_await(furrow_table *const tables[], size_t count, uint64_t until_ns,
                                  furrow_error *err) FURROW_MUST_USE;
/* Is what stands at a build's key that of @build? */
bool furrow_build_begins(furrow_bytes stored, const char *build);

/* The marker that lies in the answers of its hash and of the build's key. INTERNAL when the first is no such answer. */
furrow_status furrow_marker_of(const furrow_value *fields, const furrow_value *build, furrow_marker *out,
                               furrow_error *err) FURROW_MUST_USE;
/* Is @build, as it came with records, the one that was verified? If not, the table is in doubt. */
bool furrow_table_is_ours(furrow_table *table, const furrow_value *build);
/* Passes on the status of a write; one that Redis refused as another build's puts the table in doubt. */
furrow_status furrow_table_written(furrow_table *table, const furrow_pipelined *request, furrow_status status);

/* Names the keys anew, as those of @generation. False: no memory. */
bool furrow_table_name_keys(furrow_table *table, int generation);
/* Has it indexes or reactions? Else it is a plain one. */
static inline bool furrow_table_is_full(const furrow_table *table)
{
    return table->options.index_count > 0 || table->options.reactions;
}

/*
 * Not yet trusted: what lies there may be what another build left, where Redis has evicted what a clear goes by. So a
 * record of the same version is written once more, with all of its index entries.
 */
static inline bool furrow_table_is_being_filled(const furrow_table *table)
{
    return table->trust.guard && !table->trust.trusted;
}

/* INVALID_ARGUMENT for what is no id: nothing else may ever become a key. */
furrow_status furrow_table_check_id(furrow_bytes id, furrow_error *err) FURROW_MUST_USE;

void furrow_version_put(uint64_t version, uint8_t out[FURROW_VERSION_BYTES]);

/* What a stored value holds; shorter than a version is as good as nothing. Body borrowed from @value. */
furrow_record furrow_record_of_value(const furrow_value *value);

/* The pending reactions in an answer of HSCAN, pairs of id and old record; the list is changed and lent. INTERNAL when
 * @answer is something else. */
furrow_status furrow_reaction_page(const furrow_value *answer, uint64_t *cursor, furrow_value *pairs,
                                   furrow_error *err) FURROW_MUST_USE;

/* Sends one MGET of @count records of @table; its build comes last. */
furrow_status furrow_table_send_mget(furrow_table *table, const furrow_bytes ids[], size_t count,
                                     furrow_pipelined *request, furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;
/* The same, and waits: @count values and behind them the build's. Bytes live in @arena. INTERNAL for any other answer. */
furrow_status furrow_table_mget(furrow_table *table, const furrow_bytes ids[], size_t count, furrow_arena *arena,
                                furrow_value *out, furrow_error *err) FURROW_MUST_USE;
/* list.c. Sends what asks for @listed; takes what was answered. */
furrow_status furrow_table_send_ids(const furrow_record_ids *listed, furrow_pipelined *request, furrow_arena *arena,
                                    furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_table_take_ids(furrow_record_ids *listed, const furrow_value *members, furrow_arena *arena,
                                    furrow_error *err) FURROW_MUST_USE;

/* Frees what batch.c keeps between calls. */
void furrow_table_free_batches(furrow_table *table);

#endif
