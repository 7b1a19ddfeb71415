/** The judge of aggregates. */
#include "codegen/check.h"

#include "codegen/refer.h"
#include "codegen/rules.h"
#include "wire/contract.h"

#include <string.h>

enum { AGGREGATES_MAX = 26 }; /* FURROW_AGGREGATES_MAX of store/aggregate.h */

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

/* One aggregate, and where its problems go. */
typedef struct judged {
    const furrow_model *model;
    const furrow_model_message *message;
    const furrow_aggregate_options *aggregate;
    furrow_report *report;
} judged;

static bool is_aggregate_name(const char *name)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyz0123456789_";
    return name && name[0] >= 'a' && name[0] <= 'z' && name[strspn(name, letters)] == '\0';
}

static void check_name(const judged *in, size_t place)
{
    const char *name = in->aggregate->name;
    if (!is_aggregate_name(name)) {
        furrow_report_add(in->report, in->message->place,
                          "an aggregate of %s is called \"%s\"; give it a name like by_job: a-z, 0-9 and _",
                          in->message->name, name ? name : "");
        return;
    }
    for (size_t i = 0; i < place; i++) {
        const char *other = in->message->options.aggregates[i].name;
        if (other && strcmp(other, name) == 0)
            furrow_report_add(in->report, in->message->place, "two aggregates of %s are called %s: rename one",
                              in->message->name, name);
    }
}

static void check_aggregate_by(const judged *in)
{
    const furrow_option_texts *by = &in->aggregate->by;
    if (by->count > FURROW_AGGREGATE_BY_MAX)
        furrow_report_add(in->report, in->message->place,
                          "aggregate %s of %s is by %zu fields; at most %d are possible", in->aggregate->name,
                          in->message->name, by->count, FURROW_AGGREGATE_BY_MAX);
    for (size_t i = 0; i < by->count; i++) {
        const furrow_model_field *field = furrow_refer_own_field(in->message, by->texts[i]);
        if (!field || furrow_model_repeated(field) || furrow_model_in_oneof(field) || !furrow_check_is_indexable(field))
            furrow_report_add(in->report, in->message->place,
                              "aggregate %s of %s is by \"%s\", which must be a field of one string, enum, bool, "
                              "integer or google.protobuf.Timestamp, in no oneof",
                              in->aggregate->name, in->message->name, by->texts[i]);
    }
}

static bool is_wide(const furrow_model_field *field)
{
    return furrow_refer_is(field, TYPE(INT64)) || furrow_refer_is(field, TYPE(SINT64)) ||
           furrow_refer_is(field, TYPE(SFIXED64));
}

static bool is_narrow(const furrow_model_field *field)
{
    return furrow_refer_is(field, TYPE(INT32)) || furrow_refer_is(field, TYPE(SINT32)) ||
           furrow_refer_is(field, TYPE(SFIXED32)) || furrow_refer_is(field, TYPE(UINT32)) ||
           furrow_refer_is(field, TYPE(FIXED32));
}

/* Do the rules keep it within what one record may add, at both ends? Else a state could be written that no total can
 * take. */
static bool is_bounded(const judged *in, const furrow_model_field *field)
{
    furrow_rules_field rules;
    if (!furrow_rules_compile(in->model, in->message, field, NULL, &rules)) return false;
    for (size_t i = 0; i < rules.set.count; i++) {
        const furrow_rule *rule = &rules.set.rules[i];
        const unsigned below = FURROW_BOUND_LT | FURROW_BOUND_LTE, above = FURROW_BOUND_GT | FURROW_BOUND_GTE;
        if (rule->kind != FURROW_RULE_RANGE || rule->bounds & FURROW_BOUND_OUTSIDE || !(rule->bounds & below) ||
            !(rule->bounds & above))
            continue;
        return rule->list[0].i >= -FURROW_AGGREGATE_MOST && rule->list[1].i <= FURROW_AGGREGATE_MOST;
    }
    return false;
}

static void check_sum(const judged *in)
{
    const char *name = in->aggregate->sum;
    const furrow_model_field *field = name ? furrow_refer_own_field(in->message, name) : NULL;
    if (!name) return;
    if (!field || (!is_wide(field) && !is_narrow(field)))
        furrow_report_add(in->report, in->message->place,
                          "aggregate %s of %s adds up \"%s\", which must be a single integer field (not uint64)",
                          in->aggregate->name, in->message->name, name);
    else if (is_wide(field) && !is_bounded(in, field))
        furrow_report_add(
            in->report, field->place,
            "aggregate %s of %s adds up %s, whose rules must keep it within 2^40, so that sums are exact: "
            "write (furrow.v1.field).int64 = {gte: 0 lte: 1000000}, or as it is",
            in->aggregate->name, in->message->name, name);
}

static void check_when(const judged *in)
{
    const furrow_condition_options *when = &in->aggregate->when;
    const furrow_model_field *field = when->field ? furrow_refer_own_field(in->message, when->field) : NULL;
    int32_t value;
    if (when->given && !furrow_refer_value(field, when->is, &value))
        furrow_report_add(in->report, in->message->place,
                          "aggregate %s of %s counts when %s is %s, but there is no such enum field with that value: "
                          "name both",
                          in->aggregate->name, in->message->name, when->field ? when->field : "\"\"",
                          when->is ? when->is : "\"\"");
}

void furrow_check_aggregates(const furrow_model *model, const furrow_model_message *message, furrow_report *report)
{
    const furrow_message_options *options = &message->options;
    if (options->aggregate_count == 0) return;
    if (!options->entity && !options->replica_of) {
        furrow_report_add(report, message->place,
                          "%s has aggregates, but only the records of an entity or a replica are added up: remove them",
                          message->name);
        return;
    }
    if (options->aggregate_count > AGGREGATES_MAX)
        furrow_report_add(report, message->place, "%s has %zu aggregates; at most %d are possible", message->name,
                          options->aggregate_count, AGGREGATES_MAX);
    for (size_t i = 0; i < options->aggregate_count; i++) {
        const judged in = {model, message, &options->aggregates[i], report};
        check_name(&in, i);
        check_aggregate_by(&in);
        check_sum(&in);
        check_when(&in);
    }
}
