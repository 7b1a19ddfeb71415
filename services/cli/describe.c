/*
 * furrow describe: a service, a method, a message or an enum, as its contract tells it: comments, types, rules and
 * options, and an example. Of what this machine knows, or else of what runs.
 */
#include "cli/describe.h"
#include "cli/descriptor_sets.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE_BYTES ((size_t)4 << 20)
#define FIELD_PATH DESCRIPTOR_PARTS

/* Without what // leaves before a line, and without the empty line at the end. */
static void print_comment(const descriptor_path *path, const char *indent, furrow_buffer *out)
{
    for (const char *line = descriptor_comment(path); *line;) {
        size_t len = strcspn(line, "\n"), lead = strspn(line, " ");
        if (lead > len) lead = len;
        if (len > 0) furrow_buffer_printf(out, "%s%.*s\n", indent, (int)(len - lead), line + lead);
        line += len + (line[len] == '\n');
    }
}

const char *describe_summary(const descriptor_pool *pool, const descriptor_path *path)
{
    const char *comment = descriptor_comment(path);
    comment += strspn(comment, " \n");
    const char *text = furrow_arena_printf(pool->arena, "%.*s", (int)strcspn(comment, "\n"), comment);
    FURROW_REQUIRE(text);
    return text;
}

static void print_enum_page(descriptor_pool *pool, const descriptor_enum *of, furrow_buffer *out)
{
    furrow_buffer_printf(out, "enum %s\n", of->name);
    print_comment(&of->path, "  ", out);
    for (size_t i = 0; i < of->proto->n_value; i++) {
        descriptor_path path = descriptor_path_to(&of->path, DESCRIPTOR_PARTS, i);
        furrow_buffer_printf(out, "  %s = %" PRId32 "  %s\n", of->proto->value[i]->name, of->proto->value[i]->number,
                             describe_summary(pool, &path));
    }
}

static void print_message_page(descriptor_pool *pool, const descriptor_message *message, furrow_buffer *out)
{
    furrow_buffer_printf(out, "message %s\n", message->name);
    print_comment(&message->path, "  ", out);
    describe_options(pool, "google.protobuf.MessageOptions", message->proto->options, "  ", out);
    if (message->proto->options && message->proto->options->base.n_unknown_fields > 0) furrow_buffer_printf(out, "\n");
    for (size_t i = 0; i < message->proto->n_field; i++) {
        const descriptor_field *field = message->proto->field[i];
        descriptor_path path = descriptor_path_to(&message->path, FIELD_PATH, i);
        furrow_buffer_printf(out, "  %s = %" PRId32 "  %s", field->name, field->number,
                             descriptor_type_text(pool, field));
        if (field->has_oneof_index && !field->proto3_optional)
            furrow_buffer_printf(out, "  one of %s", message->proto->oneof_decl[field->oneof_index]->name);
        if (field->options && field->options->deprecated) furrow_buffer_append_text(out, "  deprecated");
        describe_options(pool, "google.protobuf.FieldOptions", field->options, "  ", out);
        furrow_buffer_append_byte(out, '\n');
        print_comment(&path, "      ", out);
    }
}

static void print_example(descriptor_pool *pool, const char *before, const descriptor_message *message,
                          const char *after, furrow_buffer *out)
{
    furrow_buffer_printf(out, "\nexample\n  %s", before);
    describe_example(pool, message, out);
    furrow_buffer_printf(out, "%s\n", after);
}

static void print_method_page(descriptor_pool *pool, const descriptor_service *service, const descriptor_method *method,
                              furrow_buffer *out)
{
    static const char *const levels[] = {"", "no side effects, may be retried", "idempotent, may be retried"};
    size_t at = 0;
    char call[640];
    while (service->proto->method[at] != method) at++;
    descriptor_path path = descriptor_path_to(&service->path, DESCRIPTOR_PARTS, at);
    const descriptor_message *input = descriptor_find_message(pool, method->input_type);
    const descriptor_message *output = descriptor_find_message(pool, method->output_type);
    furrow_buffer_printf(out, "method %s.%s\n", service->name, method->name);
    print_comment(&path, "  ", out);
    furrow_buffer_printf(out, "  takes %s, answers %s\n", method->input_type + 1, method->output_type + 1);
    if (method->options && method->options->has_idempotency_level && method->options->idempotency_level > 0)
        furrow_buffer_printf(out, "  %s\n", levels[method->options->idempotency_level]);
    describe_options(pool, "google.protobuf.MethodOptions", method->options, "  ", out);
    furrow_buffer_append_text(out, "\n");
    if (input) print_message_page(pool, input, out);
    furrow_buffer_append_text(out, "\n");
    if (output && output != input) print_message_page(pool, output, out);
    snprintf(call, sizeof call, "furrow call %s.%s '", service->name, method->name);
    if (input) print_example(pool, call, input, "'", out);
}

static void print_service_page(descriptor_pool *pool, const descriptor_service *service, furrow_buffer *out)
{
    furrow_buffer_printf(out, "service %s\n", service->name);
    print_comment(&service->path, "  ", out);
    describe_options(pool, "google.protobuf.ServiceOptions", service->proto->options, "  ", out);
    furrow_buffer_append_text(out, "\n");
    for (size_t i = 0; i < service->proto->n_method; i++) {
        const descriptor_method *method = service->proto->method[i];
        descriptor_path path = descriptor_path_to(&service->path, DESCRIPTOR_PARTS, i);
        furrow_buffer_printf(out, "  %s(%s) returns %s\n", method->name, method->input_type + 1,
                             method->output_type + 1);
        print_comment(&path, "      ", out);
    }
}

/* ---- by name: "employee", "employee.v1.EmployeeService", "….GetEmployee", "employee.v1.Employee" ---- */

static bool is_short_name(const descriptor_pool *pool, const descriptor_service *service, const char *name)
{
    const char *package = service->path.file->proto->package;
    return strcmp(descriptor_owner(pool, package ? package : ""), name) == 0;
}

static bool has_name(const descriptor_pool *pool, const char *name)
{
    const descriptor_service *service;
    for (size_t i = 0; i < pool->service_count; i++)
        if (is_short_name(pool, &pool->services[i], name)) return true;
    return descriptor_find_message(pool, name) || descriptor_find_enum(pool, name) ||
           descriptor_find_service(pool, name) || descriptor_find_method(pool, name, &service);
}

static void print_named(descriptor_pool *pool, const char *name, furrow_buffer *out)
{
    const descriptor_service *service = descriptor_find_service(pool, name);
    const descriptor_message *message = descriptor_find_message(pool, name);
    const descriptor_enum *of = descriptor_find_enum(pool, name);
    const descriptor_method *method;
    if (service) print_service_page(pool, service, out);
    for (size_t i = 0; !service && i < pool->service_count; i++)
        if (is_short_name(pool, &pool->services[i], name)) print_service_page(pool, &pool->services[i], out);
    if (message) print_message_page(pool, message, out);
    if (message) print_example(pool, "", message, "", out);
    if (of) print_enum_page(pool, of, out);
    if ((method = descriptor_find_method(pool, name, &service)) != NULL) print_method_page(pool, service, method, out);
}

static void print_page(const furrow_buffer *page)
{
    const char *at = page->len > 0 ? (const char *)page->data : "";
    for (const char *end = at + page->len; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at);
        char *line = strndup(at, len);
        FURROW_REQUIRE(line);
        text_print(stdout, line);
        putchar('\n');
        free(line);
        at += len + 1;
    }
}

int cli_describe(cli *tool)
{
    descriptor_pool pool;
    furrow_buffer page;
    if (!descriptor_sets_find(tool, tool->argv[0], has_name, &pool)) return tool->exit_code;
    furrow_buffer_init(&page, PAGE_BYTES);
    if (cli_flag(tool, "--descriptors"))
        fwrite(pool.set.data, 1, pool.set.len, stdout);
    else
        print_named(&pool, tool->argv[0], &page);
    print_page(&page);
    furrow_buffer_fini(&page);
    descriptor_pool_fini(&pool);
    return tool->exit_code;
}
