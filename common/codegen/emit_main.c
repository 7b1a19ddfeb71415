/**
 * The program: `main` and the definition of the service, for a file that declares one. What it owns and keeps is what the
 * contracts of its package declare, in this file or in one that it imports; so there is no list that people keep, and
 * nothing on it to forget.
 */
#include "codegen/emit.h"

#include "codegen/names.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

#include <string.h>

/* Does @file import @other, itself or through others? Of protoc's list each stands behind what it imports. */
static bool imports(const furrow_model *model, const furrow_model_file *file, const furrow_model_file *other)
{
    for (size_t i = 0; i < file->proto->n_dependency; i++) {
        const furrow_model_file *imported = furrow_model_find_file(model, file->proto->dependency[i]);
        if (imported && (imported == other || imports(model, imported, other))) return true;
    }
    return false;
}

/* The next file of the service from the file @at on: its own, or an imported one of its package. NULL: no more. */
static const furrow_model_file *next_file(const furrow_emit *emit, size_t *at)
{
    while (*at < emit->model->file_count) {
        const furrow_model_file *file = &emit->model->files[(*at)++];
        bool own = file == emit->file;
        if (own || (strcmp(file->package, emit->file->package) == 0 && imports(emit->model, emit->file, file)))
            return file;
    }
    return NULL;
}

static void write_includes(const furrow_emit *emit)
{
    const furrow_model_file *file;
    for (size_t at = 0; (file = next_file(emit, &at));) {
        const char *stem = furrow_names_stem(emit->model->arena, file->name);
        furrow_buffer_printf(emit->source, "#include \"%s.domain.h\"\n#include \"%s.server.h\"\n", stem, stem);
    }
    furrow_buffer_append_text(emit->source, "#include \"runtime/service.h\"\n\n");
}

static void write_handlers(const furrow_emit *emit)
{
    furrow_arena *arena = emit->model->arena;
    const furrow_model_file *file;
    furrow_buffer_append_text(emit->source, "static const furrow_handlers *const handlers[] = {\n");
    for (size_t at = 0; (file = next_file(emit, &at));)
        for (size_t i = 0; i < file->service_count; i++)
            furrow_buffer_printf(emit->source, "    &%s_handlers,\n",
                                 furrow_symbols_service(arena, file, &file->services[i]));
    furrow_buffer_append_text(emit->source, "    NULL,\n};\n\n");
}

static void write_member(const furrow_emit *emit, const furrow_model_message *message)
{
    furrow_arena *arena = emit->model->arena;
    furrow_buffer_printf(emit->source, "    {.contract = &%s", furrow_symbols_message(arena, message));
    if (message->options.checked)
        furrow_buffer_printf(emit->source, ", .rules = %s", furrow_symbols_rules(arena, message));
    if (message->options.reaction)
        furrow_buffer_printf(emit->source, ", .react = react_to_%s", furrow_names_snake(arena, message->short_name));
    furrow_buffer_append_text(emit->source, "},\n");
}

static void write_claims(const furrow_emit *emit, const furrow_model_message *entity)
{
    for (size_t i = 0; i < entity->field_count; i++)
        if (entity->fields[i].options.unique)
            furrow_buffer_printf(emit->source, "    {.contract = &%s, .rules = furrow_claim_check_state},\n",
                                 furrow_symbols_claim(emit->model->arena, entity, &entity->fields[i]));
}

static void write_entities(const furrow_emit *emit)
{
    const furrow_model_file *file;
    furrow_buffer_append_text(emit->source, "/* What it owns. */\n"
                                            "static const furrow_service_entity_definition entities[] = {\n");
    for (size_t at = 0; (file = next_file(emit, &at));)
        for (size_t i = 0; i < file->message_count; i++)
            if (file->messages[i].options.entity) {
                write_member(emit, &file->messages[i]);
                write_claims(emit, &file->messages[i]);
            }
    furrow_buffer_append_text(emit->source, "    {0},\n};\n\n");
}

static void write_reaction(const furrow_emit *emit, const furrow_model_message *message)
{
    furrow_arena *arena = emit->model->arena;
    const char *type = furrow_names_c_type(arena, message->name);
    furrow_buffer_printf(
        emit->source,
        "static furrow_status react_to_%s(void *user, const furrow_change *change, furrow_arena *arena,\n"
        "    furrow_error *err)\n{\n",
        furrow_names_snake(arena, message->short_name));
    furrow_buffer_printf(emit->source,
                         "    return %s(user, change->id, (const %s *)change->before,\n"
                         "        (const %s *)change->now, arena, err);\n}\n\n",
                         furrow_symbols_reaction(arena, message), type, type);
}

static void write_replicas(const furrow_emit *emit)
{
    const furrow_model_file *file;
    for (size_t at = 0; (file = next_file(emit, &at));)
        for (size_t i = 0; i < file->message_count; i++)
            if (file->messages[i].options.reaction) write_reaction(emit, &file->messages[i]);
    furrow_buffer_append_text(emit->source, "/* What it keeps of others. */\n"
                                            "static const furrow_service_replica_definition replicas[] = {\n");
    for (size_t at = 0; (file = next_file(emit, &at));)
        for (size_t i = 0; i < file->message_count; i++)
            if (file->messages[i].options.replica_of) write_member(emit, &file->messages[i]);
    furrow_buffer_append_text(emit->source, "    {0},\n};\n\n");
}

static const char *keys_of(const furrow_emit *emit)
{
    const furrow_model_file *file;
    for (size_t at = 0; (file = next_file(emit, &at));)
        for (size_t i = 0; i < file->message_count; i++)
            if (file->messages[i].options.keys)
                return furrow_text_printf(emit->model->arena, "&%s",
                                          furrow_symbols_message(emit->model->arena, &file->messages[i]));
    return NULL;
}

static bool has_startup(const furrow_emit *emit)
{
    const furrow_model_file *file;
    for (size_t at = 0; (file = next_file(emit, &at));)
        for (size_t i = 0; i < file->service_count; i++)
            if (file->services[i].startup) return true;
    return false;
}

static void write_definition(const furrow_emit *emit)
{
    const char *keys = keys_of(emit), *owner = emit->file->owner;
    furrow_buffer_append_text(emit->source, "#ifndef FURROW_SERVICE_VERSION /* furrow_service() says it */\n"
                                            "#define FURROW_SERVICE_VERSION \"0.0.0\"\n#endif\n\n");
    furrow_buffer_printf(emit->source,
                         "static const furrow_service_definition definition = {\n    .name = \"%s\",\n"
                         "    .version = FURROW_SERVICE_VERSION,\n    .description = %s,\n",
                         owner, furrow_text_literal(emit->model->arena, emit->file->services[0].comment));
    furrow_buffer_append_text(emit->source, "    .handlers = handlers,\n    .entities = entities,\n"
                                            "    .replicas = replicas,\n");
    if (keys) furrow_buffer_printf(emit->source, "    .seal_keys = %s,\n", keys);
    if (has_startup(emit)) furrow_buffer_printf(emit->source, "    .startup = &%s_startup,\n", owner);
    furrow_buffer_append_text(emit->source, "};\n\nint main(int argc, char **argv)\n{\n"
                                            "    return furrow_service_main(argc, argv, &definition);\n}\n");
}

void furrow_emit_main(const furrow_emit *emit)
{
    furrow_buffer_printf(emit->source, "/* Generated by protoc-gen-furrow from %s. Do not edit. */\n",
                         emit->file->name);
    if (emit->file->service_count == 0) {
        furrow_buffer_append_text(emit->source, "/* The file declares no service, and makes no program. */\n");
        return;
    }
    furrow_buffer_printf(emit->source, "/* The %s service as a program: what it serves, owns and keeps. */\n",
                         emit->file->owner);
    write_includes(emit);
    write_handlers(emit);
    write_entities(emit);
    write_replicas(emit);
    write_definition(emit);
}
