/*
 * Subjects and ids: protobuf names in, NATS subjects out, and back.
 *
 * Invariant: no id reaches a subject without passing check_id, so a subject never gains a token, a wildcard or a space
 * from a request. May depend on base only.
 */
#include "wire/subject.h"

#include "base/id.h"
#include "base/number.h"

static furrow_status refuse_id(const char *field, furrow_error *err)
{
    return furrow_fail_field(err, field, "an id is 1 to %d characters of A-Z, a-z, 0-9, '_' and '-'", FURROW_ID_MAX);
}

furrow_status furrow_subject_check_id(const char *id, size_t len, const char *field, furrow_error *err)
{
    return id && furrow_id_valid(id, len) ? FURROW_OK : refuse_id(field, err);
}

furrow_status furrow_subject_of_entity(const char *entity, const char *id, char out[FURROW_SUBJECT_MAX],
                                       furrow_error *err)
{
    size_t prefix = strlen(entity), len = id ? strlen(id) : 0;

    if (!id || !furrow_id_valid(id, len)) return refuse_id("id", err);
    if (prefix == 0 || prefix + 1 + len >= FURROW_SUBJECT_MAX)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "the subject of %s would exceed %d bytes", entity,
                           FURROW_SUBJECT_MAX - 1);
    memcpy(out, entity, prefix);
    out[prefix] = '.';
    memcpy(out + prefix + 1, id, len + 1);
    return FURROW_OK;
}

furrow_status furrow_subject_id(const char *subject, const char *entity, furrow_bytes *id, furrow_error *err)
{
    const char *rest = furrow_bytes_after(subject, entity);

    if (!rest || *rest != '.' || !furrow_id_valid(rest + 1, strlen(rest + 1)))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a subject of %s: \"%.100s\"", entity, subject);
    *id = furrow_bytes_of(rest + 1);
    return FURROW_OK;
}

const char *furrow_subject_last(const char *subject)
{
    const char *dot = strrchr(subject, '.');

    return dot ? dot + 1 : subject;
}

/* One we may publish to: tokens that are neither empty nor wildcards, of visible ASCII. */
static bool publishable(const char *subject)
{
    size_t token = 0;

    for (const char *at = subject;; at++) {
        if (*at == '.' || *at == '\0') {
            if (token == 0 || (token == 1 && (at[-1] == '*' || at[-1] == '>'))) return false;
            if (*at == '\0') return at - subject < FURROW_SUBJECT_MAX;
            token = 0;
        } else {
            if (*at <= ' ' || *at > '~') return false;
            token++;
        }
    }
}

bool furrow_subject_is_inbox(const char *reply)
{
    return reply && (furrow_bytes_after(reply, "_INBOX") || furrow_bytes_after(reply, "_R_.")) && publishable(reply);
}

furrow_bytes furrow_subject_inbox_prefix(const char *reply)
{
    return (furrow_bytes){reply, strcspn(reply, ".")};
}

furrow_bytes furrow_subject_inbox_owner(const char *reply)
{
    furrow_bytes owner = furrow_subject_inbox_prefix(reply);
    const char *rest = reply + owner.len;

    if (rest[0] == '.' && rest[1] == '~') owner.len += 1 + strcspn(rest + 1, ".");
    return owner;
}

/* The token at *at, which moves past its dot; false when it is empty or the text is used up. */
static bool next_token(const char **at, furrow_bytes *token)
{
    if (!*at) return false;
    size_t len = strcspn(*at, ".");
    *token = (furrow_bytes){*at, len};
    *at = (*at)[len] == '.' ? *at + len + 1 : NULL;
    return len > 0;
}

static bool next_number(const char **at, uint64_t *out)
{
    furrow_bytes token;

    return next_token(at, &token) && furrow_number_parse(token, UINT64_MAX, out);
}

static size_t count_tokens(const char *subject)
{
    size_t count = 1;

    for (; *subject; subject++) count += *subject == '.';
    return count;
}

/*
 * v1: $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<timestamp>.<pending>
 * v2: $JS.ACK.<domain>.<account hash>.<stream>.… and perhaps one more token (ADR-15).
 */
bool furrow_subject_parse_ack(const char *subject, furrow_ack *out)
{
    const char *at = subject ? furrow_bytes_after(subject, "$JS.ACK.") : NULL;
    furrow_ack ack;
    furrow_bytes skipped;
    uint64_t timestamp;

    if (!at) return false;
    size_t tokens = count_tokens(subject);
    if (tokens != 9 && tokens != 11 && tokens != 12) return false;
    if (tokens > 9 && (!next_token(&at, &skipped) || !next_token(&at, &skipped))) return false;
    if (!next_token(&at, &ack.stream) || !next_token(&at, &ack.consumer) || !next_number(&at, &ack.delivered) ||
        !next_number(&at, &ack.stream_seq) || !next_number(&at, &ack.consumer_seq) || !next_number(&at, &timestamp) ||
        !next_number(&at, &ack.pending))
        return false;
    if (timestamp > INT64_MAX) return false;
    ack.timestamp_ns = (int64_t)timestamp;
    *out = ack;
    return true;
}
