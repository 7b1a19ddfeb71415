/**
 * Typed access, for methods that are written by hand: of each entity of the file load, write, list and a place in a
 * gather; of each replica find and a place in a gather. Thin and inline, in a header of its own; an index is a function,
 * so one that is not there does not compile.
 */
#include "codegen/emit.h"

#include "codegen/names.h"
#include "codegen/reading.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

/* The names in the functions of one message. */
typedef struct access {
    const furrow_emit *emit;
    furrow_buffer *out;
    const furrow_model_message *message;
    const char *name, *type, *contract; /* "work_day", "Timesheet__V1__WorkDay", "&timesheet_v1_work_day_entity" */
    const char *noun;                   /* "work day" */
} access;

static access access_of(const furrow_emit *emit, const furrow_model_message *message)
{
    furrow_arena *arena = emit->model->arena;
    return (access){.emit = emit,
                    .out = emit->header,
                    .message = message,
                    .name = furrow_names_snake(arena, message->short_name),
                    .type = furrow_names_c_type(arena, message->name),
                    .contract = furrow_text_printf(arena, "&%s", furrow_symbols_message(arena, message)),
                    .noun = furrow_names_spaced(arena, furrow_names_snake(arena, message->short_name))};
}

static void write_load(const access *of)
{
    furrow_buffer_printf(of->out,
                         "/* The %s in a state; NULL: there is none. */\n"
                         "static inline const %s *%s_of(const furrow_state *state)\n{\n"
                         "    return (const %s *)state->message;\n}\n\n",
                         of->noun, of->type, of->name, of->type);
    furrow_buffer_printf(of->out,
                         "/* The same as callers see it: without what is not theirs. */\n"
                         "static inline %s *%s_shown(const furrow_state *state)\n{\n"
                         "    %s *shown = (%s *)state->message;\n    shown->base.n_unknown_fields = 0;\n",
                         of->type, of->name, of->type, of->type);
    for (size_t i = 0; i < of->message->field_count; i++)
        if (of->message->fields[i].options.is_private)
            furrow_buffer_printf(of->out, "    shown->%s = (ProtobufCBinaryData){0};\n",
                                 furrow_names_c_member(of->emit->model->arena, of->message->fields[i].name));
    furrow_buffer_append_text(of->out, "    return shown;\n}\n\n");
    furrow_buffer_printf(
        of->out,
        "/* As furrow_entity_load. */\n"
        "static inline furrow_status %s_load(furrow_service *service, const char *id, furrow_arena *arena,\n"
        "    furrow_state *out, furrow_error *err)\n{\n"
        "    return furrow_entity_load(furrow_service_entity(service, %s), id, arena, out, err);\n}\n\n",
        of->name, of->contract);
    furrow_buffer_printf(
        of->out,
        "/* As furrow_entity_write. */\n"
        "static inline furrow_status %s_write(furrow_service *service, const furrow_write *write,\n"
        "    furrow_arena *arena, furrow_written *out, furrow_error *err)\n{\n"
        "    return furrow_entity_write(furrow_service_entity(service, %s), write, arena, out, err);\n}\n\n",
        of->name, of->contract);
}

static void write_entity_gather(const access *of)
{
    furrow_buffer_printf(of->out,
                         "/* Asks for one along with others, and takes it; see runtime/gather.h. */\n"
                         "static inline size_t %s_want(furrow_gather *gather, const char *id)\n{\n"
                         "    return furrow_gather_entity(gather, %s, id);\n}\n\n",
                         of->name, of->contract);
    furrow_buffer_printf(
        of->out,
        "static inline furrow_status %s_take(const furrow_gather *gather, size_t which, furrow_arena *arena,\n"
        "    furrow_state *out, furrow_error *err)\n{\n"
        "    return furrow_gather_state(gather, which, arena, out, err);\n}\n\n",
        of->name);
}

/* A page's type: furrow_page with its own messages. */
static void write_page_type(const access *of)
{
    furrow_buffer_printf(of->out,
                         "/* A page of them, as furrow_page. */\n"
                         "typedef struct %s_page {\n    %s **items;\n    uint64_t *versions;\n    size_t count;\n"
                         "    char **damaged_ids;\n    size_t damaged_count;\n    char *next;\n} %s_page;\n\n",
                         of->name, of->type, of->name);
}

/* What an index is asked for: as a parameter, and what becomes of it. */
typedef struct index_value {
    const char *type, *bytes;
} index_value;

static index_value index_value_of(const access *of, const furrow_model_field *field)
{
    furrow_arena *arena = of->emit->model->arena;
    if (field->proto->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING)
        return (index_value){"const char *", "furrow_bytes_of(value)"};
    const char *type = field->enumeration ? furrow_names_c_type(arena, field->enumeration->name) : "int64_t";
    return (index_value){furrow_text_printf(arena, "%s ", type), "furrow_record_index_integer(value, arena)"};
}

static void write_list_by(const access *of, const furrow_model_field *field)
{
    index_value value = index_value_of(of, field);
    furrow_buffer_printf(of->out,
                         "/* By %s, in the order of their ids; see furrow_listing_read. @page_token \"\" begins. */\n"
                         "static inline furrow_status %s_list_by_%s(furrow_service *service, %svalue,\n"
                         "    int32_t page_size, const char *page_token, furrow_arena *arena, %s_page *out,\n"
                         "    furrow_error *err)\n{\n",
                         field->name, of->name, field->name, value.type, of->name);
    furrow_buffer_printf(of->out,
                         "    furrow_page page;\n    const furrow_listing listing = {\n"
                         "        .entity = furrow_service_entity(service, %s),\n"
                         "        .query = {.index = \"%s\", .value = %s},\n"
                         "        .page_size = page_size,\n        .page_token = page_token,\n    };\n",
                         of->contract, field->name, value.bytes);
    furrow_buffer_printf(of->out,
                         "    furrow_status status = furrow_listing_read(&listing, arena, &page, err);\n"
                         "    if (status != FURROW_OK) return status;\n"
                         "    *out = (%s_page){(%s **)page.messages, page.versions, page.count,\n"
                         "        page.damaged_ids, page.damaged_count, page.next};\n"
                         "    return FURROW_OK;\n}\n\n",
                         of->name, of->type);
}

/* Their ids alone, for who looks at each on its own: damaged ones too. */
static void write_ids_by(const access *of, const furrow_model_field *field)
{
    index_value value = index_value_of(of, field);
    furrow_buffer_printf(
        of->out,
        "/* The ids alone, also of damaged ones; see furrow_listing_ids. @after NULL begins. */\n"
        "static inline furrow_status %s_ids_by_%s(furrow_service *service, %svalue,\n"
        "    size_t limit, const char *after, furrow_arena *arena, furrow_ids *out, furrow_error *err)\n{\n",
        of->name, field->name, value.type);
    furrow_buffer_printf(
        of->out,
        "    return furrow_listing_ids(furrow_service_entity(service, %s),\n"
        "        &(furrow_record_query){.index = \"%s\", .value = %s, .limit = limit, .after = after},\n"
        "        arena, out, err);\n}\n\n",
        of->contract, field->name, value.bytes);
    if (field->proto->type != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING) return;
    furrow_buffer_printf(of->out,
                         "/* The same along with what is gathered: see furrow_gather_listed. */\n"
                         "static inline void %s_want_ids_by_%s(furrow_gather *gather, %svalue, size_t limit)\n{\n"
                         "    furrow_gather_ids(gather, %s, \"%s\", %s, limit);\n}\n\n",
                         of->name, field->name, value.type, of->contract, field->name, value.bytes);
}

/* One function for all of them; see store/record.h. */
static void write_totals(const access *of, const furrow_model_message *message)
{
    bool own = message->options.entity;
    if (message->options.aggregate_count == 0) return;
    furrow_buffer_printf(
        of->out,
        "/* What an aggregate of them comes to, as furrow_record_totals. */\n"
        "static inline furrow_status %s_totals(furrow_service *service, const furrow_totals_query *query,\n"
        "    furrow_arena *arena, furrow_total **out, size_t *count, char **next, furrow_error *err)\n{\n",
        of->name);
    furrow_buffer_printf(of->out,
                         "    furrow_table *table = %s(furrow_service_%s(service, %s));\n"
                         "    return furrow_record_totals(table, query, arena, out, count, next, err);\n}\n\n",
                         own ? "furrow_entity_table" : "furrow_replica_table", own ? "entity" : "replica",
                         of->contract);
}

static void write_entity_access(const furrow_emit *emit, const furrow_model_message *message)
{
    access of = access_of(emit, message);
    bool paged = false;
    write_load(&of);
    write_entity_gather(&of);
    for (size_t i = 0; i < message->field_count; i++) {
        const furrow_model_field *field = &message->fields[i];
        if (!field->options.listed || !furrow_reading_comparable(field)) continue;
        if (!paged) write_page_type(&of);
        paged = true;
        write_list_by(&of, field);
        write_ids_by(&of, field);
    }
    write_totals(&of, message);
}

static void write_kept_by(const access *of, const furrow_model_field *field)
{
    index_value value = index_value_of(of, field);
    furrow_buffer_printf(
        of->out,
        "/* Those that are kept with this %s, @limit at most; see furrow_listing_kept. */\n"
        "static inline furrow_status %s_kept_by_%s(furrow_service *service, %svalue,\n"
        "    size_t limit, furrow_arena *arena, %s *const **out, size_t *count, furrow_error *err)\n{\n",
        field->name, of->name, field->name, value.type, of->type);
    furrow_buffer_printf(of->out,
                         "    ProtobufCMessage **messages = NULL;\n"
                         "    furrow_status status = furrow_listing_kept(furrow_service_replica(service, %s),\n"
                         "        &(furrow_record_query){.index = \"%s\", .value = %s, .limit = limit},\n"
                         "        arena, &messages, count, err);\n"
                         "    if (status == FURROW_OK) *out = (%s *const *)messages;\n    return status;\n}\n\n",
                         of->contract, field->name, value.bytes, of->type);
}

static void write_replica_access(const furrow_emit *emit, const furrow_model_message *message)
{
    access of = access_of(emit, message);
    furrow_buffer_printf(
        of.out,
        "/* What is kept of %s @id; *out NULL: nothing. As furrow_replica_get. */\n"
        "static inline furrow_status %s_find(furrow_service *service, const char *id, furrow_arena *arena,\n"
        "    const %s **out, furrow_error *err)\n{\n",
        message->options.replica_of, of.name, of.type);
    furrow_buffer_printf(
        of.out,
        "    ProtobufCMessage *message = NULL;\n"
        "    furrow_status status =\n"
        "        furrow_replica_get(furrow_service_replica(service, %s), id, arena, &message, NULL, err);\n"
        "    if (status == FURROW_OK) *out = (const %s *)message;\n    return status;\n}\n\n",
        of.contract, of.type);
    furrow_buffer_printf(of.out,
                         "/* Asks for it along with others, and takes it; see runtime/gather.h. */\n"
                         "static inline size_t %s_want(furrow_gather *gather, const char *id)\n{\n"
                         "    return furrow_gather_replica(gather, %s, id);\n}\n\n",
                         of.name, of.contract);
    furrow_buffer_printf(
        of.out,
        "static inline furrow_status %s_take(const furrow_gather *gather, size_t which, furrow_arena *arena,\n"
        "    const %s **out, furrow_error *err)\n{\n"
        "    ProtobufCMessage *message = NULL;\n"
        "    furrow_status status = furrow_gather_kept(gather, which, arena, &message, err);\n"
        "    if (status == FURROW_OK) *out = (const %s *)message;\n    return status;\n}\n\n",
        of.name, of.type, of.type);
    for (size_t i = 0; i < message->field_count; i++) {
        const furrow_model_field *field = &message->fields[i];
        if (field->options.listed && furrow_reading_comparable(field)) write_kept_by(&of, field);
    }
    write_totals(&of, message);
}

void furrow_emit_access(const furrow_emit *emit)
{
    furrow_emit_opening(emit, "access",
                        "Access: what methods that are written by hand read and write, with its types.");
    furrow_buffer_printf(emit->header,
                         "#include \"%s.furrow.h\"\n#include \"runtime/gather.h\"\n#include \"runtime/listing.h\"\n\n",
                         emit->stem);
    for (size_t i = 0; i < emit->file->message_count; i++) {
        const furrow_model_message *message = &emit->file->messages[i];
        if (message->options.entity) write_entity_access(emit, message);
        if (message->options.replica_of) write_replica_access(emit, message);
    }
    furrow_buffer_append_text(emit->header, "#endif\n");
}
