/**
 * Custom options out of unknown fields: one table per kind of option, one small reader of the wire format.
 * An option may come in pieces (`option (x).a = 1; option (x).b = 2;`), so each occurrence is merged into what is
 * there; numbers that no table names belong to somebody else's options and are skipped.
 */
#include "codegen/options.h"

#include "codegen/text.h"

#include <string.h>

/* Numbers of proto/furrow/v1/options.proto, and of protobuf-c's own file option. */
enum {
    OPTION_ENTITY = 50501,
    OPTION_REPLICA_OF = 50502,
    OPTION_REACTION = 50503,
    OPTION_CHECKED = 50504,
    OPTION_AGGREGATE = 50505,
    OPTION_INDEX = 50511,
    OPTION_PRIVATE = 50512,
    OPTION_UNIQUE = 50513,
    OPTION_MATCHES = 50515,
    OPTION_TIMEOUT_MS = 50521,
    OPTION_SUMMARY = 50522,
    OPTION_RESTRICTED = 50523,
    OPTION_COMMAND = 50524,
    OPTION_GET = 50525,
    OPTION_LIST = 50526,
    OPTION_SHORT_NAME = 50531,
    OPTION_CALLS = 50532,
    OPTION_STARTUP = 50533,
    OPTION_PB_C_FILE = 1019,
    PB_C_FILE_C_PACKAGE = 6,
};

typedef enum slot_kind { SLOT_BOOL, SLOT_UINT32, SLOT_TEXT, SLOT_TEXTS, SLOT_MESSAGE, SLOT_PARTS } slot_kind;

typedef struct slot {
    uint32_t number;
    slot_kind kind;
    /* bool *, uint32_t *, const char **, furrow_option_texts *, option_parts *; of a message: bool * set when it stands
     * there, or NULL */
    void *into;
    const struct slot *inner; /* of a message */
    size_t inner_count;
} slot;

typedef struct reader {
    const uint8_t *at, *end;
} reader;

/* A message that may be repeated, each as its bytes. */
typedef struct option_parts {
    reader *parts;
    size_t count;
} option_parts;

static bool read_varint(reader *in, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
        uint8_t byte = *in->at++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = sum;
            return true;
        }
    }
    return false;
}

static bool read_bytes(reader *in, reader *bytes)
{
    uint64_t len;
    if (!read_varint(in, &len) || len > (uint64_t)(in->end - in->at)) return false;
    *bytes = (reader){in->at, in->at + len};
    in->at += len;
    return true;
}

static bool skip_value(reader *in, unsigned wire_type)
{
    uint64_t ignored;
    reader bytes;
    size_t fixed = wire_type == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4;
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(in, &ignored);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return read_bytes(in, &bytes);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        if ((size_t)(in->end - in->at) < fixed) return false;
        in->at += fixed;
        return true;
    default:
        return false;
    }
}

static bool read_message(reader *in, furrow_arena *arena, const slot *slots, size_t count);

/* An option that may be repeated: one more text. Few, so the list is copied each time. */
static void add_option_text(furrow_arena *arena, furrow_option_texts *list, const char *text)
{
    const char **grown = furrow_text_zalloc(arena, (list->count + 1) * sizeof *grown);
    if (list->count > 0) memcpy(grown, list->texts, list->count * sizeof *grown);
    grown[list->count++] = text;
    list->texts = grown;
}

static void add_option_part(furrow_arena *arena, option_parts *list, reader bytes)
{
    reader *grown = furrow_text_zalloc(arena, (list->count + 1) * sizeof *grown);
    size_t len = (size_t)(bytes.end - bytes.at);
    const uint8_t *copy = (const uint8_t *)furrow_text_copy(arena, bytes.at, len);
    if (list->count > 0) memcpy(grown, list->parts, list->count * sizeof *grown);
    grown[list->count++] = (reader){copy, copy + len};
    list->parts = grown;
}

static bool read_slot(reader *in, unsigned wire_type, furrow_arena *arena, const slot *to)
{
    bool by_length = to->kind != SLOT_BOOL && to->kind != SLOT_UINT32;
    uint64_t number = 0;
    reader bytes = {0};
    if (wire_type != (by_length ? PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED : PROTOBUF_C_WIRE_TYPE_VARINT)) return false;
    if (by_length ? !read_bytes(in, &bytes) : !read_varint(in, &number)) return false;
    switch (to->kind) {
    case SLOT_BOOL:
        *(bool *)to->into = number != 0;
        return true;
    case SLOT_UINT32:
        *(uint32_t *)to->into = (uint32_t)number;
        return true;
    case SLOT_TEXT:
        *(const char **)to->into = furrow_text_copy(arena, bytes.at, (size_t)(bytes.end - bytes.at));
        return true;
    case SLOT_TEXTS:
        add_option_text(arena, to->into, furrow_text_copy(arena, bytes.at, (size_t)(bytes.end - bytes.at)));
        return true;
    case SLOT_PARTS:
        add_option_part(arena, to->into, bytes);
        return true;
    case SLOT_MESSAGE:
        if (to->into) *(bool *)to->into = true;
        return read_message(&bytes, arena, to->inner, to->inner_count);
    }
    return false;
}

static const slot *find_slot(const slot *slots, size_t count, uint64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (slots[i].number == number) return &slots[i];
    }
    return NULL;
}

static bool read_message(reader *in, furrow_arena *arena, const slot *slots, size_t count)
{
    while (in->at < in->end) {
        uint64_t tag;
        if (!read_varint(in, &tag)) return false;
        const slot *to = find_slot(slots, count, tag >> 3);
        unsigned wire_type = (unsigned)(tag & 7);
        if (to ? !read_slot(in, wire_type, arena, to) : !skip_value(in, wire_type)) return false;
    }
    return true;
}

/* protobuf-c keeps an unknown field as its value's bytes, the length prefix included. */
static bool read_unknown(const ProtobufCMessage *options, furrow_arena *arena, const slot *slots, size_t count)
{
    for (unsigned i = 0; i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
        const slot *to = find_slot(slots, count, field->tag);
        reader in = {field->data, field->data + field->len};
        if (to && !read_slot(&in, field->wire_type, arena, to)) return false;
    }
    return true;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool read_aggregates(const option_parts *parts, furrow_arena *arena, furrow_message_options *out)
{
    out->aggregates = furrow_text_zalloc(arena, (parts->count + 1) * sizeof *out->aggregates);
    for (; out->aggregate_count < parts->count; out->aggregate_count++) {
        furrow_aggregate_options *aggregate = &out->aggregates[out->aggregate_count];
        reader part = parts->parts[out->aggregate_count];
        const slot when[] = {{1, SLOT_TEXT, &aggregate->when.field, NULL, 0},
                             {2, SLOT_TEXT, &aggregate->when.is, NULL, 0}};
        const slot slots[] = {{1, SLOT_TEXT, &aggregate->name, NULL, 0},
                              {2, SLOT_TEXTS, &aggregate->by, NULL, 0},
                              {3, SLOT_TEXT, &aggregate->sum, NULL, 0},
                              {4, SLOT_MESSAGE, &aggregate->when.given, when, COUNT(when)}};
        if (!read_message(&part, arena, slots, COUNT(slots))) return false;
    }
    return true;
}

bool furrow_options_of_message(const Google__Protobuf__MessageOptions *from, furrow_arena *arena,
                               furrow_message_options *out)
{
    *out = (furrow_message_options){0};
    option_parts aggregates = {NULL, 0};
    const slot when[] = {{1, SLOT_TEXT, &out->unique_while.field, NULL, 0},
                         {2, SLOT_TEXT, &out->unique_while.is, NULL, 0}};
    const slot entity[] = {{1, SLOT_UINT32, &out->history, NULL, 0},
                           {2, SLOT_UINT32, &out->replicas, NULL, 0},
                           {3, SLOT_BOOL, &out->memory, NULL, 0},
                           {4, SLOT_TEXT, &out->description, NULL, 0},
                           {5, SLOT_BOOL, &out->internal, NULL, 0},
                           {6, SLOT_BOOL, &out->keys, NULL, 0},
                           {7, SLOT_MESSAGE, &out->unique_while.given, when, COUNT(when)}};
    const slot slots[] = {{OPTION_ENTITY, SLOT_MESSAGE, &out->entity, entity, COUNT(entity)},
                          {OPTION_REPLICA_OF, SLOT_TEXT, &out->replica_of, NULL, 0},
                          {OPTION_REACTION, SLOT_BOOL, &out->reaction, NULL, 0},
                          {OPTION_CHECKED, SLOT_BOOL, &out->checked, NULL, 0},
                          {OPTION_AGGREGATE, SLOT_PARTS, &aggregates, NULL, 0}};
    return !from || (read_unknown(&from->base, arena, slots, COUNT(slots)) && read_aggregates(&aggregates, arena, out));
}

bool furrow_options_of_field(const Google__Protobuf__FieldOptions *from, furrow_arena *arena, furrow_field_options *out)
{
    *out = (furrow_field_options){0};
    const slot index[] = {{1, SLOT_BOOL, &out->listed, NULL, 0}, {2, SLOT_BOOL, &out->fold, NULL, 0}};
    const slot slots[] = {{OPTION_INDEX, SLOT_MESSAGE, &out->index, index, COUNT(index)},
                          {OPTION_PRIVATE, SLOT_BOOL, &out->is_private, NULL, 0},
                          {OPTION_UNIQUE, SLOT_BOOL, &out->unique, NULL, 0},
                          {OPTION_MATCHES, SLOT_TEXT, &out->matches, NULL, 0}};
    return !from || read_unknown(&from->base, arena, slots, COUNT(slots));
}

static bool read_known(reader part, furrow_arena *arena, furrow_known_options *out)
{
    const slot slots[] = {{1, SLOT_TEXT, &out->replica, NULL, 0}, {2, SLOT_TEXT, &out->entity, NULL, 0},
                          {3, SLOT_TEXT, &out->id, NULL, 0},      {4, SLOT_BOOL, &out->of_state, NULL, 0},
                          {5, SLOT_TEXT, &out->as, NULL, 0},      {6, SLOT_BOOL, &out->required, NULL, 0}};
    return read_message(&part, arena, slots, COUNT(slots));
}

static bool read_joins(const option_parts *parts, furrow_arena *arena, furrow_query_options *out)
{
    out->joins = furrow_text_zalloc(arena, (parts->count + 1) * sizeof *out->joins);
    for (; out->join_count < parts->count; out->join_count++) {
        furrow_join_options *join = &out->joins[out->join_count];
        reader part = parts->parts[out->join_count];
        const slot slots[] = {{1, SLOT_TEXT, &join->replica, NULL, 0},
                              {2, SLOT_TEXT, &join->id, NULL, 0},
                              {3, SLOT_TEXT, &join->field, NULL, 0},
                              {4, SLOT_TEXT, &join->as, NULL, 0}};
        if (!read_message(&part, arena, slots, COUNT(slots))) return false;
    }
    return true;
}

bool furrow_options_of_method(const Google__Protobuf__MethodOptions *from, furrow_arena *arena,
                              furrow_method_options *out)
{
    *out = (furrow_method_options){0};
    furrow_command_options *to = &out->command;
    option_parts knows = {NULL, 0}, get_joins = {NULL, 0}, list_joins = {NULL, 0};
    const slot when[] = {{1, SLOT_TEXT, &to->also_when.field, NULL, 0}, {2, SLOT_TEXT, &to->also_when.is, NULL, 0}};
    const slot also[] = {{1, SLOT_TEXT, &to->also_entity, NULL, 0},
                         {2, SLOT_TEXT, &to->also_id, NULL, 0},
                         {3, SLOT_MESSAGE, &to->also_when.given, when, COUNT(when)}};
    const slot command[] = {{1, SLOT_TEXT, &to->entity, NULL, 0},      {2, SLOT_TEXT, &to->id, NULL, 0},
                            {3, SLOT_TEXT, &to->event, NULL, 0},       {4, SLOT_PARTS, &knows, NULL, 0},
                            {5, SLOT_BOOL, &to->creates, NULL, 0},     {6, SLOT_BOOL, &to->allow_missing, NULL, 0},
                            {7, SLOT_BOOL, &to->computed_id, NULL, 0}, {8, SLOT_BOOL, &to->deletes, NULL, 0},
                            {9, SLOT_BOOL, &to->erases, NULL, 0},      {11, SLOT_TEXT, &to->seals, NULL, 0},
                            {10, SLOT_TEXT, &to->version, NULL, 0},    {12, SLOT_MESSAGE, &to->also, also, COUNT(also)},
                            {13, SLOT_BOOL, &to->prepared, NULL, 0}};
    const slot get[] = {{1, SLOT_TEXT, &out->get.entity, NULL, 0},  {2, SLOT_TEXT, &out->get.id, NULL, 0},
                        {3, SLOT_PARTS, &get_joins, NULL, 0},       {4, SLOT_BOOL, &out->get.shown, NULL, 0},
                        {5, SLOT_BOOL, &out->get.checked, NULL, 0}, {6, SLOT_BOOL, &out->get.unsealed, NULL, 0}};
    const slot list[] = {{1, SLOT_TEXT, &out->list.entity, NULL, 0},  {2, SLOT_TEXTS, &out->list.by, NULL, 0},
                         {3, SLOT_PARTS, &list_joins, NULL, 0},       {4, SLOT_BOOL, &out->list.shown, NULL, 0},
                         {5, SLOT_TEXTS, &out->list.filter, NULL, 0}, {6, SLOT_TEXT, &out->list.order, NULL, 0},
                         {7, SLOT_BOOL, &out->list.checked, NULL, 0}};
    const slot slots[] = {{OPTION_TIMEOUT_MS, SLOT_UINT32, &out->timeout_ms, NULL, 0},
                          {OPTION_SUMMARY, SLOT_TEXT, &out->summary, NULL, 0},
                          {OPTION_RESTRICTED, SLOT_BOOL, &out->restricted, NULL, 0},
                          {OPTION_COMMAND, SLOT_MESSAGE, &to->given, command, COUNT(command)},
                          {OPTION_GET, SLOT_MESSAGE, &out->get.given, get, COUNT(get)},
                          {OPTION_LIST, SLOT_MESSAGE, &out->list.given, list, COUNT(list)}};
    if (from && !read_unknown(&from->base, arena, slots, COUNT(slots))) return false;
    to->deletes |= to->erases;
    to->known_count = knows.count;
    to->knows = furrow_text_zalloc(arena, (knows.count + 1) * sizeof *to->knows);
    for (size_t i = 0; i < knows.count; i++)
        if (!read_known(knows.parts[i], arena, &to->knows[i])) return false;
    return read_joins(&get_joins, arena, &out->get) && read_joins(&list_joins, arena, &out->list);
}

bool furrow_options_of_service(const Google__Protobuf__ServiceOptions *from, furrow_arena *arena,
                               furrow_service_options *out)
{
    *out = (furrow_service_options){0};
    const slot slots[] = {{OPTION_SHORT_NAME, SLOT_TEXT, &out->short_name, NULL, 0},
                          {OPTION_CALLS, SLOT_TEXTS, &out->calls, NULL, 0},
                          {OPTION_STARTUP, SLOT_BOOL, &out->startup, NULL, 0}};
    return !from || read_unknown(&from->base, arena, slots, COUNT(slots));
}

bool furrow_options_of_file(const Google__Protobuf__FileOptions *from, furrow_arena *arena, const char **c_package)
{
    *c_package = NULL;
    const slot file[] = {{PB_C_FILE_C_PACKAGE, SLOT_TEXT, c_package, NULL, 0}};
    const slot slots[] = {{OPTION_PB_C_FILE, SLOT_MESSAGE, NULL, file, COUNT(file)}};
    return !from || read_unknown(&from->base, arena, slots, COUNT(slots));
}
