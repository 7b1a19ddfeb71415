/**
 * Memory and text of one run of the plugin. Everything that ends up inside a C string literal passes
 * furrow_text_literal, so no comment of a .proto can break out of it. May depend on: base.
 */
#include "codegen/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUMMARY_MAX = 250 };

static void *must(void *memory)
{
    if (memory) return memory;
    fputs("protoc-gen-furrow: out of memory\n", stderr);
    exit(1);
}

void *furrow_text_zalloc(furrow_arena *arena, size_t size)
{
    return must(furrow_arena_zalloc(arena, size ? size : 1));
}

char *furrow_text_copy(furrow_arena *arena, const void *data, size_t len)
{
    return must(furrow_arena_memdup(arena, data, len));
}

char *furrow_text_printf(furrow_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = must(len < 0 ? NULL : furrow_arena_alloc(arena, (size_t)len + 1));
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

const char *furrow_text_literal(furrow_arena *arena, const char *text)
{
    char *out = furrow_text_zalloc(arena, 4 * strlen(text) + 3), *at = out;
    *at++ = '"';
    for (const char *from = text; *from; from++) {
        unsigned char c = (unsigned char)*from;
        bool trigraph = c == '?' && from > text && from[-1] == '?';
        if (c < 0x20 || c == 0x7f) {
            at += sprintf(at, "\\%03o", c);
            continue;
        }
        if (c == '"' || c == '\\' || trigraph) *at++ = '\\';
        *at++ = (char)c;
    }
    *at = '"';
    return out;
}

/* @len moved back to where a UTF-8 character begins. */
static size_t whole_characters(const char *text, size_t len)
{
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) len--;
    return len;
}

const char *furrow_text_summary(furrow_arena *arena, const char *comment)
{
    if (!comment) return "";
    char *out = furrow_text_zalloc(arena, strlen(comment) + 1);
    size_t len = 0, newlines = 0;
    bool gap = false;
    for (const char *from = comment; *from; from++) {
        if (isspace((unsigned char)*from)) {
            newlines += *from == '\n';
            gap = true;
            if (newlines > 1 && len > 0) break;
            continue;
        }
        if (gap && len > 0) out[len++] = ' ';
        out[len++] = *from;
        gap = false;
        newlines = 0;
    }
    if (len > SUMMARY_MAX) len = whole_characters(out, SUMMARY_MAX);
    out[len] = '\0';
    return out;
}

const char *furrow_text_said(furrow_arena *arena, const char *said)
{
    enum { WIDTH = 112 };
    if (!said[0]) return "";
    /* Each word may begin a line, and each "*" may have to be kept from ending the comment. */
    char *out = furrow_text_zalloc(arena, 4 * strlen(said) + sizeof "\n * "), *at = out;
    size_t column = 0;
    for (const char *from = said; *from; from++) {
        size_t word = strcspn(from + 1, " ");
        if (*from == ' ' && column + word > WIDTH) {
            at = stpcpy(at, "\n * ");
            column = 0;
            continue;
        }
        if (*from == '/' && from > said && from[-1] == '*') *at++ = ' ';
        *at++ = *from;
        column++;
    }
    stpcpy(at, "\n * ");
    return out;
}
