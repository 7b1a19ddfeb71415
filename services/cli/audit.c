/*
 * furrow audit: proves that what services keep is what the log says, record by record and byte by byte, at the sequence
 * where the log ended when it began. Services go on meanwhile: what does not fit is looked at again until it fits, or has
 * been wrong in one piece for longer than anything takes to be applied.
 */
#include "cli/audit.h"
#include "cli/contracts.h"
#include "cli/letter.h"
#include "cli/text.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define LINE_BYTES  ((size_t)1 << 20)
#define LOOKS       4   /* at a suspect, … */
#define PAUSE_MS    700 /* … so far apart */
#define CONNECT_MS  5000

void audit_report(audit_table *table, const char *id, const char *problem, const char *detail)
{
    furrow_buffer out;
    table->wrong++;
    if (!table->options->json) {
        printf("%s", table->prefix);
        text_print(stdout, id);
        printf("  %s%s", problem, detail[0] ? ": " : "");
        text_print(stdout, detail);
        printf("\n");
        return;
    }
    furrow_buffer_init(&out, LINE_BYTES);
    furrow_buffer_printf(&out, "{\"service\":\"%s\"", table->service);
    text_json(&out, "entity", table->entity);
    text_json(&out, "id", id);
    text_json(&out, "problem", problem);
    text_json(&out, "detail", detail);
    furrow_buffer_append_text(&out, "}\n");
    if (!out.failed) fwrite(out.data, 1, out.len, stdout);
    furrow_buffer_fini(&out);
}

static void print_sum(const audit_table *table)
{
    if (table->options->json)
        printf("{\"service\":\"%s\",\"entity\":\"%s\",\"sequence\":\"%" PRIu64
               "\",\"records\":%zu,\"wrong\":%zu,\"repaired\":%zu}\n",
               table->service, table->entity, table->frozen, table->records, table->wrong, table->repaired);
    else
        printf("%-10s %-28s at %" PRIu64 ": %zu records, %zu wrong%s\n", table->service, table->entity, table->frozen,
               table->records, table->wrong,
               !table->options->repair                           ? ""
               : table->wrong && table->repaired == table->wrong ? ", all repaired"
               : table->wrong                                    ? ", not all repaired"
                                                                 : "");
}

/* All suspects once more; who fits by now is none any more. */
static furrow_status look_again(audit_table *table, bool last, furrow_error *err)
{
    size_t left = 0, count = ledger_count(table->ledger);
    for (size_t i = 0; i < count; i++) {
        bool wrong = true;
        if (!ledger_at(table->ledger, i)->suspect) continue;
        if (left < AUDIT_SUSPECTS) {
            furrow_status status = audit_judge(table, ledger_at(table->ledger, i), last, &wrong, err);
            if (status != FURROW_OK) return furrow_wrap(err, "%s%s", table->prefix, ledger_at(table->ledger, i)->id);
        } else if (last) {
            table->wrong++; /* counted alone */
        }
        ledger_at(table->ledger, i)->suspect = wrong;
        left += wrong;
    }
    table->suspects = left;
    return FURROW_OK;
}

static furrow_status audit_one(audit_table *table, furrow_error *err)
{
    furrow_status status = letter_turn_to(table->tool, table->options->single, table->stream, table->owner, err);
    if (status == FURROW_OK) status = audit_read(table, err);
    for (int look = 1; status == FURROW_OK && table->suspects > 0 && look <= LOOKS; look++) {
        if (look > 1) furrow_task_sleep_ms(PAUSE_MS);
        status = look_again(table, look == LOOKS, err);
    }
    return status;
}

static void run_table(audit_table *table)
{
    furrow_error err = {0};
    snprintf(table->prefix, sizeof table->prefix, "%s:{%s}:", table->service, table->short_name);
    table->ledger = ledger_create();
    table->arena = furrow_arena_create(ARENA_BYTES);
    table->scratch = furrow_arena_create(ARENA_BYTES);
    if (!table->arena || !table->scratch)
        cli_fail(table->tool, 1, "out of memory");
    else if (audit_one(table, &err) != FURROW_OK)
        cli_fail_error(table->tool, table->prefix, &err);
    else
        print_sum(table);
    if (table->wrong > table->repaired) table->tool->exit_code = 1;
    for (size_t i = 0; i < table->stray_count; i++) free((void *)(uintptr_t)table->strays[i].member.data);
    free(table->strays);
    ledger_destroy(table->ledger);
    furrow_arena_destroy(table->arena);
    furrow_arena_destroy(table->scratch);
}

typedef struct audit_choice {
    const char *service, *entity; /* or NULL */
    size_t tables;                /* that were audited */
} audit_choice;

static bool is_chosen(const audit_choice *choice, const char *service, const char *entity, const char *short_name)
{
    return (!choice->service || strcmp(choice->service, service) == 0) &&
           (!choice->entity || strcmp(choice->entity, entity) == 0 || strcmp(choice->entity, short_name) == 0);
}

static void run_own(const audit_table *base, audit_choice *choice, const furrow_entity_contract *own)
{
    audit_table table = *base;
    if (!is_chosen(choice, own->owner, own->name, own->short_name)) return;
    choice->tables++;
    table.service = table.owner = own->owner;
    table.entity = own->name;
    table.short_name = own->short_name;
    table.stream = own->stream;
    table.own = true;
    table.descriptor = own->descriptor;
    table.private_field = own->private_field;
    table.indexes = own->indexes;
    table.index_count = own->index_count;
    run_table(&table);
}

static void run_replica(const audit_table *base, audit_choice *choice, const furrow_replica_contract *replica)
{
    furrow_error err;
    audit_table table = *base;
    if (!is_chosen(choice, replica->service, replica->entity, replica->short_name)) return;
    choice->tables++;
    table.service = replica->service;
    table.owner = replica->owner;
    table.entity = replica->entity;
    table.short_name = replica->short_name;
    table.stream = replica->stream;
    table.descriptor = replica->descriptor;
    table.indexes = replica->indexes;
    table.index_count = replica->index_count;
    table.projection = furrow_projection_create(replica->descriptor, &err);
    if (table.projection)
        run_table(&table);
    else
        cli_fail_error(base->tool, replica->name, &err);
    furrow_projection_destroy(table.projection);
}

static void run_all(const audit_table *base, audit_choice *choice)
{
    for (size_t f = 0; f < cli_contract_count; f++) {
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++)
            run_own(base, choice, cli_contracts[f]->entities[i]);
        for (size_t i = 0; i < cli_contracts[f]->replica_count; i++)
            run_replica(base, choice, cli_contracts[f]->replicas[i]);
    }
    if (choice->tables == 0)
        cli_fail(base->tool, 2, "%s keeps nothing of %s", choice->service, choice->entity ? choice->entity : "anybody");
}

/* Without the library of functions, too: it is no service that looks. */
static furrow_store *connect_redis(cli *tool)
{
    furrow_error err;
    const char *url = tool->config.redis_url;
    furrow_store_options options = {.url = url,
                                    .user = tool->config.redis_user,
                                    .password = tool->config.redis_password,
                                    .provisioning = true,
                                    .timeout_ms = AUDIT_ASK_MS};
    furrow_store *store = furrow_store_create(tool->loop, &options, &err);
    if (!store) {
        cli_fail_error(tool, "FURROW_REDIS_URL", &err);
        return NULL;
    }
    if (furrow_store_wait_connected(store, furrow_clock_now_ns() + CONNECT_MS * FURROW_NS_PER_MS)) return store;
    cli_fail(tool, 1, "no Redis at %s: %s (FURROW_REDIS_URL says where it is)", url, furrow_store_last_error(store));
    furrow_store_destroy(store);
    return NULL;
}

int cli_audit(cli *tool)
{
    audit_options options = {.repair = cli_flag(tool, "--repair"),
                             .json = cli_flag(tool, "--json"),
                             .single = cli_flag(tool, "--single-account")};
    if (!cli_arguments(tool, 0, 2)) return tool->exit_code;
    audit_choice choice = {.service = tool->argc > 0 ? tool->argv[0] : NULL,
                           .entity = tool->argc > 1 ? tool->argv[1] : NULL};
    if (choice.service && !cli_has_service(choice.service))
        return cli_fail(tool, 2, "no contract here has a service %s (FURROW_CONTRACTS adds some)", choice.service);
    if (strchr(tool->config.redis_url, ','))
        return cli_fail(tool, 2, "FURROW_REDIS_URL names several: audit each SERVICE with its own");
    if (!cli_connect(tool)) return tool->exit_code;
    audit_table base = {.tool = tool, .options = &options, .store = connect_redis(tool)};
    if (!base.store) return tool->exit_code;
    run_all(&base, &choice);
    furrow_store_destroy(base.store);
    return tool->exit_code;
}
