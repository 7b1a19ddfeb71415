/** What the compilers of rules share. For codegen/rules*.c only. May depend on: base, wire, protobuf-c. */
#ifndef FURROW_CODEGEN_RULES_INSIDE_H
#define FURROW_CODEGEN_RULES_INSIDE_H

#include "codegen/rules.h"

enum { FURROW_RULES_MAX = 24 }; /* of one value; validate.proto has fewer of any type */

/* One value's rules as they are compiled. */
typedef struct furrow_rules_work {
    const furrow_model *model;
    furrow_report *report; /* or NULL */
    const furrow_model_message *message;
    const furrow_model_field *field;
    const char *part; /* "", "items of ", "keys of ", "values of " */
    const char *type; /* "string": the name of its rules */
    const furrow_model_enum *enumeration;
    const ProtobufCMessage *from; /* a StringRules, an Int32Rules, …; or NULL */
    furrow_rule_form form;
    furrow_rule rules[FURROW_RULES_MAX];
    size_t count;
} furrow_rules_work;

/* Reports "field <name> of <message> …". */
void furrow_rules_refuse(furrow_rules_work *in, const char *format, ...) FURROW_PRINTF(2, 3);

/* The member @name of the rules, NULL when it is not given; @count of a repeated one. */
const void *furrow_rules_given(const ProtobufCMessage *from, const char *name, const ProtobufCFieldDescriptor **type,
                               size_t *count);
bool furrow_rules_is_true(const ProtobufCMessage *from, const char *name);
bool furrow_rules_get_size(const ProtobufCMessage *from, const char *name, uint64_t *out);

/* Adds a rule; its id is "<type>.<name>". */
furrow_rule *furrow_rules_add(furrow_rules_work *in, furrow_rule_kind kind, const char *name, const char *text);

/* The values of the member @name as operands; NULL when there are none. */
const furrow_rule_operand *furrow_rules_operands(furrow_rules_work *in, const char *name, size_t *count);
const char *furrow_rules_show(const furrow_rules_work *in, const furrow_rule_operand *value);

void furrow_rules_compile_values(furrow_rules_work *in); /* const, in, not_in, bounds, finite */
void furrow_rules_compile_texts(furrow_rules_work *in);  /* of strings and bytes */
/* Refuses what can never hold: a const or a list of which no value satisfies the rest. */
void furrow_rules_judge_values(furrow_rules_work *in, bool required);
/* Refuses a smallest size above the largest one. */
void furrow_rules_judge_sizes(furrow_rules_work *in, furrow_rule_kind kind, const char *what);

#endif
