/**
 * The blocking one of a method's typed calls: thin over rpc/blocking.h.
 */
#include "codegen/emit.h"

static void declare_blocking(furrow_buffer *out, const char *call, const char *input, const char *output,
                             const char *end)
{
    furrow_buffer_printf(out,
                         "furrow_status %s_blocking(furrow_blocking *client, const %s *request,\n"
                         "    const furrow_call_options *options, furrow_arena *arena, %s **response,\n"
                         "    furrow_error *err)%s",
                         call, input, output, end);
}

void furrow_emit_blocking(const furrow_emit *emit, const char *call, const char *input, const char *output,
                          const char *contract)
{
    declare_blocking(emit->header, call, input, output, " FURROW_MUST_USE;\n\n");
    declare_blocking(emit->source, call, input, output, "\n{\n");
    furrow_buffer_printf(emit->source,
                         "    ProtobufCMessage *message;\n"
                         "    furrow_status status = furrow_blocking_call(client, %s,\n"
                         "        &request->base, options, arena, &message, err);\n"
                         "    if (status == FURROW_OK) *response = (%s *)message;\n"
                         "    return status;\n}\n\n",
                         contract, output);
}
