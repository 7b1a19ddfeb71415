/*
 * One function per method. Locations are read from what this service keeps of them, all in one round trip, inside of
 * the decision: a decision made again sees them anew. Nobody is asked.
 */
#include "job/domain.h"
#include "job/v1/job.furrow.h"
#include "job/v1/job.server.h"

#include "base/clock.h"
#include "runtime/listing.h"
#include "runtime/lookup.h"
#include "runtime/service.h"

typedef struct command_context {
    furrow_call *call;
    const Job__V1__OpenJobRequest *open;
    const char *id;
    Job__V1__JobStatus status;
    const char *event;
} command_context;

static furrow_entity *jobs(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &job_v1_job_entity);
}

static const Job__V1__Job *job_of(const furrow_state *state)
{
    return (const Job__V1__Job *)state->message;
}

static void answer(const furrow_state *state, Job__V1__JobState *response)
{
    state->message->n_unknown_fields = 0; /* the log's own bookkeeping is not the caller's */
    response->job = (Job__V1__Job *)state->message;
    response->version = (int64_t)state->version;
}

static furrow_status write_job(command_context *context, furrow_decide_fn *decide, Job__V1__JobState *response,
                               furrow_error *err)
{
    furrow_call *call = context->call;
    furrow_write write = {.id = context->id, .command = furrow_call_command(call), .decide = decide, .arg = context};
    furrow_written written;
    furrow_status status = furrow_entity_write(jobs(call), &write, furrow_call_arena(call), &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    answer(&written.state, response);
    return FURROW_OK;
}

static furrow_status check_locations(furrow_call *call, char *const ids[], size_t count, furrow_arena *arena,
                                     furrow_error *err)
{
    furrow_replica *replica = furrow_service_replica(furrow_service_of(call), &job_v1_location_replica);
    furrow_record_read reads[JOB_LOCATIONS_MAX];
    const Job__V1__Location *known[JOB_LOCATIONS_MAX];
    if (count == 0) return FURROW_OK;
    for (size_t i = 0; i < count; i++)
        reads[i] = (furrow_record_read){.table = furrow_replica_table(replica), .id = ids[i]};
    furrow_status status =
        furrow_record_read_many(furrow_service_store(furrow_service_of(call)), reads, count, arena, err);
    for (size_t i = 0; status == FURROW_OK && i < count; i++) {
        ProtobufCMessage *message = NULL;
        status = furrow_replica_unpack(replica, ids[i], &reads[i].record, arena, &message, err);
        known[i] = (const Job__V1__Location *)message;
    }
    return status == FURROW_OK ? job_check_locations(ids, known, count, err) : status;
}

static furrow_status decide_open(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *err)
{
    command_context *context = arg;
    Job__V1__Job *next;
    furrow_status status =
        job_open(job_of(current), context->open, context->id, furrow_clock_wall_ns(), arena, &next, err);
    if (status == FURROW_OK)
        status = check_locations(context->call, next->location_ids, next->n_location_ids, arena, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "opened"};
    return status;
}

furrow_status job_open_job(furrow_call *call, const Job__V1__OpenJobRequest *request, Job__V1__JobState *response,
                           furrow_error *err)
{
    char made[FURROW_ID_SIZE];
    furrow_status status = job_check_open(request, err);
    if (status != FURROW_OK) return status;
    if (request->id[0] == '\0') furrow_entity_new_id(furrow_call_command(call), made);
    command_context context = {.call = call, .open = request, .id = request->id[0] ? request->id : made};
    return write_job(&context, decide_open, response, err);
}

furrow_status job_get_job(furrow_call *call, const Job__V1__GetJobRequest *request, Job__V1__JobState *response,
                          furrow_error *err)
{
    furrow_state state;
    furrow_status status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status == FURROW_OK) status = furrow_entity_load(jobs(call), request->id, furrow_call_arena(call), &state, err);
    if (status != FURROW_OK) return status;
    if (!state.message) return furrow_fail(err, FURROW_NOT_FOUND, "no job %s", request->id);
    answer(&state, response);
    return FURROW_OK;
}

furrow_status job_batch_get_jobs(furrow_call *call, const Job__V1__BatchGetJobsRequest *request,
                                 Job__V1__BatchGetJobsResponse *response, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    furrow_lookup found;
    furrow_status status = furrow_lookup_read(jobs(call), request->ids, request->n_ids, arena, &found, err);
    if (status != FURROW_OK) return status;
    Job__V1__JobState *all = furrow_arena_alloc(arena, (found.count + 1) * sizeof *all);
    response->jobs = furrow_arena_alloc(arena, (found.count + 1) * sizeof(*response->jobs));
    if (!all || !response->jobs)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer is too large; ask for fewer at once");
    for (size_t i = 0; i < found.count; i++) {
        job__v1__job_state__init(&all[i]);
        answer(&found.states[i], &all[i]);
        response->jobs[response->n_jobs++] = &all[i];
    }
    response->missing_ids = found.missing_ids;
    response->n_missing_ids = found.missing_count;
    response->damaged_ids = found.damaged_ids;
    response->n_damaged_ids = found.damaged_count;
    return FURROW_OK;
}

static bool matches(const ProtobufCMessage *job, const void *request)
{
    return job_matches((const Job__V1__Job *)job, request);
}

/* The narrowest index there is for the request; what it does not cover is filtered. */
static furrow_record_query query_of(const Job__V1__ListJobsRequest *request, furrow_arena *arena)
{
    bool any_status = request->status == JOB__V1__JOB_STATUS__JOB_STATUS_UNSPECIFIED;
    bool any_kind = request->kind == JOB__V1__JOB_KIND__JOB_KIND_UNSPECIFIED;
    if (request->code_prefix[0] || (any_status && any_kind))
        return (furrow_record_query){.index = "code", .value = furrow_bytes_of(request->code_prefix), .prefix = true};
    if (!any_kind)
        return (furrow_record_query){.index = "kind", .value = furrow_record_index_integer(request->kind, arena)};
    return (furrow_record_query){.index = "status", .value = furrow_record_index_integer(request->status, arena)};
}

furrow_status job_list_jobs(furrow_call *call, const Job__V1__ListJobsRequest *request,
                            Job__V1__ListJobsResponse *response, furrow_error *err)
{
    furrow_listing listing = {.entity = jobs(call),
                              .query = query_of(request, furrow_call_arena(call)),
                              .page_size = request->page_size,
                              .page_token = request->page_token,
                              .matches = matches,
                              .request = request};
    furrow_page page;
    furrow_status status = furrow_listing_read(&listing, furrow_call_arena(call), &page, err);
    if (status != FURROW_OK) return status;
    response->jobs = (Job__V1__Job **)page.messages;
    response->n_jobs = page.count;
    response->damaged_ids = page.damaged_ids;
    response->n_damaged_ids = page.damaged_count;
    response->next_page_token = page.next;
    return FURROW_OK;
}

static furrow_status decide_status(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    command_context *context = arg;
    Job__V1__Job *next;
    furrow_status status =
        job_set_status(job_of(current), context->id, context->status, furrow_clock_wall_ns(), arena, &next, err);
    if (status == FURROW_OK && next && context->status == JOB__V1__JOB_STATUS__JOB_STATUS_OPEN)
        status = check_locations(context->call, next->location_ids, next->n_location_ids, arena, err);
    if (status == FURROW_OK && next) *out = (furrow_decision){.next = &next->base, .event = context->event};
    return status;
}

static furrow_status change_status(furrow_call *call, const char *id, Job__V1__JobStatus to, const char *event,
                                   Job__V1__JobState *response, furrow_error *err)
{
    furrow_status status = furrow_subject_check_id(id, strlen(id), "id", err);
    if (status != FURROW_OK) return status;
    command_context context = {.call = call, .id = id, .status = to, .event = event};
    return write_job(&context, decide_status, response, err);
}

furrow_status job_close_job(furrow_call *call, const Job__V1__CloseJobRequest *request, Job__V1__JobState *response,
                            furrow_error *err)
{
    return change_status(call, request->id, JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED, "closed", response, err);
}

furrow_status job_reopen_job(furrow_call *call, const Job__V1__ReopenJobRequest *request, Job__V1__JobState *response,
                             furrow_error *err)
{
    return change_status(call, request->id, JOB__V1__JOB_STATUS__JOB_STATUS_OPEN, "reopened", response, err);
}
