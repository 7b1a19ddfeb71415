/**
 * Unique fields: for each the contract of an internal entity whose states say who holds which value (log/claim.h), and
 * the entity's own table of them. The message of all such entities is the SDK's (wire/claim_message.h).
 */
#include "codegen/emit.h"

#include "codegen/names.h"
#include "codegen/refer.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

#include <string.h>

enum { CLAIM_HISTORY = 2 };

static void write_claim_contract(const furrow_emit *emit, const furrow_model_message *entity,
                                 const furrow_model_field *field)
{
    furrow_arena *arena = emit->model->arena;
    const char *symbol = furrow_symbols_claim(arena, entity, field),
               *short_name = furrow_names_claim(arena, field->name);
    const char *name = furrow_text_printf(arena, "%s.%s", emit->file->package, short_name);
    const char *stream = furrow_names_upper(arena, furrow_names_snake(arena, short_name));
    furrow_buffer_printf(emit->header,
                         "/* Entity %s, of the unique %s of %s: stream %s, subjects %s.*, owned by %s. */\n"
                         "extern const furrow_entity_contract %s;\n\n",
                         name, field->name, entity->name, stream, name, emit->file->owner, symbol);
    furrow_buffer_printf(emit->source,
                         "/* Entity %s. */\nconst furrow_entity_contract %s = {\n"
                         "    .name = \"%s\",\n    .short_name = \"%s\",\n    .owner = \"%s\",\n    .stream = \"%s\",\n"
                         "    .subjects = \"%s.*\",\n    .description = \"Which %s holds which %s\",\n",
                         name, symbol, name, short_name, emit->file->owner, stream, name,
                         furrow_names_spaced(arena, furrow_names_snake(arena, entity->short_name)),
                         furrow_names_spaced(arena, field->name));
    furrow_buffer_printf(emit->source,
                         "    .descriptor = &furrow__v1__claim__descriptor,\n"
                         "    .indexes = furrow_claim_message_indexes,\n    .index_count = FURROW_CLAIM_INDEX_COUNT,\n"
                         "    .history = %d,\n    .internal = true,\n};\n\n",
                         CLAIM_HISTORY);
}

bool furrow_emit_has_unique(const furrow_model_message *message)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].options.unique) return true;
    return false;
}

void furrow_emit_uniques(const furrow_emit *emit, const furrow_model_message *entity, const char *symbol)
{
    furrow_arena *arena = emit->model->arena;
    if (!furrow_emit_has_unique(entity)) return;
    for (size_t i = 0; i < entity->field_count; i++)
        if (entity->fields[i].options.unique) write_claim_contract(emit, entity, &entity->fields[i]);
    furrow_buffer_printf(
        emit->source, "/* What no two of %s hold at once. */\nstatic const furrow_unique_contract %s_uniques[] = {\n",
        entity->name, symbol);
    for (size_t i = 0; i < entity->field_count; i++) {
        const furrow_model_field *field = &entity->fields[i];
        if (!field->options.unique) continue;
        furrow_buffer_printf(emit->source, "    {\"%s\", %s, &%s},\n", field->name,
                             furrow_emit_field(emit, entity, field), furrow_symbols_claim(arena, entity, field));
    }
    furrow_buffer_append_text(emit->source, "};\n\n");
}

void furrow_emit_unique_members(const furrow_emit *emit, const furrow_model_message *entity, const char *symbol)
{
    const furrow_condition_options *when = &entity->options.unique_while;
    int32_t value = 0;
    if (!furrow_emit_has_unique(entity)) return;
    furrow_buffer_printf(emit->source,
                         "    .uniques = %s_uniques,\n    .unique_count = sizeof %s_uniques / sizeof *%s_uniques,\n",
                         symbol, symbol, symbol);
    if (!when->given) return;
    const furrow_model_field *field = furrow_refer_own_field(entity, when->field);
    (void)furrow_refer_value(field, when->is, &value);
    furrow_buffer_printf(emit->source, "    .unique_while = %s,\n    .unique_while_value = %d, /* %s */\n",
                         furrow_emit_field(emit, entity, field), value, when->is);
}
