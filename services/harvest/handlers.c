/* The methods that are no plain decision: scans, one and many, and totals. */
#include "harvest/batch.h"
#include "harvest/record.h"
#include "harvest/v1/harvest.access.h"
#include "harvest/v1/harvest.server.h"

furrow_status harvest_record_ticket(furrow_call *call, const Harvest__V1__Scan *request,
                                    Harvest__V1__TicketState *response, furrow_error *err)
{
    recorded_ticket recorded;
    furrow_arena *arena = furrow_call_arena(call);
    furrow_service *service = furrow_service_of(call);
    furrow_status status = record_scan(service, request, furrow_call_command(call), arena, &recorded, err);
    if (status != FURROW_OK) return status;
    const Harvest__V1__Employee *employee = NULL;
    (void)!employee_find(service, recorded.ticket->employee_id, arena, &employee, NULL); /* only a name */
    furrow_call_wrote(call, recorded.subject, recorded.version);
    response->ticket = (Harvest__V1__Ticket *)(uintptr_t)recorded.ticket;
    response->version = (int64_t)recorded.version;
    if (employee) response->employee_name = employee->display_name;
    return FURROW_OK;
}

furrow_status harvest_record_tickets(furrow_call *call, const Harvest__V1__RecordTicketsRequest *request,
                                     Harvest__V1__RecordTicketsResponse *response, furrow_error *err)
{
    return batch_record(call, request, response, err);
}

/* ---- totals ---- */

/* Name of an aggregate, and whether its groups begin with a key; by TotalsBy. */
static const struct {
    const char *aggregate;
    bool keyed;
} ways[] = {
    [HARVEST__V1__TOTALS_BY__TOTALS_BY_LOCATION] = {"by_location", true},
    [HARVEST__V1__TOTALS_BY__TOTALS_BY_CREW] = {"by_crew", true},
    [HARVEST__V1__TOTALS_BY__TOTALS_BY_JOB] = {"by_job", true},
    [HARVEST__V1__TOTALS_BY__TOTALS_BY_DAY] = {"by_day", false},
};

static furrow_status plan_totals(const Harvest__V1__GetTotalsRequest *request, furrow_bytes values[2],
                                 furrow_totals_query *query, furrow_error *err)
{
    bool keyed = ways[request->by].keyed;
    furrow_status status = furrow_input_page_size(request->page_size, &query->limit, err);
    if (status == FURROW_OK && request->date[0]) status = furrow_input_date("date", request->date, err);
    if (status != FURROW_OK) return status;
    if (!keyed && request->key[0]) return furrow_fail_field(err, "key", "totals by day have none: say the date");
    if (keyed && !request->key[0] && request->date[0])
        return furrow_fail_field(err, "key", "is needed with a date: all keys of a day are not in one order");
    if (request->key[0]) values[query->value_count++] = furrow_bytes_of(request->key);
    if (request->date[0]) values[query->value_count++] = furrow_bytes_of(request->date);
    query->aggregate = ways[request->by].aggregate;
    query->values = values;
    query->after = request->page_token;
    return FURROW_OK;
}

static Harvest__V1__Total *make_total(const furrow_total *from, bool keyed, furrow_arena *arena)
{
    Harvest__V1__Total *total = furrow_arena_alloc(arena, sizeof *total);
    if (!total) return NULL;
    harvest__v1__total__init(total);
    const furrow_bytes *value = from->values;
    if (keyed) total->key = (char *)(uintptr_t)(value++)->data; /* each ends in a NUL */
    total->date = (char *)(uintptr_t)(value++)->data;
    total->unit = (char *)(uintptr_t)value->data;
    total->tickets = from->count;
    total->quantity = from->sum;
    return total;
}

furrow_status harvest_get_totals(furrow_call *call, const Harvest__V1__GetTotalsRequest *request,
                                 Harvest__V1__GetTotalsResponse *response, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    furrow_totals_query query = {.value_count = 0};
    furrow_bytes values[2];
    furrow_total *totals;
    size_t count;
    char *next;
    furrow_status status = plan_totals(request, values, &query, err);
    if (status == FURROW_OK)
        status = ticket_totals(furrow_service_of(call), &query, arena, &totals, &count, &next, err);
    if (status != FURROW_OK) return status;
    response->totals = furrow_arena_alloc(arena, (count + 1) * sizeof *response->totals);
    if (!response->totals) return furrow_known_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        Harvest__V1__Total *total = make_total(&totals[i], ways[request->by].keyed, arena);
        if (!total) return furrow_known_no_memory(err);
        response->totals[response->n_totals++] = total;
    }
    if (next) response->next_page_token = next;
    return FURROW_OK;
}
