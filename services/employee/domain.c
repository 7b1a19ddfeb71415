/*
 * The rules of employment. Depends on generated types and input checks only.
 *
 * States and their transitions: (none) -hire-> ACTIVE -terminate-> TERMINATED -rehire-> ACTIVE; TERMINATED -erase->
 * (none). Results live in the arena or share memory with the inputs.
 */
#include "employee/v1/employee.domain.h"

#define ACTIVE     EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE
#define TERMINATED EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_TERMINATED

static bool is_blank_text(const char *text)
{
    return text[0] == '\0';
}

/* Of what a command is to write: names may have grown by their normal form, and an update's fields are checked here alone. */
static furrow_status check_next_employee(const Employee__V1__Employee *next, furrow_error *err)
{
    furrow_status status = furrow_rule_first(&employee_v1_employee_field_rules, &next->base, err);
    return status == FURROW_OK ? furrow_input_date("hire_date", next->hire_date, err) : status;
}

/* "" exactly while employed. */
static furrow_status check_end(const Employee__V1__Employee *employee, furrow_error *err)
{
    if (employee->status == ACTIVE)
        return is_blank_text(employee->termination_date)
                   ? FURROW_OK
                   : furrow_fail_field(err, "termination_date", "is for who has left");
    furrow_status status = furrow_input_date("termination_date", employee->termination_date, err);
    if (status == FURROW_OK && strcmp(employee->termination_date, employee->hire_date) < 0)
        status = furrow_fail_field(err, "termination_date", "is before hire_date");
    return status;
}

furrow_status employee_check_employee(const Employee__V1__Employee *employee, furrow_error *err)
{
    furrow_status status = furrow_input_date("hire_date", employee->hire_date, err);
    if (status == FURROW_OK) status = check_end(employee, err);
    if (status == FURROW_OK && employee->ended_at)
        status = furrow_timestamp_read("ended_at", employee->ended_at, NULL, err);
    return status == FURROW_OK ? furrow_timestamp_read("updated_at", employee->updated_at, NULL, err) : status;
}

static furrow_status check_birth_date(const Employee__V1__EmployeePrivate *private_fields, furrow_error *err)
{
    const char *date = private_fields->birth_date;
    return is_blank_text(date) ? FURROW_OK : furrow_input_date("private.birth_date", date, err);
}

/* A name that is not @before any more: in normal form, and one that people see. States of before may have others. */
static furrow_status normalize_name(const char *field, char **name, const char *before, furrow_arena *arena,
                                    furrow_error *err)
{
    if (before && strcmp(*name, before) == 0) return FURROW_OK;
    char *normal = furrow_unicode_nfc(*name, arena);
    if (!normal) return furrow_known_no_memory(err);
    *name = normal;
    return furrow_input_name(field, normal, err);
}

/* @before: NULL for somebody new. */
static furrow_status normalize_names(Employee__V1__Employee *next, const Employee__V1__Employee *before,
                                     furrow_arena *arena, furrow_error *err)
{
    furrow_status status =
        normalize_name("given_name", &next->given_name, before ? before->given_name : NULL, arena, err);
    if (status == FURROW_OK)
        status = normalize_name("family_name", &next->family_name, before ? before->family_name : NULL, arena, err);
    if (status == FURROW_OK)
        status = normalize_name("display_name", &next->display_name, before ? before->display_name : NULL, arena, err);
    return status == FURROW_OK ? normalize_name("crew", &next->crew, before ? before->crew : NULL, arena, err) : status;
}

furrow_status employee_hire_employee(const employee_hire_employee_known *known, Employee__V1__Employee *next,
                                     furrow_error *err)
{
    const Employee__V1__HireEmployeeRequest *request = known->request;
    furrow_arena *arena = known->arena;
    furrow_status status = request->private_ ? check_birth_date(request->private_, err) : FURROW_OK;
    if (status != FURROW_OK) return status;
    if (known->deleted)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "ID_ERASED",
                                  "the id %s belonged to an employee who was erased; hire under another", known->id);
    next->given_name = request->given_name;
    next->family_name = request->family_name;
    next->display_name = is_blank_text(request->display_name)
                             ? furrow_arena_printf(arena, "%s %s", request->given_name, request->family_name)
                             : request->display_name;
    next->badge = request->badge;
    next->status = ACTIVE;
    next->crew = request->crew;
    next->language = is_blank_text(request->language) ? furrow_arena_strdup(arena, "en") : request->language;
    next->contact = request->contact;
    next->hourly_rate_cents = request->hourly_rate_cents;
    next->hire_date =
        is_blank_text(request->hire_date) ? furrow_timestamp_date(known->now_ns, arena) : request->hire_date;
    if (!next->display_name || !next->language || !next->hire_date) return furrow_known_no_memory(err);
    status = normalize_names(next, NULL, arena, err);
    return status == FURROW_OK ? check_next_employee(next, err) : status;
}

furrow_status employee_update_employee(const employee_update_employee_known *known, Employee__V1__Employee *next,
                                       furrow_error *err)
{
    const Employee__V1__UpdateEmployeeRequest *request = known->request;
    const Google__Protobuf__FieldMask *mask = request->update_mask;
    if (mask->n_paths == 0)
        return furrow_fail_field(err, "update_mask", "names no field; say which of employee's fields change");
    if (next->contact) { /* the mask may write into it, and the present one must stay as it is */
        next->contact = furrow_arena_memdup(known->arena, next->contact, sizeof *next->contact);
        if (!next->contact) return furrow_known_no_memory(err);
    }
    furrow_status status =
        furrow_message_merge_mask(&next->base, &request->employee->base, mask->paths, mask->n_paths, known->arena, err);
    if (status == FURROW_OK) status = normalize_names(next, known->employee, known->arena, err);
    return status == FURROW_OK ? check_next_employee(next, err) : status;
}

/*
 * The day of what follows @previous, where the caller names none: today, but never before it. Whose clock is behind may
 * have yesterday, and somebody may be hired for next month.
 */
static furrow_status day_after(const char *previous, char *date, int64_t now_ns, furrow_arena *arena, char **day,
                               furrow_error *err)
{
    *day = is_blank_text(date) ? furrow_timestamp_date(now_ns, arena) : date;
    if (*day && is_blank_text(date) && strcmp(*day, previous) < 0) *day = furrow_arena_strdup(arena, previous);
    return *day ? furrow_input_date("date", *day, err) : furrow_known_no_memory(err);
}

furrow_status employee_terminate_employee(const employee_terminate_employee_known *known, Employee__V1__Employee *next,
                                          furrow_error *err)
{
    char *day;
    furrow_status status = day_after(next->hire_date, known->request->date, known->now_ns, known->arena, &day, err);
    if (status != FURROW_OK || next->status == TERMINATED) return status;
    if (strcmp(day, next->hire_date) < 0)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "BEFORE_HIRE", "%s was hired on %s, after %s",
                                  known->id, next->hire_date, day);
    next->status = TERMINATED;
    next->termination_date = day;
    next->ended_at = furrow_timestamp_after(next->ended_at, known->now_ns, known->arena);
    return next->ended_at ? FURROW_OK : furrow_known_no_memory(err);
}

furrow_status employee_rehire_employee(const employee_rehire_employee_known *known, Employee__V1__Employee *next,
                                       furrow_error *err)
{
    char *day;
    const Employee__V1__RehireEmployeeRequest *request = known->request;
    furrow_status status = day_after(next->termination_date, request->date, known->now_ns, known->arena, &day, err);
    if (status != FURROW_OK) return status;
    if (next->status != TERMINATED)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "EMPLOYED", "employee %s is employed", known->id);
    if (strcmp(day, next->termination_date) < 0)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "BEFORE_TERMINATION",
                                  "%s was employed until %s, after %s", known->id, next->termination_date, day);
    next->status = ACTIVE;
    next->hire_date = day;
    next->termination_date = furrow_arena_strdup(known->arena, "");
    if (!next->termination_date) return furrow_known_no_memory(err);
    if (!is_blank_text(request->badge)) next->badge = request->badge;
    return FURROW_OK;
}

furrow_status employee_erase_employee(const employee_erase_employee_known *known, furrow_error *err)
{
    if (known->employee->status != TERMINATED)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "EMPLOYED",
                                  "employee %s is employed; terminate first", known->id);
    return FURROW_OK;
}

furrow_status employee_update_employee_private(const employee_update_employee_private_known *known,
                                               Employee__V1__Employee *next, furrow_error *err)
{
    (void)next; /* what is sealed is the request's */
    return check_birth_date(known->request->private_, err);
}
