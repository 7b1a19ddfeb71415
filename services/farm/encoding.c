/* See encoding.h. */
#include "farm/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#define OUT_ROOM 4096
#define NO_UTF8  0xff /* a byte that UTF-8 never has */

static const struct {
    const char *mark;
    size_t len;
    const char *name;
} marks[] = {
    {"\xef\xbb\xbf", 3, "UTF-8"},    {"\xff\xfe\0\0", 4, "UTF-32LE"}, /* before UTF-16, whose mark it begins with */
    {"\0\0\xfe\xff", 4, "UTF-32BE"}, {"\xff\xfe", 2, "UTF-16LE"},     {"\xfe\xff", 2, "UTF-16BE"},
};

/* Bytes of a letter at least: so many are passed over when they cannot be read. */
static size_t unit_of(const char *name)
{
    const char *bits = furrow_bytes_after_nocase(name, "utf");
    if (!bits) return 1;
    return strstr(bits, "32") ? 4 : strstr(bits, "16") ? 2 : 1;
}

/* One run of iconv; what it cannot read is marked and passed over. False: no room. */
static bool convert(iconv_t to_utf8, furrow_bytes bytes, size_t unit, furrow_buffer *out)
{
    char *in = (char *)(uintptr_t)bytes.data;
    size_t left = bytes.len;
    while (left > 0) {
        char *to = (char *)furrow_buffer_reserve(out, OUT_ROOM);
        size_t room = OUT_ROOM;
        if (!to) return false;
        bool whole = iconv(to_utf8, &in, &left, &to, &room) != (size_t)-1;
        int reason = errno;
        out->len += OUT_ROOM - room;
        if (whole || reason == E2BIG) continue;
        size_t bad = reason == EINVAL || left < unit ? left : unit; /* EINVAL: the end cuts a letter in two */
        furrow_buffer_append_byte(out, NO_UTF8);
        in += bad;
        left -= bad;
    }
    return !out->failed;
}

static furrow_status convert_from(const char *name, furrow_bytes bytes, furrow_buffer *out, furrow_error *err)
{
    /* What stands behind a slash tells iconv to leave letters out, or to put others in their place. */
    iconv_t to_utf8 = strchr(name, '/') ? (iconv_t)-1 : iconv_open("UTF-8", name);
    if (to_utf8 == (iconv_t)-1)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "no encoding %.40s: latin1, windows-1252, utf-16le or another that `iconv -l` lists", name);
    bool fits = convert(to_utf8, bytes, unit_of(name), out);
    iconv_close(to_utf8);
    return fits ? FURROW_OK : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "is too large");
}

static bool is_utf8(const char *name)
{
    furrow_bytes bytes = furrow_bytes_of(name);
    return furrow_bytes_is_nocase(bytes, "UTF-8") || furrow_bytes_is_nocase(bytes, "UTF8");
}

furrow_status encoding_to_utf8(const char *name, furrow_bytes bytes, furrow_buffer *out, bool *marked,
                               furrow_error *err)
{
    *marked = false;
    for (size_t i = 0; i < sizeof marks / sizeof *marks && !*marked; i++) {
        if (!furrow_bytes_begin(bytes, (furrow_bytes){marks[i].mark, marks[i].len})) continue;
        if (name && !furrow_bytes_after_nocase(name, "utf"))
            return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                               "begins with the byte order mark of %s: leave --encoding %.40s out", marks[i].name,
                               name);
        *marked = true;
        name = marks[i].name;
        bytes = (furrow_bytes){(const char *)bytes.data + marks[i].len, bytes.len - marks[i].len};
    }
    if (name && !is_utf8(name)) return convert_from(name, bytes, out, err);
    furrow_buffer_append(out, bytes.data, bytes.len);
    return out->failed ? furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "is too large") : FURROW_OK;
}
