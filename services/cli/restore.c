/*
 * furrow restore: tells a service what to do about a log of its own that lost something. The service itself does it, as
 * it has the records: it is asked for each of its streams, and then until it serves.
 */
#include "cli/cli.h"

#include "base/clock.h"
#include "cli/contracts.h"
#include "cli/replay.h"
#include "wire/json.h"

#define AGAIN_MS 100

static void tell_stream(const cli *tool, const char *stream, const char *outcome)
{
    if (cli_flag(tool, "--json"))
        printf("{\"stream\":\"%s\",\"outcome\":\"%s\"}\n", stream, outcome);
    else
        printf("%-16s %s\n", stream, outcome);
}

static void ask_each(cli *tool, const char *service, bool accept)
{
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++) {
            const furrow_entity_contract *entity = cli_contracts[f]->entities[i];
            furrow_error err;
            replay_request ask = {.service = service, .stream = entity->stream, .subject = ""};
            ask.kind = accept ? "accept" : "restore";
            if (strcmp(entity->owner, service) != 0) continue;
            if (cli_flag(tool, "--dry-run"))
                tell_stream(tool, entity->stream, accept ? "a loss would be accepted" : "would be restored");
            else if (replay_ask(tool, &ask, &err) != FURROW_OK)
                cli_fail_error(tool, entity->stream, &err);
            else
                tell_stream(tool, entity->stream,
                            ask.version == 0 ? "nothing to restore"
                            : accept         ? "the loss is accepted"
                                             : "is restored");
        }
}

static bool service_serves(cli *tool, const char *service, furrow_arena *arena, const char **why)
{
    char subject[FURROW_SUBJECT_MAX], *status = NULL, *text = NULL;
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    snprintf(subject, sizeof subject, "furrow.v1.Health.%s", service);
    furrow_outgoing out = {.subject = subject};
    furrow_arena_reset(arena);
    *why = "no answer";
    if (furrow_link_request(tool->link, &out, furrow_clock_now_ns() + 10 * AGAIN_MS * FURROW_NS_PER_MS, &reply, &err) !=
        FURROW_OK)
        return false;
    if (furrow_json_find_text(reply->data, "why", arena, &text)) *why = text;
    return furrow_json_find_text(reply->data, "status", arena, &status) && strcmp(status, "SERVING") == 0;
}

int cli_restore(cli *tool)
{
    bool accept = cli_flag(tool, "--accept");
    int64_t wait_s = cli_number(tool, "--wait");
    const char *service = tool->argv[0], *why = "";
    if (!cli_has_service(service))
        return cli_fail(tool, 2, "no contract here has a service %s (FURROW_CONTRACTS adds some)", service);
    bool dry_run = cli_flag(tool, "--dry-run"), json = cli_flag(tool, "--json");
    if (!dry_run && !cli_connect(tool)) return tool->exit_code;
    ask_each(tool, service, accept);
    if (dry_run) return tool->exit_code;
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    while (tool->exit_code == 0 && !service_serves(tool, service, arena, &why)) {
        if (furrow_clock_now_ns() >= until) return cli_fail(tool, 1, "%s does not serve yet: %s", service, why);
        furrow_task_sleep_ms(AGAIN_MS);
    }
    if (tool->exit_code == 0) printf(json ? "{\"service\":\"%s\",\"status\":\"SERVING\"}\n" : "%s serves\n", service);
    return tool->exit_code;
}
