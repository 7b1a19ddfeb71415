/* What a message's rules may not say: what does not fit its fields (rules.c), and what fits no state of an entity. */
#include "codegen/rules.h"

#include "codegen/text.h"

/* A message on the way down; one met again on its own way is not opened a second time. */
typedef struct way {
    const struct way *up;
    const furrow_model_message *message;
} way;

static bool reads_clock(const furrow_rules_set *set)
{
    if (!set) return false;
    for (size_t i = 0; i < set->count; i++)
        if (set->rules[i].kind == FURROW_RULE_LT_NOW || set->rules[i].kind == FURROW_RULE_GT_NOW ||
            set->rules[i].kind == FURROW_RULE_WITHIN)
            return true;
    return reads_clock(set->keys) || reads_clock(set->items);
}

/* A state that satisfied the clock when it was written need not when it is read: it would be damaged by waiting. */
static void check_state(const furrow_model *model, const furrow_model_message *contract, const way *at,
                        furrow_report *report)
{
    for (const way *up = at->up; up; up = up->up)
        if (up->message == at->message) return;
    for (size_t i = 0; i < at->message->field_count; i++) {
        const furrow_model_field *field = &at->message->fields[i];
        furrow_rules_field rules;
        if (!furrow_rules_compile(model, at->message, field, NULL, &rules)) continue;
        if (reads_clock(&rules.set))
            furrow_report_add(
                report, at->up ? contract->place : field->place,
                "field %s of %s is compared with now, and is part of every state of %s: a state that is true "
                "now need not be tomorrow; put the rule into requests",
                field->name, at->message->name, contract->name);
        const furrow_model_message *inner = rules.set.message;
        if (rules.set.items && rules.set.items->message) inner = rules.set.items->message;
        if (inner) check_state(model, contract, &(way){at, inner}, report);
    }
}

void furrow_rules_check(const furrow_model *model, const furrow_model_message *message, furrow_report *report)
{
    furrow_rules_field ignored;
    for (size_t i = 0; i < message->field_count; i++) {
        const furrow_model_field *field = &message->fields[i];
        if (!field->rules) continue;
        (void)furrow_rules_compile(model, message, field, report, &ignored);
        if (field->options.is_private)
            furrow_report_add(
                report, field->place,
                "field %s of %s is private and has rules, but what stands there is sealed: give them to the "
                "message in the request that it comes from",
                field->name, message->name);
    }
    if (message->options.entity || message->options.replica_of)
        check_state(model, message, &(way){NULL, message}, report);
}
