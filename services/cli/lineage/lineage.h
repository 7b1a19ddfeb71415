/**
 * What `furrow lineage` knows of a mesh: services, the entities they own, and the replicas, which are what a service
 * keeps of another's entity. Filled in four steps, each of which says in a note what it could not see:
 *
 *   contracts.c   what is meant to be: the contracts of the tree and of FURROW_CONTRACTS
 *   mesh.c        what runs: $SRV.INFO; and later, of whoever is known by then, the health of each instance
 *   log.c         streams and durable consumers, also of services that are down or known by nothing else
 *   records.c     what lies in Redis: records counted one by one, the owner's as a full copy would be
 *
 * and printed by table.c, json.c, dot.c and svg.c. A number that nobody could tell is LINEAGE_UNKNOWN.
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_CLI_LINEAGE_LINEAGE_H
#define FURROW_CLI_LINEAGE_LINEAGE_H

#include "cli/cli.h"

#include <stdio.h>

#define LINEAGE_UNKNOWN  UINT64_MAX
#define LINEAGE_ROWS_MAX 1024 /* services, entities or replicas */
#define LINEAGE_NOTES    32

typedef enum lineage_state {
    LINEAGE_DOWN,        /* no instance answers */
    LINEAGE_NOT_SERVING, /* one does, and none serves */
    LINEAGE_SERVING,
} lineage_state;

typedef struct lineage_service {
    const char *name;
    bool contract; /* the tool has it */
    lineage_state state;
    const char *why; /* it does not serve; "" */
    uint64_t instances;
} lineage_service;

typedef struct lineage_instance {
    const char *service, *id;
} lineage_instance;

typedef struct lineage_entity {
    const char *name, *short_name, *owner, *stream;
    const ProtobufCMessageDescriptor *descriptor; /* NULL: no contract of it here */
    const ProtobufCFieldDescriptor *private_field;
    bool internal; /* bookkeeping of its owner, which no replica may keep */
    uint64_t field_count;
    uint64_t log_messages, log_bytes; /* that the stream holds, earlier states too; bytes as the server counts them */
    uint64_t records, bytes;          /* in the owner's Redis: all declared fields, without the log's bookkeeping */
    uint64_t answer_bytes;            /* the same without the private field: what the owner answers who asks */
} lineage_entity;

typedef struct lineage_replica {
    const char *service;
    lineage_entity *entity;
    const char *fields;   /* "id,display_name,contact.phone"; a message kept in part part by part; "" when unknown */
    uint64_t field_count; /* as the .proto counts: a message kept in part is one */
    const char *table;    /* the entity's name in Redis' keys */
    const struct furrow_index_contract *indexes;
    size_t index_count;

    const char *state; /* "ready", "catching up", "waiting" as an instance says; "" when none does */
    bool consumer;     /* the durable is there */
    uint64_t delivered, redelivered, pending; /* by the server, in the durable's life */

    uint64_t records, bytes, memory_bytes; /* in Redis; memory_bytes with keys and indexes */

    uint64_t events, event_bytes, reads; /* of the instances that run, since each began */
} lineage_replica;

typedef struct lineage {
    cli *tool;
    furrow_arena *arena; /* of every text */
    bool single_account;
    lineage_service *services;
    lineage_entity **entities;
    lineage_replica *replicas;
    lineage_instance *instances; /* that answered $SRV.INFO */
    size_t service_count, entity_count, replica_count, instance_count;
    const char *notes[LINEAGE_NOTES];
    size_t note_count;
    bool incomplete; /* something that was to be read did not answer */
    char at[40];     /* when it was read */
} lineage;

/* Each found, or added; NULL past LINEAGE_ROWS_MAX. The address of a service or a replica holds until the next add. */
lineage_service *lineage_service_of(lineage *all, const char *name);
lineage_entity *lineage_entity_of(lineage *all, const char *name);
lineage_replica *lineage_replica_of(lineage *all, const char *service, lineage_entity *entity);
lineage_service *lineage_find_service(const lineage *all, const char *name);

/* Says once what could not be seen; @incomplete when it should have been. */
void lineage_note(lineage *all, bool incomplete, const char *format, ...) FURROW_PRINTF(3, 4);

/* A copy in the arena, with nothing in it that moves a terminal's cursor. */
const char *lineage_text(lineage *all, const char *text);

/* The fields of a replica, as the mesh told them. */
void lineage_set_fields(lineage *all, lineage_replica *replica, const char *keeps);

/* What the full copy of a replica's records would take; what its reads would have, as questions to the owner; the
 * difference to the events it took instead, which may be negative. False: not known. */
bool lineage_mean(uint64_t bytes, uint64_t records, double *out);
bool lineage_asking(const lineage_replica *replica, uint64_t *bytes);
bool lineage_saved(const lineage_replica *replica, int64_t *bytes);

/* Sums over the replicas of which all is known; replicas: how many those are. */
typedef struct lineage_sums {
    uint64_t stored_replicas, bytes, full_bytes, memory_bytes; /* memory_bytes: LINEAGE_UNKNOWN if one's is */
    uint64_t moved_replicas, event_bytes, reads, asking_bytes;
} lineage_sums;
lineage_sums lineage_sum(const lineage *all);

/* Words that mark a replica of which something is missing, for people: "down", "no consumer"; "" when all is well. */
const char *lineage_mark(const lineage *all, const lineage_replica *replica);

/* Whose an entity is, for people. */
const char *lineage_owner(const lineage_entity *entity);

/* The steps, in this order. */
void lineage_add_contracts(lineage *all);
void lineage_discover(lineage *all); /* $SRV.INFO */
void lineage_read_log(lineage *all);
void lineage_ask_health(lineage *all);
void lineage_measure_records(lineage *all);

/* Frees all but the struct. */
void lineage_fini(lineage *all);

void lineage_print_table(const lineage *all, FILE *out);
void lineage_print_json(const lineage *all, FILE *out);
void lineage_print_dot(const lineage *all, FILE *out);
void lineage_print_svg(const lineage *all, FILE *out);

/* "12.1 kB" and "1,234"; "-" for LINEAGE_UNKNOWN. */
#define LINEAGE_NUMBER_SIZE 32
const char *lineage_size(uint64_t bytes, char out[LINEAGE_NUMBER_SIZE]);
const char *lineage_count(uint64_t count, char out[LINEAGE_NUMBER_SIZE]);

#endif
