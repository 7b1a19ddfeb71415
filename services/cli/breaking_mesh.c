/*
 * What a contract means beyond its bytes: streams that are named after entities, what other services keep of them, what
 * is sealed, claimed or listed by.
 */
#include "cli/breaking.h"

#include "wire/wirescan.h"

#include <inttypes.h>
#include <stdio.h>

enum { ENTITY_MEMORY = 3, INDEX_LISTED = 1, INDEX_FOLD = 2 };

/* The flag @number of an option that is a message. */
static bool flag_within(const breaking *judge, const void *options, uint32_t option, uint32_t number)
{
    furrow_bytes bytes;
    furrow_wirescan_field field;
    bool value = false;
    if (!descriptor_option(options, option, judge->before->arena, &bytes)) return false;
    furrow_wirescan scan = {bytes.data, (const uint8_t *)bytes.data + bytes.len};
    while (scan.at < scan.end && !furrow_wirescan_next(&scan, &field))
        if (field.number == number && field.wire == FURROW_WIRE_VARINT) value = field.value[0] != 0;
    return value;
}

static bool is_entity(const breaking *judge, const descriptor_message *message)
{
    furrow_bytes bytes;
    return message && descriptor_option(message->proto->options, DESCRIPTOR_ENTITY, judge->before->arena, &bytes);
}

/* ---- what others keep ---- */

static bool is_within_both(const descriptor_message *one, const descriptor_message *other,
                           const descriptor_message *way[], size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        if (way[i] == one) return true;
    return !one || !other || depth == DESCRIPTOR_DEPTH_MAX;
}

/* A replica's message, or one within it, beside the owner's before and after. */
typedef struct keeping {
    breaking *judge;
    const descriptor_pool *pool; /* the replica's */
    const char *keeper;          /* who keeps it */
    const descriptor_message *way[DESCRIPTOR_DEPTH_MAX];
} keeping;

static const descriptor_message *message_of(const descriptor_pool *pool, const descriptor_field *field)
{
    const descriptor_message *entry = descriptor_map_entry(pool, field);
    const descriptor_field *held = entry ? descriptor_find_field(entry, 2) : field;
    return held && held->type_name ? descriptor_find_message(pool, held->type_name) : NULL;
}

/* A field that is reserved when it goes breaks no bytes; whoever keeps it has nothing any more. */
static void compare_kept(keeping *at, const descriptor_message *kept, const descriptor_message *before,
                         const descriptor_message *after, size_t depth)
{
    if (!after || is_within_both(kept, before, at->way, depth)) return;
    at->way[depth] = kept;
    for (size_t i = 0; i < kept->proto->n_field; i++) {
        int32_t number = kept->proto->field[i]->number;
        const descriptor_field *was = descriptor_find_field(before, number), *is = descriptor_find_field(after, number);
        if (was && !is)
            breaking_report(at->judge, "FIELD_KEPT_NO_DELETE", &after->path,
                            "have it kept no longer: change and provision the contract that keeps it, then this one",
                            "field %s = %" PRId32 " of %s is gone, and %s keeps it (%s)", was->name, number,
                            before->name, at->keeper, kept->name);
        if (was && is)
            compare_kept(at, message_of(at->pool, kept->proto->field[i]), message_of(at->judge->before, was),
                         message_of(at->judge->after, is), depth + 1);
    }
}

/* By those who keep some of it after the change; who kept it before, and does no longer, is nobody's concern. */
static void compare_replicas(breaking *judge, const descriptor_message *before, const descriptor_message *after)
{
    for (size_t i = 0; i < judge->after->message_count; i++) {
        const descriptor_message *kept = &judge->after->messages[i];
        const char *package = kept->path.file->proto->package;
        furrow_bytes entity;
        if (!descriptor_option(kept->proto->options, DESCRIPTOR_REPLICA_OF, judge->after->arena, &entity)) continue;
        if (!furrow_bytes_is(entity, before->name)) continue;
        keeping at = {
            .judge = judge, .pool = judge->after, .keeper = descriptor_owner(judge->after, package ? package : "")};
        compare_kept(&at, kept, before, after, 0);
    }
}

/* ---- entities ---- */

void breaking_entity(breaking *judge, const descriptor_message *before, const descriptor_message *after)
{
    if (!is_entity(judge, before)) return;
    if (!is_entity(judge, after)) {
        breaking_report(judge, "ENTITY_NO_DELETE", after ? &after->path : &before->path,
                        "keep it; under a new name it is a new entity, with a copy of the states, beside this one",
                        "entity %s is gone: its stream, its records and who keeps some of it would be left behind",
                        before->name);
        return;
    }
    bool was = flag_within(judge, before->proto->options, DESCRIPTOR_ENTITY, ENTITY_MEMORY);
    if (was != flag_within(judge, after->proto->options, DESCRIPTOR_ENTITY, ENTITY_MEMORY))
        breaking_report(judge, "ENTITY_SAME_STORAGE", &after->path, "keep `memory` as it was: NATS cannot change it",
                        "the stream of %s was kept in %s and is to be kept in %s", before->name,
                        was ? "memory" : "files", was ? "files" : "memory");
    compare_replicas(judge, before, after);
}

static bool option_set(const descriptor_field *field, uint32_t option)
{
    uint64_t value;
    return descriptor_option_number(field->options, option, &value) && value != 0;
}

static void compare_index(breaking *judge, const descriptor_message *message, const descriptor_field *before,
                          const descriptor_field *after, const descriptor_path *at)
{
    bool listed = flag_within(judge, after->options, DESCRIPTOR_INDEX, INDEX_LISTED);
    if (!flag_within(judge, before->options, DESCRIPTOR_INDEX, INDEX_LISTED)) return;
    if (!listed)
        breaking_report(judge, "FIELD_SAME_INDEX", at, "keep the index as long as somebody lists by it",
                        "%s was listed by %s and is not: who lists by it finds nothing", message->name, before->name);
    else if (flag_within(judge, before->options, DESCRIPTOR_INDEX, INDEX_FOLD) !=
             flag_within(judge, after->options, DESCRIPTOR_INDEX, INDEX_FOLD))
        breaking_report(judge, "FIELD_SAME_INDEX", at, "keep `fold` as it was",
                        "the index %s of %s compares text in another way: who lists by it finds others", before->name,
                        message->name);
}

void breaking_field_options(breaking *judge, const descriptor_message *message, const descriptor_field *before,
                            const descriptor_field *after, const descriptor_path *at)
{
    bool was = option_set(before, DESCRIPTOR_PRIVATE), is = option_set(after, DESCRIPTOR_PRIVATE);
    compare_index(judge, message, before, after, at);
    if (was != is)
        breaking_report(judge, "FIELD_SAME_PRIVATE", at, "add a field with a number of its own",
                        is ? "field %s of %s is private now: states in the log hold it unsealed"
                           : "field %s of %s is private no longer: states in the log hold it sealed",
                        before->name, message->name);
    was = option_set(before, DESCRIPTOR_UNIQUE), is = option_set(after, DESCRIPTOR_UNIQUE);
    if (was != is)
        breaking_report(judge, "FIELD_SAME_UNIQUE", at,
                        is ? "add a field with a number of its own, and let a command fill it"
                           : "keep it; or accept, once no instance of before runs",
                        is ? "field %s of %s is unique now: states of before hold no claim, and two may have one value"
                           : "field %s of %s is unique no longer: its claims stay, and what runs of before obeys them",
                        before->name, message->name);
}
