/* Rows whose entity exists; see import.h. Only fields that a row fills are compared: an empty one says nothing. */
#include "farm/import.h"

#include "cli/diff.h"
#include "farm/row.h"

#include "base/buffer.h"
#include "base/id.h"
#include "employee/v1/employee.furrow.h"
#include "job/v1/job.furrow.h"
#include "location/v1/location.furrow.h"
#include "wire/member.h"
#include "wire/message.h"

#include <stdio.h>
#include <string.h>

#define JUDGE_MEMORY   ((size_t)4 << 20)
#define LOOK_UP_MEMORY ((size_t)32 << 20)

/* ---- what differs ---- */

typedef struct difference {
    furrow_arena *arena;
    const char *prefix; /* of the paths, for people */
    char **paths;
    size_t count, room;
    furrow_buffer text;
    bool secret; /* values are not shown */
} difference;

static void note_field(void *arg, const char *path, const ProtobufCFieldDescriptor *field, furrow_bytes before,
                       furrow_bytes now)
{
    difference *to = arg;
    if (!field || to->count == to->room) return;
    to->paths[to->count] = furrow_arena_strdup(to->arena, path);
    if (!to->paths[to->count++]) to->text.failed = true;
    furrow_buffer_printf(&to->text, "%s%s%s", to->text.len > 0 ? ", " : "", to->prefix, path);
    if (to->secret) return;
    furrow_buffer_printf(&to->text, " is %.*s and here %.*s", before.data ? (int)before.len : 4,
                         before.data ? (const char *)before.data : "none", now.data ? (int)now.len : 4,
                         now.data ? (const char *)now.data : "none");
}

/* The paths that the row fills, of the columns of @header. */
static size_t filled_paths(const csv_row *header, const csv_row *row, char *paths[])
{
    size_t count = 0;
    for (size_t c = 0; c < header->count && c < row->count; c++)
        if (row->fields[c][0] && header->fields[c][0] && header->fields[c][0] != ROW_REMARK &&
            strcmp(header->fields[c], "id") != 0)
            paths[count++] = header->fields[c];
    return count;
}

/* *merged: what @there would be if it were as the row says. What differs is added to @to. */
static furrow_status compare_columns(const import_row *row, const csv_row *header, const ProtobufCMessage *there,
                                     difference *to, ProtobufCMessage **wanted, ProtobufCMessage **merged,
                                     furrow_error *err)
{
    size_t count = 0;
    char **paths = furrow_arena_alloc(to->arena, (header->count + 1) * sizeof(char *));
    to->room = header->count;
    to->count = 0;
    to->paths = furrow_arena_zalloc(to->arena, (header->count + 1) * sizeof(char *));
    furrow_status status = paths && to->paths ? row_request(header, row->csv, there->descriptor, to->arena, wanted, err)
                                              : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (status == FURROW_OK) count = filled_paths(header, row->csv, paths);
    if (status == FURROW_OK) status = furrow_message_copy(there, to->arena, merged, err);
    if (status == FURROW_OK) status = furrow_message_merge_mask(*merged, *wanted, paths, count, to->arena, err);
    if (status == FURROW_OK && (!diff_messages(there, *merged, to->arena, note_field, to) || to->text.failed))
        status = furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    return status;
}

/* ---- --update ---- */

static furrow_status update_employee(import_row *row, const import_change *change, furrow_arena *arena,
                                     furrow_error *err)
{
    ProtobufCMessage *response;
    Employee__V1__UpdateEmployeeRequest request = EMPLOYEE__V1__UPDATE_EMPLOYEE_REQUEST__INIT;
    Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
    mask.paths = change->paths;
    mask.n_paths = change->count;
    request.employee = (Employee__V1__Employee *)(uintptr_t)change->wanted;
    request.update_mask = &mask;
    request.version = change->version;
    return import_call(row, import_method(row->in, EMPLOYEE_V1_EMPLOYEE_SERVICE_UPDATE_EMPLOYEE), &request.base, arena,
                       &response, err);
}

/* A location moves, and else stays what it was made as. */
static furrow_status update_location(import_row *row, const import_change *change, furrow_arena *arena,
                                     furrow_error *err)
{
    ProtobufCMessage *response;
    Location__V1__MoveLocationRequest request = LOCATION__V1__MOVE_LOCATION_REQUEST__INIT;
    if (change->count != 1 || strcmp(change->paths[0], "parent_id") != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "of a location parent_id alone can be changed");
    request.id = (char *)(uintptr_t)row->id;
    request.parent_id = ((const Location__V1__Location *)change->wanted)->parent_id;
    return import_call(row, import_method(row->in, LOCATION_V1_LOCATION_SERVICE_MOVE_LOCATION), &request.base, arena,
                       &response, err);
}

#define NO_METHOD SIZE_MAX

const import_kind import_kinds[] = {
    {"locations", &location_v1_location_service, LOCATION_V1_LOCATION_SERVICE_CREATE_LOCATION,
     LOCATION_V1_LOCATION_SERVICE_GET_LOCATION, LOCATION_V1_LOCATION_SERVICE_BATCH_GET_LOCATIONS,
     &location__v1__location__descriptor, update_location, NO_METHOD, NO_METHOD},
    {"jobs", &job_v1_job_service, JOB_V1_JOB_SERVICE_OPEN_JOB, JOB_V1_JOB_SERVICE_GET_JOB,
     JOB_V1_JOB_SERVICE_BATCH_GET_JOBS, &job__v1__job__descriptor, NULL, NO_METHOD, NO_METHOD},
    {"employees", &employee_v1_employee_service, EMPLOYEE_V1_EMPLOYEE_SERVICE_HIRE_EMPLOYEE,
     EMPLOYEE_V1_EMPLOYEE_SERVICE_GET_EMPLOYEE, EMPLOYEE_V1_EMPLOYEE_SERVICE_BATCH_GET_EMPLOYEES,
     &employee__v1__employee__descriptor, update_employee, EMPLOYEE_V1_EMPLOYEE_SERVICE_GET_EMPLOYEE_PRIVATE,
     EMPLOYEE_V1_EMPLOYEE_SERVICE_UPDATE_EMPLOYEE_PRIVATE},
};
const size_t import_kind_count = sizeof import_kinds / sizeof *import_kinds;

/* ---- one row ---- */

static void settle_same(import_row *row)
{
    import_settle(row, row->attempted ? row->attempted : IMPORT_UNCHANGED, NULL);
}

/* {"id":…} for a Get method. */
static furrow_status get_by_id(import_row *row, size_t method, furrow_arena *arena, ProtobufCMessage **response,
                               furrow_error *err)
{
    const furrow_method_contract *get = import_method(row->in, method);
    ProtobufCMessage *request = furrow_message_new(get->input, arena);
    if (!request) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    import_set_id(request, row->id);
    return furrow_client_call(row->in->tool->client, get, request, NULL, arena, response, err);
}

static const void *nested(const ProtobufCMessage *message, unsigned field)
{
    return *(void *const *)(const void *)((const char *)message + message->descriptor->fields[field].offset);
}

/* Answers of Get and each of BatchGet are {entity, version}. */
static int64_t answer_version(const ProtobufCMessage *answer)
{
    return *(const int64_t *)(const void *)((const char *)answer + answer->descriptor->fields[1].offset);
}

static furrow_status update_private(import_row *row, ProtobufCMessage *merged, furrow_arena *arena, furrow_error *err)
{
    ProtobufCMessage *response;
    const furrow_method_contract *method = import_method(row->in, row->in->kind->update_private);
    ProtobufCMessage *request = furrow_message_new(method->input, arena);
    if (!request) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    import_set_id(request, row->id);
    *(void **)(void *)((char *)request + method->input->fields[1].offset) = merged;
    return import_call(row, method, request, arena, &response, err);
}

/* Compares what is private, which another method tells, and not everybody. */
static furrow_status judge_private(import_row *row, difference *found, ProtobufCMessage **merged, furrow_error *err)
{
    ProtobufCMessage *there, *wanted;
    furrow_status status = get_by_id(row, row->in->kind->get_private, found->arena, &there, err);
    found->prefix = "private.";
    found->secret = true;
    if (status == FURROW_OK)
        status = compare_columns(row, &row->in->private_header, there, found, &wanted, merged, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "compare what is private of %s", row->id);
}

typedef struct judgement {
    difference open, secret;
    ProtobufCMessage *wanted, *merged, *private_merged;
    int64_t version;
} judgement;

static furrow_status apply_update(import_row *row, const judgement *judged, furrow_error *err)
{
    furrow_arena *arena = judged->open.arena;
    import_change change = {judged->wanted, judged->open.paths, judged->open.count, judged->version};
    furrow_status status = FURROW_OK;
    if (row->attempted == 0) row->attempted = IMPORT_UPDATED;
    import_set_id(judged->wanted, row->id);
    if (change.count > 0)
        status = row->in->kind->update ? row->in->kind->update(row, &change, arena, err)
                                       : furrow_fail(err, FURROW_INVALID_ARGUMENT, "no method changes one of the %s",
                                                     row->in->kind->name);
    if (status == FURROW_OK && judged->secret.count > 0)
        status = update_private(row, judged->private_merged, arena, err);
    return status;
}

/* The names of what differs, behind the @len bytes of @text: of those that fit. How many did not is added to *left. */
static size_t put_names(const difference *of, char *text, size_t size, size_t len, size_t *left)
{
    for (size_t i = 0; i < of->count; i++) {
        if (len + strlen(of->prefix) + strlen(of->paths[i]) + sizeof ", and 1000000 more" > size)
            ++*left;
        else
            len += (size_t)snprintf(text + len, size - len, "%s%s%s", text[len - 1] == ' ' ? "" : ", ", of->prefix,
                                    of->paths[i]);
    }
    return len;
}

/* All that differs, with its values where they fit; else its names. */
static void settle_differing(import_row *row, const judgement *judged, const char *how)
{
    furrow_error err = {.code = FURROW_ALREADY_EXISTS};
    const furrow_buffer *whole = &judged->open.text;
    size_t size = sizeof err.text - strlen(how), left = 0;
    size_t len = (size_t)snprintf(err.text, size, "%s exists and differs: ", row->id);
    if (len + whole->len < size) {
        len += (size_t)snprintf(err.text + len, size - len, "%.*s", (int)whole->len, (const char *)whole->data);
    } else {
        len = put_names(&judged->open, err.text, size, len, &left);
        len = put_names(&judged->secret, err.text, size, len, &left);
        if (left > 0) len += (size_t)snprintf(err.text + len, size - len, " and %zu more", left);
    }
    snprintf(err.text + len, sizeof err.text - len, "%s", how);
    import_settle(row, IMPORT_DIFFERS, &err);
}

static void settle_judged(import_row *row, judgement *judged)
{
    furrow_error err = {0};
    difference *text = &judged->open;
    if (judged->open.count + judged->secret.count == 0) {
        settle_same(row);
        return;
    }
    if (judged->secret.count > 0)
        furrow_buffer_printf(&text->text, "%s%.*s", text->text.len > 0 ? ", " : "", (int)judged->secret.text.len,
                             (const char *)judged->secret.text.data);
    if (!row->in->options->update) {
        settle_differing(row, judged, "; --update applies the file");
        return;
    }
    furrow_status status = row->in->options->dry_run ? FURROW_OK : apply_update(row, judged, &err);
    if (status == FURROW_OK) {
        import_settle(row, IMPORT_UPDATED, NULL);
        return;
    }
    import_state state = import_state_of(status);
    furrow_wrap(&err, "%s exists and differs (%.*s)", row->id, text->text.len < 120 ? (int)text->text.len : 120,
                (const char *)text->text.data);
    import_settle(row, state, &err);
}

static furrow_status judge_answer(import_row *row, const ProtobufCMessage *answer, judgement *judged, furrow_error *err)
{
    judged->version = answer_version(answer);
    furrow_status status = compare_columns(row, &row->in->entity_header, nested(answer, 0), &judged->open,
                                           &judged->wanted, &judged->merged, err);
    if (status == FURROW_OK && import_has_private(row))
        status = judge_private(row, &judged->secret, &judged->private_merged, err);
    return status;
}

void import_judge(import_row *row, const furrow_error *refusal)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(JUDGE_MEMORY);
    judgement judged = {.open = {.arena = arena, .prefix = ""}, .secret = {.arena = arena}};
    ProtobufCMessage *answer;
    furrow_error err = {0};
    furrow_buffer_init(&judged.open.text, JUDGE_MEMORY);
    furrow_buffer_init(&judged.secret.text, JUDGE_MEMORY);
    furrow_status status = arena ? get_by_id(row, row->in->kind->get, arena, &answer, &err)
                                 : furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (status == FURROW_NOT_FOUND) {
        if (refusal)
            import_settle(row, IMPORT_BAD, refusal);
        else
            import_settle(row, IMPORT_AGAIN, &err); /* it was there a moment ago */
    } else {
        if (status == FURROW_OK) status = judge_answer(row, answer, &judged, &err);
        if (status == FURROW_OK)
            settle_judged(row, &judged);
        else
            import_settle(row, import_state_of(status), &err);
    }
    furrow_buffer_fini(&judged.open.text);
    furrow_buffer_fini(&judged.secret.text);
}

/* ---- many rows ---- */

/* One that is the same in all it shows, and has nothing private to compare, needs no question of its own. */
static void settle_if_same(import_row *row, const ProtobufCMessage *answer)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(JUDGE_MEMORY);
    judgement judged = {.open = {.arena = arena, .prefix = ""}};
    if (!arena || import_has_private(row)) return;
    furrow_buffer_init(&judged.open.text, JUDGE_MEMORY);
    if (judge_answer(row, answer, &judged, NULL) == FURROW_OK && judged.open.count == 0) settle_same(row);
    furrow_buffer_fini(&judged.open.text);
}

static void take_answers(import_row *const rows[], size_t count, const ProtobufCMessage *response)
{
    const ProtobufCFieldDescriptor *field = &response->descriptor->fields[0]; /* {entity, version}… */
    size_t answers = *(const size_t *)(const void *)((const char *)response + field->quantifier_offset), at = 0;
    const ProtobufCMessage *const *all = nested(response, 0);
    for (size_t i = 0; i < count; i++) rows[i]->exists = false;
    for (size_t i = 0; i < answers; i++) { /* in the order of the ids */
        const ProtobufCMessage *entity = nested(all[i], 0);
        const ProtobufCFieldDescriptor *id_field =
            protobuf_c_message_descriptor_get_field_by_name(entity->descriptor, "id");
        const char *id = furrow_member_text(entity, id_field);
        while (at < count && strcmp(rows[at]->id, id) != 0) at++;
        if (at == count) return;
        rows[at]->exists = true;
        settle_if_same(rows[at], all[i]);
    }
}

furrow_status import_look_up(import *in, import_row *const rows[], size_t count, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(LOOK_UP_MEMORY);
    const furrow_method_contract *method = import_method(in, in->kind->batch_get);
    ProtobufCMessage *request = arena ? furrow_message_new(method->input, arena) : NULL, *response;
    import_row **asked = arena ? furrow_arena_alloc(arena, (count + 1) * sizeof(import_row *)) : NULL;
    char **ids = arena ? furrow_arena_alloc(arena, (count + 1) * sizeof(char *)) : NULL;
    size_t n = 0;
    if (!request || !asked || !ids) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < count; i++) {
        if (!furrow_id_valid(rows[i]->id, strlen(rows[i]->id))) continue; /* its service says what is wrong */
        asked[n] = rows[i];
        ids[n++] = (char *)(uintptr_t)rows[i]->id;
    }
    if (n == 0) return FURROW_OK;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(method->input, "ids");
    *(size_t *)(void *)((char *)request + field->quantifier_offset) = n;
    *(char ***)(void *)((char *)request + field->offset) = ids;
    furrow_status status = furrow_client_call(in->tool->client, method, request, NULL, arena, &response, err);
    if (status == FURROW_OK) take_answers(asked, n, response);
    return status;
}
