/**
 * Recording: what harvest keeps of a badge's holders, the job and the location is read, one pure decision (domain.h),
 * one write. Asks nobody. Threads: the loop's, in a task. Parks.
 */
#ifndef FURROW_HARVEST_RECORD_H
#define FURROW_HARVEST_RECORD_H

#include "runtime/service.h"
#include "harvest/domain.h"

typedef struct harvest_settings {
    const char *time_zone;
    int64_t day_start_hour;
} harvest_settings;
extern harvest_settings harvest_config;

typedef struct recorded_ticket {
    const Harvest__V1__Ticket *ticket;
    uint64_t version;
    bool known; /* it had been recorded before */
    char subject[FURROW_SUBJECT_MAX];
} recorded_ticket;

/* One scan, whose rules of fields hold. Lives in @arena. Errors: those of ticket_check_scan and ticket_record, and of a
 * write (log/entity.h). */
furrow_status record_scan(furrow_service *service, const Harvest__V1__Scan *scan, const furrow_command *command,
                          furrow_arena *arena, recorded_ticket *out, furrow_error *err) FURROW_MUST_USE;

#endif
