/*
 * furrow health: asks services how they are; with --wait until all serve. With --probe it speaks for one instance, the
 * one in the same pod: `ready` when it serves, `live` unless NATS is there and the instance does not answer through it.
 */
#include "cli/health.h"

#include "base/clock.h"
#include "base/id.h"
#include "cli/contracts.h"
#include "cli/server.h"
#include "cli/text.h"
#include "wire/json.h"

#define CONNECT_MS     5000
#define ASK_MS         1000
#define AGAIN_MS       100
#define TEXT_MAX       4096
#define DOCUMENT_BYTES ((size_t)64 << 10)
#define ARENA_BYTES    ((size_t)64 << 20)

/* The health document behind @subject, or why there is none, in @text. *serves: it says SERVING. */
static furrow_status ask_one_health(cli *tool, const char *subject, uint64_t deadline_ns, char *text, size_t size,
                                    bool *serves)
{
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    char *status = NULL;
    *serves = false;
    if (furrow_link_request(tool->link, &(furrow_outgoing){.subject = subject}, deadline_ns, &reply, &err) !=
        FURROW_OK) {
        snprintf(text, size, "%s: %s", furrow_status_name(err.code), err.text);
        return err.code;
    }
    snprintf(text, size, "%.*s", (int)reply->data.len, (const char *)reply->data.data);
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

/* Until any instance of @service serves, or @until. */
static void wait_for(cli *tool, const char *service, uint64_t until)
{
    char text[TEXT_MAX], subject[FURROW_SUBJECT_MAX];
    bool serves;
    if (!service_subject(service, NULL, subject)) return;
    while ((void)ask_one_health(tool, subject, furrow_clock_in_ms(ASK_MS), text, sizeof text, &serves),
           !serves && furrow_clock_now_ns() < until)
        furrow_task_sleep_ms(AGAIN_MS);
}

typedef struct alarms {
    furrow_arena *arena;
    char text[1024];
} alarms;

static void on_alarm(void *arg, furrow_bytes name, furrow_bytes value)
{
    alarms *all = arg;
    char *text;
    size_t len = strlen(all->text);
    (void)name;
    if (furrow_json_read_text(value, all->arena, &text))
        snprintf(all->text + len, sizeof all->text - len, "%s%s", len ? "; " : "", text);
}

/* @instance NULL: whoever answers for the service. */
static bool ask_instance(lineage *all, const char *service, const char *instance, health_fn *fn, void *arg)
{
    char subject[FURROW_SUBJECT_MAX], *why = NULL, *text = furrow_arena_zalloc(all->arena, DOCUMENT_BYTES);
    bool serves;
    FURROW_REQUIRE(text);
    alarms found = {.arena = all->arena, .text = ""};
    (void)service_subject(service, instance, subject);
    bool answers =
        ask_one_health(all->tool, subject, furrow_clock_in_ms(ASK_MS), text, DOCUMENT_BYTES, &serves) == FURROW_OK;
    health_row row = {.service = service, .instance = instance ? instance : "-", .serves = serves, .answers = answers};
    furrow_bytes document = furrow_bytes_of(text);
    if (!answers)
        row.why = text;
    else if (!serves && furrow_json_find_text(document, "why", all->arena, &why))
        row.why = why;
    else if (furrow_json_each(document, "alarms", on_alarm, &found))
        row.why = found.text;
    row.why = row.why ? row.why : "";
    row.document = answers ? text : NULL;
    fn(arg, &row);
    return serves;
}

bool health_each(lineage *all, const char *service, health_fn *fn, void *arg)
{
    bool heard = false, serves = false;
    for (size_t i = 0; i < all->instance_count; i++) {
        if (strcmp(all->instances[i].service, service) != 0) continue;
        heard = true;
        serves |= ask_instance(all, service, all->instances[i].id, fn, arg);
    }
    return heard ? serves : ask_instance(all, service, NULL, fn, arg);
}

static void print_row(void *arg, const health_row *row)
{
    const cli *tool = arg;
    if (cli_flag(tool, "--json")) {
        if (row->document)
            printf("%s\n", row->document);
        else
            text_json_pair("service", row->service, "why", row->why);
        return;
    }
    printf("%-12s %-28s %-12s ", row->service, row->instance,
           row->serves    ? "SERVING"
           : row->answers ? "NOT_SERVING"
                          : "NO_ANSWER");
    text_print(stdout, row->why);
    fputc('\n', stdout);
}

/* The services that were named, else those of the contracts; wait_s > 0: they are waited for. */
static int tell_services(cli *tool, const char *const services[], size_t count, int64_t wait_s)
{
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    uint64_t connected_by = furrow_clock_in_ms(CONNECT_MS);
    if (!cli_link(tool)) return tool->exit_code;
    if (!furrow_link_wait_connected(tool->link, until > connected_by ? until : connected_by))
        return server_fail(tool, furrow_link_last_error(tool->link));
    for (size_t i = 0; wait_s > 0 && i < count; i++) wait_for(tool, services[i], until);
    lineage all = {.tool = tool, .arena = furrow_arena_create(ARENA_BYTES)};
    FURROW_REQUIRE(all.arena);
    for (size_t i = 0; i < count; i++) (void)lineage_service_of(&all, services[i]);
    lineage_discover(&all);
    if (!cli_flag(tool, "--json")) printf("%-12s %-28s %-12s %s\n", "SERVICE", "INSTANCE", "STATUS", "WHY");
    size_t rows = tool->argc > 0 ? count : all.service_count;
    for (size_t i = 0; i < rows; i++)
        if (!health_each(&all, all.services[i].name, print_row, tool)) tool->exit_code = 1;
    lineage_fini(&all);
    return tool->exit_code;
}

/*
 * A process counts as dead only if the server took the question and no answer came. Whatever else is wrong (no NATS,
 * not allowed to connect, or the connection broke meanwhile) says nothing about it, and a restart would mend nothing.
 */
static int probe_process(cli *tool, const char *subject, int64_t timeout_ms, bool live)
{
    char text[TEXT_MAX] = "";
    bool serves = false, silent = false;
    uint64_t half_ns = (uint64_t)timeout_ms * FURROW_NS_PER_MS / 2; /* to connect, and again to ask */
    if (!cli_link(tool)) return tool->exit_code = live ? 0 : 1;
    if (furrow_link_wait_connected(tool->link, furrow_clock_now_ns() + half_ns)) {
        furrow_status status =
            ask_one_health(tool, subject, furrow_clock_now_ns() + half_ns, text, sizeof text, &serves);
        silent =
            (status == FURROW_UNAVAILABLE || status == FURROW_DEADLINE_EXCEEDED) && furrow_link_connected(tool->link);
    } else {
        char server[SERVER_TEXT_MAX];
        server_describe(tool, server);
        snprintf(text, sizeof text, "no NATS at %s, by %s: %s", server, tool->server_from,
                 furrow_link_last_error(tool->link));
    }
    puts(text);
    return tool->exit_code = (live ? !silent : serves) ? 0 : 1;
}

static int probe_own(cli *tool, const char *kind, int64_t timeout_ms)
{
    char subject[FURROW_SUBJECT_MAX];
    const char *instance = tool->config.instance_id;
    bool live = strcmp(kind, "live") == 0;
    if (!cli_arguments(tool, 1, 1)) return tool->exit_code;
    if (!instance || !furrow_id_valid(instance, strlen(instance)))
        return cli_fail(tool, 2, "--probe needs FURROW_INSTANCE_ID, the same that the service was started with");
    if (!service_subject(tool->argv[0], instance, subject))
        return cli_fail(tool, 2, "%s: no service's name", tool->argv[0]);
    return probe_process(tool, subject, timeout_ms, live);
}

int cli_health(cli *tool)
{
    const char *kind = cli_option(tool, "--probe");
    int64_t timeout_ms = cli_number(tool, "--timeout");
    int64_t wait_s = cli_number(tool, "--wait");
    if (kind) return probe_own(tool, kind, timeout_ms);
    const char *services[CLI_SERVICES_MAX];
    size_t count = (size_t)tool->argc;
    if (count > 0)
        memcpy(services, tool->argv, count * sizeof *services);
    else
        count = cli_services(services);
    for (size_t i = 0; i < count; i++)
        if (!furrow_id_valid(services[i], strlen(services[i])))
            return cli_fail(tool, 2, "%s: no service's name", services[i]);
    return tell_services(tool, services, count, wait_s);
}
