/**
 * Methods that read: the constant description of each (runtime/query.h) and the handler that runs it, into
 * <stem>.server.c. Where the author checks requests or completes answers, <stem>.domain.h declares the function.
 */
#include "codegen/emit.h"

#include "codegen/names.h"
#include "codegen/reading.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

#include <string.h>

/* A method and what its option stands for. */
typedef struct query {
    const furrow_emit *emit;
    const furrow_model_service *service;
    const furrow_model_method *method;
    furrow_reading reading;
    const char *symbol; /* "job_get_job" */
} query;

static query query_of(const furrow_emit *emit, const furrow_model_service *service, const furrow_model_method *method)
{
    return (query){.emit = emit,
                   .service = service,
                   .method = method,
                   .reading = furrow_reading_of(emit->model, emit->file, method),
                   .symbol = furrow_symbols_method(emit->model->arena, service, method)};
}

/* "offsetof(Job__V1__Job, id)"; "0" of no field. */
static const char *offset_of(const query *of, const furrow_model_message *message, const char *prefix,
                             const furrow_model_field *field)
{
    furrow_arena *arena = of->emit->model->arena;
    if (!field) return "0";
    return furrow_text_printf(arena, "offsetof(%s, %s%s)", furrow_names_c_type(arena, message->name), prefix,
                              furrow_names_c_member(arena, field->name));
}

/* "{offset of the list, of its count}" */
static const char *places_of(const query *of, const furrow_model_message *message, const furrow_model_field *field)
{
    return furrow_text_printf(of->emit->model->arena, "{%s, %s}", offset_of(of, message, "", field),
                              offset_of(of, message, "n_", field));
}

static void write_joins(const query *of)
{
    const furrow_reading *reading = &of->reading;
    furrow_arena *arena = of->emit->model->arena;
    furrow_buffer *out = of->emit->source;
    if (reading->options->join_count == 0) return;
    furrow_buffer_printf(out, "static const furrow_query_join %s_joins[] = {\n", of->symbol);
    for (size_t i = 0; i < reading->options->join_count; i++) {
        furrow_reading_join join =
            furrow_reading_join_of(of->emit->model, of->emit->file, reading, &reading->options->joins[i]);
        furrow_buffer_printf(out, "    {.replica = &%s,\n     .id_at = %s,\n     .from_at = %s,\n",
                             furrow_symbols_message(arena, join.replica), offset_of(of, reading->entity, "", join.id),
                             offset_of(of, join.replica, "", join.field));
        furrow_buffer_printf(out, "     .size = sizeof(((%s *)NULL)->%s),\n     .into_at = %s},\n",
                             furrow_names_c_type(arena, join.replica->name),
                             furrow_names_c_member(arena, join.field->name),
                             offset_of(of, reading->item.message, "", join.as));
    }
    furrow_buffer_append_text(out, "};\n\n");
}

static void write_show(const query *of)
{
    if (!of->reading.options->shown) return;
    furrow_buffer_printf(
        of->emit->source,
        "static furrow_status %s_show_item(ProtobufCMessage *item, int64_t now_ns, furrow_arena *arena,\n"
        "    furrow_error *err)\n{\n    return %s_show((%s *)item, now_ns, arena, err);\n}\n\n",
        of->symbol, of->symbol, furrow_names_c_type(of->emit->model->arena, of->reading.item.message->name));
}

static void write_request_check(const query *of)
{
    if (!of->reading.options->checked) return;
    furrow_buffer_printf(
        of->emit->source,
        "static furrow_status %s_check_request(const ProtobufCMessage *request, furrow_error *err)\n{\n"
        "    return %s_check((const %s *)request, err);\n}\n\n",
        of->symbol, of->symbol, furrow_names_c_type(of->emit->model->arena, of->method->input->name));
}

static const char *noun_of(const query *of)
{
    furrow_arena *arena = of->emit->model->arena;
    return furrow_names_spaced(arena, furrow_names_snake(arena, of->reading.entity->short_name));
}

/* The member `item` of both descriptions. */
static void write_item(const query *of)
{
    furrow_arena *arena = of->emit->model->arena;
    furrow_buffer *out = of->emit->source;
    const furrow_reading_item *item = &of->reading.item;
    furrow_buffer_printf(out, "    .item = {.entity = &%s,\n             .noun = \"%s\",\n",
                         furrow_symbols_message(arena, of->reading.entity), noun_of(of));
    if (item->entity)
        furrow_buffer_printf(out,
                             "             .message = &%s__descriptor,\n             .entity_at = %s,\n"
                             "             .version_at = %s,\n",
                             furrow_names_c_lower(arena, item->message->name),
                             offset_of(of, item->message, "", item->entity),
                             offset_of(of, item->message, "", item->version));
    if (of->reading.options->join_count > 0)
        furrow_buffer_printf(out, "             .joins = %s_joins,\n             .join_count = %zu,\n", of->symbol,
                             of->reading.options->join_count);
    if (of->reading.options->shown) furrow_buffer_printf(out, "             .show = %s_show_item,\n", of->symbol);
    furrow_buffer_append_text(out, "    },\n");
    if (of->reading.options->checked) furrow_buffer_printf(out, "    .check = %s_check_request,\n", of->symbol);
}

static void write_handler(const query *of, const char *handler, const char *what)
{
    furrow_buffer_printf(of->emit->source,
                         "static furrow_status %s(furrow_call *call, const ProtobufCMessage *request,\n"
                         "    ProtobufCMessage *response, furrow_error *err)\n{\n"
                         "    return furrow_query_%s(&%s_query, call, request, response, err);\n}\n\n",
                         handler, what, of->symbol);
}

static void write_get(const query *of, const char *handler)
{
    const furrow_reading *reading = &of->reading;
    const furrow_model_message *input = of->method->input, *output = of->method->output;
    furrow_buffer *out = of->emit->source;
    furrow_buffer_printf(out, "/* %s.%s */\nstatic const furrow_query_get_contract %s_query = {\n", of->service->name,
                         of->method->name, of->symbol);
    write_item(of);
    furrow_buffer_printf(out, "    .id = \"%s\",\n    .id_at = %s,\n", reading->id->name,
                         offset_of(of, input, "", reading->id));
    if (reading->options->unsealed) furrow_buffer_append_text(out, "    .unseals = true,\n");
    if (reading->many)
        furrow_buffer_printf(out,
                             "    .id_count_at = %s,\n    .items = %s,\n    .missing_ids = %s,\n"
                             "    .damaged_ids = %s,\n",
                             offset_of(of, input, "n_", reading->id), places_of(of, output, reading->items),
                             places_of(of, output, reading->missing_ids), places_of(of, output, reading->damaged_ids));
    furrow_buffer_append_text(out, "};\n\n");
    write_handler(of, handler, "get");
}

static const char *c_type(const furrow_model_field *field)
{
    static const char *const types[] = {NULL,      "DOUBLE",   "FLOAT",    "INT64",  "UINT64",  "INT32", "FIXED64",
                                        "FIXED32", "BOOL",     "STRING",   "GROUP",  "MESSAGE", "BYTES", "UINT32",
                                        "ENUM",    "SFIXED32", "SFIXED64", "SINT32", "SINT64"};
    return types[field->proto->type];
}

static void write_by(const query *of, const char *name, bool indexed)
{
    furrow_buffer *out = of->emit->source;
    const furrow_model_message *input = of->method->input, *entity = of->reading.entity;
    furrow_reading_by by = furrow_reading_by_of(of->emit->model, &of->reading, of->method, name);
    furrow_buffer_printf(out, "    {.field = \"%s\", .of = \"%s\", .type = PROTOBUF_C_TYPE_%s,", name, by.of->name,
                         c_type(by.of));
    if (indexed) furrow_buffer_append_text(out, " .indexed = true,");
    if (by.of->options.fold) furrow_buffer_append_text(out, " .fold = true,");
    if (by.prefix) furrow_buffer_append_text(out, " .prefix = true,");
    furrow_buffer_printf(out, "\n     .at = %s,\n     .of_at = %s", offset_of(of, input, "", by.field),
                         offset_of(of, entity, "", by.of));
    if (furrow_model_repeated(by.of))
        furrow_buffer_printf(out, ",\n     .of_count_at = %s", offset_of(of, entity, "n_", by.of));
    furrow_buffer_append_text(out, "},\n");
}

static const char *needs_of(const query *of)
{
    const furrow_option_texts *by = &of->reading.options->by;
    const char *needs = "";
    for (size_t i = 1; i < by->count; i++)
        needs = furrow_text_printf(of->emit->model->arena, "%sor %s ", needs, by->texts[i]);
    return furrow_text_printf(of->emit->model->arena, "%sis required: it says what is listed", needs);
}

static void write_list_query(const query *of, const char *handler)
{
    const furrow_reading *reading = &of->reading;
    const furrow_query_options *options = reading->options;
    const furrow_model_message *input = of->method->input, *output = of->method->output;
    furrow_buffer *out = of->emit->source;
    size_t count = options->by.count + options->filter.count;
    if (count > 0) furrow_buffer_printf(out, "static const furrow_query_by %s_by[] = {\n", of->symbol);
    for (size_t i = 0; i < options->by.count; i++) write_by(of, options->by.texts[i], true);
    for (size_t i = 0; i < options->filter.count; i++) write_by(of, options->filter.texts[i], false);
    if (count > 0) furrow_buffer_append_text(out, "};\n\n");
    furrow_buffer_printf(out, "/* %s.%s */\nstatic const furrow_query_list_contract %s_query = {\n", of->service->name,
                         of->method->name, of->symbol);
    write_item(of);
    if (count > 0) furrow_buffer_printf(out, "    .by = %s_by,\n    .by_count = %zu,\n", of->symbol, count);
    if (options->order)
        furrow_buffer_printf(out, "    .order = \"%s\",\n", options->order);
    else
        furrow_buffer_printf(out, "    .needs = \"%s\",\n", needs_of(of));
    furrow_buffer_printf(out, "    .page_size_at = %s,\n    .page_token_at = %s,\n",
                         offset_of(of, input, "", reading->page_size), offset_of(of, input, "", reading->page_token));
    furrow_buffer_printf(out, "    .items = %s,\n    .damaged_ids = %s,\n    .next_page_token_at = %s,\n};\n\n",
                         places_of(of, output, reading->items), places_of(of, output, reading->damaged_ids),
                         offset_of(of, output, "", reading->next_page_token));
    write_handler(of, handler, "list");
}

bool furrow_emit_is_query(const furrow_model_method *method)
{
    return method->options.get.given || method->options.list.given;
}

void furrow_emit_query(const furrow_emit *emit, const furrow_model_service *service, const furrow_model_method *method,
                       const char *handler)
{
    query of = query_of(emit, service, method);
    write_joins(&of);
    write_show(&of);
    write_request_check(&of);
    (method->options.list.given ? write_list_query : write_get)(&of, handler);
}

static void declare_parts(const query *of)
{
    furrow_arena *arena = of->emit->model->arena;
    furrow_buffer *out = of->emit->header;
    if (of->reading.options->checked)
        furrow_buffer_printf(out,
                             "/* May %s be asked so? INVALID_ARGUMENT names the field. Pure. */\n"
                             "furrow_status %s_check(const %s *request, furrow_error *err);\n\n",
                             of->method->name, of->symbol, furrow_names_c_type(arena, of->method->input->name));
    if (of->reading.options->shown)
        furrow_buffer_printf(
            out,
            "/* Completes what %s answers of one %s, which @item has already. Pure; memory is @arena's. */\n"
            "furrow_status %s_show(%s *item, int64_t now_ns, furrow_arena *arena,\n"
            "    furrow_error *err);\n\n",
            of->method->name, noun_of(of), of->symbol, furrow_names_c_type(arena, of->reading.item.message->name));
}

void furrow_emit_query_parts(const furrow_emit *emit)
{
    for (size_t s = 0; s < emit->file->service_count; s++) {
        for (size_t i = 0; i < emit->file->services[s].method_count; i++) {
            query of = query_of(emit, &emit->file->services[s], &emit->file->services[s].methods[i]);
            if (furrow_emit_is_query(of.method)) declare_parts(&of);
        }
    }
}
