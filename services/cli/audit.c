/*
 * furrow audit: proves that what services keep is what the log says, record by record and byte by byte, at the sequence
 * where the log ended when it began. Services go on meanwhile: what does not fit is looked at again until it fits, or has
 * been wrong in one piece for longer than anything takes to be applied.
 */
#include "cli/audit.h"
#include "cli/contracts.h"
#include "cli/erase.h"
#include "cli/letter.h"
#include "cli/text.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "store/generation.h"
#include "wire/json.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)1 << 30)
#define LINE_BYTES  ((size_t)1 << 20)
#define LOOKS       4   /* at a suspect, … */
#define PAUSE_MS    700 /* … so far apart, … */
#define LOOKERS     8   /* … so many at a time */
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

/* The suspects, shared by those who look at them. */
typedef struct look {
    audit_table *table;
    bool last;
    size_t next, left; /* where the next one is; who still are wrong */
    size_t looking;
    furrow_status status;
    furrow_error *err;
    furrow_waiter done;
} look;

/* An event that is not there any more was pushed out by a newer one: the service is at it. */
static furrow_status name_suspect(audit_table *table, ledger_entry *entry, bool *known, furrow_error *err)
{
    furrow_js_stored event;
    furrow_bytes id;
    *known = entry->id != NULL;
    if (*known) return FURROW_OK;
    uint64_t deadline_ns = furrow_clock_in_ms(AUDIT_ASK_MS);
    furrow_arena_reset(table->arena);
    furrow_status status =
        furrow_js_get(table->tool->link, table->stream, entry->version, deadline_ns, table->arena, &event, err);
    if (status == FURROW_NOT_FOUND) return FURROW_OK;
    if (status != FURROW_OK) return status;
    if (furrow_subject_id(event.subject, table->entity, &id, NULL) != FURROW_OK) return FURROW_OK;
    ledger_name(entry, id);
    *known = true;
    return FURROW_OK;
}

static furrow_status look_at_entry(look *all, audit_table *table, ledger_entry *entry, furrow_error *err)
{
    bool wrong = false;
    furrow_status status = name_suspect(table, entry, &wrong, err);
    if (status == FURROW_OK && wrong && all->left >= AUDIT_SUSPECTS) {
        table->wrong += all->last; /* counted alone */
    } else if (status == FURROW_OK && wrong) {
        all->left++;
        status = audit_judge(table, entry, all->last, &wrong, err);
        if (status == FURROW_OK && !wrong) all->left--;
    }
    if (status != FURROW_OK) return furrow_wrap(err, "%s%s", table->prefix, entry->id ? entry->id : "");
    entry->suspect = wrong;
    return FURROW_OK;
}

static void look_on(void *arg)
{
    look *all = arg;
    audit_table own = *all->table; /* with arenas and sums of its own */
    own.wrong = own.repaired = 0;
    own.arena = furrow_arena_create(ARENA_BYTES);
    own.scratch = furrow_arena_create(ARENA_BYTES);
    FURROW_REQUIRE(own.arena && own.scratch);
    while (all->status == FURROW_OK && all->next < ledger_count(own.ledger)) {
        furrow_error err = {0};
        ledger_entry *entry = ledger_at(own.ledger, all->next++);
        furrow_status status = entry->suspect ? look_at_entry(all, &own, entry, &err) : FURROW_OK;
        if (status == FURROW_OK || all->status != FURROW_OK) continue;
        all->status = status;
        *all->err = err;
    }
    all->table->wrong += own.wrong;
    all->table->repaired += own.repaired;
    furrow_arena_destroy(own.arena);
    furrow_arena_destroy(own.scratch);
    if (--all->looking == 0) furrow_waiter_done(&all->done);
}

/* All suspects once more; who fits by now is none any more. */
static furrow_status look_at_suspects(audit_table *table, bool last, furrow_error *err)
{
    look all = {.table = table, .last = last, .err = err, .looking = 1, .done = furrow_waiter_make()};
    for (int i = 1; i < LOOKERS; i++)
        if (furrow_loop_spawn(table->tool->loop, look_on, &all, NULL) == FURROW_OK) all.looking++;
    look_on(&all);
    furrow_wait(&all.done, FURROW_NEVER);
    table->suspects = all.left;
    return all.status;
}

furrow_status audit_prefix(furrow_store *store, const char *service, const char *short_name,
                           const ProtobufCMessageDescriptor *descriptor, char out[FURROW_SUBJECT_MAX],
                           furrow_error *err)
{
    const furrow_table_options about = {.service = service, .entity = short_name, .descriptor = descriptor};
    furrow_table *table = furrow_table_create(store, &about, err);
    if (!table) return FURROW_RESOURCE_EXHAUSTED;
    furrow_status status = furrow_table_place_current(table, err);
    furrow_bytes prefix = furrow_table_prefix(table);
    snprintf(out, FURROW_SUBJECT_MAX, "%.*s", (int)prefix.len, (const char *)prefix.data);
    furrow_table_destroy(table);
    return status;
}

static furrow_status audit_one(audit_table *table, furrow_error *err)
{
    furrow_status placed =
        audit_prefix(table->store, table->service, table->short_name, table->descriptor, table->prefix, err);
    if (placed != FURROW_OK) return placed;
    furrow_status status = letter_turn_to(table->tool, table->options->single, table->stream, table->owner, err);
    if (status == FURROW_OK) status = audit_read(table, err);
    for (int number = 1; status == FURROW_OK && table->suspects > 0 && number <= LOOKS; number++) {
        if (number > 1) furrow_task_sleep_ms(PAUSE_MS);
        status = look_at_suspects(table, number == LOOKS, err);
    }
    return status == FURROW_OK ? audit_sums(table, err) : status;
}

static void run_table(audit_table *table)
{
    furrow_error err = {0};
    snprintf(table->prefix, sizeof table->prefix, "%s:{%s}:", table->service, table->short_name);
    table->ledger = ledger_create();
    table->members = ledger_members_create();
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
    ledger_members_destroy(table->members);
    furrow_arena_destroy(table->arena);
    furrow_arena_destroy(table->scratch);
}

typedef struct audit_choice {
    const char *service, *entity; /* or NULL */
    size_t tables;                /* that were audited */
} audit_choice;

static bool is_table_chosen(const audit_choice *choice, const char *service, const char *entity, const char *short_name)
{
    return (!choice->service || strcmp(choice->service, service) == 0) &&
           (!choice->entity || strcmp(choice->entity, entity) == 0 || strcmp(choice->entity, short_name) == 0);
}

static void run_own(const audit_table *base, audit_choice *choice, const furrow_entity_contract *own)
{
    audit_table table = *base;
    if (!is_table_chosen(choice, own->owner, own->name, own->short_name)) return;
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
    table.aggregates = own->aggregates;
    table.aggregate_count = own->aggregate_count;
    run_table(&table);
}

static void run_replica(const audit_table *base, audit_choice *choice, const furrow_replica_contract *replica)
{
    furrow_error err;
    audit_table table = *base;
    if (!is_table_chosen(choice, replica->service, replica->entity, replica->short_name)) return;
    choice->tables++;
    table.service = replica->service;
    table.owner = replica->owner;
    table.entity = replica->entity;
    table.short_name = replica->short_name;
    table.stream = replica->stream;
    table.descriptor = replica->descriptor;
    table.indexes = replica->indexes;
    table.index_count = replica->index_count;
    table.aggregates = replica->aggregates;
    table.aggregate_count = replica->aggregate_count;
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
furrow_store *audit_connect_redis(cli *tool)
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
    if (furrow_store_wait_connected(store, furrow_clock_in_ms(CONNECT_MS))) return store;
    cli_fail(tool, 1, "no Redis at %s: %s (FURROW_REDIS_URL says where it is)", url, furrow_store_last_error(store));
    furrow_store_destroy(store);
    return NULL;
}

int cli_audit(cli *tool)
{
    if (cli_flag(tool, "--erased") && cli_flag(tool, "--repair"))
        return cli_fail(tool, 2, "audit: --erased looks and changes nothing: without --repair");
    if (cli_flag(tool, "--erased")) return erase_confirm(tool);
    audit_options options = {.repair = cli_flag(tool, "--repair"),
                             .json = cli_flag(tool, "--json"),
                             .single = cli_flag(tool, "--single-account")};
    audit_choice choice = {.service = tool->argc > 0 ? tool->argv[0] : NULL,
                           .entity = tool->argc > 1 ? tool->argv[1] : NULL};
    if (choice.service && !cli_has_service(choice.service))
        return cli_fail(tool, 2, "no contract here has a service %s (FURROW_CONTRACTS adds some)", choice.service);
    if (strchr(tool->config.redis_url, ','))
        return cli_fail(tool, 2, "FURROW_REDIS_URL names several: audit each SERVICE with its own");
    if (!cli_connect(tool)) return tool->exit_code;
    audit_table base = {.tool = tool, .options = &options, .store = audit_connect_redis(tool)};
    if (!base.store) return tool->exit_code;
    furrow_error err;
    char pattern[FURROW_SUBJECT_MAX];
    snprintf(pattern, sizeof pattern, "%s:{*", choice.service ? choice.service : "*");
    if (audit_keys_read(base.store, pattern, &base.keys, &err) == FURROW_OK)
        run_all(&base, &choice);
    else
        cli_fail_error(tool, "keys of Redis", &err);
    audit_keys_destroy(base.keys);
    furrow_store_destroy(base.store);
    return tool->exit_code;
}
