/*
 * Projection: the filter between an event and what a replica keeps.
 *
 * The subset's descriptors are compiled into one plan a message type, a table from field number to rule; applying one
 * walks the event's bytes once. Kept fields that stand side by side are copied in one piece. What is kept is checked as
 * unpacking would (wire type, packed elements, UTF-8, depth), so a stored record can always be read; what is dropped is
 * only skipped.
 *
 * Invariants: the output is never longer than the input, and projecting it again changes nothing. Lengths of
 * submessages are written in their shortest form, everything else is copied as it stands. May depend on base.
 */
#include "wire/projection.h"

#include "base/buffer.h"
#include "base/hash.h"
#include "wire/message.h"
#include "wire/wirescan.h"

#include <stdlib.h>

#define DENSE_MAX 255 /* field numbers up to here are looked up by index, others by binary search */
#define PLANS_MAX 1024

typedef struct rule {
    uint32_t number;
    uint16_t child; /* plan of a submessage */
    uint8_t type;   /* ProtobufCType */
    bool kept, repeated;
} rule;

typedef struct plan {
    const ProtobufCMessageDescriptor *descriptor;
    rule *dense;
    uint32_t dense_count;
    rule *sparse; /* by ascending number */
    uint32_t sparse_count;
} plan;

struct furrow_projection {
    plan *plans; /* [0] is the subset message itself */
    size_t count;
    char shape[FURROW_HASH_HEX];
};

/* The plan of @descriptor, made empty when it is new; -1 when out of memory or past PLANS_MAX. */
static int plan_of(furrow_projection *projection, const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < projection->count; i++)
        if (projection->plans[i].descriptor == descriptor) return (int)i;
    if (projection->count == PLANS_MAX) return -1;
    plan *grown = realloc(projection->plans, (projection->count + 1) * sizeof *grown);
    if (!grown) return -1;
    projection->plans = grown;
    grown[projection->count] = (plan){.descriptor = descriptor};
    return (int)projection->count++;
}

/* Makes room for the rules of @target: fields come sorted by number. */
static bool allocate_rules(plan *target)
{
    const ProtobufCMessageDescriptor *descriptor = target->descriptor;

    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (descriptor->fields[i].id <= DENSE_MAX)
            target->dense_count = descriptor->fields[i].id + 1;
        else
            target->sparse_count++;
    }
    if (target->dense_count && !(target->dense = calloc(target->dense_count, sizeof(rule)))) return false;
    if (target->sparse_count && !(target->sparse = calloc(target->sparse_count, sizeof(rule)))) return false;
    return true;
}

static bool compile_plan(furrow_projection *projection, size_t index)
{
    const ProtobufCMessageDescriptor *descriptor = projection->plans[index].descriptor;
    uint32_t sparse = 0;

    if (!allocate_rules(&projection->plans[index])) return false;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        int child = field->type == PROTOBUF_C_TYPE_MESSAGE ? plan_of(projection, field->descriptor) : 0;
        if (child < 0) return false;
        plan *target = &projection->plans[index]; /* plan_of moves them */
        rule *slot = field->id <= DENSE_MAX ? &target->dense[field->id] : &target->sparse[sparse++];
        *slot = (rule){.number = field->id,
                       .child = (uint16_t)child,
                       .type = (uint8_t)field->type,
                       .kept = true,
                       .repeated = field->label == PROTOBUF_C_LABEL_REPEATED};
    }
    return true;
}

/* Hashes "<plan>{<number>:<type>[*][><plan>],…}" of every plan in the order of their discovery. */
static bool hash_shape(furrow_projection *projection)
{
    furrow_buffer text;
    uint8_t hash[FURROW_HASH_BYTES];

    furrow_buffer_init(&text, 1u << 20);
    for (size_t i = 0; i < projection->count; i++) {
        const ProtobufCMessageDescriptor *descriptor = projection->plans[i].descriptor;
        furrow_buffer_printf(&text, "%zu{", i);
        for (unsigned f = 0; f < descriptor->n_fields; f++) {
            const ProtobufCFieldDescriptor *field = &descriptor->fields[f];
            furrow_buffer_printf(&text, "%u:%d%s", field->id, (int)field->type,
                                 field->label == PROTOBUF_C_LABEL_REPEATED ? "*" : "");
            if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                furrow_buffer_printf(&text, ">%d", plan_of(projection, field->descriptor));
            furrow_buffer_append_byte(&text, ',');
        }
        furrow_buffer_append_byte(&text, '}');
    }
    bool ok = !text.failed;
    if (ok) {
        furrow_hash((furrow_bytes[]){{text.data, text.len}}, 1, hash);
        furrow_hash_hex(hash, projection->shape);
    }
    furrow_buffer_fini(&text);
    return ok;
}

furrow_projection *furrow_projection_create(const ProtobufCMessageDescriptor *subset, furrow_error *err)
{
    FURROW_AUTO(furrow_projection) projection = calloc(1, sizeof *projection);
    bool ok = projection && plan_of(projection, subset) == 0;

    for (size_t i = 0; ok && i < projection->count; i++) ok = compile_plan(projection, i);
    if (!ok || !hash_shape(projection)) {
        (void)furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory for the projection %s", subset->name);
        return NULL;
    }
    return FURROW_TAKE(projection);
}

void furrow_projection_destroy(furrow_projection *projection)
{
    if (!projection) return;
    for (size_t i = 0; i < projection->count; i++) {
        free(projection->plans[i].dense);
        free(projection->plans[i].sparse);
    }
    free(projection->plans);
    free(projection);
}

void furrow_projection_shape(const furrow_projection *projection, char out[33])
{
    memcpy(out, projection->shape, FURROW_HASH_HEX);
}

static const rule dropped;

static const rule *search_rule(const plan *current, uint32_t number)
{
    uint32_t low = 0, high = current->sparse_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (current->sparse[middle].number == number) return &current->sparse[middle];
        if (current->sparse[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return &dropped;
}

/* One run over an event: where the output grows, and what went wrong where. */
typedef struct run {
    const furrow_projection *projection;
    uint8_t *out;
    const ProtobufCMessageDescriptor *wrong_in;
    uint32_t wrong_field;
} run;

static const char *filter(run *state, const plan *current, furrow_bytes bytes, unsigned depth);

/* The content is filtered behind room for the longest length it may need, and moved up if it became shorter. */
static const char *filter_submessage(run *state, const rule *kept, const furrow_wirescan_field *field, unsigned depth)
{
    const uint8_t *tag_end = field->start;
    while (*tag_end >= 0x80) tag_end++;
    size_t tag_size = (size_t)(tag_end + 1 - field->start), room = furrow_wirescan_varint_size(field->len);

    if (depth == FURROW_MESSAGE_DEPTH_MAX) return "nested too deeply";
    memcpy(state->out, field->start, tag_size);
    uint8_t *prefix = state->out + tag_size;
    state->out = prefix + room;
    const char *wrong =
        filter(state, &state->projection->plans[kept->child], (furrow_bytes){field->value, field->len}, depth + 1);
    if (wrong) return wrong;
    size_t len = (size_t)(state->out - prefix) - room, needed = furrow_wirescan_varint_size(len);
    if (needed < room) memmove(prefix + needed, prefix + room, len);
    (void)furrow_wirescan_put_varint(prefix, len);
    state->out = prefix + needed + len;
    return NULL;
}

static void copy_run(run *state, const uint8_t *from, const uint8_t *to)
{
    if (from == to) return;
    memcpy(state->out, from, (size_t)(to - from));
    state->out += to - from;
}

static const char *filter(run *state, const plan *current, furrow_bytes bytes, unsigned depth)
{
    furrow_wirescan scan = {bytes.data, (const uint8_t *)bytes.data + bytes.len};
    const uint8_t *pending = scan.at; /* kept fields from here to the one at hand are not copied yet */
    furrow_wirescan_field field = {0};
    const char *wrong = NULL;

    while (scan.at < scan.end) {
        if ((wrong = furrow_wirescan_next(&scan, &field))) break;
        const rule *found =
            field.number < current->dense_count ? &current->dense[field.number] : search_rule(current, field.number);
        if (found->kept) {
            wrong = furrow_wirescan_check(found->type, found->repeated, &field);
            if (wrong && wrong != furrow_wirescan_nul) break;
            wrong = NULL;
            if (found->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        }
        copy_run(state, pending, field.start);
        pending = scan.at;
        if (found->kept && (wrong = filter_submessage(state, found, &field, depth))) break;
    }
    if (!wrong) {
        copy_run(state, pending, scan.end);
    } else if (!state->wrong_in) {
        state->wrong_in = current->descriptor;
        state->wrong_field = field.number;
    }
    return wrong;
}

furrow_status furrow_projection_apply(const furrow_projection *projection, furrow_bytes event, uint8_t *out,
                                      size_t *len, furrow_error *err)
{
    run state = {.projection = projection, .out = out};

    if (event.len == 0) {
        *len = 0;
        return FURROW_OK;
    }
    const char *wrong = filter(&state, &projection->plans[0], event, 1);
    if (wrong)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "these bytes are no %s: field %u of %s: %s",
                           projection->plans[0].descriptor->name, state.wrong_field, state.wrong_in->name, wrong);
    *len = (size_t)(state.out - out);
    return FURROW_OK;
}
