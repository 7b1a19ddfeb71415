/*
 * The end of a season; see simulate.h. `furrow audit` holds what each service keeps against the logs, record by
 * record. Then all tickets, days and people are read, and each total of harvest is held against the sum of the
 * tickets: as each ticket is what the log says, so is the sum. On the way all that the season made goes into the
 * digest, but for when and in which order it was written: the sum of one hash an entity, which is the same in whatever
 * order they are read.
 */
#include "farm/simulate.h"

#include "base/clock.h"
#include "base/hash.h"
#include "employee/v1/employee.client.h"
#include "harvest/v1/harvest.client.h"
#include "runtime/timestamp.h"
#include "timesheet/v1/timesheet.client.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <uv.h>

#define CHECK_PAGE    200 /* of whatever is asked for */
#define CHECK_BYTES   ((size_t)64 << 20)
#define CHECK_READERS 4
#define SUM_KEY       112
#define UNITS         2 /* in which a season counts */
#define WRONG_SHOWN   20

/* What tickets come to, and what harvest says they do. */
typedef struct check_sum {
    char key[SUM_KEY]; /* "" none; "2:S7-crew-001 2026-11-24 bin" */
    int64_t tickets, quantity, told_tickets, told_quantity;
} check_sum;

typedef struct check_digest {
    uint64_t low, high;
} check_digest;

typedef struct check {
    simulate *in;
    check_digest digest;
    uint32_t next_day; /* that nobody reads yet */
    size_t reading, tickets, days, people, wrong;
    check_sum *sums; /* a hash table of @sum_room */
    size_t sum_room, sum_count;
    furrow_waiter done;
    furrow_error err;
    bool failed;
} check;

/* One who reads days, one after the other. */
typedef struct check_reader {
    check *all;
    simulate_step step;
    const char *date, *token; /* of what is read now */
    char *kept_token;
} check_reader;

/* ---- the digest ---- */

static void digest_entity(check *all, const furrow_bytes parts[], size_t count)
{
    uint8_t hash[FURROW_HASH_BYTES];
    uint64_t halves[2];
    furrow_hash(parts, count, hash);
    memcpy(halves, hash, sizeof halves);
    all->digest.low += halves[0];
    all->digest.high += halves[1];
}

/* Is @id of this season? There may be others in the mesh. */
static bool is_ours(const check *all, const char *id)
{
    char prefix[32];
    size_t len = (size_t)snprintf(prefix, sizeof prefix, "S%" PRIu64 "-", all->in->plan->seed);
    return strlen(id) > len && furrow_bytes_equal((furrow_bytes){id, len}, (furrow_bytes){prefix, len});
}

static void digest_ticket(check *all, const Harvest__V1__Ticket *ticket)
{
    const int64_t numbers[] = {ticket->quantity, ticket->status, (int64_t)ticket->n_corrections,
                               furrow_timestamp_ns(ticket->picked_at)};
    all->tickets++;
    digest_entity(all,
                  (furrow_bytes[]){furrow_bytes_of(ticket->id),
                                   furrow_bytes_of(ticket->employee_id),
                                   furrow_bytes_of(ticket->job_id),
                                   furrow_bytes_of(ticket->location_id),
                                   furrow_bytes_of(ticket->crew),
                                   furrow_bytes_of(ticket->date),
                                   furrow_bytes_of(ticket->unit),
                                   {numbers, sizeof numbers}},
                  8);
}

/* A day without entries is none: an employment ended then, and nobody shall open it any more. */
static void digest_day(check *all, const Timesheet__V1__WorkDay *day)
{
    uint8_t hash[FURROW_HASH_BYTES] = {0};
    int64_t status = day->status;
    if (day->n_entries == 0) return;
    all->days++;
    for (size_t i = 0; i < day->n_entries; i++) {
        const Timesheet__V1__Entry *entry = day->entries[i];
        const int64_t numbers[] = {entry->kind, furrow_timestamp_ns(entry->start), furrow_timestamp_ns(entry->end)};
        uint8_t before[FURROW_HASH_BYTES];
        memcpy(before, hash, sizeof before);
        furrow_hash((furrow_bytes[]){{before, sizeof before},
                                     {numbers, sizeof numbers},
                                     furrow_bytes_of(entry->job_id),
                                     furrow_bytes_of(entry->location_id)},
                    4, hash);
    }
    digest_entity(all, (furrow_bytes[]){furrow_bytes_of(day->id), {&status, sizeof status}, {hash, sizeof hash}}, 3);
}

static void digest_person(check *all, const Employee__V1__Employee *person)
{
    const int64_t numbers[] = {person->status, person->hourly_rate_cents};
    all->people++;
    digest_entity(all,
                  (furrow_bytes[]){furrow_bytes_of(person->id),
                                   furrow_bytes_of(person->display_name),
                                   furrow_bytes_of(person->badge),
                                   furrow_bytes_of(person->crew),
                                   furrow_bytes_of(person->hire_date),
                                   furrow_bytes_of(person->termination_date),
                                   {numbers, sizeof numbers}},
                  7);
}

/* ---- sums ---- */

/* Whose total is of tickets of this season alone? Those of days are of all. */
static bool is_weighed(const check *all, int by, const char *key)
{
    return by == HARVEST__V1__TOTALS_BY__TOTALS_BY_DAY || is_ours(all, key);
}

/* NULL: more than a season has. */
static check_sum *sum_of(check *all, int by, const char *key, const char *date, const char *unit)
{
    char text[SUM_KEY];
    snprintf(text, sizeof text, "%d:%.64s %.10s %.20s", by, key, date, unit);
    uint64_t at = furrow_hash_quick(FURROW_HASH_QUICK, furrow_bytes_of(text));
    for (size_t i = 0; i < all->sum_room; i++, at++) {
        check_sum *sum = &all->sums[at % all->sum_room];
        if (sum->key[0] == '\0') {
            memcpy(sum->key, text, sizeof text);
            all->sum_count++;
        }
        if (strcmp(sum->key, text) == 0) return sum;
    }
    return NULL;
}

static furrow_status too_many_sums(furrow_error *err)
{
    return furrow_fail(err, FURROW_OUT_OF_RANGE, "there are more totals than a season has: is another under way?");
}

static furrow_status weigh_ticket(check *all, const Harvest__V1__Ticket *ticket, furrow_error *err)
{
    const char *keys[] = {ticket->location_id, ticket->crew, ticket->job_id, ""};
    if (is_ours(all, ticket->id)) digest_ticket(all, ticket);
    if (ticket->status != HARVEST__V1__TICKET_STATUS__TICKET_STATUS_RECORDED) return FURROW_OK;
    for (int i = 0; i < 4; i++) {
        int by = HARVEST__V1__TOTALS_BY__TOTALS_BY_LOCATION + i;
        if (!is_weighed(all, by, keys[i])) continue;
        check_sum *sum = sum_of(all, by, keys[i], ticket->date, ticket->unit);
        if (!sum) return too_many_sums(err);
        sum->tickets++;
        sum->quantity += ticket->quantity;
    }
    return FURROW_OK;
}

static void judge_weights(check *all)
{
    for (size_t i = 0; i < all->sum_room; i++) {
        const check_sum *sum = &all->sums[i];
        if (sum->tickets == sum->told_tickets && sum->quantity == sum->told_quantity) continue;
        if (all->wrong++ < WRONG_SHOWN)
            fprintf(stderr,
                    "total %s: harvest says %" PRId64 " tickets, %" PRId64 "; they are %" PRId64 ", %" PRId64 "\n",
                    sum->key + 2, sum->told_tickets, sum->told_quantity, sum->tickets, sum->quantity);
    }
}

/* ---- reading ---- */

static furrow_status ask_tickets(simulate_step *step, uint32_t unused, furrow_error *err)
{
    check_reader *reader = (check_reader *)(void *)((char *)step - offsetof(check_reader, step));
    Harvest__V1__ListTicketsRequest request = HARVEST__V1__LIST_TICKETS_REQUEST__INIT;
    Harvest__V1__ListTicketsResponse *answer;
    (void)unused;
    request.date = (char *)(uintptr_t)reader->date;
    request.page_size = CHECK_PAGE;
    request.page_token = (char *)(uintptr_t)reader->token;
    furrow_status status = harvest_list_tickets_call(step->in->tool->client, &request, NULL, step->arena, &answer, err);
    if (status != FURROW_OK) return status;
    for (size_t i = 0; status == FURROW_OK && i < answer->n_tickets; i++)
        status = weigh_ticket(reader->all, answer->tickets[i]->ticket, err);
    if (status != FURROW_OK) return status;
    reader->kept_token = strdup(answer->next_page_token);
    return answer->n_damaged_ids ? furrow_fail(err, FURROW_DATA_LOSS, "ticket %s", answer->damaged_ids[0]) : status;
}

static furrow_status ask_days(simulate_step *step, uint32_t unused, furrow_error *err)
{
    check_reader *reader = (check_reader *)(void *)((char *)step - offsetof(check_reader, step));
    Timesheet__V1__ListDaysRequest request = TIMESHEET__V1__LIST_DAYS_REQUEST__INIT;
    Timesheet__V1__ListDaysResponse *answer;
    (void)unused;
    request.date = (char *)(uintptr_t)reader->date;
    request.page_size = CHECK_PAGE;
    request.page_token = (char *)(uintptr_t)reader->token;
    furrow_status status = timesheet_list_days_call(step->in->tool->client, &request, NULL, step->arena, &answer, err);
    if (status != FURROW_OK) return status;
    for (size_t i = 0; i < answer->n_days; i++)
        if (is_ours(reader->all, answer->days[i]->day->id)) digest_day(reader->all, answer->days[i]->day);
    reader->kept_token = strdup(answer->next_page_token);
    return answer->n_damaged_ids ? furrow_fail(err, FURROW_DATA_LOSS, "day %s", answer->damaged_ids[0]) : status;
}

static furrow_status add_total(check *all, int by, const Harvest__V1__Total *total, furrow_error *err)
{
    const simulate *self = all->in;
    if (!is_weighed(all, by, total->key) || strcmp(total->date, self->dates[0]) < 0 ||
        strcmp(total->date, self->dates[self->plan->days - 1]) > 0)
        return FURROW_OK;
    check_sum *sum = sum_of(all, by, total->key, total->date, total->unit);
    if (!sum) return too_many_sums(err);
    sum->told_tickets += total->tickets;
    sum->told_quantity += total->quantity;
    return FURROW_OK;
}

static furrow_status ask_totals(simulate_step *step, uint32_t by, furrow_error *err)
{
    check_reader *reader = (check_reader *)(void *)((char *)step - offsetof(check_reader, step));
    Harvest__V1__GetTotalsRequest request = HARVEST__V1__GET_TOTALS_REQUEST__INIT;
    Harvest__V1__GetTotalsResponse *answer;
    request.by = (Harvest__V1__TotalsBy)by;
    request.page_size = CHECK_PAGE;
    request.page_token = (char *)(uintptr_t)reader->token;
    furrow_status status = harvest_get_totals_call(step->in->tool->client, &request, NULL, step->arena, &answer, err);
    for (size_t i = 0; status == FURROW_OK && i < answer->n_totals; i++)
        status = add_total(reader->all, (int)by, answer->totals[i], err);
    if (status == FURROW_OK) reader->kept_token = strdup(answer->next_page_token);
    return status;
}

/* All pages of @fn. */
static furrow_status read_pages(check_reader *reader, simulate_fn *fn, uint32_t which, furrow_error *err)
{
    char *token = NULL;
    furrow_status status;
    do {
        reader->token = token ? token : "";
        reader->kept_token = NULL;
        status = simulate_patiently(reader->all->in, &reader->step, fn, which, err);
        free(token);
        token = reader->kept_token;
        if (status == FURROW_OK && !token) status = furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    } while (status == FURROW_OK && token[0] != '\0');
    free(token);
    return status;
}

static void read_days_on(void *arg)
{
    check *all = arg;
    furrow_error err = {0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(CHECK_BYTES);
    check_reader reader = {.all = all, .step = {.in = all->in, .arena = arena}};
    furrow_status status = arena ? FURROW_OK : furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    while (status == FURROW_OK && !all->failed && all->next_day < all->in->plan->days) {
        reader.date = all->in->dates[all->next_day++];
        status = read_pages(&reader, ask_tickets, 0, &err);
        if (status == FURROW_OK) status = read_pages(&reader, ask_days, 0, &err);
    }
    if (status != FURROW_OK && !all->failed) {
        all->failed = true;
        all->err = err;
    }
    if (--all->reading == 0) furrow_waiter_done(&all->done);
}

static furrow_status read_tickets_and_days(check *all, furrow_error *err)
{
    all->reading = 1;
    all->done = furrow_waiter_make();
    for (int i = 1; i < CHECK_READERS; i++)
        if (furrow_loop_spawn(all->in->tool->loop, read_days_on, all, NULL) == FURROW_OK) all->reading++;
    read_days_on(all);
    furrow_wait(&all->done, FURROW_NEVER);
    if (all->failed) *err = all->err;
    return all->failed ? all->err.code : FURROW_OK;
}

/* ---- people ---- */

static furrow_status ask_people(simulate_step *step, uint32_t from, furrow_error *err)
{
    check_reader *reader = (check_reader *)(void *)((char *)step - offsetof(check_reader, step));
    char **ids = furrow_arena_alloc(step->arena, CHECK_PAGE * sizeof *ids);
    Employee__V1__BatchGetEmployeesRequest request = EMPLOYEE__V1__BATCH_GET_EMPLOYEES_REQUEST__INIT;
    Employee__V1__BatchGetEmployeesResponse *answer;
    if (!ids) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    request.ids = ids;
    for (uint32_t p = from; p < step->in->plan->people && request.n_ids < CHECK_PAGE; p++)
        if (!(ids[request.n_ids++] = simulate_person(step->in, step->arena, p)))
            return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status =
        employee_batch_get_employees_call(step->in->tool->client, &request, NULL, step->arena, &answer, err);
    for (size_t i = 0; status == FURROW_OK && i < answer->n_employees; i++)
        digest_person(reader->all, answer->employees[i]->employee);
    return status;
}

static furrow_status read_totals_and_people(check *all, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(CHECK_BYTES);
    check_reader reader = {.all = all, .step = {.in = all->in, .arena = arena}};
    furrow_status status = arena ? FURROW_OK : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    for (uint32_t by = HARVEST__V1__TOTALS_BY__TOTALS_BY_LOCATION;
         status == FURROW_OK && by <= HARVEST__V1__TOTALS_BY__TOTALS_BY_DAY; by++)
        status = read_pages(&reader, ask_totals, by, err);
    for (uint32_t p = 0; status == FURROW_OK && p < all->in->plan->people; p += CHECK_PAGE)
        status = simulate_patiently(all->in, &reader.step, ask_people, p, err);
    return status;
}

/* ---- the audit ---- */

typedef struct audit_child {
    uv_process_t process;
    furrow_waiter done;
    int64_t code;
    int signal;
} audit_child;

static void on_audit_closed(uv_handle_t *handle)
{
    audit_child *child = handle->data;
    furrow_waiter_done(&child->done);
}

static void on_audit_exit(uv_process_t *process, int64_t code, int number)
{
    audit_child *child = process->data;
    child->code = code;
    child->signal = number;
    uv_close((uv_handle_t *)process, on_audit_closed);
}

/* The furrow tool that is beside this program. */
static bool run_audit(simulate *self)
{
    char path[4096];
    const char *own = (const char *)getauxval(AT_EXECFN), *slash = strrchr(own, '/');
    char *argv[] = {path, (char[]){"audit"}, NULL};
    uv_stdio_container_t stdio[3] = {{.flags = UV_INHERIT_FD, .data.fd = 0},
                                     {.flags = UV_INHERIT_FD, .data.fd = 1},
                                     {.flags = UV_INHERIT_FD, .data.fd = 2}};
    audit_child child = {.done = furrow_waiter_make()};
    uv_process_options_t options = {
        .exit_cb = on_audit_exit, .file = path, .args = argv, .stdio = stdio, .stdio_count = 3};
    snprintf(path, sizeof path, "%.*sfurrow", slash ? (int)(slash + 1 - own) : 0, slash ? own : "");
    child.process.data = &child;
    int error = uv_spawn(furrow_loop_uv(self->tool->loop), &child.process, &options);
    if (error != 0) {
        uv_close((uv_handle_t *)&child.process, on_audit_closed);
        child.code = -1;
    }
    furrow_wait(&child.done, FURROW_NEVER);
    if (error != 0)
        cli_fail(self->tool, 1, "simulate: the audit could not run: %s: %s", path, uv_strerror(error));
    else if (child.code != 0 || child.signal != 0)
        cli_fail(self->tool, 1, "simulate: the audit found something, or did not end: see above");
    return error == 0 && child.code == 0 && child.signal == 0;
}

/* ---- all of it ---- */

void simulate_check(simulate *self)
{
    furrow_error err = {0};
    const season *plan = self->plan;
    check all = {.in = self};
    if (!run_audit(self)) return;
    all.sum_room = 2 * UNITS * (size_t)plan->days * (plan->crews + plan->places + SEASON_JOBS + 1);
    all.sums = calloc(all.sum_room, sizeof *all.sums);
    furrow_status status =
        all.sums ? read_tickets_and_days(&all, &err) : furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (status == FURROW_OK) status = read_totals_and_people(&all, &err);
    if (status != FURROW_OK) {
        cli_fail_error(self->tool, "simulate: read what there is", &err);
    } else {
        judge_weights(&all);
        printf("%zu tickets, %zu days, %zu people; %zu totals are held against the tickets, %zu wrong\n", all.tickets,
               all.days, all.people, all.sum_count, all.wrong);
        printf("digest %016" PRIx64 "%016" PRIx64 "\n", all.digest.high, all.digest.low);
    }
    if (all.wrong > 0) self->tool->exit_code = 1;
    free(all.sums);
}
