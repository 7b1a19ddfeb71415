/* See domain.h. Depends on generated types and input checks only. */
#include "harvest/domain.h"

#define RECORDED HARVEST__V1__TICKET_STATUS__TICKET_STATUS_RECORDED
#define VOIDED   HARVEST__V1__TICKET_STATUS__TICKET_STATUS_VOIDED
#define ACTIVE   EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE
#define NS       ((int64_t)FURROW_NS_PER_S)
#define DAY      ((int64_t)24 * 3600)

/* ---- states ---- */

#define DAY_ID_BYTES (FURROW_ID_MAX + sizeof "_20261123")

static void name_day(const char *employee_id, const char *date, char out[DAY_ID_BYTES])
{
    snprintf(out, DAY_ID_BYTES, "%.64s_%.4s%.2s%.2s", employee_id, date, date + 5, date + 8);
}

furrow_status harvest_check_ticket(const Harvest__V1__Ticket *ticket, furrow_error *err)
{
    char day_id[DAY_ID_BYTES];
    furrow_status status = furrow_input_date("date", ticket->date, err);
    if (status != FURROW_OK) return status;
    name_day(ticket->employee_id, ticket->date, day_id);
    if (strcmp(day_id, ticket->day_id) != 0)
        return furrow_fail_field(err, "day_id", "is not %s, as its employee and date say", day_id);
    if (status == FURROW_OK && !ticket->picked_at) status = furrow_fail_field(err, "picked_at", "is missing");
    if (status == FURROW_OK) status = furrow_timestamp_read("picked_at", ticket->picked_at, NULL, err);
    if (status == FURROW_OK) status = furrow_timestamp_read("updated_at", ticket->updated_at, NULL, err);
    return status;
}

/* Whose it is, with the day that follows from it. */
static bool give_to(Harvest__V1__Ticket *ticket, char *employee_id, furrow_arena *arena)
{
    char day_id[DAY_ID_BYTES];
    ticket->employee_id = employee_id;
    name_day(employee_id, ticket->date, day_id);
    ticket->day_id = furrow_arena_strdup(arena, day_id);
    return ticket->day_id != NULL;
}

/* ---- who, what, where ---- */

const Harvest__V1__Employee *ticket_holder(const Harvest__V1__Employee *const people[], size_t count, int64_t picked_ns)
{
    const Harvest__V1__Employee *holder = NULL;
    int64_t until_ns = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        int64_t ended_ns = furrow_timestamp_ns(people[i]->ended_at);
        bool held_then = people[i]->ended_at && ended_ns > picked_ns;
        if (held_then && ended_ns < until_ns) {
            holder = people[i];
            until_ns = ended_ns;
        } else if (!holder && people[i]->status == ACTIVE) {
            holder = people[i];
        }
    }
    return holder;
}

/* Why nobody's container it was: not known, or not employed any more. */
static furrow_status no_holder(const ticket_facts *facts, furrow_error *err)
{
    const Harvest__V1__Scan *scan = facts->scan;
    const char *what = scan->badge[0] ? "badge" : "employee", *which = scan->badge[0] ? scan->badge : scan->employee_id;
    if (facts->people_count == 0)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "EMPLOYEE_UNKNOWN", "%s %s is not known here", what,
                                  which);
    const Harvest__V1__Employee *one = facts->people[facts->people_count - 1];
    const char *ended = one->ended_at ? furrow_timestamp_date(furrow_timestamp_ns(one->ended_at), facts->arena) : "";
    return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "NOT_EMPLOYED_THEN",
                              "%s %s: %s was not employed any more when it was picked%s%s", what, which,
                              one->display_name, ended && ended[0] ? ", since " : "", ended ? ended : "");
}

static furrow_status check_job(const char *id, const Harvest__V1__Job *job, furrow_error *err)
{
    if (!job) return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "JOB_UNKNOWN", "job %s is not known here", id);
    if (job->status != JOB__V1__JOB_STATUS__JOB_STATUS_OPEN)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "JOB_CLOSED", "job %s (%s) is closed", id,
                                  job->name);
    if (job->pay->type != JOB__V1__PAY_TYPE__PAY_TYPE_PIECE || !job->pay->unit[0])
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "JOB_WITHOUT_PIECES",
                                  "job %s (%s) is paid by the hour: it has no pieces", id, job->name);
    return FURROW_OK;
}

static furrow_status check_location(const char *id, const Harvest__V1__Location *location, furrow_error *err)
{
    if (!location)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "LOCATION_UNKNOWN", "location %s is not known here",
                                  id);
    if (location->status == LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN) return FURROW_OK;
    return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "LOCATION_CLOSED", "location %s (%s) is closed", id,
                              location->name);
}

/* ---- a scan ---- */

furrow_status ticket_check_scan(const Harvest__V1__Scan *scan, int64_t now_ns, furrow_error *err)
{
    int64_t at_ns = 0;
    if (!scan->badge[0] == !scan->employee_id[0])
        return furrow_fail_field(err, "badge", "say whose it is: by badge or by employee_id, one of the two");
    furrow_status status = furrow_timestamp_read("picked_at", scan->picked_at, &at_ns, err);
    if (status != FURROW_OK) return status;
    if (at_ns > now_ns + HARVEST_FUTURE_S * NS)
        return furrow_fail_field(err, "picked_at",
                                 "is more than %d minutes in the future: the scanner's clock is wrong",
                                 HARVEST_FUTURE_S / 60);
    if (at_ns < now_ns - HARVEST_PAST_DAYS * DAY * NS)
        return furrow_fail_field(err, "picked_at", "is more than %d days ago: the scanner's clock is wrong",
                                 HARVEST_PAST_DAYS);
    return FURROW_OK;
}

static furrow_status recognise(const ticket_facts *facts, furrow_error *err)
{
    const Harvest__V1__Ticket *present = facts->present;
    if (present->scan.len == HARVEST_SCAN_BYTES && memcmp(present->scan.data, facts->scanned, HARVEST_SCAN_BYTES) == 0)
        return FURROW_OK;
    return furrow_fail(err, FURROW_ALREADY_EXISTS,
                       "ticket %s was recorded on %s from another scan: an id is used once, a change is a correction",
                       present->id, present->date);
}

furrow_status ticket_record(const ticket_facts *facts, Harvest__V1__Ticket *next, bool *known, furrow_error *err)
{
    const Harvest__V1__Scan *scan = facts->scan;
    *known = facts->present != NULL;
    if (*known) return recognise(facts, err);
    const Harvest__V1__Employee *holder =
        ticket_holder(facts->people, facts->people_count, furrow_timestamp_ns(scan->picked_at));
    furrow_status status = holder ? FURROW_OK : no_holder(facts, err);
    if (status == FURROW_OK) status = check_job(scan->job_id, facts->job, err);
    if (status == FURROW_OK) status = check_location(scan->location_id, facts->location, err);
    if (status != FURROW_OK) return status;
    next->date = (char *)(uintptr_t)facts->date;
    if (!give_to(next, holder->id, facts->arena)) return furrow_known_no_memory(err);
    next->job_id = scan->job_id;
    next->location_id = scan->location_id;
    next->crew = scan->crew;
    next->unit = facts->job->pay->unit;
    next->quantity = scan->quantity;
    next->picked_at = scan->picked_at;
    next->status = RECORDED;
    next->badge = scan->badge;
    next->scanner = scan->scanner;
    next->scan.data = furrow_arena_memdup(facts->arena, facts->scanned, HARVEST_SCAN_BYTES);
    next->scan.len = HARVEST_SCAN_BYTES;
    next->updated_at = furrow_timestamp_new(facts->now_ns, facts->arena);
    return next->scan.data && next->updated_at ? FURROW_OK : furrow_known_no_memory(err);
}

/* ---- changes ---- */

/* What @next still says goes to its corrections, with who changes it, and why. */
static furrow_status note_change(Harvest__V1__Ticket *next, const char *by, const char *reason, int64_t now_ns,
                                 furrow_arena *arena, furrow_error *err)
{
    size_t count = next->n_corrections;
    if (count >= HARVEST_CORRECTIONS_MAX)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "TOO_MANY_CORRECTIONS",
                                  "ticket %s was changed %d times: void it, and record another", next->id,
                                  HARVEST_CORRECTIONS_MAX);
    Harvest__V1__Correction **list = furrow_arena_alloc(arena, (count + 1) * sizeof *list);
    Harvest__V1__Correction *made = furrow_arena_alloc(arena, sizeof *made);
    if (!list || !made) return furrow_known_no_memory(err);
    if (count) memcpy(list, next->corrections, count * sizeof *list);
    harvest__v1__correction__init(made);
    made->at = furrow_timestamp_new(now_ns, arena);
    made->by = (char *)(uintptr_t)by;
    made->reason = (char *)(uintptr_t)reason;
    made->employee_id = next->employee_id;
    made->job_id = next->job_id;
    made->location_id = next->location_id;
    made->crew = next->crew;
    made->quantity = next->quantity;
    list[count] = made;
    next->corrections = list;
    next->n_corrections = count + 1;
    return made->at ? FURROW_OK : furrow_known_no_memory(err);
}

/* Does the ticket say already what @request wants? */
static bool says(const Harvest__V1__Ticket *ticket, const Harvest__V1__CorrectTicketRequest *request)
{
    return strcmp(ticket->employee_id, request->employee_id) == 0 && strcmp(ticket->job_id, request->job_id) == 0 &&
           strcmp(ticket->location_id, request->location_id) == 0 && strcmp(ticket->crew, request->crew) == 0 &&
           ticket->quantity == request->quantity;
}

/* What is changed to must be fit for a ticket; what stays may have been closed, or have left, since. */
static furrow_status check_changes(const harvest_correct_ticket_known *known, const Harvest__V1__Ticket *ticket,
                                   furrow_error *err)
{
    const Harvest__V1__CorrectTicketRequest *request = known->request;
    Harvest__V1__Scan scan = HARVEST__V1__SCAN__INIT;
    scan.employee_id = request->employee_id;
    const ticket_facts facts = {
        .scan = &scan, .people = &known->employee, .people_count = known->employee != NULL, .arena = known->arena};
    furrow_status status = FURROW_OK;
    if (strcmp(ticket->employee_id, request->employee_id) != 0 &&
        !ticket_holder(facts.people, facts.people_count, furrow_timestamp_ns(ticket->picked_at)))
        status = no_holder(&facts, err);
    if (status == FURROW_OK && strcmp(ticket->job_id, request->job_id) != 0)
        status = check_job(request->job_id, known->job, err);
    if (status == FURROW_OK && strcmp(ticket->location_id, request->location_id) != 0)
        status = check_location(request->location_id, known->location, err);
    return status;
}

furrow_status harvest_correct_ticket(const harvest_correct_ticket_known *known, Harvest__V1__Ticket *next,
                                     furrow_error *err)
{
    const Harvest__V1__CorrectTicketRequest *request = known->request;
    if (next->status == VOIDED)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "TICKET_VOIDED",
                                  "ticket %s is voided: record another", next->id);
    if (says(next, request)) return FURROW_OK;
    furrow_status status = check_changes(known, next, err);
    if (status == FURROW_OK) status = note_change(next, request->by, request->reason, known->now_ns, known->arena, err);
    if (status != FURROW_OK) return status;
    if (strcmp(next->job_id, request->job_id) != 0) next->unit = known->job->pay->unit;
    if (!give_to(next, request->employee_id, known->arena)) return furrow_known_no_memory(err);
    next->job_id = request->job_id;
    next->location_id = request->location_id;
    next->crew = request->crew;
    next->quantity = request->quantity;
    return FURROW_OK;
}

furrow_status harvest_void_ticket(const harvest_void_ticket_known *known, Harvest__V1__Ticket *next, furrow_error *err)
{
    const Harvest__V1__VoidTicketRequest *request = known->request;
    if (next->status == VOIDED) return FURROW_OK;
    next->status = VOIDED;
    /* A ticket can always be taken back, however often it was changed. */
    if (next->n_corrections == HARVEST_CORRECTIONS_MAX) next->n_corrections--;
    return note_change(next, request->by, request->reason, known->now_ns, known->arena, err);
}

furrow_status harvest_list_tickets_check(const Harvest__V1__ListTicketsRequest *request, furrow_error *err)
{
    return request->date[0] ? furrow_input_date("date", request->date, err) : FURROW_OK;
}
