/*
 * See block.h. What is kept of a line is shorter than the line, so it is moved to where the block began, one behind the
 * other. Depends on wire.
 */
#include "link/block.h"

#include "wire/header.h"

#include <string.h>

static const char version[] = "NATS/1.0";

typedef struct reader {
    char *at, *end, *kept; /* kept: where the next text goes, never past the line that is being read */
    bool lifted, whole;    /* whole: the line at hand has its CR */
    const char *why;
} reader;

static bool refuse_line(reader *self, const char *why)
{
    self->why = why;
    return false;
}

/* The next line without its end. nats.c puts NUL where the CR was, or before blanks behind the value. */
static bool take_line(reader *self, char **line, size_t *len)
{
    char *feed = memchr(self->at, '\n', (size_t)(self->end - self->at));
    if (!feed) return refuse_line(self, "it does not end with CR LF");
    *line = self->at;
    *len = (size_t)(feed - *line);
    self->at = feed + 1;
    char *nul = memchr(*line, '\0', *len);
    self->whole = *len > 0 && (*line)[*len - 1] == '\r';
    if (self->whole)
        (*len)--;
    else if (!self->lifted || !nul)
        return refuse_line(self, "LF without CR");
    if (memchr(*line, '\r', *len)) return refuse_line(self, "CR without LF");
    return self->lifted || !nul || refuse_line(self, "NUL");
}

static const char *keep_text(reader *self, const char *text, size_t len)
{
    char *kept = self->kept;
    memmove(kept, text, len);
    kept[len] = '\0';
    self->kept += len + 1;
    return kept;
}

/* Without the blanks around it, and what nats.c cut off: only blanks may stand there. */
static bool trim(reader *self, char **text, size_t *len)
{
    size_t used = strnlen(*text, *len);
    for (size_t i = used; i < *len; i++)
        if ((*text)[i] != '\0' && !furrow_bytes_blank((*text)[i])) return refuse_line(self, "NUL");
    for (; used > 0 && furrow_bytes_blank(**text); used--) (*text)++;
    while (used > 0 && furrow_bytes_blank((*text)[used - 1])) used--;
    *len = used;
    return true;
}

/* "NATS/1.0", or with a status and what it means. */
static bool read_first_line(reader *self, furrow_block *out)
{
    char *line;
    size_t len, digits = 0;
    if (!take_line(self, &line, &len)) return false;
    if (len < sizeof version - 1 || memcmp(line, version, sizeof version - 1) != 0)
        return refuse_line(self, "it must be NATS/1.0");
    line += sizeof version - 1;
    len -= sizeof version - 1;
    if (len > 0 && !furrow_bytes_blank(*line) && *line != '\0') return refuse_line(self, "it must be NATS/1.0");
    if (!trim(self, &line, &len)) return false;
    while (digits < len && digits < 3 && line[digits] >= '0' && line[digits] <= '9')
        out->status = out->status * 10 + (line[digits++] - '0');
    if (digits != 3 || (len > 3 && !furrow_bytes_blank(line[3]))) {
        out->status = 0; /* what else calls itself a status is none */
        return true;
    }
    char *rest = line + 3;
    size_t rest_len = len - 3;
    if (!trim(self, &rest, &rest_len)) return false;
    out->description = keep_text(self, rest, rest_len);
    return true;
}

/* "name: value" */
static bool read_pair(reader *self, char *line, size_t len)
{
    size_t name_len = 0;
    while (name_len < len && line[name_len] != ':' && line[name_len] != '\0') name_len++;
    if (name_len == len) return refuse_line(self, "no colon");
    char *value = line + name_len + 1;
    size_t value_len = len - name_len - 1;
    if (!self->whole && !memchr(value, '\0', value_len)) return refuse_line(self, "LF without CR");
    line[name_len] = '\0';
    if (!furrow_header_name_valid(line)) return refuse_line(self, "a name is visible ASCII without blanks");
    if (!trim(self, &value, &value_len)) return false;
    (void)keep_text(self, line, name_len);
    (void)keep_text(self, value, value_len);
    return true;
}

static bool read_lines(reader *self, furrow_block *out)
{
    char *line;
    size_t len;
    out->wrong_line = 1;
    if (!read_first_line(self, out)) return false;
    out->pairs = self->kept;
    for (;; out->count++) {
        out->wrong_line++;
        if (!take_line(self, &line, &len)) return false;
        if (len == 0) break;
        if (!read_pair(self, line, len)) return false;
    }
    return self->at == self->end || refuse_line(self, "something comes after the empty line");
}

void furrow_block_read(char *text, size_t len, bool lifted, furrow_block *out)
{
    reader self = {.at = text, .end = text + len, .kept = text, .lifted = lifted};
    *out = (furrow_block){.description = ""};
    if (read_lines(&self, out))
        out->wrong_line = 0, out->end = self.kept;
    else
        *out = (furrow_block){.description = "", .wrong_line = out->wrong_line, .why = self.why};
}
