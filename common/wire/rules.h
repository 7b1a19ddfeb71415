/**
 * The rules of an entity: what every state of it satisfies, whoever made it. A state that came from the log or from
 * Redis is checked by them before anything uses it, so that no well-formed but senseless message reaches a decision, a
 * reaction or an answer; and what a service is about to write is checked by the same, so that it cannot make such a
 * one.
 *
 * Every entity has one rule: its id is the token of its subject. Then come those that its contract declares of its fields
 * (wire/rule.h), and what is left is the domain's, a pure function that service definitions carry beside the contract
 * (runtime/service.h). All of them must accept every state that any version of the program has written, and depend on
 * nothing that may change beneath a state: no clock, no settings.
 *
 * Threads: any.
 */
#ifndef FURROW_WIRE_RULES_H
#define FURROW_WIRE_RULES_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"
#include "wire/rule.h"

#include <protobuf-c/protobuf-c.h>

/* Anything but OK says which rule is broken, best by furrow_fail_field; the code does not matter. What the text quotes of
 * the state ("…") is not passed on: it must not outlive the entity in a log. */
typedef furrow_status furrow_rules_fn(const ProtobufCMessage *state, furrow_error *err);

typedef struct furrow_rules {
    const char *entity, *stream;                  /* "employee.v1.Employee", "EMPLOYEE": for people */
    const ProtobufCMessageDescriptor *descriptor; /* of what is checked: the entity, or the subset that is kept */
    const ProtobufCFieldDescriptor *id;           /* its `string id` */
    furrow_rules_fn *check;                       /* the domain's, or NULL */
    const furrow_rule_message *declared;          /* the contract's, of its fields; or NULL */
} furrow_rules;

/* The `string id` of @descriptor; NULL when it has none. */
const ProtobufCFieldDescriptor *furrow_rules_id(const ProtobufCMessageDescriptor *descriptor);

/* What the contract and the domain say of @state, the id apart: the first rule that it breaks, as that says it.
 * RESOURCE_EXHAUSTED when there is no memory to tell. */
furrow_status furrow_rules_hold(const furrow_rules *rules, const ProtobufCMessage *state,
                                furrow_error *err) FURROW_MUST_USE;

/* DATA_LOSS names entity, version and rule, and says what to do. For @version 0, which was decided here and is not
 * written yet, it is INTERNAL. */
furrow_status furrow_rules_check(const furrow_rules *rules, const char *id, uint64_t version,
                                 const ProtobufCMessage *state, furrow_error *err) FURROW_MUST_USE;

/* The state in @body, checked. DATA_LOSS also for bytes that are no such message; RESOURCE_EXHAUSTED past the arena's
 * limit. */
furrow_status furrow_rules_unpack(const furrow_rules *rules, const char *id, uint64_t version, furrow_bytes body,
                                  furrow_arena *arena, ProtobufCMessage **out, furrow_error *err) FURROW_MUST_USE;

/* The status and the words of the above for a rule that was checked elsewhere; @why says which. */
furrow_status furrow_rules_broken(const furrow_rules *rules, const char *id, uint64_t version, const furrow_error *why,
                                  furrow_error *err);

#endif
