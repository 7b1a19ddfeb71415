/*
 * A report over all employees, by WAYS_WAY: "parallel" (any regular one) pages through the owner's list and throws away
 * what does not match; "replica" reads its own records. Pages of the owner are small: of large answers a caller may
 * have only so many a second (FURROW_CALLER_BYTES), so they would be slower.
 */
#include "roster/v1/roster.furrow.h"
#include "roster/v1/roster.server.h"
#include "roster/v1/roster_keeps.furrow.h"

#include "base/clock.h"
#include "employee/v1/employee.furrow.h"
#include "runtime/service.h"

#include <stdio.h>
#include <string.h>

#define ACTIVE           EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE
#define OWNER_PAGE       64
#define OWN_PAGE         1000
#define PAGE_ARENA_BYTES ((size_t)8 << 20)
#define TOKEN_MAX        1024

static struct roster_settings {
    const char *way;
} roster_config;

/* One report: it goes on from page to page. */
typedef struct report {
    furrow_call *call;
    const Roster__V1__CountEmployeesRequest *request;
    Roster__V1__CountEmployeesResponse *response;
    furrow_arena *page; /* of one page's states */
    char after[TOKEN_MAX];
} report;

static void count_employee(report *self, int64_t rate_cents, size_t bytes)
{
    self->response->employees++;
    self->response->bytes += (int64_t)bytes;
    self->response->matching += rate_cents < self->request->rate_cents_below;
}

static furrow_status keep_token(report *self, const char *next, furrow_error *err)
{
    if (snprintf(self->after, sizeof self->after, "%s", next ? next : "") < (int)sizeof self->after) return FURROW_OK;
    return furrow_fail(err, FURROW_INTERNAL, "a page token of %zu bytes", strlen(next));
}

static furrow_status fetch_page(report *self, furrow_error *err)
{
    const furrow_method_contract *list =
        &employee_v1_employee_service.methods[EMPLOYEE_V1_EMPLOYEE_SERVICE_LIST_EMPLOYEES];
    Employee__V1__ListEmployeesRequest request = EMPLOYEE__V1__LIST_EMPLOYEES_REQUEST__INIT;
    ProtobufCMessage *response = NULL;
    request.status = ACTIVE;
    request.page_size = OWNER_PAGE;
    request.page_token = self->after;
    furrow_status status = furrow_client_call(furrow_service_client(furrow_service_of(self->call)), list, &request.base,
                                              NULL, self->page, &response, err);
    if (status != FURROW_OK) return status;
    const Employee__V1__ListEmployeesResponse *page = (const Employee__V1__ListEmployeesResponse *)response;
    for (size_t i = 0; i < page->n_employees; i++)
        count_employee(self, page->employees[i]->hourly_rate_cents,
                       protobuf_c_message_get_packed_size(&page->employees[i]->base));
    return keep_token(self, page->next_page_token, err);
}

static furrow_status read_page(report *self, furrow_error *err)
{
    furrow_replica *employees = furrow_service_replica(furrow_service_of(self->call), &roster_v1_employee_replica);
    furrow_record_query query = {.index = "status",
                                 .value = furrow_record_index_integer(ACTIVE, self->page),
                                 .limit = OWN_PAGE,
                                 .after = self->after[0] ? self->after : NULL};
    furrow_listed *listed;
    size_t count;
    char *next;
    furrow_status status =
        furrow_record_list(furrow_replica_table(employees), &query, self->page, &listed, &count, &next, err);
    for (size_t i = 0; status == FURROW_OK && i < count; i++) {
        ProtobufCMessage *message;
        status = furrow_replica_unpack(employees, listed[i].id, &listed[i].record, self->page, &message, err);
        if (status == FURROW_OK && message)
            count_employee(self, ((Roster__V1__Employee *)message)->hourly_rate_cents, listed[i].record.body.len);
    }
    return status == FURROW_OK ? keep_token(self, next, err) : status;
}

static bool is_replica(void)
{
    return strcmp(roster_config.way, "replica") == 0;
}

furrow_status roster_count_employees(furrow_call *call, const Roster__V1__CountEmployeesRequest *request,
                                     Roster__V1__CountEmployeesResponse *response, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) page = furrow_arena_create(PAGE_ARENA_BYTES);
    report *self = furrow_arena_zalloc(furrow_call_arena(call), sizeof *self);
    uint64_t begun_ns = furrow_clock_now_ns();
    furrow_status status;
    if (!self || !page) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    *self = (report){.call = call, .request = request, .response = response, .page = page};
    do {
        furrow_arena_reset(page);
        status = is_replica() ? read_page(self, err) : fetch_page(self, err);
        response->pages++;
    } while (status == FURROW_OK && self->after[0] && furrow_clock_now_ns() < furrow_call_deadline(call));
    if (status == FURROW_OK && self->after[0])
        return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "after %lld employees", (long long)response->employees);
    response->micros = (int64_t)((furrow_clock_now_ns() - begun_ns) / 1000);
    return status;
}

static furrow_status check_employee(const ProtobufCMessage *message, furrow_error *err)
{
    const Roster__V1__Employee *employee = (const Roster__V1__Employee *)message;
    return employee->status != 0 ? FURROW_OK : furrow_fail_field(err, "status", "is required");
}

static const furrow_handlers *const handlers[] = {&roster_v1_roster_service_handlers, NULL};

static const furrow_service_replica_definition replicas[] = {
    {.contract = &roster_v1_employee_replica, .rules = check_employee}, {0}};

static const furrow_setting settings[] = {
    {"WAYS_WAY", FURROW_SETTING_TEXT, offsetof(struct roster_settings, way), "replica", 0, 0,
     "where employees come from: parallel (their owner) or replica"},
};

static furrow_status choose_way(furrow_error *err);

static const furrow_startup startup = {
    .settings = settings,
    .setting_count = sizeof settings / sizeof *settings,
    .settings_into = &roster_config,
    .prepare = choose_way,
};

static furrow_service_definition definition = {
    .name = "roster",
    .version = "0.1.0",
    .description = "A report of the comparison of the ways",
    .handlers = handlers,
    .startup = &startup,
};

static furrow_status choose_way(furrow_error *err)
{
    if (is_replica())
        definition.replicas = replicas;
    else if (strcmp(roster_config.way, "parallel") != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "WAYS_WAY is \"%.40s\": use parallel or replica",
                           roster_config.way);
    return FURROW_OK;
}

int main(int argc, char **argv)
{
    return furrow_service_main(argc, argv, &definition);
}
