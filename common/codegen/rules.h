/**
 * Rules of fields (furrow/v1/validate.proto): read out of a descriptor's options, compiled into what the check at run time
 * reads (wire/rule.h), and judged on the way: what does not fit the field's type or can never hold is reported.
 *
 *   rules.c         options in, sets of rules out; which rules fit which type
 *   rules_number.c  const, in, not_in and the bounds: whatever has an order
 *   rules_text.c    strings and bytes
 *   rules_fit.c     what is enough for a text
 *   rules_check.c   what a whole message may not say
 *   emit_rules.c    the tables
 *
 * May depend on: base, wire, protobuf-c.
 */
#ifndef FURROW_CODEGEN_RULES_H
#define FURROW_CODEGEN_RULES_H

#include "codegen/model.h"
#include "wire/rule_inside.h"

/* As furrow_rule_set, but of the model. */
typedef struct furrow_rules_set {
    const furrow_rule *rules;
    size_t count;
    furrow_rule_form form;
    furrow_rule_ignore ignore;
    const struct furrow_rules_set *keys, *items;
    const furrow_model_message *message; /* the value is one that has rules; or NULL */
} furrow_rules_set;

typedef struct furrow_rules_field {
    bool required;
    furrow_rules_set set;
} furrow_rules_field;

/* (furrow.v1.field) as a furrow.v1.FieldRules, NULL when it is not there; false: the bytes are none. */
bool furrow_rules_of_field(const Google__Protobuf__FieldOptions *options, furrow_arena *arena,
                           const ProtobufCMessage **out);
/* (furrow.v1.oneof).required. */
bool furrow_rules_oneof_required(const Google__Protobuf__OneofDescriptorProto *oneof);

/* Compiles the rules of @field; problems go to @report, which may be NULL. False: it has none, nor does what it holds. */
bool furrow_rules_compile(const furrow_model *model, const furrow_model_message *message,
                          const furrow_model_field *field, furrow_report *report, furrow_rules_field *out);

/* What is enough for all rules of @field; ranges in the arena. False: that cannot be said. */
bool furrow_rules_fit(const furrow_model *model, const furrow_model_field *field, const furrow_rules_field *rules,
                      furrow_rule_fit *out);

/* Has @message rules, or anything that it holds? Then it has a table. */
bool furrow_rules_any(const furrow_model *model, const furrow_model_message *message);

/* What a message's rules may not say. */
void furrow_rules_check(const furrow_model *model, const furrow_model_message *message, furrow_report *report);

#endif
