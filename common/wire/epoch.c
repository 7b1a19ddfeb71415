/* See epoch.h. What is formatted parses back to the same, and nothing else parses. May depend on base. */
#include "wire/epoch.h"

#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS 5

bool furrow_epoch_is_subject(const char *subject, const char *entity)
{
    const char *rest = furrow_bytes_after(subject, entity);
    return rest && strcmp(rest, "." FURROW_EPOCH_ID) == 0;
}

void furrow_epoch_format(const furrow_epoch *epoch, char out[FURROW_EPOCH_TEXT])
{
    snprintf(out, FURROW_EPOCH_TEXT, "%" PRId64 " %" PRId64 " %" PRIu64 " %" PRIu64 " %s", epoch->begun, epoch->before,
             epoch->kept, epoch->since,
             epoch->accepted ? "accepted"
             : epoch->whole  ? "whole"
                             : "restoring");
}

/* Exactly so many words, with one space between. */
static bool split_words(furrow_bytes body, furrow_bytes words[WORDS])
{
    const char *at = body.data, *end = at + body.len;
    for (size_t i = 0; i < WORDS; i++) {
        const char *space = at < end ? memchr(at, ' ', (size_t)(end - at)) : NULL;
        if ((space == NULL) != (i == WORDS - 1)) return false;
        words[i] = (furrow_bytes){at, (size_t)((space ? space : end) - at)};
        at = space ? space + 1 : end;
    }
    return true;
}

bool furrow_epoch_parse(furrow_bytes body, furrow_epoch *out)
{
    furrow_bytes words[WORDS];
    uint64_t begun, before, kept, since;
    if (body.len == 0 || body.len >= FURROW_EPOCH_TEXT || !split_words(body, words)) return false;
    bool accepted = furrow_bytes_is(words[4], "accepted"), whole = accepted || furrow_bytes_is(words[4], "whole");
    if (!furrow_number_parse(words[0], INT64_MAX, &begun) || !furrow_number_parse(words[1], INT64_MAX, &before) ||
        !furrow_number_parse(words[2], UINT64_MAX, &kept) || !furrow_number_parse(words[3], UINT64_MAX, &since) ||
        (!whole && !furrow_bytes_is(words[4], "restoring")))
        return false;
    if (begun == 0) return false;
    *out = (furrow_epoch){.begun = (int64_t)begun,
                          .before = (int64_t)before,
                          .kept = kept,
                          .since = since,
                          .whole = whole,
                          .accepted = accepted};
    return true;
}

void furrow_epoch_hex(int64_t begun, char out[FURROW_EPOCH_HEX_SIZE])
{
    snprintf(out, FURROW_EPOCH_HEX_SIZE, "%" PRIx64, (uint64_t)begun);
}

size_t furrow_epoch_hex_parse(const char *text, int64_t *begun)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t value = 0;
    size_t len = 0;
    for (const char *digit; text[len] && (digit = strchr(digits, text[len])) != NULL; len++) {
        if (value > (uint64_t)INT64_MAX >> 4) return 0;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    if (value == 0 || text[0] == '0') return 0;
    *begun = (int64_t)value;
    return len;
}
