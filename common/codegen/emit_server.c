/**
 * The server's side: the methods, reactions and settings that the service's author writes, declared with their own types,
 * and the handler table that leads to the methods. What nobody implements is a link error that names it.
 */
#include "codegen/emit.h"

#include "codegen/names.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

/* A handler that streams gets no response to fill in: it sends. */
static void declare_stream_handler(const furrow_emit *emit, const furrow_model_service *service,
                                   const furrow_model_method *method)
{
    furrow_arena *arena = emit->model->arena;
    const char *symbol = furrow_symbols_method(arena, service, method);
    furrow_buffer_printf(
        emit->header,
        "/* %s%s.%s: sends as rpc/stream.h says. */\nfurrow_status %s(furrow_call *call, const %s *request, "
        "furrow_error *err);\n",
        furrow_text_said(arena, method->comment), service->name, method->name, symbol,
        furrow_names_c_type(arena, method->input->name));
    furrow_buffer_printf(emit->header,
                         "furrow_status %s_send(furrow_call *call, const %s *message, furrow_error *err) "
                         "FURROW_MUST_USE;\n\n",
                         symbol, furrow_names_c_type(arena, method->output->name));
    furrow_buffer_printf(emit->source,
                         "furrow_status %s_send(furrow_call *call, const %s *message, furrow_error *err)\n{\n"
                         "    return furrow_stream_send(call, &message->base, err);\n}\n\n",
                         symbol, furrow_names_c_type(arena, method->output->name));
}

static void declare_handler(const furrow_emit *emit, const furrow_model_service *service,
                            const furrow_model_method *method)
{
    furrow_arena *arena = emit->model->arena;
    furrow_buffer_printf(emit->header,
                         "/* %s%s.%s */\nfurrow_status %s(furrow_call *call, const %s *request,\n    %s *response, "
                         "furrow_error *err);\n\n",
                         furrow_text_said(arena, method->comment), service->name, method->name,
                         furrow_symbols_method(arena, service, method), furrow_names_c_type(arena, method->input->name),
                         furrow_names_c_type(arena, method->output->name));
}

static void declare_preparation(const furrow_emit *emit, const furrow_model_service *service,
                                const furrow_model_method *method)
{
    furrow_arena *arena = emit->model->arena;
    furrow_buffer_printf(
        emit->header,
        "/* Runs before the command %s.%s, and again when that is repeated. What it answers other than OK\n"
        " * is the caller's answer. */\n"
        "furrow_status %s_prepare(furrow_call *call, const %s *request, furrow_error *err);\n\n",
        service->name, method->name, furrow_symbols_method(arena, service, method),
        furrow_names_c_type(arena, method->input->name));
}

static void declare_reaction(const furrow_emit *emit, const furrow_model_message *message)
{
    furrow_arena *arena = emit->model->arena;
    const char *type = furrow_names_c_type(arena, message->name);
    furrow_buffer_printf(
        emit->header,
        "/* Runs after %s @id has changed, as furrow_react_fn says. NULL: there was none, or is none any "
        "more. */\n",
        message->options.replica_of);
    furrow_buffer_printf(emit->header,
                         "furrow_status %s(furrow_service *service, const char *id, const %s *before,\n"
                         "    const %s *now, furrow_arena *arena, furrow_error *err);\n\n",
                         furrow_symbols_reaction(arena, message), type, type);
}

/* What the author writes beside the methods. */
static void declare_others(const furrow_emit *emit)
{
    for (size_t i = 0; i < emit->file->message_count; i++)
        if (emit->file->messages[i].options.reaction) declare_reaction(emit, &emit->file->messages[i]);
    for (size_t i = 0; i < emit->file->service_count; i++)
        if (emit->file->services[i].startup)
            furrow_buffer_printf(emit->header,
                                 "/* Its own settings and interceptors, and what is to be right before it starts. */\n"
                                 "extern const furrow_startup %s_startup;\n\n",
                                 emit->file->owner);
}

static const char *thunk_of(const furrow_emit *emit, const furrow_model_service *service,
                            const furrow_model_method *method)
{
    furrow_arena *arena = emit->model->arena;
    return furrow_text_printf(arena, "%s_%s_thunk", furrow_names_snake(arena, service->own_name),
                              furrow_names_snake(arena, method->name));
}

static void write_thunk(const furrow_emit *emit, const furrow_model_service *service, const furrow_model_method *method)
{
    furrow_arena *arena = emit->model->arena;
    furrow_buffer_printf(emit->source,
                         "static furrow_status %s(furrow_call *call, const ProtobufCMessage *request,\n"
                         "    ProtobufCMessage *response, furrow_error *err)\n{\n",
                         thunk_of(emit, service, method));
    if (method->proto->server_streaming) {
        furrow_buffer_printf(emit->source, "    return %s(call, (const %s *)request, err);\n}\n\n",
                             furrow_symbols_method(arena, service, method),
                             furrow_names_c_type(arena, method->input->name));
        return;
    }
    furrow_buffer_printf(emit->source, "    return %s(call, (const %s *)request,\n        (%s *)response, err);\n}\n\n",
                         furrow_symbols_method(arena, service, method), furrow_names_c_type(arena, method->input->name),
                         furrow_names_c_type(arena, method->output->name));
}

static bool any_streams(const furrow_emit *emit)
{
    for (size_t i = 0; i < emit->file->service_count; i++)
        for (size_t m = 0; m < emit->file->services[i].method_count; m++)
            if (emit->file->services[i].methods[m].proto->server_streaming) return true;
    return false;
}

static void write_service_thunks(const furrow_emit *emit, const furrow_model_service *service)
{
    furrow_arena *arena = emit->model->arena;
    const char *symbol = furrow_symbols_service(arena, emit->file, service);
    for (size_t i = 0; i < service->method_count; i++) {
        const furrow_model_method *method = &service->methods[i];
        if (method->options.command.given) {
            if (method->options.command.prepared) declare_preparation(emit, service, method);
            furrow_emit_command(emit, service, method, thunk_of(emit, service, method));
            continue;
        }
        if (furrow_emit_is_query(method)) {
            furrow_emit_query(emit, service, method, thunk_of(emit, service, method));
            continue;
        }
        if (method->proto->server_streaming)
            declare_stream_handler(emit, service, method);
        else
            declare_handler(emit, service, method);
        write_thunk(emit, service, method);
    }
    furrow_buffer_printf(emit->source, "static furrow_handler_fn *const %s_thunks[] = {\n", symbol);
    for (size_t i = 0; i < service->method_count; i++)
        furrow_buffer_printf(emit->source, "    %s,\n", thunk_of(emit, service, &service->methods[i]));
    furrow_buffer_append_text(emit->source, "};\n\n");
    furrow_buffer_printf(
        emit->header, "/* The handlers of %s, for furrow_server_add. */\nextern const furrow_handlers %s_handlers;\n\n",
        service->name, symbol);
    furrow_buffer_printf(emit->source,
                         "/* The handlers of %s, in the contract's order. */\nconst furrow_handlers %s_handlers = {\n",
                         service->name, symbol);
    furrow_buffer_printf(emit->source, "    .service = &%s,\n    .methods = %s_thunks,\n};\n\n", symbol, symbol);
}

void furrow_emit_server(const furrow_emit *emit)
{
    furrow_emit_opening(emit, "server", "Server: the methods to implement, described in rpc/server.h.");
    furrow_buffer_printf(emit->header, "#include \"%s.furrow.h\"\n#include \"runtime/service.h\"\n\n", emit->stem);
    furrow_buffer_printf(emit->source,
                         "#include \"%s.domain.h\"\n#include \"runtime/command.h\"\n#include \"runtime/query.h\"\n\n",
                         emit->stem);
    if (any_streams(emit)) furrow_buffer_append_text(emit->source, "#include \"rpc/stream.h\"\n\n");
    for (size_t i = 0; i < emit->file->service_count; i++) write_service_thunks(emit, &emit->file->services[i]);
    declare_others(emit);
    furrow_buffer_append_text(emit->header, "#endif\n");
}
