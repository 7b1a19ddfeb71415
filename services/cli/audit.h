/**
 * The audit's parts: audit.c, the command and its report; audit_keys.c, which keys there are; audit_read.c, each event
 * against its record and each index against the records; audit_sums.c, the totals; audit_judge.c, one record looked at
 * closely, named field by field, and mended.
 */
#ifndef FURROW_CLI_AUDIT_H
#define FURROW_CLI_AUDIT_H

#include "cli/cli.h"
#include "cli/ledger.h"
#include "link/jetstream.h"
#include "store/store.h"
#include "wire/contract.h"
#include "wire/projection.h"

#define AUDIT_SUSPECTS 10000 /* looked at closely, of each table; more are counted alone */
#define AUDIT_ASK_MS   10000

typedef struct audit_options {
    bool repair, json, single;
} audit_options;

/* An index entry that no record should have, as was found. */
typedef struct audit_stray {
    size_t index;
    furrow_bytes member; /* owned */
} audit_stray;

/* The keys of all tables that are audited, by table; read once. */
typedef struct audit_keys audit_keys;

/* What a batch of events is compared in. */
typedef struct audit_room {
    furrow_arena *arena, *scratch;
    struct audit_room *next;
} audit_room;

/* One table: a service's own entity, or what it keeps of another's. */
typedef struct audit_table {
    cli *tool;
    furrow_store *store;
    const audit_options *options;
    const char *service, *entity, *short_name, *stream, *owner;
    bool own;
    const ProtobufCMessageDescriptor *descriptor;
    const ProtobufCFieldDescriptor *private_field; /* or NULL */
    const furrow_index_contract *indexes;
    size_t index_count;
    const furrow_aggregate_contract *aggregates;
    size_t aggregate_count;
    furrow_projection *projection;   /* NULL: kept whole */
    char prefix[FURROW_SUBJECT_MAX]; /* "timesheet:{Employee}:" */
    uint64_t frozen;                 /* the log's end, when the audit began, … */
    uint64_t end;                    /* … and when it was last asked */
    ledger *ledger;
    ledger_members *members;
    audit_keys *keys;
    audit_room *rooms; /* that nobody uses now */
    furrow_arena *arena, *scratch;
    audit_stray *strays;
    size_t stray_count;
    size_t records, wrong, repaired, suspects;
} audit_table;

#define AUDIT_VERSION_BYTES 8
/* Of a value as it lies in Redis, which has at least so many bytes. */
uint64_t audit_version(furrow_bytes value);

/* The state that @event is for this table: *body is what would be stored (in @scratch, empty for a deletion). False: it
 * is none, and nobody can have applied it. */
bool audit_state_of(const audit_table *table, const furrow_js_stored *event, furrow_arena *scratch, furrow_bytes *id,
                    furrow_bytes *body);

/* Redis of the settings, connected; NULL: the reason was printed. */
furrow_store *audit_connect_redis(cli *tool);

/* What the keys of a service's table begin with at present: "timesheet:{Employee}:". */
furrow_status audit_prefix(furrow_store *store, const char *service, const char *short_name,
                           const ProtobufCMessageDescriptor *descriptor, char out[FURROW_SUBJECT_MAX],
                           furrow_error *err) FURROW_MUST_USE;

/* All keys that match @pattern, and are records of tables. */
furrow_status audit_keys_read(furrow_store *store, const char *pattern, audit_keys **out,
                              furrow_error *err) FURROW_MUST_USE;
void audit_keys_destroy(audit_keys *self);
/* By ledger_hash, the ids that have a key beginning with @prefix. */
const uint64_t *audit_keys_of(const audit_keys *self, const char *prefix, size_t *count);

/* Walks the keys that match @pattern: those of each step live in @arena until the next. */
typedef furrow_status audit_key_fn(void *arg, furrow_bytes key, furrow_error *err);
furrow_status audit_keys_walk(furrow_store *store, const char *pattern, furrow_arena *arena, audit_key_fn *fn,
                              void *arg, furrow_error *err) FURROW_MUST_USE;

/* One step of SCAN or ZSCAN into @arena, which is reset; *cursor 0 again: it was the last. */
furrow_status audit_scan_step(furrow_store *store, const furrow_bytes argv[], size_t argc, furrow_arena *arena,
                              uint64_t *cursor, furrow_value *items, furrow_error *err) FURROW_MUST_USE;
#define AUDIT_SCAN_COUNT "5000"

/* Reads the log up to its end, and what Redis has, and marks in the ledger what does not fit together. */
furrow_status audit_read(audit_table *table, furrow_error *err) FURROW_MUST_USE;

/* The entry at @at of the ledger is to be looked at closely. */
void audit_suspect(audit_table *table, size_t at);

/* What totals must hold of a record with @body, in @arena; len 0: nothing. INVALID_ARGUMENT: it is no record. */
furrow_status audit_contribution(const audit_table *table, furrow_bytes body, furrow_arena *arena, furrow_bytes *out,
                                 furrow_error *err) FURROW_MUST_USE;
/* Marks in the ledger the records of which totals hold something else. */
furrow_status audit_read_counted(audit_table *table, furrow_error *err) FURROW_MUST_USE;
/* When what they hold of each record is right: are the sums? What is not is reported, and mended if that is wanted. */
furrow_status audit_sums(audit_table *table, furrow_error *err) FURROW_MUST_USE;

/* Looks closely at the suspect @entry, which has a name; with @last it is reported, and mended if that is wanted.
 * *wrong: is it? */
furrow_status audit_judge(audit_table *table, const ledger_entry *entry, bool last, bool *wrong,
                          furrow_error *err) FURROW_MUST_USE;

/* Prints one thing that is wrong; @detail "" when there is nothing more to say. */
void audit_report(audit_table *table, const char *id, const char *problem, const char *detail);

/* The key of a record, or "@by:<field>", in @arena. */
furrow_bytes audit_key(audit_table *table, furrow_arena *arena, const char *rest);

#endif
