/* furrow health: asks services how they are; with --wait until all serve. */
#include "cli/cli.h"

#include "base/clock.h"
#include "wire/json.h"

#define ASK_MS   1000
#define AGAIN_MS 100

/* One service's state in @text; true when it serves. */
static bool ask(cli *tool, const char *service, char *text, size_t size)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    char *status = NULL;
    snprintf(subject, sizeof subject, "furrow.v1.Health.%s", service);
    if (furrow_link_request(tool->link, &(furrow_outgoing){.subject = subject},
                            furrow_clock_now_ns() + ASK_MS * FURROW_NS_PER_MS, &reply, &err) != FURROW_OK) {
        snprintf(text, size, "%s: %s", furrow_status_name(err.code), err.text);
        return false;
    }
    snprintf(text, size, "%.*s", (int)reply->data.len, (const char *)reply->data.data);
    return furrow_json_find_text(reply->data, "status", arena, &status) && strcmp(status, "SERVING") == 0;
}

int cli_health(cli *tool)
{
    int64_t wait_s = cli_option_number(tool, "--wait", 0, 0, 3600);
    if (tool->exit_code) return tool->exit_code;
    if (tool->argc == 0) return cli_fail(tool, 2, "usage: furrow health [--wait SECONDS] SERVICE…");
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    for (int i = 0; i < tool->argc; i++) {
        char text[4096];
        bool serves;
        while (!(serves = ask(tool, tool->argv[i], text, sizeof text)) && furrow_clock_now_ns() < until)
            furrow_task_sleep_ms(AGAIN_MS);
        printf("%-10s %s\n", tool->argv[i], text);
        if (!serves) tool->exit_code = 1;
    }
    return tool->exit_code;
}
