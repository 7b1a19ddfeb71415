/** One run of a command, between command.c and its parts; for nobody else. */
#ifndef FURROW_RUNTIME_COMMAND_RUN_H
#define FURROW_RUNTIME_COMMAND_RUN_H

#include "runtime/command.h"

typedef struct furrow_command_run {
    const furrow_command_contract *command;
    furrow_call *call;
    furrow_service *service;
    furrow_entity *entity;
    furrow_known known;       /* for the author's functions; renewed for each decision */
    furrow_fact *facts;       /* of known */
    furrow_record_read *read; /* what was read ahead: the own state, then the facts of the request */
    bool ahead;               /* that fits the state @ahead_version and has not been decided on */
    uint64_t ahead_version;
    const ProtobufCMessage *sealing; /* the request's message that is to be sealed, or NULL */
    furrow_bytes plain;              /* the same, packed */
    const char **released;           /* of each unique field: the value to give back once the state is written */
} furrow_command_run_state;

/* The message that @field stands in; NULL: it is not there. */
const ProtobufCMessage *furrow_command_holder(const furrow_command_field *field, const ProtobufCMessage *message);
/* A string field's value; "" where what it stands in is not there. */
const char *furrow_command_text(const furrow_command_field *field, const ProtobufCMessage *message);

/* A copy of @present (NULL: none), or a fresh state with @id, which is copied. NULL past the arena's limit. */
ProtobufCMessage *furrow_command_begin_next(const furrow_entity_contract *entity, size_t id_at, const char *id,
                                            const ProtobufCMessage *present, furrow_arena *arena);
/* Did a decision leave the state as it was? */
furrow_status furrow_command_is_unchanged(const furrow_state *current, const ProtobufCMessage *next,
                                          furrow_arena *arena, bool *unchanged, furrow_error *err) FURROW_MUST_USE;

/* command_facts.c. INVALID_ARGUMENT names the field that has no id. */
furrow_status furrow_command_check_ids(const furrow_command_run_state *run, furrow_error *err) FURROW_MUST_USE;
/* Own state and the request's facts in one round trip; *state as furrow_entity_unpack says it. Of a command that knows no
 * others it reads nothing: the write does so when it has its turn, if it must. */
furrow_status furrow_command_read_ahead(furrow_command_run_state *run, furrow_arena *arena, furrow_state *state,
                                        furrow_error *err) FURROW_MUST_USE;
/* The facts for a decision on @current: what was read ahead, if it fits, else read anew. */
furrow_status furrow_command_learn(furrow_command_run_state *run, const furrow_state *current, furrow_arena *arena,
                                   furrow_error *err) FURROW_MUST_USE;

/*
 * command_secure.c: what must be there before @next is written. In this order: private fields sealed, the other entity
 * written (whose author may refuse it), the rules of what has unique values checked, those claimed.
 */
furrow_status furrow_command_secure(furrow_command_run_state *run, const furrow_state *current, ProtobufCMessage *next,
                                    furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;
/* Values that are given up by a decision on @current; @next NULL: by its deletion. */
void furrow_command_give_up(furrow_command_run_state *run, const furrow_state *current, const ProtobufCMessage *next);
/* Gives them back, now that the state is written. Best effort: a claim that its holder makes no use of is taken over. */
void furrow_command_release(const furrow_command_run_state *run, furrow_arena *arena);
/* Makes sure that earlier private fields are not accepted any more. */
furrow_status furrow_command_confirm(const furrow_command_run_state *run, const furrow_state *written,
                                     furrow_arena *arena, furrow_error *err) FURROW_MUST_USE;
/* In the decision to erase: the key of its private fields. */
furrow_status furrow_command_erase_key(const furrow_command_run_state *run, furrow_arena *arena,
                                       furrow_error *err) FURROW_MUST_USE;
/* After an erasure: whatever values the entity still has a claim on. */
furrow_status furrow_command_erase_claims(const furrow_command_run_state *run, furrow_arena *arena,
                                          furrow_error *err) FURROW_MUST_USE;

#endif
