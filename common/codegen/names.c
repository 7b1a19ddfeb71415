/**
 * Names: protobuf's in, C's and NATS's out. protoc-gen-c's conversions are those of its c_helpers.cc (FullNameToC,
 * FullNameToLower, ToCamel, CamelToLower, FieldName), which protobuf-c has kept since 1.0; tests compare with what it
 * really writes.
 */
#include "codegen/names.h"

#include "codegen/text.h"

#include <string.h>

/* Not <ctype.h>: generated names must not depend on the locale of who builds. */
static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char to_upper(char c)
{
    return is_lower(c) ? (char)(c - 'a' + 'A') : c;
}

static char to_lower(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

const char *furrow_names_c_type(furrow_arena *arena, const char *full_name)
{
    char *out = furrow_text_zalloc(arena, 2 * strlen(full_name) + 1), *at = out;
    bool word_begins = true;
    for (const char *from = full_name; *from; from++) {
        if (*from == '.') {
            *at++ = '_';
            *at++ = '_';
            word_begins = true;
        } else if (*from == '_') {
            word_begins = true;
        } else {
            *at++ = word_begins ? to_upper(*from) : *from;
            word_begins = false;
        }
    }
    return out;
}

const char *furrow_names_c_lower(furrow_arena *arena, const char *full_name)
{
    char *out = furrow_text_zalloc(arena, 2 * strlen(full_name) + 1), *at = out;
    bool was_upper = true; /* no '_' before the first letter of a piece */
    for (const char *from = full_name; *from; from++) {
        if (*from == '.') {
            *at++ = '_';
            *at++ = '_';
            was_upper = true;
            continue;
        }
        if (is_upper(*from) && !was_upper) *at++ = '_';
        *at++ = to_lower(*from);
        was_upper = is_upper(*from);
    }
    return out;
}

const char *furrow_names_c_member(furrow_arena *arena, const char *field)
{
    static const char taken[] =
        " and and_eq asm auto bitand bitor bool break case catch char class compl const const_cast continue default "
        "delete do double dynamic_cast else enum explicit extern false float for friend goto if inline int long "
        "mutable namespace new not not_eq operator or or_eq private protected public register reinterpret_cast return "
        "short signed sizeof static static_cast struct switch template this throw true try typedef typeid typename "
        "union unsigned using virtual void volatile wchar_t while xor xor_eq ";
    char *out = furrow_text_printf(arena, " %s ", field);
    for (char *at = out; *at; at++) *at = to_lower(*at);
    bool is_taken = strstr(taken, out) != NULL;
    return furrow_text_printf(arena, "%.*s%s", (int)strlen(field), out + 1, is_taken ? "_" : "");
}

const char *furrow_names_claim(furrow_arena *arena, const char *field)
{
    return furrow_text_printf(arena, "%sClaim", furrow_names_c_type(arena, field));
}

const char *furrow_names_stem(furrow_arena *arena, const char *file)
{
    static const char *const endings[] = {".protodevel", ".proto"};
    size_t len = strlen(file);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (len > ending && strcmp(file + len - ending, endings[i]) == 0)
            return furrow_text_copy(arena, file, len - ending);
    }
    return file;
}

const char *furrow_names_identifier(furrow_arena *arena, const char *text)
{
    char *out = furrow_text_copy(arena, text, strlen(text));
    for (char *at = out; *at; at++) {
        if (!is_upper(*at) && !is_lower(*at) && !is_digit(*at)) *at = '_';
    }
    return out;
}

const char *furrow_names_snake(furrow_arena *arena, const char *name)
{
    char *out = furrow_text_zalloc(arena, 2 * strlen(name) + 1), *at = out;
    for (const char *from = name; *from; from++) {
        char before = from > name ? from[-1] : '_';
        bool word_begins = is_upper(*from) && before != '_' && (!is_upper(before) || is_lower(from[1]));
        if (word_begins) *at++ = '_';
        *at++ = to_lower(*from);
    }
    return out;
}

const char *furrow_names_spaced(furrow_arena *arena, const char *snake)
{
    char *out = furrow_text_copy(arena, snake, strlen(snake));
    for (char *at = out; *at; at++)
        if (*at == '_') *at = ' ';
    return out;
}

const char *furrow_names_upper(furrow_arena *arena, const char *text)
{
    char *out = furrow_text_copy(arena, text, strlen(text));
    for (char *at = out; *at; at++) *at = to_upper(*at);
    return out;
}

bool furrow_names_short_ok(const char *name)
{
    enum { SHORT_MAX = 32 };
    size_t len = strlen(name);
    if (len == 0 || len > SHORT_MAX || !is_lower(name[0])) return false;
    for (const char *at = name; *at; at++) {
        if (!is_lower(*at) && !is_digit(*at) && *at != '_') return false;
    }
    return true;
}
