/**
 * Commands: methods with the option furrow.v1.command, of which people write the decision alone. What protoc-gen-furrow
 * makes of one is a furrow_command_contract and a handler that runs it:
 *
 *   read      the entity's state and all declared facts, in one round trip
 *   refuse    ids that are none, what exists already or does not, another version than the one expected, facts that are
 *             required and not known
 *   decide    the author's pure function (known.h), once more with newer facts whenever somebody else wrote first
 *   secure    what must be there before the entity's state is: another entity of its own (`also`), values that are
 *             `unique` (log/claim.h), private fields sealed (log/seal.h)
 *   write     by compare-and-set (log/entity.h), unless the decision left the state as it was
 *   answer    the state and its version
 *
 * Threads: the loop's, in a task. Parks.
 */
#ifndef FURROW_RUNTIME_COMMAND_H
#define FURROW_RUNTIME_COMMAND_H

#include "runtime/known.h"
#include "runtime/service.h"

#define FURROW_COMMAND_IDS_MAX 1000 /* ids of one repeated field that a command looks up */

/* The author's functions, as tables hold them. @next NULL: the method deletes, and asks whether it may. */
typedef furrow_status furrow_command_decide_fn(const furrow_known *known, ProtobufCMessage *next, furrow_error *err);
/* The id of what the command is about, at most FURROW_ID_MAX bytes and a NUL; known has neither state nor facts yet. */
typedef furrow_status furrow_command_id_fn(const furrow_known *known, char out[FURROW_ID_MAX + 1], furrow_error *err);
/* From @present (NULL: none) to @next, of the entity that is written along; @decided is the command's own next state. */
typedef furrow_status furrow_command_also_fn(const furrow_known *known, const ProtobufCMessage *decided,
                                             const ProtobufCMessage *present, ProtobufCMessage *next,
                                             furrow_error *err);

/* Where a field stands in a C struct. Offsets are never 0 of a field that is there: a message begins with its base. */
typedef struct furrow_command_field {
    const char *name; /* "employee.id"; NULL: there is none */
    size_t within;    /* of the message in which it stands; 0: in the one it is read of */
    size_t at;
    size_t count_at; /* of a repeated one; 0: it is not */
} furrow_command_field;

/* That an enum field has a value; at 0: always. */
typedef struct furrow_command_condition {
    size_t at;
    int value;
} furrow_command_condition;

typedef struct furrow_command_fact {
    const char *name;                       /* for people: "picker" */
    const furrow_replica_contract *replica; /* exactly one of the two */
    const furrow_entity_contract *entity;
    furrow_command_field id;
    bool of_state; /* @id is the entity's, not the request's */
    bool required;
} furrow_command_fact;

typedef struct furrow_command_also {
    const furrow_entity_contract *entity;
    size_t own_id_at;        /* its id, in its own struct */
    furrow_command_field id; /* in the state that was decided */
    furrow_command_condition when;
    furrow_command_also_fn *decide;
} furrow_command_also;

typedef struct furrow_command_contract {
    const furrow_entity_contract *entity;
    const char *noun;  /* for people: "work day" */
    const char *event; /* past tense: "opened" */
    furrow_command_field id;
    furrow_command_field version; /* the request's: for which one the change was made */
    furrow_command_field seals;   /* the request's message that becomes the private field */
    bool creates;                 /* it must not exist; an id that is "" is made */
    bool allow_missing;           /* it need not exist */
    bool deletes;
    bool erases; /* deletes, and leaves nothing behind */
    const furrow_command_fact *facts;
    size_t fact_count;
    const furrow_command_also *also;  /* or NULL */
    furrow_command_id_fn *compute_id; /* instead of `id`; or NULL */
    furrow_command_decide_fn *decide;
    size_t id_at, updated_at, private_at;               /* in the entity's struct; 0: it has none */
    size_t answer_state, answer_version, answer_erased; /* in the response's struct; 0: it has none */
    bool answers_sealed;                                /* the response is what was sealed */
} furrow_command_contract;

/* A method's handler, but for the first argument: see rpc/server.h. Where it is `prepared`, the author's function ran before. */
furrow_status furrow_command_run(const furrow_command_contract *command, furrow_call *call,
                                 const ProtobufCMessage *request, ProtobufCMessage *response,
                                 furrow_error *err) FURROW_MUST_USE;

#endif
