/*
 * The regular way: every command asks the owners, by RPC, for the employee, the job and the location. In sequence, as it
 * is usually written; or in parallel: three requests that leave in one write, answered while the crew reads its own
 * record. Nothing is kept from one command to the next. What is UNAVAILABLE is tried again, as the SDK's client does.
 */
#include "ways/facts.h"

#include "base/clock.h"
#include "employee/v1/employee.furrow.h"
#include "job/v1/job.furrow.h"
#include "location/v1/location.furrow.h"

/* One question to an owner. */
typedef struct question {
    const furrow_method_contract *method;
    union {
        Employee__V1__GetEmployeeRequest employee;
        Job__V1__GetJobRequest job;
        Location__V1__GetLocationRequest location;
        ProtobufCMessage base;
    } request;
} question;

static question question_of(const facts *what, int kind)
{
    question made;
    char *id = (char *)(uintptr_t)what->ids[kind];
    switch (kind) {
    case FACTS_EMPLOYEE:
        made.method = &employee_v1_employee_service.methods[EMPLOYEE_V1_EMPLOYEE_SERVICE_GET_EMPLOYEE];
        employee__v1__get_employee_request__init(&made.request.employee);
        made.request.employee.id = id;
        return made;
    case FACTS_JOB:
        made.method = &job_v1_job_service.methods[JOB_V1_JOB_SERVICE_GET_JOB];
        job__v1__get_job_request__init(&made.request.job);
        made.request.job.id = id;
        return made;
    default:
        made.method = &location_v1_location_service.methods[LOCATION_V1_LOCATION_SERVICE_GET_LOCATION];
        location__v1__get_location_request__init(&made.request.location);
        made.request.location.id = id;
        return made;
    }
}

/* An answer: the state, or that there is none. */
static furrow_status use_answer(facts *what, int kind, furrow_status status, const ProtobufCMessage *answer,
                                furrow_error *err)
{
    what->versions[kind] = 0;
    if (status == FURROW_NOT_FOUND) return FURROW_OK;
    return status == FURROW_OK ? facts_set(what, kind, answer, err) : status;
}

/* Asks one owner and waits for it. */
static furrow_status ask_one(facts *what, int kind, furrow_error *err)
{
    question asked = question_of(what, kind);
    ProtobufCMessage *answer = NULL;
    furrow_call_options options = {.deadline_ns = facts_deadline(what)};
    furrow_client *client = furrow_service_client(furrow_service_of(what->call));
    furrow_status status =
        furrow_client_call(client, asked.method, &asked.request.base, &options, what->arena, &answer, err);
    return use_answer(what, kind, status, answer, err);
}

static furrow_record_read *ask_nothing_yet(facts *what, size_t *count)
{
    *count = 0;
    return what->reads;
}

static furrow_status take_in_sequence(facts *what, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (int kind = 0; status == FURROW_OK && kind < FACTS_KINDS; kind++) status = ask_one(what, kind, err);
    return status;
}

static void on_answer(facts *what, int kind, furrow_status status, const furrow_error *failure,
                      const ProtobufCMessage *answer)
{
    if (status != FURROW_OK) what->errors[kind] = *failure;
    what->statuses[kind] = use_answer(what, kind, status, answer, &what->errors[kind]);
    if (--what->missing == 0) furrow_waiter_done(&what->waiter);
}

static void on_employee(void *arg, furrow_status status, const furrow_error *failure, const ProtobufCMessage *answer)
{
    on_answer(arg, FACTS_EMPLOYEE, status, failure, answer);
}

static void on_job(void *arg, furrow_status status, const furrow_error *failure, const ProtobufCMessage *answer)
{
    on_answer(arg, FACTS_JOB, status, failure, answer);
}

static void on_location(void *arg, furrow_status status, const furrow_error *failure, const ProtobufCMessage *answer)
{
    on_answer(arg, FACTS_LOCATION, status, failure, answer);
}

static furrow_record_read *ask_all(facts *what, size_t *count)
{
    static furrow_client_fn *const answered[FACTS_KINDS] = {on_employee, on_job, on_location};
    furrow_client *client = furrow_service_client(furrow_service_of(what->call));
    furrow_call_options options = {.deadline_ns = facts_deadline(what)};
    what->waiter = furrow_waiter_make();
    what->missing = 0;
    for (int kind = 0; kind < FACTS_KINDS; kind++) {
        question asked = question_of(what, kind);
        what->statuses[kind] = furrow_client_call_async(client, asked.method, &asked.request.base, &options,
                                                        answered[kind], what, &what->errors[kind]);
        if (what->statuses[kind] == FURROW_OK) what->missing++;
    }
    *count = 0;
    return what->reads;
}

/* Every call ends by its deadline at the latest. */
static furrow_status take_all(facts *what, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    if (what->missing > 0) (void)furrow_wait(&what->waiter, FURROW_NEVER);
    for (int kind = 0; status == FURROW_OK && kind < FACTS_KINDS; kind++) {
        status = what->statuses[kind];
        if (status == FURROW_UNAVAILABLE)
            status = ask_one(what, kind, err);
        else if (status != FURROW_OK && err)
            *err = what->errors[kind];
    }
    return status;
}

const facts_source facts_sequential = {.name = "sequential", .ask = ask_nothing_yet, .take = take_in_sequence};
const facts_source facts_parallel = {.name = "parallel", .ask = ask_all, .take = take_all};
