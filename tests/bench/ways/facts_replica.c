/*
 * The event-driven way: the crew keeps what it needs of employees, jobs and locations, and reads it in the round trip in
 * which it reads its own record. Nobody is asked. Compiled for each crew, whose replicas are its own.
 */
#include "crew.h"
#include "ways/facts.h"

static const furrow_replica_contract *const kept[FACTS_KINDS] = {[FACTS_EMPLOYEE] = &crew_employee_replica,
                                                                 [FACTS_JOB] = &crew_job_replica,
                                                                 [FACTS_LOCATION] = &crew_location_replica};

static furrow_replica *replica_of(const facts *what, int kind)
{
    return furrow_service_replica(furrow_service_of(what->call), kept[kind]);
}

static furrow_record_read *ask_replicas(facts *what, size_t *count)
{
    for (int kind = 0; kind < FACTS_KINDS; kind++)
        what->reads[kind] =
            (furrow_record_read){.table = furrow_replica_table(replica_of(what, kind)), .id = what->ids[kind]};
    *count = FACTS_KINDS;
    return what->reads;
}

/* Lends from the arena that the record is in. */
static void set_kept(facts *what, int kind, const ProtobufCMessage *message)
{
    if (kind == FACTS_EMPLOYEE) {
        const crew_employee *from = (const crew_employee *)message;
        timesheet__v1__employee__init(&what->employee);
        what->employee.id = from->id, what->employee.display_name = from->display_name;
        what->employee.status = from->status;
    } else if (kind == FACTS_JOB) {
        const crew_job *from = (const crew_job *)message;
        timesheet__v1__job__init(&what->job);
        what->job.id = from->id, what->job.name = from->name, what->job.status = from->status;
        what->job.location_ids = from->location_ids, what->job.n_location_ids = from->n_location_ids;
    } else {
        const crew_location *from = (const crew_location *)message;
        timesheet__v1__location__init(&what->location);
        what->location.id = from->id, what->location.name = from->name, what->location.status = from->status;
    }
}

static furrow_status take_replicas(facts *what, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (int kind = 0; status == FURROW_OK && kind < FACTS_KINDS; kind++) {
        const furrow_record *record = &what->reads[kind].record;
        ProtobufCMessage *message = NULL;
        status = furrow_replica_unpack(replica_of(what, kind), what->ids[kind], record, what->arena, &message, err);
        what->versions[kind] = 0;
        if (status != FURROW_OK || !message) continue;
        what->versions[kind] = record->version;
        set_kept(what, kind, message);
    }
    return status;
}

const facts_source facts_replica = {.name = "replica", .keeps = true, .ask = ask_replicas, .take = take_replicas};
