/* furrow call: any method of any service, in JSON, without its contract. */
#include "cli/text.h"
#include "cli/trace.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "wire/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX    (1024 * 1024)
#define HEADERS_MAX 16
#define GRACE_MS    250 /* past the deadline, for the service itself to say that it has passed */

/* "Name: value" of each -H, cut in place. */
static size_t take_headers(cli *tool, furrow_header headers[])
{
    size_t count = 0;
    for (const char *text; (text = cli_option_nth(tool, "-H", count)) != NULL;) {
        char *colon = strchr(text, ':');
        if (!colon || count == HEADERS_MAX) {
            cli_fail(tool, 2, "-H \"%s\": write 'Name: value', at most %d times", text, HEADERS_MAX);
            return 0;
        }
        *colon = '\0';
        headers[count++] = (furrow_header){.name = text, .value = colon + 1 + strspn(colon + 1, " ")};
    }
    return count;
}

static void read_request_body(furrow_buffer *body, FILE *from)
{
    for (uint8_t *room; (room = furrow_buffer_reserve(body, 4096)) != NULL;) {
        size_t got = fread(room, 1, 4096, from);
        body->len += got;
        if (got == 0) return;
    }
}

/* JSON as it stands, - for standard input, @file for a file's. False: it cannot be read, which was printed. */
static bool take_body(cli *tool, const char *text, furrow_buffer *body)
{
    bool from_file = text[0] == '@';
    if (!from_file && strcmp(text, "-") != 0) {
        furrow_buffer_append_text(body, text);
    } else {
        FILE *from = from_file ? fopen(text + 1, "re") : stdin;
        if (from) read_request_body(body, from);
        if (!from || ferror(from)) cli_fail(tool, 2, "%s: %s", text, strerror(errno));
        if (from && from_file) fclose(from);
    }
    if (body->failed) cli_fail(tool, 2, "the request is larger than %d bytes", BODY_MAX);
    return tool->exit_code == 0;
}

/* What an error says is told once, by its line or, for programs, by its body. */
static void print_header(void *arg, const char *name, const char *value)
{
    if (furrow_bytes_after_nocase(name, FURROW_HEADER_ERROR)) return;
    fprintf(stderr, "%s: %s\n", name, value);
}

typedef struct violations {
    furrow_arena *arena;
    size_t count;
    bool print;
} violations;

static void take_violation(void *arg, furrow_bytes name, furrow_bytes value)
{
    violations *all = arg;
    char *field, *text;
    if (!furrow_json_find_text(value, "field", all->arena, &field) ||
        !furrow_json_find_text(value, "description", all->arena, &text))
        return;
    all->count++;
    if (all->print) fprintf(stderr, "  %s: %s\n", field, text);
}

static void take_violations(void *arg, furrow_bytes name, furrow_bytes value)
{
    (void)!furrow_json_each(value, "fieldViolations", take_violation, arg);
}

static void print_member(void *arg, furrow_bytes name, furrow_bytes value)
{
    violations *all = arg;
    char *text = furrow_arena_printf(all->arena, " %.*s=%.*s", (int)name.len, (const char *)name.data, (int)value.len,
                                     (const char *)value.data);
    if (text && !furrow_bytes_is(name, "@type")) text_print(stderr, text);
}

/* One detail, by its type and its members as they are written; of what is wrong with the request one field a line, when
 * it is more than the error itself has told. */
static void print_detail(void *arg, furrow_bytes name, furrow_bytes value)
{
    violations *all = arg;
    char *type;
    if (!furrow_json_find_text(value, "@type", all->arena, &type)) return;
    const char *slash = strrchr(type, '/');
    if (slash && strcmp(slash, "/google.rpc.BadRequest") == 0) {
        *all = (violations){.arena = all->arena};
        take_violations(all, name, value);
        all->print = all->count > 1;
        if (all->print) take_violations(all, name, value);
        return;
    }
    fputs("  ", stderr);
    text_print(stderr, slash ? slash + 1 : type);
    (void)!furrow_json_each(value, "", print_member, all);
    fputc('\n', stderr);
}

static void print_details(const furrow_msg *reply)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    violations all = {.arena = arena};
    if (arena) (void)!furrow_json_each(reply->data, "details", print_detail, &all);
}

static int call(cli *tool, const furrow_outgoing *out, uint64_t timeout_ms)
{
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_status status =
        furrow_link_request(tool->link, out, furrow_clock_in_ms(timeout_ms + GRACE_MS), &reply, &err);
    if (status != FURROW_OK) return cli_fail_error(tool, "call", &err);
    if (furrow_msg_has_headers(reply)) furrow_msg_each_header(reply, print_header, NULL);
    status = furrow_client_reply_status(reply, &err);
    bool json = cli_flag(tool, "--json");
    if (reply->data.len > 0 && (status == FURROW_OK || json))
        printf("%.*s\n", (int)reply->data.len, (const char *)reply->data.data);
    if (status == FURROW_OK) return 0;
    if (json) return tool->exit_code = 1;
    cli_fail_error(tool, "call", &err);
    print_details(reply);
    return tool->exit_code;
}

static bool is_given(const furrow_header headers[], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (furrow_bytes_is_nocase(furrow_bytes_of(headers[i].name), name)) return true;
    return false;
}

int cli_call(cli *tool)
{
    furrow_header headers[HEADERS_MAX + CLI_TRACE_HEADERS + 2];
    char parent[FURROW_TRACE_PARENT_SIZE], timeout[24];
    size_t count = take_headers(tool, headers);
    uint64_t timeout_ms = (uint64_t)cli_number(tool, "--timeout");
    if (tool->exit_code) return tool->exit_code;
    furrow_buffer body;
    furrow_buffer_init(&body, BODY_MAX);
    bool ready = take_body(tool, tool->argc == 2 ? tool->argv[1] : "{}", &body);
    count = cli_trace_add(tool, parent, headers, count);
    snprintf(timeout, sizeof timeout, "%llum", (unsigned long long)timeout_ms);
    if (!is_given(headers, count, FURROW_HEADER_TIMEOUT))
        headers[count++] = (furrow_header){.name = FURROW_HEADER_TIMEOUT, .value = timeout};
    if (!is_given(headers, count, FURROW_HEADER_CONTENT_TYPE))
        headers[count++] = (furrow_header){.name = FURROW_HEADER_CONTENT_TYPE, .value = FURROW_TYPE_JSON};
    furrow_outgoing out = {
        .subject = tool->argv[0], .headers = headers, .header_count = count, .data = {body.data, body.len}};
    if (ready && cli_connect(tool)) call(tool, &out, timeout_ms);
    furrow_buffer_fini(&body);
    return tool->exit_code;
}
