/**
 * protoc-gen-furrow: reads a CodeGeneratorRequest from standard input, writes a CodeGeneratorResponse to standard
 * output.
 *
 * Problems of a .proto go into the response's `error`, as protoc wants it, all of them at once; what is wrong with
 * protoc itself goes to standard error with exit status 1. Either all files are generated or none. May depend on: base,
 * protobuf-c.
 */
#include "codegen/check.h"
#include "codegen/emit.h"
#include "codegen/names.h"
#include "codegen/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__Compiler__CodeGeneratorRequest request_message;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse response_message;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File response_file;

enum { REQUEST_BYTES = 64 << 20, FILE_BYTES = 16 << 20, ARENA_BYTES = 512 << 20 };

/* What each .proto becomes. */
static const struct output {
    const char *kind;
    void (*emit)(const furrow_emit *emit);
    bool has_header, has_source;
} outputs[] = {{"furrow", furrow_emit_contract, true, true}, {"descriptor", furrow_emit_descriptor, true, true},
               {"client", furrow_emit_client, true, true},   {"domain", furrow_emit_domain, true, true},
               {"server", furrow_emit_server, true, true},   {"access", furrow_emit_access, true, false},
               {"main", furrow_emit_main, false, true}};

enum { OUTPUTS = sizeof outputs / sizeof *outputs, FILES_PER_PROTO = 2 * OUTPUTS };

static _Noreturn void give_up(const char *why)
{
    fprintf(stderr, "protoc-gen-furrow: %s\n", why);
    exit(1);
}

static request_message *read_request(void)
{
    furrow_buffer in;
    furrow_buffer_init(&in, REQUEST_BYTES);
    uint8_t chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, stdin)) > 0) furrow_buffer_append(&in, chunk, got);
    if (ferror(stdin)) give_up("cannot read the request");
    if (in.failed) give_up("the request is larger than 64 MiB");
    request_message *request = google__protobuf__compiler__code_generator_request__unpack(NULL, in.len, in.data);
    furrow_buffer_fini(&in);
    if (!request) give_up("the request is no CodeGeneratorRequest; this program is run by protoc");
    return request;
}

static void add_file(furrow_arena *arena, response_message *response, const char *stem, const char *kind, char ending,
                     const furrow_buffer *text)
{
    if (text->failed) give_up("a generated file is larger than 16 MiB");
    response_file *file = furrow_text_zalloc(arena, sizeof *file);
    google__protobuf__compiler__code_generator_response__file__init(file);
    file->name = furrow_text_printf(arena, "%s.%s.%c", stem, kind, ending);
    file->content = furrow_text_copy(arena, text->data, text->len);
    response->file[response->n_file++] = file;
}

static void generate(const furrow_model *model, const furrow_model_file *file, response_message *response)
{
    furrow_buffer header, source;
    furrow_buffer_init(&header, FILE_BYTES);
    furrow_buffer_init(&source, FILE_BYTES);
    furrow_emit emit = {model, file, furrow_names_stem(model->arena, file->name), &header, &source};
    for (size_t i = 0; i < OUTPUTS; i++) {
        furrow_buffer_reset(&header);
        furrow_buffer_reset(&source);
        outputs[i].emit(&emit);
        if (outputs[i].has_header) add_file(model->arena, response, emit.stem, outputs[i].kind, 'h', &header);
        if (outputs[i].has_source) add_file(model->arena, response, emit.stem, outputs[i].kind, 'c', &source);
    }
    furrow_buffer_fini(&source);
    furrow_buffer_fini(&header);
}

/* protoc puts "--furrow_out: " before the text, so its first line is a headline. */
static char *refusal(furrow_arena *arena, const furrow_report *report)
{
    return furrow_text_printf(arena, "%zu problem%s\n%.*s", report->count, report->count == 1 ? "" : "s",
                              (int)report->text.len, (const char *)report->text.data);
}

static void print_response(const furrow_model *model, response_message *response)
{
    furrow_report report;
    furrow_report_init(&report);
    furrow_check(model, &report);
    if (report.count > 0) {
        response->error = refusal(model->arena, &report);
    } else {
        response->file = furrow_text_zalloc(model->arena, model->file_count * FILES_PER_PROTO * sizeof *response->file);
        for (size_t i = 0; i < model->file_count; i++) {
            if (model->files[i].generate) generate(model, &model->files[i], response);
        }
    }
    furrow_report_fini(&report);
}

static void write_response(furrow_arena *arena, const response_message *response)
{
    size_t len = google__protobuf__compiler__code_generator_response__get_packed_size(response);
    uint8_t *bytes = furrow_text_zalloc(arena, len);
    google__protobuf__compiler__code_generator_response__pack(response, bytes);
    if (fwrite(bytes, 1, len, stdout) != len || fflush(stdout) != 0) give_up("cannot write the response");
}

int main(void)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena) give_up("out of memory");
    request_message *request = read_request();
    response_message response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
    /* Claimed so that protoc hands such files over and the refusal can say what to do instead. */
    response.has_supported_features = true;
    response.supported_features = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;

    furrow_model model;
    furrow_error err = {0};
    if (furrow_model_load(request, arena, &model, &err) != FURROW_OK) give_up(err.text);
    print_response(&model, &response);
    write_response(arena, &response);
    google__protobuf__compiler__code_generator_request__free_unpacked(request, NULL);
    return 0;
}
