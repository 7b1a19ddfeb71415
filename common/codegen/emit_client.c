/**
 * The typed client: per method a call that parks and one that calls back, both thin over rpc/client.h, and one that
 * blocks (emit_blocking.c). The typed
 * callback and its argument travel in a small heap cell, because calling a function through a pointer of another type
 * is undefined.
 */
#include "codegen/emit.h"

#include "codegen/names.h"
#include "codegen/symbols.h"
#include "codegen/text.h"

typedef struct client_names {
    const char *call;  /* "employee_get_employee_call" */
    const char *input; /* C types */
    const char *output;
    const char *contract; /* "&employee_v1_employee_service.methods[EMPLOYEE_V1_…]" */
} client_names;

static client_names names_of(const furrow_emit *emit, const furrow_model_service *service,
                             const furrow_model_method *method)
{
    furrow_arena *arena = emit->model->arena;
    return (client_names){
        .call = furrow_text_printf(arena, "%s_call", furrow_symbols_method(arena, service, method)),
        .input = furrow_names_c_type(arena, method->input->name),
        .output = furrow_names_c_type(arena, method->output->name),
        .contract = furrow_text_printf(arena, "&%s.methods[%s]", furrow_symbols_service(arena, emit->file, service),
                                       furrow_symbols_method_index(arena, emit->file, service, method)),
    };
}

static void declare_call(const furrow_emit *emit, furrow_buffer *out, const client_names *names, const char *end)
{
    furrow_buffer_printf(out,
                         "furrow_status %s(furrow_client *client, const %s *request,\n"
                         "    const furrow_call_options *options, furrow_arena *arena, %s **response,\n"
                         "    furrow_error *err)%s",
                         names->call, names->input, names->output, end);
}

static void declare_async(const furrow_emit *emit, furrow_buffer *out, const client_names *names, const char *end)
{
    furrow_buffer_printf(out,
                         "furrow_status %s_async(furrow_client *client, const %s *request,\n"
                         "    const furrow_call_options *options, %s_fn *fn, void *arg, furrow_error *err)%s",
                         names->call, names->input, names->call, end);
}

static void declare_client_call(const furrow_emit *emit, const char *full_name, const char *comment,
                                const client_names *names)
{
    furrow_buffer_printf(emit->header, "/* %s%s */\n", furrow_text_said(emit->model->arena, comment), full_name);
    declare_call(emit, emit->header, names, " FURROW_MUST_USE;\n");
    furrow_buffer_printf(
        emit->header,
        "typedef void %s_fn(void *arg, furrow_status status, const furrow_error *err,\n    const %s *response);\n",
        names->call, names->output);
    declare_async(emit, emit->header, names, " FURROW_MUST_USE;\n");
}

static void write_call(const furrow_emit *emit, const client_names *names)
{
    declare_call(emit, emit->source, names, "\n{\n");
    furrow_buffer_printf(emit->source,
                         "    ProtobufCMessage *message;\n"
                         "    furrow_status status = furrow_client_call(client, %s,\n"
                         "        &request->base, options, arena, &message, err);\n"
                         "    if (status == FURROW_OK) *response = (%s *)message;\n"
                         "    return status;\n}\n\n",
                         names->contract, names->output);
}

static void write_async(const furrow_emit *emit, const client_names *names)
{
    furrow_buffer_printf(emit->source, "typedef struct %s_cell {\n    %s_fn *fn;\n    void *arg;\n} %s_cell;\n\n",
                         names->call, names->call, names->call);
    furrow_buffer_printf(emit->source,
                         "static void %s_done(void *arg, furrow_status status, const furrow_error *err,\n"
                         "    const ProtobufCMessage *response)\n{\n"
                         "    %s_cell cell = *(%s_cell *)arg;\n"
                         "    free(arg);\n"
                         "    cell.fn(cell.arg, status, err, (const %s *)response);\n}\n\n",
                         names->call, names->call, names->call, names->output);
    declare_async(emit, emit->source, names, "\n{\n");
    furrow_buffer_printf(emit->source,
                         "    %s_cell *cell = malloc(sizeof *cell);\n"
                         "    if (!cell) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, \"out of memory\");\n"
                         "    *cell = (%s_cell){fn, arg};\n"
                         "    furrow_status status = furrow_client_call_async(client, %s,\n"
                         "        &request->base, options, %s_done, cell, err);\n"
                         "    if (status != FURROW_OK) free(cell);\n"
                         "    return status;\n}\n\n",
                         names->call, names->call, names->contract, names->call);
}

/* A reader of its own type would be the same: the generated functions give and take its messages'. */
static void write_stream(const furrow_emit *emit, const char *full_name, const char *comment, const char *symbol,
                         const client_names *names)
{
    furrow_buffer_printf(emit->header,
                         "/* %s%s: read and closed as rpc/reader.h says. */\n"
                         "furrow_status %s_open(furrow_client *client, const %s *request,\n"
                         "    const furrow_reader_options *options, furrow_reader **reader, furrow_error *err) "
                         "FURROW_MUST_USE;\n",
                         furrow_text_said(emit->model->arena, comment), full_name, symbol, names->input);
    furrow_buffer_printf(emit->header,
                         "furrow_status %s_next(furrow_reader *reader, furrow_arena *arena, %s **message,\n"
                         "    furrow_error *err) FURROW_MUST_USE;\n\n",
                         symbol, names->output);
    furrow_buffer_printf(
        emit->source,
        "furrow_status %s_open(furrow_client *client, const %s *request,\n"
        "    const furrow_reader_options *options, furrow_reader **reader, furrow_error *err)\n{\n"
        "    return furrow_reader_open(client, %s,\n        &request->base, options, reader, err);\n}\n\n",
        symbol, names->input, names->contract);
    furrow_buffer_printf(emit->source,
                         "furrow_status %s_next(furrow_reader *reader, furrow_arena *arena, %s **message,\n"
                         "    furrow_error *err)\n{\n"
                         "    ProtobufCMessage *next;\n"
                         "    furrow_status status = furrow_reader_next(reader, arena, &next, err);\n"
                         "    if (status == FURROW_OK) *message = (%s *)next;\n"
                         "    return status;\n}\n\n",
                         symbol, names->output, names->output);
}

static bool any_reader(const furrow_emit *emit)
{
    for (size_t s = 0; s < emit->file->service_count; s++)
        for (size_t i = 0; i < emit->file->services[s].method_count; i++)
            if (emit->file->services[s].methods[i].proto->server_streaming) return true;
    return false;
}

static void write_client_method(const furrow_emit *emit, const furrow_model_service *service,
                                const furrow_model_method *method)
{
    furrow_arena *arena = emit->model->arena;
    client_names names = names_of(emit, service, method);
    const char *full_name = furrow_text_printf(arena, "%s.%s", service->name, method->name);
    if (method->proto->server_streaming) {
        write_stream(emit, full_name, method->comment, furrow_symbols_method(arena, service, method), &names);
        return;
    }
    declare_client_call(emit, full_name, method->comment, &names);
    write_call(emit, &names);
    write_async(emit, &names);
    furrow_emit_blocking(emit, names.call, names.input, names.output, names.contract);
}

void furrow_emit_client(const furrow_emit *emit)
{
    furrow_emit_opening(emit, "client",
                        "Client: typed calls; threads, memory and errors as in rpc/client.h, of those that block as in "
                        "rpc/blocking.h.");
    furrow_buffer_printf(emit->header, "#include \"%s.furrow.h\"\n#include \"rpc/blocking.h\"\n\n", emit->stem);
    if (any_reader(emit)) furrow_buffer_append_text(emit->header, "#include \"rpc/reader.h\"\n\n");
    furrow_buffer_append_text(emit->source, "#include <stdlib.h>\n\n");
    for (size_t s = 0; s < emit->file->service_count; s++) {
        const furrow_model_service *service = &emit->file->services[s];
        for (size_t i = 0; i < service->method_count; i++) write_client_method(emit, service, &service->methods[i]);
    }
    furrow_buffer_append_text(emit->header, "#endif\n");
}
