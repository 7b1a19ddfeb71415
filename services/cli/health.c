/*
 * furrow health: asks services how they are; with --wait until all serve. With --probe it speaks for one instance, the
 * one in the same pod: `ready` when it serves, `live` unless NATS is there and the instance does not answer through it.
 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/id.h"
#include "cli/contracts.h"
#include "wire/json.h"

#define CONNECT_MS 5000
#define ASK_MS     1000
#define AGAIN_MS   100
#define PROBE_MS   3000
#define TEXT_MAX   4096

/* The health document behind @subject, or why there is none, in @text. *serves: it says SERVING. */
static furrow_status ask(cli *tool, const char *subject, uint64_t deadline_ns, char text[TEXT_MAX], bool *serves)
{
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    char *status = NULL;
    *serves = false;
    if (furrow_link_request(tool->link, &(furrow_outgoing){.subject = subject}, deadline_ns, &reply, &err) !=
        FURROW_OK) {
        snprintf(text, TEXT_MAX, "%s: %s", furrow_status_name(err.code), err.text);
        return err.code;
    }
    snprintf(text, TEXT_MAX, "%.*s", (int)reply->data.len, (const char *)reply->data.data);
    *serves = furrow_json_find_text(reply->data, "status", arena, &status) && strcmp(status, "SERVING") == 0;
    return FURROW_OK;
}

static bool service_subject(const char *service, const char *instance, char subject[FURROW_SUBJECT_MAX])
{
    if (!furrow_id_valid(service, strlen(service))) return false;
    snprintf(subject, FURROW_SUBJECT_MAX, "furrow.v1.Health.%s%s%s", service, instance ? "." : "",
             instance ? instance : "");
    return true;
}

static int ask_all(cli *tool, const char *const services[], size_t count, int64_t wait_s)
{
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    uint64_t connected_by = furrow_clock_in_ms(CONNECT_MS);
    if (!cli_link(tool)) return tool->exit_code;
    if (!furrow_link_wait_connected(tool->link, until > connected_by ? until : connected_by))
        return cli_fail(tool, 1, "no NATS at %s: %s (FURROW_NATS_URL says where it is)", tool->config.nats_url,
                        furrow_link_last_error(tool->link));
    for (size_t i = 0; i < count; i++) {
        char text[TEXT_MAX], subject[FURROW_SUBJECT_MAX];
        bool serves;
        if (!service_subject(services[i], NULL, subject))
            return cli_fail(tool, 2, "%s: no service's name", services[i]);
        while ((void)ask(tool, subject, furrow_clock_in_ms(ASK_MS), text, &serves),
               !serves && furrow_clock_now_ns() < until)
            furrow_task_sleep_ms(AGAIN_MS);
        printf("%-10s %s\n", services[i], text);
        if (!serves) tool->exit_code = 1;
    }
    return tool->exit_code;
}

/*
 * A process counts as dead only if the server took the question and no answer came. Whatever else is wrong (no NATS,
 * not allowed to connect, or the connection broke meanwhile) says nothing about it, and a restart would mend nothing.
 */
static int probe(cli *tool, const char *subject, int64_t timeout_ms, bool live)
{
    char text[TEXT_MAX] = "";
    bool serves = false, silent = false;
    uint64_t half_ns = (uint64_t)timeout_ms * FURROW_NS_PER_MS / 2; /* to connect, and again to ask */
    if (!cli_link(tool)) return tool->exit_code = live ? 0 : 1;
    if (furrow_link_wait_connected(tool->link, furrow_clock_now_ns() + half_ns)) {
        furrow_status status = ask(tool, subject, furrow_clock_now_ns() + half_ns, text, &serves);
        silent =
            (status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED) && furrow_link_connected(tool->link);
    } else {
        snprintf(text, sizeof text, "no NATS at %s: %s", tool->config.nats_url, furrow_link_last_error(tool->link));
    }
    puts(text);
    return tool->exit_code = (live ? !silent : serves) ? 0 : 1;
}

static int probe_own(cli *tool, const char *kind, int64_t timeout_ms)
{
    char subject[FURROW_SUBJECT_MAX];
    const char *instance = tool->config.instance_id;
    bool live = strcmp(kind, "live") == 0;
    if (!live && strcmp(kind, "ready") != 0) return cli_fail(tool, 2, "--probe is \"%s\": use live or ready", kind);
    if (!cli_arguments(tool, 1, 1)) return tool->exit_code;
    if (!instance || !furrow_id_valid(instance, strlen(instance)))
        return cli_fail(tool, 2, "--probe needs FURROW_INSTANCE_ID, the same that the service was started with");
    if (!service_subject(tool->argv[0], instance, subject))
        return cli_fail(tool, 2, "%s: no service's name", tool->argv[0]);
    return probe(tool, subject, timeout_ms, live);
}

int cli_health(cli *tool)
{
    const char *kind = cli_option(tool, "--probe", NULL);
    int64_t timeout_ms = cli_option_number(tool, "--timeout", PROBE_MS, 1, 60000);
    int64_t wait_s = cli_option_number(tool, "--wait", 0, 0, 3600);
    if (tool->exit_code) return tool->exit_code;
    if (kind) return probe_own(tool, kind, timeout_ms);
    if (!cli_arguments(tool, 0, CLI_SERVICES_MAX)) return tool->exit_code;
    const char *services[CLI_SERVICES_MAX];
    size_t count = (size_t)tool->argc;
    if (count > 0)
        memcpy(services, tool->argv, count * sizeof *services);
    else
        count = cli_services(services);
    return ask_all(tool, services, count, wait_s);
}
