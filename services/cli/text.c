/* See text.h. C1 control characters are two bytes in UTF-8 (C2 80 to C2 9F). */
#include "cli/text.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "wire/json.h"
#include "wire/message.h"

#include <string.h>

#define LINE_BYTES ((size_t)64 << 10)

void text_print(FILE *out, const char *text)
{
    bool utf8 = furrow_utf8_valid(text, strlen(text));
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        bool c1 = at[0] == 0xc2 && at[1] < 0xa0;
        bool plain = *at >= 0x20 && *at != 0x7f && (utf8 || *at < 0x80) && !c1;
        fputc(plain ? *at : '?', out);
        if (utf8 && c1) at++;
    }
}

void text_time(int64_t wall_ns, char out[TEXT_TIME_SIZE])
{
    char whole[48];
    furrow_clock_format(wall_ns, whole);
    size_t len = strcspn(whole, ".");
    snprintf(out, TEXT_TIME_SIZE, "%.*s%.4sZ", (int)len, whole, whole[len] ? whole + len : "");
}

void text_json(furrow_buffer *out, const char *name, const char *value)
{
    furrow_buffer_printf(out, ",\"%s\":", name);
    furrow_json_append_string(out, furrow_bytes_of(value));
}

void text_json_line(const char *name, const char *value, bool dry_run)
{
    furrow_buffer line;
    furrow_buffer_init(&line, LINE_BYTES);
    furrow_buffer_printf(&line, "{\"%s\":", name);
    furrow_json_append_string(&line, furrow_bytes_of(value));
    furrow_buffer_printf(&line, ",\"dry_run\":%s}\n", dry_run ? "true" : "false");
    if (!line.failed) fwrite(line.data, 1, line.len, stdout);
    furrow_buffer_fini(&line);
}

void text_json_pair(const char *name, const char *value, const char *second, const char *second_value)
{
    furrow_buffer line;
    furrow_buffer_init(&line, LINE_BYTES);
    furrow_buffer_printf(&line, "{\"%s\":", name);
    furrow_json_append_string(&line, furrow_bytes_of(value));
    text_json(&line, second, second_value);
    furrow_buffer_append_text(&line, "}\n");
    if (!line.failed) fwrite(line.data, 1, line.len, stdout);
    furrow_buffer_fini(&line);
}
