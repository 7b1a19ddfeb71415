/**
 * Methods that read, of which people write nothing: what protoc-gen-furrow makes of the options furrow.v1.get and
 * furrow.v1.list is one of the constant descriptions below, and a handler that runs it.
 *
 *   get    one own entity by its id (NOT_FOUND), or many in one round trip: of those that do not exist the ids are told
 *   list   a page of own entities by the first of `by` that the request gives, in the order of an index; whatever else
 *          it gives filters, so a page may come out shorter
 *
 * Of an entity the answer has its state, without the private field; its version, where there is a place for it; and beside
 * it what is joined from what the service keeps of others, in one round trip: nothing, where that is not known or damaged.
 * Of a damaged entity the id is told, and it hides no other (DATA_LOSS, where it is the only one asked for).
 *
 * Threads: the loop's, in a task. Parks.
 */
#ifndef FURROW_RUNTIME_QUERY_H
#define FURROW_RUNTIME_QUERY_H

#include "runtime/service.h"

/* Where fields stand in the structs of protobuf-c. Never 0 of a field that is there: a message begins with its base. */
typedef struct furrow_query_places {
    size_t at, count_at;
} furrow_query_places;

/* One field of a kept entity, shown beside the entity that names it. */
typedef struct furrow_query_join {
    const furrow_replica_contract *replica;
    size_t id_at;         /* of the entity: text, the other's id */
    size_t from_at, size; /* of what is kept */
    size_t into_at;       /* of the item */
} furrow_query_join;

/* Completes what is answered of one entity; the author's. */
typedef furrow_status furrow_query_show_fn(ProtobufCMessage *item, int64_t now_ns, furrow_arena *arena,
                                           furrow_error *err);

/* May it be asked so? The author's; pure. */
typedef furrow_status furrow_query_check_fn(const ProtobufCMessage *request, furrow_error *err);

/* What is answered of one entity: the entity itself, or a message that holds it. */
typedef struct furrow_query_item {
    const furrow_entity_contract *entity;
    const char *noun;                          /* for people: "work day" */
    const ProtobufCMessageDescriptor *message; /* NULL: the entity itself; then the rest is 0 */
    size_t entity_at, version_at;              /* version_at 0: there is none */
    const furrow_query_join *joins;
    size_t join_count;
    furrow_query_show_fn *show; /* or NULL */
} furrow_query_item;

typedef struct furrow_query_get_contract {
    furrow_query_item item; /* of one: the response; of many: an element of items */
    const char *id;         /* the request's field */
    size_t id_at;
    furrow_query_check_fn *check; /* or NULL */
    bool unseals;       /* the response is what is sealed in its private field, and item says nothing but whose */
    size_t id_count_at; /* 0: it asks for one, and the response has no lists */
    furrow_query_places items, missing_ids, damaged_ids;
} furrow_query_get_contract;

/* A field of the request and what it is compared to: equal, or the beginning of it. */
typedef struct furrow_query_by {
    const char *field; /* the request's */
    const char *of;    /* the entity's, and the name of its index */
    bool indexed, fold, prefix;
    ProtobufCType type;
    size_t at, of_at;
    size_t of_count_at; /* 0: it is not repeated; else one of them */
} furrow_query_by;

#define FURROW_QUERY_BY_MAX 16
typedef struct furrow_query_list_contract {
    furrow_query_item item;
    const furrow_query_by *by; /* in the order in which an index is chosen */
    size_t by_count;
    const char *order;            /* the index when none is given; NULL: one must be, */
    const char *needs;            /* … and this says so: "or date is required: …" */
    furrow_query_check_fn *check; /* or NULL */
    size_t page_size_at, page_token_at;
    furrow_query_places items, damaged_ids;
    size_t next_page_token_at;
} furrow_query_list_contract;

/* Does @entity fit all that @request gives? Pure. RESOURCE_EXHAUSTED: not without more memory than @arena has. */
furrow_status furrow_query_match(const furrow_query_list_contract *list, const ProtobufCMessage *request,
                                 const ProtobufCMessage *entity, furrow_arena *arena, bool *out,
                                 furrow_error *err) FURROW_MUST_USE;

/* Handlers, but for the first argument: see rpc/server.h. */
furrow_status furrow_query_get(const furrow_query_get_contract *get, furrow_call *call, const ProtobufCMessage *request,
                               ProtobufCMessage *response, furrow_error *err) FURROW_MUST_USE;
furrow_status furrow_query_list(const furrow_query_list_contract *list, furrow_call *call,
                                const ProtobufCMessage *request, ProtobufCMessage *response,
                                furrow_error *err) FURROW_MUST_USE;

#endif
