/**
 * The pure functions that the service's author writes: today the rules of states, of each message that is `checked`.
 * The header declares them with their own types, the source turns what wire/rules.h calls into them. Both are apart
 * from the server's side, so that a test of the rules links neither NATS nor Redis.
 */
#include "codegen/emit.h"

#include "codegen/names.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

static void write_state_check(const furrow_emit *emit, const furrow_model_message *message)
{
    furrow_arena *arena = emit->model->arena;
    const char *check = furrow_symbols_check(arena, message), *type = furrow_names_c_type(arena, message->name);
    const char *rules = furrow_symbols_rules(arena, message);
    furrow_buffer_printf(emit->header,
                         "/* %sWhat every state of %s satisfies, whoever made it; see furrow_rules_fn. */\n"
                         "furrow_status %s(const %s *state, furrow_error *err);\n"
                         "/* The same, as tables hold it. */\n"
                         "furrow_rules_fn %s;\n\n",
                         furrow_text_said(arena, message->comment), message->name, check, type, rules);
    furrow_buffer_printf(emit->source,
                         "furrow_status %s(const ProtobufCMessage *state, furrow_error *err)\n{\n"
                         "    return %s((const %s *)state, err);\n}\n\n",
                         rules, check, type);
}

void furrow_emit_domain(const furrow_emit *emit)
{
    furrow_emit_opening(emit, "domain", "Domain: the pure functions that the service's author writes.");
    furrow_buffer_printf(emit->header,
                         "#include \"%s.furrow.h\"\n#include \"runtime/known.h\"\n#include \"wire/rules.h\"\n\n",
                         emit->stem);
    for (size_t i = 0; i < emit->file->message_count; i++) {
        if (emit->file->messages[i].options.checked) write_state_check(emit, &emit->file->messages[i]);
    }
    furrow_emit_decisions(emit);
    furrow_emit_query_parts(emit);
    furrow_buffer_append_text(emit->header, "#endif\n");
}
