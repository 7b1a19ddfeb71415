/**
 * The rules of states (see wire/rules.h): of WorkDays, whoever made them, and of what is kept of employees, jobs and
 * locations. Pure, and of no setting: a day stays right when the farm moves its time zone or the hour its days begin.
 */
#ifndef FURROW_TIMESHEET_STATE_H
#define FURROW_TIMESHEET_STATE_H

#include "base/status.h"

#include <protobuf-c/protobuf-c.h>

furrow_status state_check_day(const ProtobufCMessage *day, furrow_error *err);
furrow_status state_check_employee(const ProtobufCMessage *employee, furrow_error *err);
furrow_status state_check_job(const ProtobufCMessage *job, furrow_error *err);
furrow_status state_check_location(const ProtobufCMessage *location, furrow_error *err);

#endif
