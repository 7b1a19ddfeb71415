/*
 * furrow erase: asks the owner to erase an entity, by its own method, and waits until nothing of it is left anywhere that
 * the mesh keeps things; then prints a receipt. Asked again it finishes what was cut short, and says the same.
 */
#include "cli/erase.h"
#include "cli/audit.h"
#include "cli/contracts.h"
#include "cli/text.h"
#include "cli/trace.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/id.h"
#include "wire/json.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)256 << 20)
#define CALL_MS     15000
#define LOOK_MS     300
#define LINE_BYTES  ((size_t)1 << 20)

typedef struct erase_receipt {
    char by[64], asked[TEXT_TIME_SIZE], done[TEXT_TIME_SIZE];
    bool json, dry_run;
} erase_receipt;

/* "Erase<Entity>" of the owner; NULL: it has none. */
static const furrow_method_contract *find_method(const furrow_entity_contract *entity)
{
    char wanted[128];
    snprintf(wanted, sizeof wanted, "Erase%s", entity->short_name);
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t s = 0; s < cli_contracts[f]->service_count; s++) {
            const furrow_service_contract *service = cli_contracts[f]->services[s];
            for (size_t m = 0; strcmp(service->short_name, entity->owner) == 0 && m < service->method_count; m++)
                if (strcmp(service->methods[m].name, wanted) == 0) return &service->methods[m];
        }
    return NULL;
}

static furrow_status ask_owner(erase_look *look, const furrow_method_contract *method, furrow_error *err)
{
    char body[FURROW_ID_MAX + 16], parent[FURROW_TRACE_PARENT_SIZE];
    furrow_header headers[CLI_TRACE_HEADERS];
    FURROW_AUTO(furrow_msg) reply = NULL;
    snprintf(body, sizeof body, "{\"id\":\"%s\"}", look->id);
    furrow_outgoing out = {.subject = method->subject, .headers = headers, .data = furrow_bytes_of(body)};
    out.header_count = cli_trace_add(look->tool, parent, headers, 0);
    uint64_t deadline_ns = furrow_clock_in_ms(CALL_MS);
    furrow_status status = furrow_link_request(look->tool->link, &out, deadline_ns, &reply, err);
    return status == FURROW_OK ? furrow_client_reply_status(reply, err) : status;
}

static void print_text(const erase_look *look, const erase_receipt *receipt)
{
    printf("%s %s: %s\n", look->entity->name, look->id,
           receipt->dry_run && look->left ? "would be erased"
           : look->left                   ? "NOT ALL OF IT IS GONE"
                                          : "nothing is left of it");
    if (receipt->by[0]) printf("  asked for by %s at %s\n", receipt->by, receipt->asked);
    for (size_t i = 0; i < look->count; i++)
        printf("  %-46s %s%s\n", look->found[i].where, look->found[i].left ? "LEFT: " : "", look->found[i].what);
    printf("  looked at %s\n", receipt->done);
}

static void print_erasure_json(const erase_look *look, const erase_receipt *receipt)
{
    furrow_buffer out;
    furrow_buffer_init(&out, LINE_BYTES);
    furrow_buffer_printf(&out, "{\"entity\":\"%s\",\"id\":\"%s\",\"gone\":%s", look->entity->name, look->id,
                         look->left ? "false" : "true");
    if (receipt->by[0]) text_json(&out, "by", receipt->by);
    if (receipt->by[0]) text_json(&out, "asked", receipt->asked);
    text_json(&out, "looked", receipt->done);
    furrow_buffer_append_text(&out, ",\"places\":[");
    for (size_t i = 0; i < look->count; i++) {
        furrow_buffer_printf(&out, "%s{\"left\":%s", i ? "," : "", look->found[i].left ? "true" : "false");
        text_json(&out, "where", look->found[i].where);
        text_json(&out, "what", look->found[i].what);
        furrow_buffer_append_byte(&out, '}');
    }
    furrow_buffer_append_text(&out, "]}\n");
    if (!out.failed) fwrite(out.data, 1, out.len, stdout);
    furrow_buffer_fini(&out);
}

/* Until nothing is left, or @wait_s have passed. */
static void look_and_tell(erase_look *look, erase_receipt *receipt, int64_t wait_s)
{
    furrow_error err;
    uint64_t until_ns = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    furrow_status status = erase_look_once(look, &err);
    while (status == FURROW_OK && look->left > 0 && furrow_clock_now_ns() < until_ns) {
        furrow_task_sleep_ms(LOOK_MS);
        status = erase_look_once(look, &err);
    }
    if (status != FURROW_OK) {
        cli_fail_error(look->tool, look->id, &err);
        return;
    }
    text_time(furrow_clock_wall_ns(), receipt->done);
    if (strcmp(receipt->done, receipt->asked) < 0) /* the clock was put back meanwhile */
        memcpy(receipt->done, receipt->asked, sizeof receipt->done);
    if (receipt->json)
        print_erasure_json(look, receipt);
    else
        print_text(look, receipt);
    if (look->left > 0 && !receipt->dry_run) look->tool->exit_code = 1;
}

/* The arguments ENTITY ID, and what is needed to look. False: the reason was printed. */
static bool begin_look(erase_look *look)
{
    furrow_error err;
    cli *tool = look->tool;
    if (!cli_arguments(tool, 2, 2)) return false; /* `audit --erased`, too */
    look->entity = cli_find_entity(tool->argv[0]);
    look->id = tool->argv[1];
    if (!look->entity)
        return cli_fail(tool, 2, "no contract here has an entity %s (FURROW_CONTRACTS adds some)", tool->argv[0]),
               false;
    if (furrow_subject_check_id(look->id, strlen(look->id), "", &err) != FURROW_OK)
        return cli_fail(tool, 2, "%s: %s", look->id, err.text), false;
    if (strchr(tool->config.redis_url, ','))
        return cli_fail(tool, 2, "FURROW_REDIS_URL names several: one look, one Redis"), false;
    return true;
}

static bool connect_look(erase_look *look)
{
    if (!cli_connect(look->tool)) return false;
    look->arena = furrow_arena_create(ARENA_BYTES);
    if (!look->arena) return cli_fail(look->tool, 1, "out of memory"), false;
    look->store = audit_connect_redis(look->tool);
    return look->store != NULL;
}

static void take_own_name(cli *tool, char out[64])
{
    char inbox[CLI_INBOX_MAX];
    const char *prefix = cli_link_options(tool, inbox).inbox_prefix;
    const char *name = prefix ? furrow_bytes_after(prefix, "_INBOX_") : NULL;
    name = name ? name : prefix ? prefix : "?";
    snprintf(out, 64, "%.*s", (int)strcspn(name, "."), name); /* what follows is a secret */
}

static void run_erase(erase_look *look)
{
    cli *tool = look->tool;
    furrow_error err;
    erase_receipt receipt = {.json = cli_flag(tool, "--json"), .dry_run = look->dry_run};
    int64_t wait_s = cli_number(tool, "--wait");
    if (!begin_look(look)) return;
    const furrow_method_contract *method = find_method(look->entity);
    if (!method) {
        cli_fail(tool, 2, "%s has no method Erase%s", look->entity->owner, look->entity->short_name);
        return;
    }
    if (!connect_look(look)) return;
    if (receipt.dry_run) {
        look_and_tell(look, &receipt, 0);
        return;
    }
    take_own_name(tool, receipt.by);
    text_time(furrow_clock_wall_ns(), receipt.asked);
    if (ask_owner(look, method, &err) == FURROW_OK)
        look_and_tell(look, &receipt, wait_s);
    else
        cli_fail_error(tool, look->id, &err);
}

static void run_confirm(erase_look *look)
{
    erase_receipt receipt = {.json = cli_flag(look->tool, "--json")};
    if (begin_look(look) && connect_look(look)) look_and_tell(look, &receipt, 0);
}

static int run_look(cli *tool, bool erase)
{
    erase_look *look = calloc(1, sizeof *look);
    FURROW_REQUIRE(look);
    look->tool = tool;
    look->dry_run = erase && cli_flag(tool, "--dry-run");
    look->discard = erase && !look->dry_run;
    look->single = cli_flag(tool, "--single-account");
    erase ? run_erase(look) : run_confirm(look);
    if (look->store) furrow_store_destroy(look->store);
    furrow_arena_destroy(look->arena);
    free(look);
    return tool->exit_code;
}

int cli_erase(cli *tool)
{
    return run_look(tool, true);
}

int erase_confirm(cli *tool)
{
    return run_look(tool, false);
}
