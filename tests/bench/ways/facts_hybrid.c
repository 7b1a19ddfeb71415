/*
 * The hybrid way: what an owner said is kept for a while (WAYS_TTL_MS); of those who ask for the same at the same time
 * one asks for all (gather.h); and owners are asked for many ids at once. A batch gathers what the ready commands of a
 * turn of the loop want, and, once WAYS_BATCHES of them are on their way to an owner, whatever is wanted until one
 * comes back: the busier, the larger, and nobody waits for a clock. What waits to be asked has a bound
 * (WAYS_QUEUE_MAX), past which a command is refused at once.
 */
#include "ways/facts.h"
#include "ways/gather.h"

#include "base/clock.h"
#include "employee/v1/employee.furrow.h"
#include "job/v1/job.furrow.h"
#include "location/v1/location.furrow.h"
#include "wire/message.h"

#define BATCH_TIMEOUT_MS  2000 /* a batch that takes so long is given up: it holds up others */
#define BATCH_ARENA_BYTES ((size_t)4 << 20)
#define RETRY_MS          20

typedef struct owner {
    int kind;
    const furrow_method_contract *method;
    const ProtobufCMessageDescriptor *kept; /* what is kept of a state: timesheet's subset */
    gather *gather;
    furrow_service *service;
    size_t batches, ready; /* tasks that ask; of them, those that have not begun */
} owner;

static owner owners[FACTS_KINDS];

static furrow_status prepare_owners(furrow_service *service, furrow_error *err)
{
    if (owners[0].service) return FURROW_OK;
    owners[FACTS_EMPLOYEE].method =
        &employee_v1_employee_service.methods[EMPLOYEE_V1_EMPLOYEE_SERVICE_BATCH_GET_EMPLOYEES];
    owners[FACTS_EMPLOYEE].kept = &timesheet__v1__employee__descriptor;
    owners[FACTS_JOB].method = &job_v1_job_service.methods[JOB_V1_JOB_SERVICE_BATCH_GET_JOBS];
    owners[FACTS_JOB].kept = &timesheet__v1__job__descriptor;
    owners[FACTS_LOCATION].method =
        &location_v1_location_service.methods[LOCATION_V1_LOCATION_SERVICE_BATCH_GET_LOCATIONS];
    owners[FACTS_LOCATION].kept = &timesheet__v1__location__descriptor;
    gather_options options = {.ttl_ns = (uint64_t)facts_config.ttl_ms * FURROW_NS_PER_MS,
                              .max_known = (size_t)facts_config.cache_max,
                              .max_wanted = (size_t)facts_config.queue_max};
    for (int kind = 0; kind < FACTS_KINDS; kind++) {
        owners[kind].kind = kind;
        if (!owners[kind].gather && !(owners[kind].gather = gather_create(&options)))
            return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    }
    for (int kind = 0; kind < FACTS_KINDS; kind++) owners[kind].service = service;
    return FURROW_OK;
}

/* The answer of an owner to a batch, whichever it is. */
typedef struct batch_answer {
    size_t count, missing;
    ProtobufCMessage *const *states; /* EmployeeState, JobState or LocationState */
    char *const *missing_ids;
} batch_answer;

static batch_answer read_answer(int kind, const ProtobufCMessage *answer)
{
    if (kind == FACTS_EMPLOYEE) {
        const Employee__V1__BatchGetEmployeesResponse *from = (const Employee__V1__BatchGetEmployeesResponse *)answer;
        return (batch_answer){from->n_employees, from->n_missing_ids, (ProtobufCMessage **)from->employees,
                              from->missing_ids};
    }
    if (kind == FACTS_JOB) {
        const Job__V1__BatchGetJobsResponse *from = (const Job__V1__BatchGetJobsResponse *)answer;
        return (batch_answer){from->n_jobs, from->n_missing_ids, (ProtobufCMessage **)from->jobs, from->missing_ids};
    }
    const Location__V1__BatchGetLocationsResponse *from = (const Location__V1__BatchGetLocationsResponse *)answer;
    return (batch_answer){from->n_locations, from->n_missing_ids, (ProtobufCMessage **)from->locations,
                          from->missing_ids};
}

/* Keeps of a state what timesheet's rules take of it. */
static void keep_state(owner *self, const ProtobufCMessage *state, furrow_arena *arena)
{
    facts scratch = {.arena = arena};
    const char *id = NULL;
    furrow_bytes packed;
    const ProtobufCMessage *subset = self->kind == FACTS_EMPLOYEE ? &scratch.employee.base
                                     : self->kind == FACTS_JOB    ? &scratch.job.base
                                                                  : &scratch.location.base;
    if (facts_set(&scratch, self->kind, state, NULL) != FURROW_OK ||
        furrow_message_pack(subset, arena, &packed, NULL) != FURROW_OK)
        return; /* who waits for it is told that the batch did not bring it */
    id = self->kind == FACTS_EMPLOYEE ? scratch.employee.id
         : self->kind == FACTS_JOB    ? scratch.job.id
                                      : scratch.location.id;
    gather_found(self->gather, id, packed, scratch.versions[self->kind], furrow_clock_now_ns());
}

static furrow_status ask_owner(owner *self, const char *ids[], size_t count, furrow_arena *arena, furrow_error *err)
{
    union {
        Employee__V1__BatchGetEmployeesRequest employee;
        Job__V1__BatchGetJobsRequest job;
        Location__V1__BatchGetLocationsRequest location;
        ProtobufCMessage base;
    } request;
    char **wanted = (char **)(uintptr_t)ids;
    ProtobufCMessage *response = NULL;
    if (self->kind == FACTS_EMPLOYEE) {
        employee__v1__batch_get_employees_request__init(&request.employee);
        request.employee.ids = wanted, request.employee.n_ids = count;
    } else if (self->kind == FACTS_JOB) {
        job__v1__batch_get_jobs_request__init(&request.job);
        request.job.ids = wanted, request.job.n_ids = count;
    } else {
        location__v1__batch_get_locations_request__init(&request.location);
        request.location.ids = wanted, request.location.n_ids = count;
    }
    furrow_status status =
        furrow_client_call(furrow_service_client(self->service), self->method, &request.base,
                           &(furrow_call_options){.timeout_ms = BATCH_TIMEOUT_MS}, arena, &response, err);
    if (status != FURROW_OK) return status;
    batch_answer answer = read_answer(self->kind, response);
    for (size_t i = 0; i < answer.count; i++) keep_state(self, answer.states[i], arena);
    for (size_t i = 0; i < answer.missing; i++)
        gather_found(self->gather, answer.missing_ids[i], (furrow_bytes){0}, 0, furrow_clock_now_ns());
    return furrow_fail(err, FURROW_DATA_LOSS, "the owner has no usable state of it");
}

/* An answer about one may push another of the same batch out of the cache. */
static bool copy_ids(const char *ids[], size_t count, furrow_arena *arena)
{
    const char *copies[FACTS_BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        if (!(copies[i] = furrow_arena_strdup(arena, ids[i]))) return false;
    memcpy(ids, copies, count * sizeof *ids);
    return true;
}

/* A task: asks for what is wanted until nothing is. */
static void ask_in_batches(void *arg)
{
    owner *self = arg;
    const char *ids[FACTS_BATCH_MAX];
    furrow_arena *arena = furrow_arena_create(BATCH_ARENA_BYTES);
    furrow_error err = {.text = "out of memory"};
    size_t count;
    self->ready--;
    while ((count = gather_take(self->gather, ids, (size_t)facts_config.batch_max)) > 0) {
        furrow_status status = FURROW_RESOURCE_EXHAUSTED;
        if (arena && copy_ids(ids, count, arena)) status = ask_owner(self, ids, count, arena, &err);
        /* Those that the answer was about are asked for no more, and not concerned. */
        for (size_t i = 0; i < count; i++) gather_failed(self->gather, ids[i], status, &err);
        if (arena) furrow_arena_reset(arena);
    }
    furrow_arena_destroy(arena);
    self->batches--;
}

static furrow_status use_value(facts *what, int kind, const gather_place *place, furrow_error *err)
{
    ProtobufCMessage *message;
    what->versions[kind] = place->version;
    if (place->version == 0) return FURROW_OK;
    furrow_status status = furrow_message_unpack(owners[kind].kept, place->value, what->arena, &message, err);
    if (status != FURROW_OK) return status;
    if (kind == FACTS_EMPLOYEE)
        what->employee = *(const Timesheet__V1__Employee *)message;
    else if (kind == FACTS_JOB)
        what->job = *(const Timesheet__V1__Job *)message;
    else
        what->location = *(const Timesheet__V1__Location *)message;
    return FURROW_OK;
}

/* Asks for one; what is known is used at once, being lent. */
static furrow_status want_fact(facts *what, int kind, furrow_error *err)
{
    owner *self = &owners[kind];
    gather_place *place = &what->places[kind];
    gather_outcome outcome = gather_ask(self->gather, what->ids[kind], furrow_clock_now_ns(), place);
    if (outcome == GATHER_KNOWN) return use_value(what, kind, place, err);
    if (outcome == GATHER_FULL) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "too many questions wait for an owner's answer");
        if (err) err->retry_ms = RETRY_MS;
        return FURROW_RESOURCE_EXHAUSTED;
    }
    if (gather_wanted(self->gather) <= self->ready * (size_t)facts_config.batch_max ||
        self->batches >= (size_t)facts_config.batches)
        return FURROW_OK;
    /* It runs after the commands that are ready now, so it takes what they want, too. */
    furrow_loop *loop = furrow_store_loop(furrow_service_store(self->service));
    furrow_status status = furrow_loop_spawn(loop, ask_in_batches, self, err);
    if (status == FURROW_OK) self->batches++, self->ready++;
    return self->batches > 0 ? FURROW_OK : status;
}

static furrow_record_read *want_facts(facts *what, size_t *count)
{
    furrow_error *err = &what->errors[0];
    furrow_status status = prepare_owners(furrow_service_of(what->call), err);
    for (int kind = 0; kind < FACTS_KINDS; kind++) what->places[kind] = (gather_place){.arena = what->arena};
    for (int kind = 0; status == FURROW_OK && kind < FACTS_KINDS; kind++) status = want_fact(what, kind, err);
    what->statuses[0] = status;
    *count = 0;
    return what->reads;
}

/* Each until the command's deadline; whatever became of the first, none is left waiting. */
static furrow_status take_facts(facts *what, furrow_error *err)
{
    furrow_status status = what->statuses[0];
    if (status != FURROW_OK && err) *err = what->errors[0];
    for (int kind = 0; kind < FACTS_KINDS; kind++) {
        gather_place *place = &what->places[kind];
        bool waits = place->entry || place->waiter.done;
        if (status == FURROW_OK && waits && furrow_wait(&place->waiter, furrow_call_deadline(what->call))) {
            status = place->status;
            if (status == FURROW_OK)
                status = use_value(what, kind, place, err);
            else if (err)
                *err = place->err;
        } else if (status == FURROW_OK && waits) {
            status = furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "no answer from the owner in time");
        }
        gather_leave(place);
    }
    return status;
}

const facts_source facts_hybrid = {.name = "hybrid", .ask = want_facts, .take = take_facts};
