/**
 * Is a replica a wire-compatible subset of its entity? Compared field by field by number, messages inside messages too
 * (their recursion is followed once per pair of types), so that copying the declared fields out of an event's bytes is
 * the whole projection. Types may have other names; what may differ is only what the wire does not show.
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
    const furrow_model_message *replica;
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

/* "field employee_id = 2 of timesheet.v1.Employee" */
static const char *describe_own_field(const comparison *in, const furrow_model_message *message,
                                      const furrow_model_field *field)
{
    return furrow_text_printf(in->model->arena, "field %s = %d of %s", field->name, field->proto->number,
                              message->name);
}

/* Where to point at: types borrowed from the owner stand in its file, but the declaration to mend is the replica. */
static furrow_place place_to_mend(const comparison *in, const match *at)
{
    return at->mine_in->file == in->replica->file ? at->mine->place : in->replica->place;
}

/* @mine and @theirs say what the field is on either side: "repeated string", "string in oneof place". */
static void differ(const comparison *in, const match *at, const char *mine, const char *theirs)
{
    furrow_report_add(in->report, place_to_mend(in, at),
                      "%s is %s, but in the owner's %s at %s:%d it is %s: declare it as the owner does",
                      describe_own_field(in, at->mine_in, at->mine), mine, at->theirs_in->name, at->theirs->place.file,
                      at->theirs->place.line, theirs);
}

static const furrow_model_field *find_name(const furrow_model_message *message, const char *name)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (strcmp(message->fields[i].name, name) == 0) return &message->fields[i];
    }
    return NULL;
}

static void report_renumbered(const comparison *in, const match *at)
{
    furrow_report_add(in->report, place_to_mend(in, at),
                      "%s (%s) has another number in the owner: %s (%s) at %s:%d; use number %d",
                      describe_own_field(in, at->mine_in, at->mine), furrow_model_type_text(in->model, at->mine),
                      describe_own_field(in, at->theirs_in, at->theirs), furrow_model_type_text(in->model, at->theirs),
                      at->theirs->place.file, at->theirs->place.line, at->theirs->proto->number);
}

static void report_missing(const comparison *in, const match *at)
{
    furrow_report_add(in->report, place_to_mend(in, at),
                      "%s (%s) is missing in the owner's %s at %s:%d; remove it or ask the owner for it",
                      describe_own_field(in, at->mine_in, at->mine), furrow_model_type_text(in->model, at->mine),
                      at->theirs_in->name, at->theirs_in->place.file, at->theirs_in->place.line);
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
        const char *instead =
            named      ? furrow_text_printf(in->model->arena, "there %s is %d", named->name, named->number)
            : numbered ? furrow_text_printf(in->model->arena, "there %d is %s", numbered->number, numbered->name)
                       : "it has neither the name nor the number";
        furrow_report_add(
            in->report, mine->place,
            "enum value %s = %d of %s, the type of %s, is not in the owner's %s at %s:%d: %s; use the owner's names "
            "and numbers, or fewer",
            value->name, value->number, mine->name, describe_own_field(in, at->mine_in, at->mine), theirs->name,
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

static void compare_types(comparison *in, const match *at);

/* An entry's fields stand nowhere in a .proto, so what differs in one is said of the map. */
static void compare_maps(comparison *in, const match *at)
{
    for (size_t i = 0; i < at->mine->message->field_count && i < at->theirs->message->field_count; i++) {
        const match inner = {at->mine->message, at->theirs->message, &at->mine->message->fields[i],
                             &at->theirs->message->fields[i]};
        if (inner.mine->proto->type == inner.theirs->proto->type && !is_map(inner.mine) && !is_map(inner.theirs)) {
            compare_types(in, &inner);
            continue;
        }
        differ(in, at, furrow_model_type_text(in->model, at->mine), furrow_model_type_text(in->model, at->theirs));
        return;
    }
}

static void compare_types(comparison *in, const match *at)
{
    bool same = at->mine->proto->type == at->theirs->proto->type &&
                at->mine->proto->label == at->theirs->proto->label && is_map(at->mine) == is_map(at->theirs);
    if (!same)
        differ(in, at, furrow_model_type_text(in->model, at->mine), furrow_model_type_text(in->model, at->theirs));
    else if (is_map(at->mine))
        compare_maps(in, at);
    else if (at->mine->enumeration)
        compare_enums(in, at);
    else if (at->mine->message)
        compare_later(in, at->mine->message, at->theirs->message);
}

static void compare_field(comparison *in, const match *at)
{
    const char *mine = furrow_model_type_text(in->model, at->mine),
               *theirs = furrow_model_type_text(in->model, at->theirs);
    if (at->theirs->options.is_private) {
        furrow_report_add(in->report, place_to_mend(in, at),
                          "%s (%s) is private in the owner's %s (%s) at %s:%d; no replica may keep it: remove it",
                          describe_own_field(in, at->mine_in, at->mine), mine, at->theirs_in->name, theirs,
                          at->theirs->place.file, at->theirs->place.line);
        return;
    }
    if (strcmp(at->mine->name, at->theirs->name) != 0)
        differ(in, at, furrow_text_printf(in->model->arena, "%s %s", mine, at->mine->name),
               furrow_text_printf(in->model->arena, "%s %s", theirs, at->theirs->name));
    else
        compare_types(in, at);
}

static const char *oneof_name(const furrow_model_message *message, const furrow_model_field *field)
{
    if (!furrow_model_in_oneof(field) || (size_t)field->proto->oneof_index >= message->proto->n_oneof_decl) return "";
    return message->proto->oneof_decl[field->proto->oneof_index]->name;
}

/* "string in oneof place", "string in no oneof". */
static const char *with_oneof(const comparison *in, const furrow_model_message *message,
                              const furrow_model_field *field)
{
    const char *name = oneof_name(message, field);
    return furrow_text_printf(in->model->arena, "%s in %s%s", furrow_model_type_text(in->model, field),
                              name[0] ? "oneof " : "no oneof", name);
}

/* Setting one member clears the others, so a part of a oneof would answer what the owner has taken back. */
static void compare_oneofs(const comparison *in, const match *at)
{
    if (furrow_model_in_oneof(at->mine) != furrow_model_in_oneof(at->theirs)) {
        differ(in, at, with_oneof(in, at->mine_in, at->mine), with_oneof(in, at->theirs_in, at->theirs));
        return;
    }
    for (size_t i = 0; furrow_model_in_oneof(at->theirs) && i < at->theirs_in->field_count; i++) {
        const furrow_model_field *sibling = &at->theirs_in->fields[i];
        if (!furrow_model_in_oneof(sibling) || sibling->proto->oneof_index != at->theirs->proto->oneof_index) continue;
        const furrow_model_field *kept = furrow_model_find_field(at->mine_in, sibling->proto->number);
        bool together = kept && furrow_model_in_oneof(kept) && kept->proto->oneof_index == at->mine->proto->oneof_index;
        if (together) continue;
        furrow_report_add(
            in->report, at->mine->place,
            "%s (%s) stands in oneof %s of the owner's %s at %s:%d, which also has %s (%s): declare the whole oneof, "
            "in one oneof",
            describe_own_field(in, at->mine_in, at->mine), furrow_model_type_text(in->model, at->mine),
            oneof_name(at->theirs_in, at->theirs), at->theirs_in->name, at->theirs->place.file, at->theirs->place.line,
            describe_own_field(in, at->theirs_in, sibling), furrow_model_type_text(in->model, sibling));
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
                          "%s (%s) and %s share oneof %s, but in the owner's %s at %s:%d they stand in %s and %s: "
                          "declare both oneofs",
                          describe_own_field(in, at->mine_in, at->mine), furrow_model_type_text(in->model, at->mine),
                          describe_own_field(in, at->mine_in, mate), oneof_name(at->mine_in, at->mine),
                          at->theirs_in->name, at->theirs->place.file, at->theirs->place.line,
                          oneof_name(at->theirs_in, at->theirs), oneof_name(at->theirs_in, theirs));
        return;
    }
}

static void compare_messages(comparison *in, const pair *messages)
{
    for (size_t i = 0; i < messages->mine->field_count; i++) {
        const furrow_model_field *mine = &messages->mine->fields[i];
        const furrow_model_field *theirs = furrow_model_find_field(messages->theirs, mine->proto->number);
        const furrow_model_field *named = find_name(messages->theirs, mine->name);
        const match at = {messages->mine, messages->theirs, mine, theirs};
        if (named && named != theirs) {
            report_renumbered(in, &(match){messages->mine, messages->theirs, mine, named});
            continue;
        }
        if (!theirs) {
            report_missing(in, &at);
            continue;
        }
        compare_field(in, &at);
        if (messages->mine == messages->theirs) continue;
        compare_oneofs(in, &at);
        compare_oneof_mates(in, &at);
    }
}

void furrow_check_subset(const furrow_model *model, const furrow_model_message *replica,
                         const furrow_model_message *entity, furrow_report *report)
{
    comparison in = {.model = model, .report = report, .replica = replica};
    compare_later(&in, replica, entity);
    for (size_t i = 0; i < in.count; i++) {
        const pair messages = in.pairs[i];
        compare_messages(&in, &messages);
    }
}
