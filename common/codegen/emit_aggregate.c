/** Aggregates of an entity or a replica: for each its fields and what it is, as wire/contract.h has them. */
#include "codegen/emit.h"

#include "codegen/refer.h"

static void write_fields(const furrow_emit *emit, const furrow_model_message *message, const char *symbol,
                         const furrow_aggregate_options *aggregate)
{
    if (aggregate->by.count == 0) return;
    furrow_buffer_printf(emit->source, "static const furrow_index_contract %s_%s_fields[] = {\n", symbol,
                         aggregate->name);
    for (size_t i = 0; i < aggregate->by.count; i++)
        furrow_buffer_printf(emit->source, "    {\"%s\", %s, false},\n", aggregate->by.texts[i],
                             furrow_emit_field(emit, message, furrow_refer_own_field(message, aggregate->by.texts[i])));
    furrow_buffer_append_text(emit->source, "};\n\n");
}

static void write_aggregate(const furrow_emit *emit, const furrow_model_message *message, const char *symbol,
                            const furrow_aggregate_options *aggregate)
{
    furrow_buffer_printf(emit->source, "    {.name = \"%s\"", aggregate->name);
    if (aggregate->by.count > 0)
        furrow_buffer_printf(emit->source, ", .by = %s_%s_fields, .by_count = %zu", symbol, aggregate->name,
                             aggregate->by.count);
    if (aggregate->sum)
        furrow_buffer_printf(emit->source, ",\n     .sum = %s",
                             furrow_emit_field(emit, message, furrow_refer_own_field(message, aggregate->sum)));
    if (aggregate->when.given) {
        const furrow_model_field *field = furrow_refer_own_field(message, aggregate->when.field);
        int32_t value = 0;
        (void)furrow_refer_value(field, aggregate->when.is, &value);
        furrow_buffer_printf(emit->source, ",\n     .when = %s, .when_value = %d /* %s */",
                             furrow_emit_field(emit, message, field), value, aggregate->when.is);
    }
    furrow_buffer_append_text(emit->source, "},\n");
}

void furrow_emit_aggregates(const furrow_emit *emit, const furrow_model_message *message, const char *symbol)
{
    const furrow_message_options *options = &message->options;
    if (options->aggregate_count == 0) return;
    for (size_t i = 0; i < options->aggregate_count; i++) write_fields(emit, message, symbol, &options->aggregates[i]);
    furrow_buffer_printf(emit->source,
                         "/* Totals over %s. */\nstatic const furrow_aggregate_contract %s_aggregates[] = {\n",
                         message->name, symbol);
    for (size_t i = 0; i < options->aggregate_count; i++)
        write_aggregate(emit, message, symbol, &options->aggregates[i]);
    furrow_buffer_append_text(emit->source, "};\n\n");
}

void furrow_emit_aggregate_members(const furrow_emit *emit, const furrow_model_message *message, const char *symbol)
{
    if (message->options.aggregate_count == 0) return;
    furrow_buffer_printf(emit->source, "    .aggregates = %s_aggregates,\n    .aggregate_count = %zu,\n", symbol,
                         message->options.aggregate_count);
}
