/**
 * Records: versioned values in Redis, the one apply step, and the listings over them.
 *
 * A record is a string at "<service>:{<Entity>}:<id>": 8 bytes big-endian version, then the (projected) protobuf bytes;
 * a tombstone is the version alone and expires after FURROW_TOMBSTONE_SECONDS. A write takes effect only when its
 * version is greater than the stored one, so redelivery, reordering and racing writers are harmless. Versions of one
 * key only grow.
 *
 * Tables with indexes or reactions write record, index entries and pending reaction in one atomic step: the old record
 * is read in bulk, what follows from (old, new) is computed here, and a function (furrow.lua) applies it all if the old
 * version still stands (else it is done again). Tables without take the shorter way: one function call compares and
 * sets hundreds of records.
 *
 * Keys of a table share the hash tag {<Entity>}:
 *   <service>:{<Entity>}:<id>             records
 *   <service>:{<Entity>}:@by:<field>      index: sorted set of "<value>\0<id>", all scores 0
 *   <service>:{<Entity>}:@replica         marker: hash of build, shape, epoch, run_id, astray, tally, position
 *   <service>:{<Entity>}:@build           "<build> <newest> <dated> <time>": whose the records are, the newest version
 *                                         among them, the newest of known time, and that time. Read with records
 *   <service>:{<Entity>}:@reactions       pending reactions: hash id -> old record
 *   <service>:{<Entity>}:@applied         of an owner: which versions are in it (applied.h)
 *   <service>:{<Entity>}:@ids             list of the ids that have a record, in batches with spaces between: what a
 *                                         clear goes by. An id whose tombstone has expired stays, and is there twice
 *                                         when it comes back
 *   <service>:{<Entity>}:@lease:<what>    who does it at present
 *   <service>:{<Entity>}:@generations     which shapes are kept side by side (generation.h); of all but the first of them
 *                                         the keys above begin with "<service>:{<Entity>}:@<n>:"
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_STORE_RECORD_H
#define FURROW_STORE_RECORD_H

#include "base/id.h"
#include "store/store.h"
#include "wire/contract.h"

#define FURROW_TOMBSTONE_SECONDS (7 * 24 * 3600)
#define FURROW_RECORD_BATCH      200 /* records in one function call */

typedef struct furrow_table furrow_table;

typedef struct furrow_table_options {
    const char *service;                          /* "timesheet" */
    const char *entity;                           /* short name: "Employee" */
    const ProtobufCMessageDescriptor *descriptor; /* of what is stored */
    const furrow_index_contract *indexes;
    size_t index_count;
    bool reactions; /* keep (old) until furrow_record_reacted */
    bool owned;     /* note which versions are in it (applied.h) */
} furrow_table_options;

/* The options' strings and tables are lent for the table's life. */
furrow_table *furrow_table_create(furrow_store *store, const furrow_table_options *options, furrow_error *err);
void furrow_table_destroy(furrow_table *table);
const furrow_table_options *furrow_table_about(const furrow_table *table);
furrow_store *furrow_table_store(const furrow_table *table);

typedef struct furrow_record {
    bool found;        /* a version is stored */
    bool deleted;      /* it is a tombstone */
    uint64_t version;  /* 0 when not found */
    furrow_bytes body; /* in the arena of the reader */
} furrow_record;

/*
 * Reads any records of any tables of one store in one round trip: all of one moment, and of builds that were verified
 * (trust.h). Parks, while a table is in doubt up to FURROW_TRUST_WAIT_MS: then UNAVAILABLE.
 */
#define FURROW_READ_TABLES_MAX 16
typedef struct furrow_record_read {
    furrow_table *table;
    const char *id;
    /* It is read to be written: a write that takes it for missing, and is wrong, is refused by the log. Else Redis is
     * asked, when it is missing, whether it has evicted something. */
    bool to_write;
    furrow_record record; /* out */
} furrow_record_read;
furrow_status furrow_record_read_many(furrow_store *store, furrow_record_read reads[], size_t count,
                                      furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;

/*
 * The same, and in the same round trip the ids that an index has under a value, as far as @listed goes: what is to be
 * looked at along with what is read. Its table is one of those that are read.
 */
typedef struct furrow_record_ids {
    furrow_table *table;
    const char *index;  /* a field that is `listed` */
    furrow_bytes value; /* as of a query, below; the ids in order */
    size_t limit;
    const char **ids; /* out, in the arena of the reader */
    size_t count;
} furrow_record_ids;
furrow_status furrow_record_read_with_ids(furrow_store *store, furrow_record_read reads[], size_t count,
                                          furrow_record_ids *listed, furrow_arena *arena,
                                          furrow_error *err) FURROW_MUST_USE;

/* One as it lies there, whatever it is worth: for who compares it with the log. */
furrow_status furrow_record_read_unverified(furrow_table *table, const char *id, furrow_arena *arena,
                                            furrow_record *out, furrow_error *err) FURROW_MUST_USE;

/* Has each index entry that follows from the record @id with @body its place? *field: of one that has not, or NULL. For
 * who compares; INVALID_ARGUMENT when @body is none. */
furrow_status furrow_record_find_unlisted(furrow_table *table, const char *id, furrow_bytes body, furrow_arena *arena,
                                          const char **field, furrow_error *err) FURROW_MUST_USE;

/* The versioned upsert, in bulk. Later writes of one id in @writes win over earlier ones by version. */
typedef struct furrow_record_write {
    furrow_bytes id;
    uint64_t version;
    furrow_bytes body; /* len 0: a tombstone */
    int64_t time_ns;   /* when the log took it; 0: not known */
    /* What is stored, as far as the caller knows: saves reading it. If it is something else by now, it is read after
     * all. NULL: unknown. */
    const furrow_record *known;
    const ProtobufCMessage *message; /* what @body unpacks to, if the caller has it: saves unpacking. NULL: unknown */
} furrow_record_write;
/*
 * *applied (may be NULL): how many were newer than what was stored. Parks. On error some may have been written: do it
 * again.
 *
 * Errors: INVALID_ARGUMENT when an id is none, or a table with indexes cannot read a body (the text names the record;
 * apply the others without it); ABORTED when others write the same records without pause, or the table came into doubt
 * meanwhile (trust.h); UNAVAILABLE when the records are another build's by now; those of furrow_store_command.
 */
furrow_status furrow_record_apply(furrow_table *table, const furrow_record_write writes[], size_t count,
                                  size_t *applied, furrow_error *err) FURROW_MUST_USE;

/* One, in the place of whatever is stored, with all that follows from it, unless that is newer. Errors as above. */
furrow_status furrow_record_rewrite(furrow_table *table, const furrow_record_write *write,
                                    furrow_error *err) FURROW_MUST_USE;

/*
 * What this process checked before it wrote it comes back to it from the log: the same bytes under the same id and
 * version need no second check. The last FURROW_RECORD_VOUCHED are remembered; false is always a right answer.
 */
#define FURROW_RECORD_VOUCHED 2048
void furrow_record_vouch(furrow_table *table, const furrow_record_write *write);
bool furrow_record_vouched(const furrow_table *table, const furrow_record_write *write);

/*
 * All ids that have a record, or had one, page by page, with what lies there, whatever it is worth. *walk is zeroed at
 * the beginning; *count 0: that was all. What is written meanwhile may be there or not; one id may come twice. `found`
 * is false of one that was deleted longer ago than Redis remembers.
 */
typedef struct furrow_walked {
    const char *id;
    furrow_record record;
} furrow_walked;
typedef struct furrow_walk {
    size_t at, taken; /* elements of the list: how many were walked, and by the last page */
} furrow_walk;
furrow_status furrow_record_walk(furrow_table *table, furrow_walk *walk, furrow_arena *arena, furrow_walked **out,
                                 size_t *count, furrow_error *err) FURROW_MUST_USE;
/* The same without the records: those are left as if there were none. */
furrow_status furrow_record_walk_ids(furrow_table *table, furrow_walk *walk, furrow_arena *arena, furrow_walked **out,
                                     size_t *count, furrow_error *err) FURROW_MUST_USE;

/* Pending reactions: (old, new) since the last one handled. */
typedef struct furrow_record_reaction {
    const char *id;
    furrow_record before, now;
} furrow_record_reaction;
/* At most @max pending ones, in @arena. UNAVAILABLE, also: none was found in the steps that one look may take; the next
 * goes on from there. */
furrow_status furrow_record_reactions(furrow_table *table, size_t max, furrow_arena *arena,
                                      furrow_record_reaction **out, size_t *count, furrow_error *err) FURROW_MUST_USE;
/* Makes a reaction to the record @id pending, as if it were new: with no `before`, unless one is pending already; and
 * not parked any more. */
furrow_status furrow_record_pend(furrow_table *table, const char *id, furrow_error *err) FURROW_MUST_USE;
/* @reaction has run: forgets it, or, when the record is newer by now, keeps it pending with `before` = the @now that it
 * saw. Does nothing when what is pending is not what the reaction was about, because another process has handled that.
 * Those that end in one turn of the loop are told to Redis in one call. Parks. */
furrow_status furrow_record_reacted(furrow_table *table, const furrow_record_reaction *reaction,
                                    furrow_error *err) FURROW_MUST_USE;

/* @reaction will not run as things are: no longer pending, but remembered by its id and version, until the entity's
 * reaction has run. */
furrow_status furrow_record_park(furrow_table *table, const furrow_record_reaction *reaction,
                                 furrow_error *err) FURROW_MUST_USE;
/* *parked: has it been parked at this version before, by whichever process? */
furrow_status furrow_record_is_parked(furrow_table *table, const furrow_record_reaction *reaction, bool *parked,
                                      furrow_error *err) FURROW_MUST_USE;
/* Makes some of the parked ones pending again, about @max at once, all in turn; `before` is then as if the entity had
 * not existed. They stay remembered. */
furrow_status furrow_record_retry_parked(furrow_table *table, size_t max, furrow_error *err) FURROW_MUST_USE;

/**
 * A listing page: records by an index (a value, a text prefix, or all in order) or by id.
 * @after is an opaque token of the page before, or NULL; INVALID_ARGUMENT when it was not made by the same query. At
 * most @limit records (1 to 1000); *next is NULL at the end. Records changed while pages are read appear once or not,
 * never twice in one page; one whose repeated field has several of the values asked for appears once. A page may be
 * shorter than
 * @limit, even empty, with *next not NULL. Text counts up to its first 256 bytes.
 */
typedef struct furrow_record_query {
    const char *index;  /* a field that is `listed`; NULL: by id (needs an index on id) */
    furrow_bytes value; /* text, or furrow_record_index_integer of a number, bool or enum; or the prefix */
    bool prefix;        /* value is a prefix of a text field; an empty prefix is everything, of any field */
    size_t limit;
    const char *after;
} furrow_record_query;
typedef struct furrow_listed {
    const char *id;
    furrow_record record;
} furrow_listed;
furrow_status furrow_record_list(furrow_table *table, const furrow_record_query *query, furrow_arena *arena,
                                 furrow_listed **out, size_t *count, char **next, furrow_error *err) FURROW_MUST_USE;

/* Canonical index value of an integer or enum (order-preserving text). Text is itself, folded by the index. In @arena.
 */
furrow_bytes furrow_record_index_integer(int64_t value, furrow_arena *arena);

/* The marker of a replica: whose its records are, in what shape, of which log, and up to where all of it is in Redis. */
typedef struct furrow_marker {
    bool found;
    char build[FURROW_ID_SIZE];
    char shape[33];
    int64_t epoch_ns;  /* of the log: when it began (wire/epoch.h) */
    uint64_t position; /* every event up to here has been applied */
    uint64_t astray;   /* up to here the durable tells of a log that is no more; 0: it does not */
    char run_id[41];   /* of the Redis process for which position was last known to hold; "" while it is filled */
    char tally[FURROW_STORE_TALLY_SIZE]; /* what Redis had evicted when nothing of it was (furrow_store_tally) */
    uint64_t newest;                     /* the newest version that was written */
    uint64_t dated;                      /* the newest of which is known */
    int64_t dated_ns;                    /* when the log took it; both 0: of none */
} furrow_marker;
furrow_status furrow_marker_read(furrow_table *table, furrow_marker *out, furrow_error *err) FURROW_MUST_USE;
/* A build begins: build, shape, epoch and tally of @to, if the build in Redis is @from's (none: not found). From then on every
 * step of another one is refused. *begun false: another has begun, and nothing was written. */
furrow_status furrow_marker_begin(furrow_table *table, const furrow_marker *from, const furrow_marker *to, bool *begun,
                                  furrow_error *err) FURROW_MUST_USE;
/* Gives the marker shape, epoch, run_id, astray, tally and position of @to if build, shape, epoch, run_id and astray stored are
 * those of @from, in one step; the position only grows. *@moved false: they are not (a flush, another process's repair), and nothing
 * was written. */
furrow_status furrow_marker_move(furrow_table *table, const furrow_marker *from, const furrow_marker *to, bool *moved,
                                 furrow_error *err) FURROW_MUST_USE;

/* An event that changes no record was seen in this build: by it, too, the log is known again. */
furrow_status furrow_marker_note(furrow_table *table, uint64_t version, int64_t time_ns,
                                 furrow_error *err) FURROW_MUST_USE;

/* Deletes indexes, reactions (pending and parked) and records in bounded steps, as long as the table belongs to @build
 * (begun for it, or "": nobody's): before a rebuild under another shape or log. Marker and leases stay. UNAVAILABLE: it
 * is another's by now. */
furrow_status furrow_table_clear(furrow_table *table, const char *build, furrow_error *err) FURROW_MUST_USE;

/* A lease that one replica of the service holds at a time (repairs): true in *held if we have it for @ms.
 * The holder may ask again, to prolong it; with @ms 0 it gives it back. */
furrow_status furrow_table_lease(furrow_table *table, const char *what, const char *holder, uint64_t ms, bool *held,
                                 furrow_error *err) FURROW_MUST_USE;
/* The same of @count leases at once, in one round trip: on @what followed by each of @of. */
furrow_status furrow_table_leases(furrow_table *table, const char *what, const char *const of[], size_t count,
                                  const char *holder, uint64_t ms, bool held[], furrow_error *err) FURROW_MUST_USE;

/* Small values with an expiry, for idempotency results: "<service>:@idem:<key>". The first value remembered
 * stands until it expires; recall yields it, or FURROW_VALUE_NIL. */
#define FURROW_REMEMBERED_OF_MAX    16
#define FURROW_REMEMBERED_MAX       100000
#define FURROW_REMEMBERED_BYTES_MAX ((size_t)256 << 20)
typedef struct furrow_remembered {
    const char *service, *key;
    furrow_bytes value;
    const char *const *of; /* subjects of the service's own entities that the value tells something of */
    size_t of_count;
    /* That are remembered of the service, and what they may take of Redis: of more the oldest go. 0: those above. */
    size_t max, max_bytes;
} furrow_remembered;
typedef struct furrow_remembered_total {
    size_t count, bytes;
} furrow_remembered_total;
/* Nothing is kept of an entity that is a tombstone in Redis. @total, or NULL: all that there is now. */
furrow_status furrow_store_remember(furrow_store *store, const furrow_remembered *what, uint64_t ttl_s,
                                    furrow_remembered_total *total, furrow_error *err) FURROW_MUST_USE;
/* Whatever is remembered of the entity of @subject, once its tombstone is in Redis. */
furrow_status furrow_store_forget(furrow_store *store, const char *service, const char *subject,
                                  furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_store_recall(furrow_store *store, const char *service, const char *key, furrow_arena *arena,
                                  furrow_value *out, furrow_error *err) FURROW_MUST_USE;

#endif
