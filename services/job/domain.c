/* The rules of jobs; see domain.h. Depends on generated types and input checks only. */
#include "job/domain.h"

#include <ctype.h>

#define HOURLY   JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY
#define PIECE    JOB__V1__PAY_TYPE__PAY_TYPE_PIECE
#define RATE_MAX 1000000 /* cents a unit */

static furrow_status check_code(const char *code, furrow_error *err)
{
    furrow_status status = furrow_input_text("code", code, 1, 40, err);
    for (const char *c = code; status == FURROW_OK && *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            status = furrow_fail_field(err, "code", "\"%s\" may have letters, digits, - and _ only", code);
    return status;
}

static furrow_status check_pay(const Job__V1__Pay *pay, furrow_error *err)
{
    if (!pay) return furrow_fail_field(err, "pay", "is required: {\"type\":\"PAY_TYPE_HOURLY\"} or a piece rate");
    if (pay->type == HOURLY) {
        if (pay->unit[0] || pay->rate_cents)
            return furrow_fail_field(err, "pay",
                                     "an hourly job pays the employee's own rate; leave out unit and rate_cents");
        return FURROW_OK;
    }
    if (pay->type != PIECE) return furrow_fail_field(err, "pay.type", "must be PAY_TYPE_HOURLY or PAY_TYPE_PIECE");
    furrow_status status = furrow_input_text("pay.unit", pay->unit, 1, 20, err);
    return status == FURROW_OK ? furrow_input_range("pay.rate_cents", pay->rate_cents, 1, RATE_MAX, err) : status;
}

static furrow_status check_kind(Job__V1__JobKind kind, furrow_error *err)
{
    if (kind >= JOB__V1__JOB_KIND__JOB_KIND_HARVEST && kind <= JOB__V1__JOB_KIND__JOB_KIND_MAINTENANCE)
        return FURROW_OK;
    return furrow_fail_field(err, "kind", "must be one of JOB_KIND_HARVEST to JOB_KIND_MAINTENANCE");
}

static furrow_status check_location_ids(char *const ids[], size_t count, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    if (count > JOB_LOCATIONS_MAX)
        status = furrow_fail_field(err, "location_ids", "has %zu; at most %d", count, JOB_LOCATIONS_MAX);
    for (size_t i = 0; status == FURROW_OK && i < count; i++) {
        char field[40];
        snprintf(field, sizeof field, "location_ids[%zu]", i);
        status = furrow_subject_check_id(ids[i], strlen(ids[i]), field, err);
    }
    return status;
}

static furrow_status check_request(const Job__V1__OpenJobRequest *request, furrow_error *err)
{
    furrow_status status = check_code(request->code, err);
    if (status == FURROW_OK) status = furrow_input_text("name", request->name, 1, 100, err);
    if (status == FURROW_OK) status = furrow_input_name("name", request->name, err);
    if (status == FURROW_OK) status = check_kind(request->kind, err);
    if (status == FURROW_OK) status = check_pay(request->pay, err);
    return status == FURROW_OK ? check_location_ids(request->location_ids, request->n_location_ids, err) : status;
}

furrow_status job_check_job(const Job__V1__Job *job, furrow_error *err)
{
    int64_t updated_ns;
    furrow_status status = check_code(job->code, err);
    if (status == FURROW_OK) status = furrow_input_text("name", job->name, 1, 100, err);
    if (status == FURROW_OK) status = check_kind(job->kind, err);
    if (status == FURROW_OK) status = check_pay(job->pay, err);
    if (status == FURROW_OK) status = check_location_ids(job->location_ids, job->n_location_ids, err);
    if (status == FURROW_OK && job->status != JOB__V1__JOB_STATUS__JOB_STATUS_OPEN &&
        job->status != JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED)
        status = furrow_fail_field(err, "status", "is %d: neither open nor closed", (int)job->status);
    return status == FURROW_OK ? furrow_timestamp_read("updated_at", job->updated_at, &updated_ns, err) : status;
}

/* Of another's entity only what is relied on here: a status that its owner may add later is no fault. */
furrow_status job_check_location(const Job__V1__Location *location, furrow_error *err)
{
    if (!location->name[0]) return furrow_fail_field(err, "name", "is required");
    if (location->status == LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_UNSPECIFIED)
        return furrow_fail_field(err, "status", "is required");
    return FURROW_OK;
}

/* A job is done at places that are known here, and open. */
static furrow_status check_places(char *const ids[], const Job__V1__Location *const locations[], size_t count,
                                  furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!locations[i]) return furrow_fail(err, FURROW_FAILED_PRECONDITION, "location %s is not known here", ids[i]);
        if (locations[i]->status != LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN)
            return furrow_fail(err, FURROW_FAILED_PRECONDITION, "location %s (%s) is closed", ids[i],
                               locations[i]->name);
    }
    return FURROW_OK;
}

furrow_status job_open_job(const job_open_job_known *known, Job__V1__Job *next, furrow_error *err)
{
    const Job__V1__OpenJobRequest *request = known->request;
    furrow_status status = check_request(request, err);
    if (status == FURROW_OK) status = check_places(request->location_ids, known->locations, known->n_locations, err);
    if (status != FURROW_OK) return status;
    next->code = request->code;
    next->name = furrow_unicode_nfc(request->name, known->arena);
    next->kind = request->kind;
    next->pay = request->pay;
    next->status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    next->location_ids = request->location_ids;
    next->n_location_ids = request->n_location_ids;
    return next->name ? FURROW_OK : furrow_known_no_memory(err);
}

furrow_status job_close_job(const job_close_job_known *known, Job__V1__Job *next, furrow_error *err)
{
    (void)known, (void)err;
    next->status = JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED;
    return FURROW_OK;
}

furrow_status job_reopen_job(const job_reopen_job_known *known, Job__V1__Job *next, furrow_error *err)
{
    if (next->status == JOB__V1__JOB_STATUS__JOB_STATUS_OPEN) return FURROW_OK;
    next->status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    return check_places(next->location_ids, known->locations, known->n_locations, err);
}
