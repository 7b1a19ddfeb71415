/**
 * The audit's parts: audit.c, the command and its report; audit_read.c, what log and Redis say; audit_judge.c, one record
 * looked at closely, named field by field, and mended.
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
    furrow_projection *projection;   /* NULL: kept whole */
    char prefix[FURROW_SUBJECT_MAX]; /* "timesheet:{Employee}:" */
    uint64_t frozen;                 /* the log's end, when the audit began */
    ledger *ledger;
    furrow_arena *arena, *scratch;
    audit_stray *strays;
    size_t stray_count;
    size_t records, wrong, repaired, suspects;
} audit_table;

/* The state that @event is for this table: *body is what would be stored (in the scratch arena, empty for a deletion).
 * False: it is none, and nobody can have applied it. */
bool audit_state_of(audit_table *table, const furrow_js_stored *event, furrow_bytes *id, furrow_bytes *body);

/* Reads the log up to its end, and what Redis has, and marks in the ledger what does not fit together. */
furrow_status audit_read(audit_table *table, furrow_error *err) FURROW_MUST_USE;

/* Looks closely at the suspect @entry; with @last it is reported, and mended if that is wanted. *wrong: is it? */
furrow_status audit_judge(audit_table *table, const ledger_entry *entry, bool last, bool *wrong,
                          furrow_error *err) FURROW_MUST_USE;

/* Prints one thing that is wrong; @detail "" when there is nothing more to say. */
void audit_report(audit_table *table, const char *id, const char *problem, const char *detail);

/* The key of a record, or "@by:<field>", in @arena. */
furrow_bytes audit_key(audit_table *table, furrow_arena *arena, const char *rest);

#endif
