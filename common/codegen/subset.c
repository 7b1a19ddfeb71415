/**
 * Is a replica a wire-compatible subset of its entity? Compared field by field by number, messages inside messages too
 * (their recursion is followed once per pair of types), so that copying the declared fields out of an event's bytes is the
 * whole projection. Types may have other names; what may differ is only what the wire does not show.
 */
#include "codegen/check.h"

#include "codegen/text.h"

#include <string.h>

typedef struct pair {
    const furrow_model_message *mine, *theirs;
} pair;

/* One comparison of a replica with its entity: pairs of messages met so far, compared or waiting. */
typedef struct comparison {
    const furrow_model *model;
    furrow_report *report;
    pair *pairs;
    size_t count, capacity;
} comparison;

/* A field of ours and the one of the owner's with the same number. */
typedef struct match {
    const furrow_model_message *mine_in, *theirs_in;
    const furrow_model_field *mine, *theirs;
} match;

static bool is_map(const furrow_model_field *field)
{
    return field->message && field->message->map_entry;
}

/* "field employee_id of timesheet.v1.Employee". A map's own entry message is nobody's name: its field is said instead. */
static const char *describe(const comparison *in, const furrow_model_message *message, const furrow_model_field *field)
{
    return furrow_text_printf(in->model->arena, "field %s = %d of %s", field->name, field->proto->number, message->name);
}

static void differ(const comparison *in, const match *at, const char *what, const char *mine, const char *theirs)
{
    furrow_report_add(in->report, at->mine->place, "%s has %s %s, but in the owner %s:%d it has %s %s: declare it as the owner does",
                      describe(in, at->mine_in, at->mine), what, mine, at->theirs->place.file, at->theirs->place.line, what,
                      theirs);
}

static const furrow_model_field *find_name(const furrow_model_message *message, const char *name)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (strcmp(message->fields[i].name, name) == 0) return &message->fields[i];
    }
    return NULL;
}

static void report_missing(const comparison *in, const furrow_model_message *mine_in, const furrow_model_field *mine,
                           const furrow_model_message *theirs_in)
{
    const furrow_model_field *same_name = find_name(theirs_in, mine->name);
    const char *type = furrow_model_type_text(in->model, mine);
    if (same_name) {
        furrow_report_add(in->report, mine->place, "%s (%s) has another number in the owner: %s (%s) at %s:%d; use number %d",
                          describe(in, mine_in, mine), type, describe(in, theirs_in, same_name),
                          furrow_model_type_text(in->model, same_name), same_name->place.file, same_name->place.line,
                          same_name->proto->number);
        return;
    }
    furrow_report_add(in->report, mine->place, "%s (%s) is missing in the owner's %s at %s:%d; remove it or ask the owner for it",
                      describe(in, mine_in, mine), type, theirs_in->name, theirs_in->place.file, theirs_in->place.line);
}

static const Google__Protobuf__EnumValueDescriptorProto *enum_by_name(const furrow_model_enum *in, const char *name)
{
    for (size_t i = 0; i < in->proto->n_value; i++) {
        if (strcmp(in->proto->value[i]->name, name) == 0) return in->proto->value[i];
    }
    return NULL;
}

static const Google__Protobuf__EnumValueDescriptorProto *enum_by_number(const furrow_model_enum *in, int32_t number)
{
    for (size_t i = 0; i < in->proto->n_value; i++) {
        if (in->proto->value[i]->number == number) return in->proto->value[i];
    }
    return NULL;
}

/* Values may be fewer; each must be one of the owner's by name and number (an alias is a value like any other). */
static void compare_enums(const comparison *in, const match *at)
{
    const furrow_model_enum *mine = at->mine->enumeration, *theirs = at->theirs->enumeration;
    for (size_t i = 0; mine != theirs && i < mine->proto->n_value; i++) {
        const Google__Protobuf__EnumValueDescriptorProto *value = mine->proto->value[i];
        const Google__Protobuf__EnumValueDescriptorProto *named = enum_by_name(theirs, value->name);
        const Google__Protobuf__EnumValueDescriptorProto *numbered = enum_by_number(theirs, value->number);
        if (named && named->number == value->number) continue;
        const char *instead = named      ? furrow_text_printf(in->model->arena, "there %s is %d", named->name, named->number)
                              : numbered ? furrow_text_printf(in->model->arena, "there %d is %s", numbered->number, numbered->name)
                                         : "it has neither the name nor the number";
        furrow_report_add(in->report, mine->place,
                          "enum value %s = %d of %s, the type of %s, is not in the owner's %s at %s:%d: %s; use the owner's names "
                          "and numbers, or fewer",
                          value->name, value->number, mine->name, describe(in, at->mine_in, at->mine), theirs->name,
                          theirs->place.file, theirs->place.line, instead);
    }
}

static void compare_later(comparison *in, const furrow_model_message *mine, const furrow_model_message *theirs)
{
    for (size_t i = 0; i < in->count; i++) {
        if (in->pairs[i].mine == mine && in->pairs[i].theirs == theirs) return;
    }
    if (in->count == in->capacity) {
        pair *grown = furrow_text_zalloc(in->model->arena, (2 * in->capacity + 8) * sizeof *grown);
        if (in->count > 0) memcpy(grown, in->pairs, in->count * sizeof *grown);
        in->pairs = grown;
        in->capacity = 2 * in->capacity + 8;
    }
    in->pairs[in->count++] = (pair){mine, theirs};
}

static void compare_types(comparison *in, const match *at)
{
    const char *mine = furrow_model_type_text(in->model, at->mine), *theirs = furrow_model_type_text(in->model, at->theirs);
    if (at->mine->proto->type != at->theirs->proto->type || is_map(at->mine) != is_map(at->theirs))
        differ(in, at, "type", mine, theirs);
    else if (at->mine->proto->label != at->theirs->proto->label)
        differ(in, at, "type", mine, theirs);
    else if (at->mine->enumeration)
        compare_enums(in, at);
    else if (at->mine->message)
        compare_later(in, at->mine->message, at->theirs->message);
}

static void compare_field(comparison *in, const match *at)
{
    if (at->theirs->options.is_private) {
        furrow_report_add(in->report, at->mine->place, "%s (%s) is private in the owner's %s (%s) at %s:%d; no replica may keep it: remove it",
                          describe(in, at->mine_in, at->mine), furrow_model_type_text(in->model, at->mine), at->theirs_in->name,
                          furrow_model_type_text(in->model, at->theirs), at->theirs->place.file, at->theirs->place.line);
        return;
    }
    if (strcmp(at->mine->name, at->theirs->name) != 0) differ(in, at, "name", at->mine->name, at->theirs->name);
    compare_types(in, at);
}

static const char *oneof_name(const furrow_model_message *message, const furrow_model_field *field)
{
    if (!furrow_model_in_oneof(field) || (size_t)field->proto->oneof_index >= message->proto->n_oneof_decl) return "none";
    return message->proto->oneof_decl[field->proto->oneof_index]->name;
}

/* Setting one member clears the others, so a part of a oneof would answer what the owner has taken back. */
static void compare_oneofs(const comparison *in, const match *at)
{
    if (furrow_model_in_oneof(at->mine) != furrow_model_in_oneof(at->theirs)) {
        differ(in, at, "oneof", oneof_name(at->mine_in, at->mine), oneof_name(at->theirs_in, at->theirs));
        return;
    }
    for (size_t i = 0; furrow_model_in_oneof(at->theirs) && i < at->theirs_in->field_count; i++) {
        const furrow_model_field *sibling = &at->theirs_in->fields[i];
        if (!furrow_model_in_oneof(sibling) || sibling->proto->oneof_index != at->theirs->proto->oneof_index) continue;
        const furrow_model_field *kept = furrow_model_find_field(at->mine_in, sibling->proto->number);
        bool together = kept && furrow_model_in_oneof(kept) && kept->proto->oneof_index == at->mine->proto->oneof_index;
        if (together) continue;
        furrow_report_add(in->report, at->mine->place,
                          "%s (%s) stands in oneof %s of the owner's %s at %s:%d, which also has %s (%s): declare the whole oneof, "
                          "in one oneof",
                          describe(in, at->mine_in, at->mine), furrow_model_type_text(in->model, at->mine),
                          oneof_name(at->theirs_in, at->theirs), at->theirs_in->name, at->theirs->place.file,
                          at->theirs->place.line, describe(in, at->theirs_in, sibling),
                          furrow_model_type_text(in->model, sibling));
    }
}

/* Two oneofs of the owner made one would clear each other. */
static void compare_oneof_mates(const comparison *in, const match *at)
{
    for (size_t i = 0; furrow_model_in_oneof(at->mine) && i < at->mine_in->field_count; i++) {
        const furrow_model_field *mate = &at->mine_in->fields[i];
        if (mate == at->mine) break;
        if (!furrow_model_in_oneof(mate) || mate->proto->oneof_index != at->mine->proto->oneof_index) continue;
        const furrow_model_field *theirs = furrow_model_find_field(at->theirs_in, mate->proto->number);
        if (!theirs || !furrow_model_in_oneof(theirs) || !furrow_model_in_oneof(at->theirs)) continue;
        if (theirs->proto->oneof_index == at->theirs->proto->oneof_index) continue;
        furrow_report_add(in->report, at->mine->place,
                          "%s (%s) and %s share oneof %s, but in the owner's %s at %s:%d they stand in %s and %s: declare both oneofs",
                          describe(in, at->mine_in, at->mine), furrow_model_type_text(in->model, at->mine),
                          describe(in, at->mine_in, mate), oneof_name(at->mine_in, at->mine), at->theirs_in->name,
                          at->theirs->place.file, at->theirs->place.line, oneof_name(at->theirs_in, at->theirs),
                          oneof_name(at->theirs_in, theirs));
        return;
    }
}

static void compare_messages(comparison *in, const pair *messages)
{
    for (size_t i = 0; i < messages->mine->field_count; i++) {
        const furrow_model_field *mine = &messages->mine->fields[i];
        const furrow_model_field *theirs = furrow_model_find_field(messages->theirs, mine->proto->number);
        if (!theirs) {
            report_missing(in, messages->mine, mine, messages->theirs);
            continue;
        }
        const match at = {messages->mine, messages->theirs, mine, theirs};
        compare_field(in, &at);
        if (messages->mine == messages->theirs) continue;
        compare_oneofs(in, &at);
        compare_oneof_mates(in, &at);
    }
}

void furrow_check_subset(const furrow_model *model, const furrow_model_message *replica, const furrow_model_message *entity,
                         furrow_report *report)
{
    comparison in = {.model = model, .report = report};
    compare_later(&in, replica, entity);
    for (size_t i = 0; i < in.count; i++) {
        const pair messages = in.pairs[i];
        compare_messages(&in, &messages);
    }
}
