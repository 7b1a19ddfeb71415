/*
 * Header values. Properties: a timeout that was read is written in a form that reads back the same; any duration is
 * written in a form that reads back no shorter; version tokens read back from what was read.
 */
#include "fuzz.h"

#include "wire/trace.h"

#include <stdio.h>
#include <stdlib.h>

static void check_timeout(uint64_t ns, bool exact)
{
    char text[16];
    uint64_t back = 0;

    furrow_header_format_timeout(ns, text);
    FURROW_REQUIRE(furrow_header_parse_timeout(text, &back, NULL) == FURROW_OK);
    FURROW_REQUIRE(exact ? back == ns : back >= (ns < INT64_MAX ? ns : INT64_MAX));
}

static void check_tokens(const char *text)
{
    static furrow_version_token tokens[FURROW_AFTER_MAX], again[FURROW_AFTER_MAX];
    static char written[FURROW_AFTER_MAX * (FURROW_SUBJECT_MAX + 48)];
    size_t count, count_again, used = 0;

    if (furrow_header_parse_after(text, tokens, &count, NULL) != FURROW_OK) return;
    FURROW_REQUIRE(count > 0 && count <= FURROW_AFTER_MAX);
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(written + used, sizeof written - used,
                                 tokens[i].epoch ? "%s%s=%llu@%llx" : "%s%s=%llu", i ? "," : "", tokens[i].subject,
                                 (unsigned long long)tokens[i].sequence, (unsigned long long)tokens[i].epoch);
    FURROW_REQUIRE(furrow_header_parse_after(written, again, &count_again, NULL) == FURROW_OK && count_again == count);
    for (size_t i = 0; i < count; i++)
        FURROW_REQUIRE(strcmp(tokens[i].subject, again[i].subject) == 0 && tokens[i].sequence == again[i].sequence &&
                       tokens[i].epoch == again[i].epoch);
}

/* A type more that is not spoken here changes nothing, and what is refused neither. */
static void check_accept(const char *text, furrow_encoding before)
{
    furrow_encoding named = before, longer = before;
    size_t size = strlen(text) + sizeof ", text/html";
    char *more = malloc(size);
    FURROW_REQUIRE(more);
    snprintf(more, size, "%s, text/html", text);
    furrow_status status = furrow_header_accept(text, &named, NULL);
    FURROW_REQUIRE(furrow_header_accept(more, &longer, NULL) == status && longer == named);
    FURROW_REQUIRE(status == FURROW_OK || named == before);
    free(more);
}

/* What a trace is read as is one, and reads back the same; a tracestate stays within its bounds, escaped, too. */
static void check_trace(const char *text)
{
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    furrow_trace_headers headers = {.parents = 0}, again = {.parents = 0};
    furrow_trace read = {.find = NULL}, same = {.find = NULL};
    char parsed[FURROW_TRACE_PARENT_SIZE], twice[FURROW_TRACE_PARENT_SIZE];
    if (furrow_trace_parse_parent(text, parsed))
        FURROW_REQUIRE(furrow_trace_parse_parent(parsed, twice) && strcmp(parsed, twice) == 0);
    furrow_arena *arena = furrow_arena_create(0);
    FURROW_REQUIRE(arena);
    furrow_trace_headers_add(&headers, "Traceparent", parent);
    furrow_trace_headers_add(&headers, "TRACESTATE", text);
    FURROW_REQUIRE(furrow_trace_read(&headers, arena, &read) && strcmp(read.parent, parent) == 0);
    FURROW_REQUIRE(strlen(read.state) <= FURROW_TRACE_STATE_MAX && furrow_header_value_valid(read.ce_state));
    furrow_trace_headers_add(&again, "traceparent", parent);
    furrow_trace_headers_add(&again, "tracestate", read.state);
    FURROW_REQUIRE(furrow_trace_read(&again, arena, &same) && strcmp(same.state, read.state) == 0);
    furrow_arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t ns = 0;
    furrow_encoding encoding;
    char *text = malloc(size + 1);

    FURROW_REQUIRE(text);
    memcpy(text, data, size);
    text[size] = '\0';
    memcpy(&ns, data, size < sizeof ns ? size : sizeof ns);
    check_timeout(ns, false);
    if (furrow_header_parse_timeout(text, &ns, NULL) == FURROW_OK) check_timeout(ns, true);
    check_tokens(text);
    check_accept(text, FURROW_PROTOBUF);
    check_accept(text, FURROW_JSON);
    (void)!furrow_header_encoding(text, data, size, &encoding, NULL);
    (void)!furrow_header_encoding(NULL, data, size, &encoding, NULL);
    check_trace(text);
    free(text);
    return 0;
}
