/**
 * Commands: what the author of a decision is given and writes, into <stem>.domain.h, and the constant description of
 * each (runtime/command.h) with the handler that runs it, into <stem>.server.c. All that is not data here turns a
 * typed call into an untyped one or back.
 */
#include "codegen/emit.h"

#include "codegen/names.h"
#include "codegen/refer.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

#include <string.h>

/* A command with what its options stand for. */
typedef struct command {
    const furrow_emit *emit;
    const furrow_model_service *service;
    const furrow_model_method *method;
    const furrow_command_options *options;
    const furrow_model_message *entity;
    const char *symbol;      /* "job_open_job" */
    const char *entity_name; /* "job": the member that is its present state */
} command;

static command command_of(const furrow_emit *emit, const furrow_model_service *service,
                          const furrow_model_method *method)
{
    command of = {.emit = emit, .service = service, .method = method, .options = &method->options.command};
    of.entity = furrow_refer_message(emit->model, emit->file, of.options->entity);
    of.symbol = furrow_symbols_method(emit->model->arena, service, method);
    of.entity_name =
        furrow_names_c_member(emit->model->arena, furrow_names_snake(emit->model->arena, of.entity->short_name));
    return of;
}

static const char *c_type_of(const command *of, const furrow_model_message *message)
{
    return furrow_names_c_type(of->emit->model->arena, message->name);
}

static const furrow_model_message *fact_message(const command *of, const furrow_known_options *known)
{
    return furrow_refer_message(of->emit->model, of->emit->file, known->replica ? known->replica : known->entity);
}

static const char *fact_name(const command *of, const furrow_known_options *known)
{
    return furrow_symbols_known(of->emit->model->arena, known, fact_message(of, known));
}

static furrow_refer_path fact_path(const command *of, const furrow_known_options *known)
{
    furrow_refer_path path = {.name = known->id};
    (void)furrow_refer_field(of->emit->model, known->of_state ? of->entity : of->method->input, known->id, &path);
    return path;
}

static void declare_facts(const command *of)
{
    furrow_buffer *out = of->emit->header;
    for (size_t i = 0; i < of->options->known_count; i++) {
        const furrow_known_options *known = &of->options->knows[i];
        const char *type = c_type_of(of, fact_message(of, known)), *name = fact_name(of, known);
        const char *whose = known->of_state ? "the present state's" : "the request's";
        if (furrow_model_repeated(fact_path(of, known).field))
            furrow_buffer_printf(out, "    const %s *const *%s; /* of each of %s %s%s */\n    size_t n_%s;\n", type,
                                 name, whose, known->id, known->required ? "" : "; NULL: nothing is known of it", name);
        else
            furrow_buffer_printf(out, "    const %s *%s; /* of %s %s%s */\n", type, name, whose, known->id,
                                 known->required ? "" : "; NULL: nothing is known of it");
    }
}

static void declare_known(const command *of)
{
    furrow_buffer *out = of->emit->header;
    bool is_new = of->options->creates;
    furrow_buffer_printf(out,
                         "/* What the decision on %s.%s is given; see runtime/known.h. */\n"
                         "typedef struct %s_known {\n    const %s *request;\n",
                         of->service->name, of->method->name, of->symbol, c_type_of(of, of->method->input));
    if (!is_new)
        furrow_buffer_printf(out, "    const %s *%s; /* its present state%s */\n", c_type_of(of, of->entity),
                             of->entity_name, of->options->allow_missing ? "; NULL: there is none" : "");
    declare_facts(of);
    furrow_buffer_printf(
        out,
        "    const char *id;      /* the %s's */\n"
        "    uint64_t version;    /* of its present state, or of its deletion; 0: it never existed */\n"
        "    bool deleted;        /* it existed */\n"
        "    int64_t now_ns;      /* never before the present state's updated_at */\n"
        "    const char *caller;  /* its inbox prefix */\n"
        "    furrow_arena *arena; /* for what the decision makes */\n"
        "} %s_known;\n\n",
        of->entity_name, of->symbol);
}

static void declare_decision(const command *of)
{
    furrow_buffer *out = of->emit->header;
    const char *type = c_type_of(of, of->entity), *said = furrow_text_said(of->emit->model->arena, of->method->comment);
    if (of->options->computed_id)
        furrow_buffer_printf(
            out,
            "/* The id of the %s that it is about. Pure; state and facts are not known yet. */\n"
            "furrow_status %s_id(const %s_known *known, char id[FURROW_ID_MAX + 1], furrow_error *err);\n\n",
            of->entity_name, of->symbol, of->symbol);
    if (of->options->deletes)
        furrow_buffer_printf(
            out,
            "/* %sMay the %s be deleted? Pure. */\nfurrow_status %s(const %s_known *known, furrow_error *err);\n\n",
            said, of->entity_name, of->symbol, of->symbol);
    else
        furrow_buffer_printf(out,
                             "/* %sFrom what is known to the %s's next state. Pure. */\n"
                             "furrow_status %s(const %s_known *known, %s *next, furrow_error *err);\n\n",
                             said, of->entity_name, of->symbol, of->symbol, type);
    if (!of->options->also) return;
    const furrow_model_message *also = furrow_refer_message(of->emit->model, of->emit->file, of->options->also_entity);
    const char *name = furrow_names_snake(of->emit->model->arena, also->short_name);
    furrow_buffer_printf(out,
                         "/* The %s's next state, which is written first. Pure. @decided is the %s's; @%s, or NULL, "
                         "the present one. */\n"
                         "furrow_status %s_%s(const %s_known *known, const %s *decided, const %s *%s,\n    %s *next, "
                         "furrow_error *err);\n\n",
                         name, of->entity_name, name, of->symbol, name, of->symbol, type, c_type_of(of, also), name,
                         c_type_of(of, also));
}

void furrow_emit_decisions(const furrow_emit *emit)
{
    for (size_t s = 0; s < emit->file->service_count; s++) {
        const furrow_model_service *service = &emit->file->services[s];
        for (size_t i = 0; i < service->method_count; i++) {
            if (!service->methods[i].options.command.given) continue;
            const command of = command_of(emit, service, &service->methods[i]);
            declare_known(&of);
            declare_decision(&of);
        }
    }
}

/* The typed struct of what is known untyped. */
static void write_known_of(const command *of)
{
    furrow_buffer *out = of->emit->source;
    furrow_buffer_printf(out, "static %s_known %s_known_of(const furrow_known *known)\n{\n    return (%s_known){\n",
                         of->symbol, of->symbol, of->symbol);
    furrow_buffer_printf(out, "        .request = (const %s *)known->request,\n", c_type_of(of, of->method->input));
    if (!of->options->creates)
        furrow_buffer_printf(out, "        .%s = (const %s *)known->state,\n", of->entity_name,
                             c_type_of(of, of->entity));
    for (size_t i = 0; i < of->options->known_count; i++) {
        const furrow_known_options *known = &of->options->knows[i];
        const char *type = c_type_of(of, fact_message(of, known)), *name = fact_name(of, known);
        if (furrow_model_repeated(fact_path(of, known).field))
            furrow_buffer_printf(out,
                                 "        .%s = (const %s *const *)known->facts[%zu].messages,\n"
                                 "        .n_%s = known->facts[%zu].count,\n",
                                 name, type, i, name, i);
        else
            furrow_buffer_printf(out, "        .%s = (const %s *)furrow_known_fact(known, %zu),\n", name, type, i);
    }
    furrow_buffer_append_text(out, "        .id = known->id,\n        .version = known->version,\n"
                                   "        .deleted = known->deleted,\n        .now_ns = known->now_ns,\n"
                                   "        .caller = known->caller,\n        .arena = known->arena,\n    };\n}\n\n");
}

static void write_functions(const command *of)
{
    furrow_buffer *out = of->emit->source;
    const char *symbol = of->symbol, *type = c_type_of(of, of->entity);
    write_known_of(of);
    if (of->options->computed_id)
        furrow_buffer_printf(
            out,
            "static furrow_status %s_compute_id(const furrow_known *known, char id[FURROW_ID_MAX + 1],\n"
            "    furrow_error *err)\n{\n    const %s_known typed = %s_known_of(known);\n"
            "    return %s_id(&typed, id, err);\n}\n\n",
            symbol, symbol, symbol, symbol);
    furrow_buffer_printf(out,
                         "static furrow_status %s_decide(const furrow_known *known, ProtobufCMessage *next, "
                         "furrow_error *err)\n{\n    const %s_known typed = %s_known_of(known);\n",
                         symbol, symbol, symbol);
    if (of->options->deletes)
        furrow_buffer_printf(out, "    (void)next;\n    return %s(&typed, err);\n}\n\n", symbol);
    else
        furrow_buffer_printf(out, "    return %s(&typed, (%s *)next, err);\n}\n\n", symbol, type);
}

/* "{.name = …, .at = offsetof(…)}" of @path in @message. */
static const char *field_text(const command *of, const furrow_model_message *message, const furrow_refer_path *path)
{
    furrow_arena *arena = of->emit->model->arena;
    const char *within = "", *count = "", *member = furrow_names_c_member(arena, path->field->name);
    const char *holder = c_type_of(of, message);
    if (path->outer) {
        within = furrow_text_printf(arena, ".within = offsetof(%s, %s), ", holder,
                                    furrow_names_c_member(arena, path->outer->name));
        holder = c_type_of(of, path->outer->message);
    }
    if (furrow_model_repeated(path->field))
        count = furrow_text_printf(arena, ", .count_at = offsetof(%s, n_%s)", holder, member);
    return furrow_text_printf(arena, "{.name = \"%s\", %s.at = offsetof(%s, %s)%s}", path->name, within, holder, member,
                              count);
}

static const char *offset_text(const command *of, const furrow_model_message *message, const furrow_model_field *field)
{
    return furrow_text_printf(of->emit->model->arena, "offsetof(%s, %s)", c_type_of(of, message),
                              furrow_names_c_member(of->emit->model->arena, field->name));
}

static void write_facts(const command *of)
{
    furrow_buffer *out = of->emit->source;
    furrow_arena *arena = of->emit->model->arena;
    if (of->options->known_count == 0) return;
    furrow_buffer_printf(out, "static const furrow_command_fact %s_facts[] = {\n", of->symbol);
    for (size_t i = 0; i < of->options->known_count; i++) {
        const furrow_known_options *known = &of->options->knows[i];
        const furrow_refer_path path = fact_path(of, known);
        const char *name = furrow_names_snake(arena, fact_message(of, known)->short_name);
        if (known->as && !furrow_model_repeated(path.field)) name = known->as;
        furrow_buffer_printf(out, "    {\n        .name = \"%s\",\n        .%s = &%s,\n        .id = %s,\n",
                             furrow_names_spaced(arena, name), known->replica ? "replica" : "entity",
                             furrow_symbols_message(arena, fact_message(of, known)),
                             field_text(of, known->of_state ? of->entity : of->method->input, &path));
        if (known->of_state) furrow_buffer_append_text(out, "        .of_state = true,\n");
        if (known->required) furrow_buffer_append_text(out, "        .required = true,\n");
        furrow_buffer_append_text(out, "    },\n");
    }
    furrow_buffer_append_text(out, "};\n\n");
}

static void write_also_decision(const command *of)
{
    furrow_buffer *out = of->emit->source;
    furrow_arena *arena = of->emit->model->arena;
    if (!of->options->also) return;
    const furrow_model_message *also = furrow_refer_message(of->emit->model, of->emit->file, of->options->also_entity);
    const char *name = furrow_names_snake(arena, also->short_name), *type = c_type_of(of, also);
    furrow_refer_path id = {0};
    (void)furrow_refer_field(of->emit->model, of->entity, of->options->also_id, &id);
    furrow_buffer_printf(
        out,
        "static furrow_status %s_decide_%s(const furrow_known *known, const ProtobufCMessage *decided,\n"
        "    const ProtobufCMessage *present, ProtobufCMessage *next, furrow_error *err)\n{\n"
        "    const %s_known typed = %s_known_of(known);\n"
        "    return %s_%s(&typed, (const %s *)decided, (const %s *)present,\n        (%s *)next, err);\n}\n\n",
        of->symbol, name, of->symbol, of->symbol, of->symbol, name, c_type_of(of, of->entity), type, type);
    furrow_buffer_printf(
        out,
        "static const furrow_command_also %s_also = {\n    .entity = &%s,\n    .own_id_at = offsetof(%s, id),\n"
        "    .id = %s,\n",
        of->symbol, furrow_symbols_message(arena, also), type, field_text(of, of->entity, &id));
    if (of->options->also_when.given) {
        int32_t value = 0;
        const furrow_model_field *field = furrow_refer_own_field(of->entity, of->options->also_when.field);
        (void)furrow_refer_value(field, of->options->also_when.is, &value);
        furrow_buffer_printf(out, "    .when = {.at = %s, .value = %d}, /* %s */\n", offset_text(of, of->entity, field),
                             value, of->options->also_when.is);
    }
    furrow_buffer_printf(out, "    .decide = %s_decide_%s,\n};\n\n", of->symbol, name);
}

static void write_flags(const command *of)
{
    furrow_buffer *out = of->emit->source;
    if (of->options->creates) furrow_buffer_append_text(out, "    .creates = true,\n");
    if (of->options->allow_missing) furrow_buffer_append_text(out, "    .allow_missing = true,\n");
    if (of->options->deletes) furrow_buffer_append_text(out, "    .deletes = true,\n");
    if (of->options->erases) furrow_buffer_append_text(out, "    .erases = true,\n");
}

static void write_request_fields(const command *of)
{
    furrow_buffer *out = of->emit->source;
    furrow_refer_path path;
    if (of->options->computed_id)
        furrow_buffer_printf(out, "    .compute_id = %s_compute_id,\n", of->symbol);
    else if (furrow_refer_field(of->emit->model, of->method->input, of->options->id ? of->options->id : "id", &path))
        furrow_buffer_printf(out, "    .id = %s,\n", field_text(of, of->method->input, &path));
    if (furrow_refer_field(of->emit->model, of->method->input, of->options->version, &path))
        furrow_buffer_printf(out, "    .version = %s,\n", field_text(of, of->method->input, &path));
    if (!furrow_refer_field(of->emit->model, of->method->input, of->options->seals, &path)) return;
    furrow_buffer_printf(out, "    .seals = %s,\n", field_text(of, of->method->input, &path));
    if (path.field->message == of->method->output) furrow_buffer_append_text(out, "    .answers_sealed = true,\n");
}

/* The response's field called @name, if it is of that type. */
static const furrow_model_field *own_number(const command *of, const char *name,
                                            Google__Protobuf__FieldDescriptorProto__Type type)
{
    const furrow_model_field *field = furrow_refer_own_field(of->method->output, name);
    return furrow_refer_is(field, type) ? field : NULL;
}

static void write_offsets(const command *of)
{
    furrow_buffer *out = of->emit->source;
    const furrow_model_field *updated_at = furrow_refer_updated_at(of->entity);
    const furrow_model_field *state = furrow_refer_field_of_type(of->method->output, of->entity);
    const furrow_model_field *version =
        own_number(of, "version", GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64);
    const furrow_model_field *erased =
        own_number(of, "states", GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT32);
    furrow_buffer_printf(out, "    .id_at = offsetof(%s, id),\n", c_type_of(of, of->entity));
    if (updated_at) furrow_buffer_printf(out, "    .updated_at = %s,\n", offset_text(of, of->entity, updated_at));
    for (size_t i = 0; i < of->entity->field_count; i++)
        if (of->entity->fields[i].options.is_private)
            furrow_buffer_printf(out, "    .private_at = %s,\n", offset_text(of, of->entity, &of->entity->fields[i]));
    if (state) furrow_buffer_printf(out, "    .answer_state = %s,\n", offset_text(of, of->method->output, state));
    if (version) furrow_buffer_printf(out, "    .answer_version = %s,\n", offset_text(of, of->method->output, version));
    if (of->options->erases && erased)
        furrow_buffer_printf(out, "    .answer_erased = %s,\n", offset_text(of, of->method->output, erased));
}

void furrow_emit_command(const furrow_emit *emit, const furrow_model_service *service,
                         const furrow_model_method *method, const char *handler)
{
    furrow_arena *arena = emit->model->arena;
    const command of = command_of(emit, service, method);
    furrow_buffer_printf(emit->source, "/* %s.%s: a command on %s. */\n", service->name, method->name, of.entity->name);
    write_functions(&of);
    write_facts(&of);
    write_also_decision(&of);
    furrow_buffer_printf(
        emit->source,
        "static const furrow_command_contract %s_command = {\n    .entity = &%s,\n    .noun = \"%s\",\n"
        "    .event = \"%s\",\n",
        of.symbol, furrow_symbols_message(arena, of.entity), furrow_names_spaced(arena, of.entity_name),
        of.options->event);
    write_request_fields(&of);
    write_flags(&of);
    if (of.options->known_count > 0)
        furrow_buffer_printf(emit->source, "    .facts = %s_facts,\n    .fact_count = %zu,\n", of.symbol,
                             of.options->known_count);
    if (of.options->also) furrow_buffer_printf(emit->source, "    .also = &%s_also,\n", of.symbol);
    furrow_buffer_printf(emit->source, "    .decide = %s_decide,\n", of.symbol);
    write_offsets(&of);
    furrow_buffer_printf(emit->source,
                         "};\n\nstatic furrow_status %s(furrow_call *call, const ProtobufCMessage *request,\n"
                         "    ProtobufCMessage *response, furrow_error *err)\n{\n",
                         handler);
    if (of.options->prepared)
        furrow_buffer_printf(emit->source,
                             "    furrow_status status = %s_prepare(call, (const %s *)request, err);\n"
                             "    if (status != FURROW_OK) return status;\n",
                             of.symbol, c_type_of(&of, method->input));
    furrow_buffer_printf(emit->source,
                         "    return furrow_command_run(&%s_command, call, request, response, err);\n}\n\n", of.symbol);
}
