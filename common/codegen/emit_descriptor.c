/**
 * The .proto itself, as a google.protobuf.FileDescriptorSet: the file with its comments, and before it all that it
 * imports, without theirs, so that who reads the set tells whose it is (wire/descriptor.h). A service answers it to
 * whoever asks, the tool compares it with what was provisioned.
 */
#include "codegen/emit.h"

#include "codegen/symbols.h"
#include "codegen/text.h"

#include <string.h>

enum { BYTES_PER_LINE = 24 };

typedef Google__Protobuf__SourceCodeInfo__Location location;

/* Declarations, of which a message of ours may name the line, have paths of (field, index) pairs; what has comments. */
static bool is_location_kept(const location *at)
{
    return at->leading_comments || at->trailing_comments || (at->n_path > 0 && at->n_path % 2 == 0);
}

static Google__Protobuf__SourceCodeInfo *copy_source_info(furrow_arena *arena,
                                                          const Google__Protobuf__SourceCodeInfo *from)
{
    Google__Protobuf__SourceCodeInfo *copy = furrow_text_zalloc(arena, sizeof *copy);
    google__protobuf__source_code_info__init(copy);
    copy->location = furrow_text_zalloc(arena, ((from ? from->n_location : 0) + 1) * sizeof *copy->location);
    for (size_t i = 0; from && i < from->n_location; i++)
        if (is_location_kept(from->location[i])) copy->location[copy->n_location++] = from->location[i];
    return copy;
}

typedef struct file_set {
    const Google__Protobuf__FileDescriptorProto **files;
    size_t count;
} file_set;

static const Google__Protobuf__FileDescriptorProto *find_imported(const furrow_model *model, const char *name)
{
    for (size_t i = 0; i < model->file_count; i++)
        if (strcmp(model->files[i].name, name) == 0) return model->files[i].proto;
    return NULL;
}

/* What @file imports, and then @file, each once. */
static void add_file_and_imports(const furrow_emit *emit, file_set *set,
                                 const Google__Protobuf__FileDescriptorProto *file)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->files[i]->name, file->name) == 0) return;
    for (size_t i = 0; i < file->n_dependency; i++) {
        const Google__Protobuf__FileDescriptorProto *import = find_imported(emit->model, file->dependency[i]);
        if (import) add_file_and_imports(emit, set, import);
    }
    Google__Protobuf__FileDescriptorProto *copy = furrow_text_zalloc(emit->model->arena, sizeof *copy);
    *copy = *file;
    copy->source_code_info =
        file == emit->file->proto ? copy_source_info(emit->model->arena, file->source_code_info) : NULL;
    set->files[set->count++] = copy;
}

static void write_bytes(furrow_buffer *out, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        furrow_buffer_printf(out, "%s%u,", i % BYTES_PER_LINE ? "" : i ? "\n    " : "    ", data[i]);
}

void furrow_emit_descriptor(const furrow_emit *emit)
{
    furrow_arena *arena = emit->model->arena;
    file_set set = {.files = furrow_text_zalloc(arena, emit->model->file_count * sizeof *set.files)};
    add_file_and_imports(emit, &set, emit->file->proto);
    Google__Protobuf__FileDescriptorSet packed = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
    packed.file = (Google__Protobuf__FileDescriptorProto **)(uintptr_t)set.files;
    packed.n_file = set.count;
    size_t len = google__protobuf__file_descriptor_set__get_packed_size(&packed);
    uint8_t *data = furrow_text_zalloc(arena, len);
    google__protobuf__file_descriptor_set__pack(&packed, data);

    const char *symbol = furrow_symbols_descriptors(arena, emit->file);
    furrow_emit_opening(emit, "descriptor", "The .proto itself, as a google.protobuf.FileDescriptorSet.");
    furrow_buffer_printf(emit->header,
                         "#include \"base/bytes.h\"\n\n"
                         "/* %s, after all that it imports. */\nextern const furrow_bytes %s;\n\n#endif\n",
                         emit->file->name, symbol);
    furrow_buffer_append_text(emit->source, "static const uint8_t set[] = {\n");
    write_bytes(emit->source, data, len);
    furrow_buffer_printf(emit->source, "\n};\n\nconst furrow_bytes %s = {set, sizeof set};\n", symbol);
}
