/*
 * See descriptor.h. On the wire: field 1 of a FileDescriptorSet is a file; of a file, field 1 is its name and field 9 its
 * source info (google/protobuf/descriptor.proto). Nothing is unpacked, so what this version of protobuf does not know of
 * stays as it is.
 */
#include "wire/descriptor.h"

#include "base/arena.h"
#include "wire/wirescan.h"

enum { SET_FILE = 1, FILE_NAME = 1, FILE_SOURCE_INFO = 9 };

typedef struct file {
    furrow_bytes name, whole; /* @whole: with tag and length, as in the set */
    bool owned;               /* has its source info */
} file;

static const char *read_set_file(const furrow_wirescan_field *field, file *out)
{
    furrow_wirescan scan = {field->value, field->value + field->len};
    furrow_wirescan_field part;
    const char *wrong = NULL;

    *out = (file){.whole = {field->start, (size_t)(field->value - field->start) + field->len}};
    while (!wrong && scan.at < scan.end) {
        wrong = furrow_wirescan_next(&scan, &part);
        if (wrong || part.wire != FURROW_WIRE_LENGTH) continue;
        if (part.number == FILE_NAME) out->name = (furrow_bytes){part.value, part.len};
        out->owned |= part.number == FILE_SOURCE_INFO;
    }
    if (!wrong && out->name.len == 0) wrong = "a file has no name";
    return wrong;
}

/* In the place of the one that has its name, if that is only imported; else behind the others. */
static bool unite_file(file files[], size_t *count, const file *added)
{
    for (size_t i = 0; i < *count; i++) {
        if (!furrow_bytes_equal(files[i].name, added->name)) continue;
        if (added->owned && !files[i].owned) files[i] = *added;
        return true;
    }
    if (*count == FURROW_DESCRIPTOR_FILES_MAX) return false;
    files[(*count)++] = *added;
    return true;
}

furrow_status furrow_descriptor_unite(const furrow_bytes sets[], size_t count, furrow_buffer *out, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    file read, *files = arena ? furrow_arena_alloc(arena, FURROW_DESCRIPTOR_FILES_MAX * sizeof *files) : NULL;
    size_t file_count = 0;

    if (!files) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < count; i++) {
        furrow_wirescan scan = {sets[i].data, (const uint8_t *)sets[i].data + sets[i].len};
        while (scan.at < scan.end) {
            furrow_wirescan_field field;
            const char *wrong = furrow_wirescan_next(&scan, &field);
            if (!wrong && (field.number != SET_FILE || field.wire != FURROW_WIRE_LENGTH)) wrong = "unknown field";
            if (!wrong) wrong = read_set_file(&field, &read);
            if (wrong) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a FileDescriptorSet: %s", wrong);
            if (!unite_file(files, &file_count, &read))
                return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "more than %d files", FURROW_DESCRIPTOR_FILES_MAX);
        }
    }
    for (size_t i = 0; i < file_count; i++) furrow_buffer_append(out, files[i].whole.data, files[i].whole.len);
    return out->failed ? furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the set is too large") : FURROW_OK;
}
