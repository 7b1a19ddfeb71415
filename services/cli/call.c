/* furrow call: any method of any service, in JSON, without its contract. */
#include "cli/cli.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <stdlib.h>

#define BODY_MAX    (1024 * 1024)
#define HEADERS_MAX 16

/* "Name: value" of each -H, cut in place. */
static size_t take_headers(cli *tool, furrow_header headers[])
{
    size_t count = 0;
    for (const char *text; (text = cli_option(tool, "-H", NULL)) != NULL;) {
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

static void read_input(furrow_buffer *body)
{
    for (uint8_t *room; (room = furrow_buffer_reserve(body, 4096)) != NULL;) {
        size_t got = fread(room, 1, 4096, stdin);
        body->len += got;
        if (got == 0) return;
    }
}

static void print_header(void *arg, const char *name, const char *value)
{
    fprintf(stderr, "%s: %s\n", name, value);
}

static int call(cli *tool, const furrow_outgoing *out, uint64_t timeout_ms)
{
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    furrow_status status = furrow_link_request(tool->link, out, furrow_clock_in_ms(timeout_ms), &reply, &err);
    if (status != FURROW_OK) return cli_fail_error(tool, "call", &err);
    if (furrow_msg_has_headers(reply)) furrow_msg_each_header(reply, print_header, NULL);
    if (reply->data.len > 0) printf("%.*s\n", (int)reply->data.len, (const char *)reply->data.data);
    return furrow_client_reply_status(reply, &err) == FURROW_OK ? 0 : (tool->exit_code = 1);
}

int cli_call(cli *tool)
{
    furrow_header headers[HEADERS_MAX + 1];
    size_t count = take_headers(tool, headers);
    uint64_t timeout_ms = (uint64_t)cli_option_number(tool, "--timeout", 5000, 1, 600000);
    if (!cli_arguments(tool, 1, 2) || !cli_connect(tool)) return tool->exit_code;
    furrow_buffer body;
    furrow_buffer_init(&body, BODY_MAX);
    if (tool->argc == 2 && strcmp(tool->argv[1], "-") == 0)
        read_input(&body);
    else
        furrow_buffer_append_text(&body, tool->argc == 2 ? tool->argv[1] : "{}");
    headers[count++] = (furrow_header){.name = FURROW_HEADER_CONTENT_TYPE, .value = FURROW_TYPE_JSON};
    furrow_outgoing out = {
        .subject = tool->argv[0], .headers = headers, .header_count = count, .data = {body.data, body.len}};
    if (body.failed)
        cli_fail(tool, 2, "the request is larger than %d bytes", BODY_MAX);
    else
        call(tool, &out, timeout_ms);
    furrow_buffer_fini(&body);
    return tool->exit_code;
}
