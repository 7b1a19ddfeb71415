/* The rules of jobs; see domain.h. Depends on generated types and input checks only. */
#include "job/domain.h"

#include "runtime/input.h"
#include "runtime/timestamp.h"
#include "wire/subject.h"
#include "wire/unicode.h"

#include <ctype.h>
#include <stdio.h>

#define HOURLY   JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY
#define PIECE    JOB__V1__PAY_TYPE__PAY_TYPE_PIECE
#define RATE_MAX 1000000 /* cents a unit */

static furrow_status no_memory(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request needs more memory than it may use");
}

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

furrow_status job_check_open(const Job__V1__OpenJobRequest *request, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    if (request->id[0]) status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status == FURROW_OK) status = check_code(request->code, err);
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

furrow_status job_check_locations(char *const ids[], const Job__V1__Location *const locations[], size_t count,
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

static Job__V1__Job *successor(const Job__V1__Job *current, int64_t now_ns, furrow_arena *arena)
{
    Job__V1__Job *next = furrow_arena_memdup(arena, current, sizeof *current);
    if (next) next->updated_at = furrow_timestamp_after(current->updated_at, now_ns, arena);
    return next && next->updated_at ? next : NULL;
}

furrow_status job_open(const Job__V1__Job *current, const Job__V1__OpenJobRequest *request, const char *id,
                       int64_t now_ns, furrow_arena *arena, Job__V1__Job **next, furrow_error *err)
{
    if (current) return furrow_fail(err, FURROW_ALREADY_EXISTS, "job %s exists", id);
    Job__V1__Job fresh = JOB__V1__JOB__INIT;
    Job__V1__Job *job = successor(&fresh, now_ns, arena);
    if (!job || !(job->id = furrow_arena_strdup(arena, id))) return no_memory(err);
    job->code = request->code;
    job->name = furrow_unicode_nfc(request->name, arena);
    if (!job->name) return no_memory(err);
    job->kind = request->kind;
    job->pay = request->pay;
    job->status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    job->location_ids = request->location_ids;
    job->n_location_ids = request->n_location_ids;
    *next = job;
    return FURROW_OK;
}

furrow_status job_set_status(const Job__V1__Job *current, const char *id, Job__V1__JobStatus status, int64_t now_ns,
                             furrow_arena *arena, Job__V1__Job **next, furrow_error *err)
{
    if (!current) return furrow_fail(err, FURROW_NOT_FOUND, "no job %s", id);
    *next = NULL;
    if (current->status == status) return FURROW_OK;
    Job__V1__Job *changed = successor(current, now_ns, arena);
    if (!changed) return no_memory(err);
    changed->status = status;
    *next = changed;
    return FURROW_OK;
}

bool job_matches(const Job__V1__Job *job, const Job__V1__ListJobsRequest *request)
{
    bool status = request->status == JOB__V1__JOB_STATUS__JOB_STATUS_UNSPECIFIED || job->status == request->status;
    bool kind = request->kind == JOB__V1__JOB_KIND__JOB_KIND_UNSPECIFIED || job->kind == request->kind;
    return status && kind && furrow_bytes_after_nocase(job->code, request->code_prefix) != NULL;
}
