/*
 * The tokenizer. What may come next is one of a few states; the containers that are open are one bit a level, so the
 * state is a few words however deep the text goes. May depend on base.
 */
#include "wire/jsontext.h"

#include "base/number.h"
#include "wire/json.h"
#include "wire/message.h"

_Static_assert(FURROW_JSON_DEPTH_MAX <= 64, "a level is a bit of `objects`");

/* What may come next. */
enum { VALUE, VALUE_OR_END, KEY, KEY_OR_END, COMMA_OR_END, DONE, STUCK };

void furrow_jsontext_init(furrow_jsontext *reader, furrow_bytes text)
{
    static const uint8_t nothing;
    const uint8_t *data = text.len ? text.data : &nothing;

    *reader = (furrow_jsontext){.start = data, .at = data, .end = data + text.len, .expect = VALUE};
}

size_t furrow_jsontext_offset(const furrow_jsontext *reader)
{
    return (size_t)(reader->at - reader->start);
}

static furrow_jsontext_kind fail_reader(furrow_jsontext *reader, const char *why)
{
    reader->error = why;
    reader->expect = STUCK;
    return FURROW_JSONTEXT_ERROR;
}

static bool in_object(const furrow_jsontext *reader)
{
    return reader->objects >> (reader->depth - 1) & 1;
}

static furrow_jsontext_kind read_opening(furrow_jsontext *reader, bool object)
{
    if (reader->depth == FURROW_JSON_DEPTH_MAX) return fail_reader(reader, "nested too deeply");
    uint64_t bit = (uint64_t)1 << reader->depth++;
    reader->objects = object ? reader->objects | bit : reader->objects & ~bit;
    reader->expect = object ? KEY_OR_END : VALUE_OR_END;
    reader->at++;
    return object ? FURROW_JSONTEXT_OBJECT : FURROW_JSONTEXT_ARRAY;
}

static furrow_jsontext_kind read_closing(furrow_jsontext *reader)
{
    bool object = in_object(reader);

    reader->at++;
    reader->expect = --reader->depth ? COMMA_OR_END : DONE;
    return object ? FURROW_JSONTEXT_OBJECT_END : FURROW_JSONTEXT_ARRAY_END;
}

/* The four digits at @at; -1 when they are none. */
static int hex4(const uint8_t *at, const uint8_t *end)
{
    int value = 0;

    if (end - at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = furrow_number_hex((char)at[i]);
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Bytes of the escape at @at, which is a backslash; 0 when it is malformed. A surrogate must be one of a pair. */
static size_t escape_size(const uint8_t *at, const uint8_t *end)
{
    if (end - at < 2) return 0;
    if (at[1] != 'u') return at[1] && strchr("\"\\/bfnrt", at[1]) ? 2 : 0;
    int unit = hex4(at + 2, end);
    if (unit < 0 || (unit >= 0xdc00 && unit <= 0xdfff)) return 0;
    if (unit < 0xd800 || unit > 0xdbff) return 6;
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u') return 0;
    int low = hex4(at + 8, end);
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* Consumes the string at reader->at, a quote. */
static const char *read_string(furrow_jsontext *reader)
{
    const uint8_t *start = reader->at + 1, *at = start, *end = reader->end;
    bool ascii = true;

    reader->escaped = false;
    for (; at < end && *at != '"'; at++) {
        if (*at == '\\') {
            size_t size = escape_size(at, end);
            if (size == 0) return "a string has a malformed escape";
            reader->escaped = true;
            at += size - 1;
        } else if (*at < 0x20) {
            return "a string has an unescaped control character";
        } else if (*at >= 0x80) {
            ascii = false;
        }
    }
    if (at == end) return "a string does not end";
    reader->text = (furrow_bytes){start, (size_t)(at - start)};
    reader->at = at + 1;
    return ascii || furrow_utf8_valid(start, reader->text.len) ? NULL : "a string is not UTF-8";
}

static const uint8_t *digits(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at;
}

/* number = [ minus ] int [ frac ] [ exp ], RFC 8259 section 6 */
static bool read_number(furrow_jsontext *reader)
{
    const uint8_t *start = reader->at, *end = reader->end, *at = start + (*start == '-'), *before = at;

    at = digits(at, end);
    if (at == before || (*before == '0' && at - before > 1)) return false;
    if (at < end && *at == '.') {
        before = ++at;
        if ((at = digits(at, end)) == before) return false;
    }
    if (at < end && (*at | 0x20) == 'e') {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        before = at;
        if ((at = digits(at, end)) == before) return false;
    }
    reader->text = (furrow_bytes){start, (size_t)(at - start)};
    reader->at = at;
    return true;
}

static bool read_word(furrow_jsontext *reader, const char *word)
{
    furrow_bytes expected = furrow_bytes_of(word);

    if (!furrow_bytes_begin((furrow_bytes){reader->at, (size_t)(reader->end - reader->at)}, expected)) return false;
    reader->at += expected.len;
    return true;
}

static furrow_jsontext_kind read_value(furrow_jsontext *reader)
{
    const char *wrong;

    switch (*reader->at) {
    case '{':
        return read_opening(reader, true);
    case '[':
        return read_opening(reader, false);
    default:
        break;
    }
    reader->expect = reader->depth ? COMMA_OR_END : DONE;
    switch (*reader->at) {
    case '"':
        wrong = read_string(reader);
        return wrong ? fail_reader(reader, wrong) : FURROW_JSONTEXT_STRING;
    case 't':
        return read_word(reader, "true") ? FURROW_JSONTEXT_TRUE : fail_reader(reader, "a value was expected");
    case 'f':
        return read_word(reader, "false") ? FURROW_JSONTEXT_FALSE : fail_reader(reader, "a value was expected");
    case 'n':
        return read_word(reader, "null") ? FURROW_JSONTEXT_NULL : fail_reader(reader, "a value was expected");
    default:
        if (*reader->at != '-' && (*reader->at < '0' || *reader->at > '9'))
            return fail_reader(reader, "a value was expected");
        return read_number(reader) ? FURROW_JSONTEXT_NUMBER : fail_reader(reader, "a number is malformed");
    }
}

static void skip_space(furrow_jsontext *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

static furrow_jsontext_kind read_object_key(furrow_jsontext *reader)
{
    if (*reader->at != '"') return fail_reader(reader, "a key was expected");
    const char *wrong = read_string(reader);
    if (wrong) return fail_reader(reader, wrong);
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != ':') return fail_reader(reader, "':' was expected");
    reader->at++;
    reader->expect = VALUE;
    return FURROW_JSONTEXT_KEY;
}

static furrow_jsontext_kind read_token(furrow_jsontext *reader)
{
    skip_space(reader);
    if (reader->expect == STUCK) return FURROW_JSONTEXT_ERROR;
    if (reader->expect == DONE)
        return reader->at == reader->end ? FURROW_JSONTEXT_END
                                         : fail_reader(reader, "there is something after the value");
    if (reader->at < reader->end && reader->expect == COMMA_OR_END && *reader->at == ',') {
        reader->at++;
        reader->expect = in_object(reader) ? KEY : VALUE;
        skip_space(reader);
    }
    if (reader->at == reader->end) return fail_reader(reader, "the text is incomplete");
    switch (reader->expect) {
    case VALUE:
        return read_value(reader);
    case VALUE_OR_END:
        return *reader->at == ']' ? read_closing(reader) : read_value(reader);
    case KEY:
        return read_object_key(reader);
    case KEY_OR_END:
        return *reader->at == '}' ? read_closing(reader) : read_object_key(reader);
    default: /* COMMA_OR_END */
        if (*reader->at == (in_object(reader) ? '}' : ']')) return read_closing(reader);
        return fail_reader(reader, "',' or the end of the object or array was expected");
    }
}

furrow_jsontext_kind furrow_jsontext_next(furrow_jsontext *reader)
{
    return reader->kind = read_token(reader);
}

bool furrow_jsontext_skip(furrow_jsontext *reader)
{
    unsigned open = 0;

    for (;;) {
        switch (reader->kind) {
        case FURROW_JSONTEXT_OBJECT:
        case FURROW_JSONTEXT_ARRAY:
            open++;
            break;
        case FURROW_JSONTEXT_OBJECT_END:
        case FURROW_JSONTEXT_ARRAY_END:
            open--;
            break;
        case FURROW_JSONTEXT_ERROR:
        case FURROW_JSONTEXT_END:
            return false;
        default:
            break;
        }
        if (open == 0) return true;
        furrow_jsontext_next(reader);
    }
}

static size_t put_utf8(unsigned code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = len; --i > 0; code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    static const uint8_t lead[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    out[0] = (char)(lead[len] | code);
    return len;
}

/* The escape at @at into @out; *at moves past it. read_string has checked it. */
static size_t put_escape(const uint8_t **at, const uint8_t *end, char *out)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const uint8_t *escape = *at;

    *at += escape_size(escape, end);
    if (escape[1] != 'u') {
        *out = values[strchr(letters, escape[1]) - letters];
        return 1;
    }
    unsigned code = (unsigned)hex4(escape + 2, end);
    if (code >= 0xd800 && code <= 0xdbff)
        code = 0x10000 + ((code - 0xd800) << 10) + (unsigned)hex4(escape + 8, end) - 0xdc00;
    return put_utf8(code, out);
}

size_t furrow_jsontext_unescape(furrow_bytes raw, char *out)
{
    const uint8_t *at = raw.data, *end = at + raw.len;
    char *start = out;

    while (at < end) {
        if (*at == '\\')
            out += put_escape(&at, end, out);
        else
            *out++ = (char)*at++;
    }
    return (size_t)(out - start);
}
