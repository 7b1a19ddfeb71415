/*
 * Reads single values out of JSON that a server sent, by walking its tokens along a dotted path of keys.
 */
#include "wire/json.h"

#include "wire/json_scalar.h"
#include "wire/jsontext.h"

/* Is the key at hand the first name of @path? Keys with escapes in them are no names that anyone asks for. */
static bool key_is(const furrow_jsontext *reader, const char *path, size_t len)
{
    return !reader->escaped && furrow_bytes_equal(reader->text, (furrow_bytes){path, len});
}

/* Leaves @reader at the first token of the value; false when there is none. */
static bool find_path(furrow_jsontext *reader, furrow_bytes text, const char *path)
{
    furrow_jsontext_init(reader, text);
    if (furrow_jsontext_next(reader) != FURROW_JSONTEXT_OBJECT) return false;
    while (furrow_jsontext_next(reader) == FURROW_JSONTEXT_KEY) {
        size_t len = strcspn(path, ".");
        bool mine = key_is(reader, path, len);
        furrow_jsontext_next(reader);
        if (!mine) {
            if (!furrow_jsontext_skip(reader)) return false;
            continue;
        }
        if (path[len] == '\0') return true;
        if (reader->kind != FURROW_JSONTEXT_OBJECT) return false;
        path += len + 1;
    }
    return false;
}

bool furrow_json_find_int(furrow_bytes text, const char *path, int64_t *out)
{
    furrow_jsontext reader;

    return find_path(&reader, text, path) && reader.kind == FURROW_JSONTEXT_NUMBER &&
           furrow_json_scalar_parse_int(reader.text, INT64_MIN, INT64_MAX, out) == NULL;
}

/* The string that @reader is at. */
static bool take_text(const furrow_jsontext *reader, furrow_arena *arena, char **out)
{
    char *value = reader->kind == FURROW_JSONTEXT_STRING ? furrow_arena_alloc(arena, reader->text.len + 1) : NULL;

    if (!value) return false;
    size_t len = furrow_jsontext_unescape(reader->text, value);
    if (memchr(value, 0, len)) return false; /* C would take the text to end there */
    value[len] = '\0';
    *out = value;
    return true;
}

bool furrow_json_find_text(furrow_bytes text, const char *path, furrow_arena *arena, char **out)
{
    furrow_jsontext reader;

    return find_path(&reader, text, path) && take_text(&reader, arena, out);
}

bool furrow_json_read_text(furrow_bytes value, furrow_arena *arena, char **out)
{
    furrow_jsontext reader;

    furrow_jsontext_init(&reader, value);
    furrow_jsontext_next(&reader);
    return take_text(&reader, arena, out);
}

/* What stands from @from to where @reader is, without the comma and the blanks before it. */
static furrow_bytes written_since(const furrow_jsontext *reader, furrow_bytes text, size_t from)
{
    const char *at = (const char *)text.data + from, *end = (const char *)text.data + furrow_jsontext_offset(reader);

    while (at < end && (*at == ',' || *at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) at++;
    return (furrow_bytes){at, (size_t)(end - at)};
}

bool furrow_json_each(furrow_bytes text, const char *path, furrow_json_each_fn *fn, void *arg)
{
    furrow_jsontext reader;

    if (path[0] == '\0') {
        furrow_jsontext_init(&reader, text);
        furrow_jsontext_next(&reader);
    } else if (!find_path(&reader, text, path)) {
        return false;
    }
    bool object = reader.kind == FURROW_JSONTEXT_OBJECT;
    if (!object && reader.kind != FURROW_JSONTEXT_ARRAY) return false;
    furrow_jsontext_kind end = object ? FURROW_JSONTEXT_OBJECT_END : FURROW_JSONTEXT_ARRAY_END;
    for (;;) {
        furrow_bytes name = {"", 0};
        size_t from = furrow_jsontext_offset(&reader);
        if (furrow_jsontext_next(&reader) == end) return true;
        if (object && reader.kind == FURROW_JSONTEXT_KEY) {
            name = reader.text;
            from = furrow_jsontext_offset(&reader);
            furrow_jsontext_next(&reader);
        }
        if (!furrow_jsontext_skip(&reader)) return false;
        fn(arg, name, written_since(&reader, text, from));
    }
}

bool furrow_json_find_bool(furrow_bytes text, const char *path, bool *out)
{
    furrow_jsontext reader;

    if (!find_path(&reader, text, path) ||
        (reader.kind != FURROW_JSONTEXT_TRUE && reader.kind != FURROW_JSONTEXT_FALSE))
        return false;
    *out = reader.kind == FURROW_JSONTEXT_TRUE;
    return true;
}

bool furrow_json_find_members(furrow_bytes text, const char *path, furrow_json_member members[], size_t count)
{
    furrow_jsontext reader;

    if (!find_path(&reader, text, path) || reader.kind != FURROW_JSONTEXT_OBJECT) return false;
    while (furrow_jsontext_next(&reader) == FURROW_JSONTEXT_KEY) {
        size_t i = 0;
        while (i < count && (reader.escaped || !furrow_bytes_is(reader.text, members[i].name))) i++;
        furrow_jsontext_next(&reader);
        bool plain = reader.kind == FURROW_JSONTEXT_STRING || reader.kind == FURROW_JSONTEXT_NUMBER;
        if (i < count && plain && !members[i].raw.data) members[i].raw = reader.text;
        if (!furrow_jsontext_skip(&reader)) return false;
    }
    return reader.kind == FURROW_JSONTEXT_OBJECT_END;
}

furrow_bytes furrow_json_member_text(const furrow_json_member *member, furrow_arena *arena)
{
    char *value = member->raw.data ? furrow_arena_alloc(arena, member->raw.len + 1) : NULL;

    if (!value) return (furrow_bytes){NULL, 0};
    size_t len = furrow_jsontext_unescape(member->raw, value);
    value[len] = '\0';
    return (furrow_bytes){value, len};
}
