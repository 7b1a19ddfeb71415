/**
 * States of the farm's entities in JSON: good ones, and for each of their rules one that breaks it and nothing else.
 * Shared by who tries the rules alone and by who puts the states into the log of a running mesh.
 */
#ifndef FURROW_TEST_STATES_H
#define FURROW_TEST_STATES_H

#include <stddef.h>

/* With @field not NULL: breaks a rule about it. */
typedef struct test_state {
    const char *json, *field;
} test_state;

#define DAY                                                                                                            \
    "\"id\":\"E1_20261120\",\"employeeId\":\"E1\",\"date\":\"2026-11-20\",\"updatedAt\":\"2026-11-20T17:00:00Z\","
#define CLOSED DAY "\"status\":\"DAY_STATUS_CLOSED\",\"closedBy\":\"employee\""
#define OPEN   DAY "\"status\":\"DAY_STATUS_OPEN\",\"openEmployeeId\":\"E1\""
#define WORKED(from, to)                                                                                               \
    "{\"kind\":\"ENTRY_KIND_WORK\",\"jobId\":\"J1\",\"locationId\":\"B1\",\"start\":\"" from "\",\"end\":\"" to "\"}"
#define WORKS(from) "{\"kind\":\"ENTRY_KIND_WORK\",\"jobId\":\"J1\",\"locationId\":\"B1\",\"start\":\"" from "\"}"
#define MORNING     "2026-11-20T08:00:00Z"
#define NOON        "2026-11-20T12:00:00Z"
#define EVENING     "2026-11-20T16:00:00Z"
#define FIXED(x)    "{" CLOSED ",\"corrections\":[{" x "}]}"

static const test_state day_states[] = {
    {"{" CLOSED "}", NULL},
    {"{" CLOSED ",\"entries\":[" WORKED(MORNING, NOON) "," WORKED(NOON, NOON) "," WORKED(EVENING, EVENING) "]}", NULL},
    {"{" OPEN ",\"entries\":[" WORKED(MORNING, NOON) "," WORKS(NOON) "]}", NULL},
    {FIXED("\"at\":\"" NOON "\",\"by\":\"a\",\"reason\":\"b\""), NULL},
    {"{" OPEN "}", "entries"},
    {"{" OPEN ",\"entries\":[" WORKED(MORNING, NOON) "]}", "entries[0]"},
    {"{" OPEN ",\"entries\":[" WORKS(MORNING) "," WORKS(NOON) "]}", "entries[0]"},
    {"{" CLOSED ",\"entries\":[" WORKS(MORNING) "]}", "entries[0]"},
    {"{" CLOSED ",\"entries\":[" WORKED(NOON, MORNING) "]}", "entries[0]"},
    {"{" CLOSED ",\"entries\":[" WORKED(MORNING, EVENING) "," WORKED(NOON, EVENING) "]}", "entries[1]"},
    {"{" CLOSED ",\"entries\":[" WORKED("2611-11-20T08:00:00Z", "2611-11-20T09:00:00Z") "]}", "entries[0]"},
    {"{" CLOSED ",\"entries\":[" WORKED("2026-11-18T08:00:00Z", NOON) "]}", "entries[0]"},
    {"{" CLOSED ",\"entries\":[" WORKED(MORNING, "2026-11-23T08:00:00Z") "]}", "entries[0]"},
    {"{" CLOSED ",\"entries\":[{\"kind\":\"ENTRY_KIND_WORK\",\"jobId\":\"J1\",\"locationId\":\"B1\"}]}", "entries[0]"},
    {"{" CLOSED ",\"entries\":[{\"jobId\":\"J1\",\"locationId\":\"B1\",\"start\":\"" MORNING "\",\"end\":\"" NOON
     "\"}]}",
     "entries[0].kind"},
    {"{" CLOSED ",\"entries\":[{\"kind\":7,\"jobId\":\"J1\",\"locationId\":\"B1\",\"start\":\"" MORNING
     "\",\"end\":\"" NOON "\"}]}",
     "entries[0].kind"},
    {"{" CLOSED ",\"entries\":[{\"kind\":1,\"jobId\":\"J.1\",\"locationId\":\"B1\",\"start\":\"" MORNING
     "\",\"end\":\"" NOON "\"}]}",
     "entries[0].job_id"},
    {"{" CLOSED ",\"entries\":[{\"kind\":1,\"jobId\":\"J1\",\"start\":\"" MORNING "\",\"end\":\"" NOON "\"}]}",
     "entries[0].location_id"},
    {"{" CLOSED ",\"openEmployeeId\":\"E1\"}", "open_employee_id"},
    {"{" DAY "\"status\":\"DAY_STATUS_OPEN\",\"entries\":[" WORKS(MORNING) "]}", "open_employee_id"},
    {"{" DAY "\"status\":\"DAY_STATUS_CLOSED\"}", "closed_by"},
    {"{" OPEN ",\"closedBy\":\"a\",\"entries\":[" WORKS(MORNING) "]}", "closed_by"},
    {"{" DAY "\"closedBy\":\"a\"}", "status"},
    {"{" DAY "\"status\":9,\"closedBy\":\"a\"}", "status"},
    {FIXED("\"by\":\"a\",\"reason\":\"b\""), "corrections.at"},
    {FIXED("\"at\":\"" NOON "\",\"reason\":\"b\""), "corrections[0].by"},
    {FIXED("\"at\":\"" NOON "\",\"by\":\"a\""), "corrections[0].reason"},
    {"{\"id\":\"E1_20261120\",\"employeeId\":\"E1\",\"date\":\"2026-11-20\",\"status\":2,\"closedBy\":\"a\"}",
     "updated_at"},
    {"{\"id\":\"E1_20261120\",\"employeeId\":\"E2\",\"date\":\"2026-11-20\",\"status\":2,\"closedBy\":\"a\"}", "id"},
    {"{\"id\":\"E1_20261120\",\"employeeId\":\"E1\",\"date\":\"2026-11-21\",\"status\":2,\"closedBy\":\"a\"}", "id"},
    {"{\"id\":\"E1_20261120\",\"employeeId\":\"E1\",\"date\":\"2026-11-31\",\"status\":2,\"closedBy\":\"a\"}", "date"},
    {"{\"id\":\"E1_20261120\",\"employeeId\":\"E1\",\"status\":2,\"closedBy\":\"a\"}", "date"},
    {"{\"id\":\"E1_20261120\",\"date\":\"2026-11-20\",\"status\":2,\"closedBy\":\"a\"}", "employee_id"},
    {"{\"id\":\"E1_22620101\",\"employeeId\":\"E1\",\"date\":\"2262-01-01\",\"status\":2,\"closedBy\":\"a\"}", "date"},
};

#define PERSON                                                                                                         \
    "\"id\":\"E1\",\"displayName\":\"Ana\",\"givenName\":\"Ana\",\"familyName\":\"Luna\",\"language\":\"es\","
#define UPDATED "\"updatedAt\":\"2026-11-20T17:00:00Z\""
#define HIRED   "\"badge\":\"7\",\"hireDate\":\"2026-03-01\"," UPDATED
#define ACTIVE  "\"status\":\"EMPLOYMENT_STATUS_ACTIVE\""
#define LEFT    "\"status\":\"EMPLOYMENT_STATUS_TERMINATED\""

static const test_state employee_states[] = {
    {"{" PERSON HIRED "," ACTIVE "}", NULL},
    {"{" PERSON HIRED "," LEFT ",\"terminationDate\":\"2026-03-01\"}", NULL},
    {"{" PERSON HIRED "}", "status"},
    {"{" PERSON HIRED ",\"status\":-1}", "status"},
    {"{" PERSON HIRED "," LEFT "}", "termination_date"},
    {"{" PERSON HIRED "," LEFT ",\"terminationDate\":\"2026-02-28\"}", "termination_date"},
    {"{" PERSON HIRED "," LEFT ",\"terminationDate\":\"soon\"}", "termination_date"},
    {"{" PERSON HIRED "," ACTIVE ",\"terminationDate\":\"2026-04-01\"}", "termination_date"},
    {"{\"id\":\"E1\"}", "display_name"},
    {"{\"id\":\"E1\",\"givenName\":\"A\",\"displayName\":\"Ana\",\"language\":\"es\"," HIRED "," ACTIVE "}",
     "family_name"},
    {"{\"id\":\"E1\",\"givenName\":\"A\",\"familyName\":\"Luna\",\"language\":\"es\"," HIRED "," ACTIVE "}",
     "display_name"},
    {"{" PERSON "\"hireDate\":\"2026-03-01\"," UPDATED "," ACTIVE "}", "badge"},
    {"{" PERSON "\"badge\":\"a b\",\"hireDate\":\"2026-03-01\"," UPDATED "," ACTIVE "}", "badge"},
    {"{" PERSON "\"badge\":\"7\"," UPDATED "," ACTIVE "}", "hire_date"},
    {"{" PERSON "\"badge\":\"7\",\"hireDate\":\"2026-03-01\"," ACTIVE "}", "updated_at"},
    {"{" PERSON HIRED "," ACTIVE ",\"hourlyRateCents\":-1}", "hourly_rate_cents"},
    {"{" PERSON HIRED "," ACTIVE ",\"hourlyRateCents\":\"9223372036854775807\"}", "hourly_rate_cents"},
    {"{" PERSON HIRED "," ACTIVE ",\"contact\":{\"phone\":\"call me\"}}", "contact.phone"},
    {"{" PERSON HIRED "," ACTIVE ",\"contact\":{\"email\":\"nowhere\"}}", "contact.email"},
    {"{" PERSON HIRED "," ACTIVE ",\"crew\":\"a\\nb\"}", "crew"},
};

static const test_state key_states[] = {
    {"{\"id\":\"E1\",\"wrapped\":\"AQ==\"}", NULL},
    {"{\"id\":\"E1\"}", "wrapped"},
};

#define THE_JOB(rest) "{\"id\":\"J2\",\"code\":\"C\",\"name\":\"N\"," UPDATED "," rest "}"
#define HOURLY        "\"pay\":{\"type\":\"PAY_TYPE_HOURLY\"}"
#define HARVEST       "\"kind\":\"JOB_KIND_HARVEST\""
#define JOB_OPEN      "\"status\":\"JOB_STATUS_OPEN\""
#define PAID(pay)     THE_JOB(HARVEST "," JOB_OPEN ",\"pay\":{" pay "}")
#define REST_OF_IT    HARVEST "," JOB_OPEN "," HOURLY

static const test_state job_states[] = {
    {THE_JOB(REST_OF_IT), NULL},
    {THE_JOB(HARVEST "," HOURLY ",\"status\":\"JOB_STATUS_CLOSED\",\"locationIds\":[\"B1\",\"B2\"]"), NULL},
    {PAID("\"type\":\"PAY_TYPE_PIECE\",\"unit\":\"bin\",\"rateCents\":1"), NULL},
    {THE_JOB(HARVEST "," JOB_OPEN), "pay"},
    {PAID("\"unit\":\"bin\""), "pay.type"},
    {PAID("\"type\":3"), "pay.type"},
    {PAID("\"type\":\"PAY_TYPE_HOURLY\",\"rateCents\":1"), "pay"},
    {PAID("\"type\":\"PAY_TYPE_PIECE\",\"rateCents\":1"), "pay.unit"},
    {PAID("\"type\":\"PAY_TYPE_PIECE\",\"unit\":\"bin\""), "pay.rate_cents"},
    {PAID("\"type\":\"PAY_TYPE_PIECE\",\"unit\":\"bin\",\"rateCents\":\"-9223372036854775808\""), "pay.rate_cents"},
    {THE_JOB(JOB_OPEN "," HOURLY), "kind"},
    {THE_JOB(JOB_OPEN "," HOURLY ",\"kind\":2147483647"), "kind"},
    {THE_JOB(HARVEST "," HOURLY), "status"},
    {THE_JOB(HARVEST "," HOURLY ",\"status\":3"), "status"},
    {THE_JOB(REST_OF_IT ",\"locationIds\":[\"B1\",\"\"]"), "location_ids[1]"},
    {THE_JOB(REST_OF_IT ",\"locationIds\":[\"*\"]"), "location_ids[0]"},
    {"{\"id\":\"J2\",\"name\":\"N\"," UPDATED "," REST_OF_IT "}", "code"},
    {"{\"id\":\"J2\",\"code\":\"C\"," UPDATED "," REST_OF_IT "}", "name"},
    {"{\"id\":\"J2\",\"code\":\"C\",\"name\":\"N\"," REST_OF_IT "}", "updated_at"},
};

#define PLACE(rest) "{\"id\":\"L2\",\"name\":\"N\"," UPDATED "," rest "}"
#define PLACE_OPEN  "\"status\":\"LOCATION_STATUS_OPEN\""
#define RANCH(rest) PLACE("\"kind\":\"LOCATION_KIND_RANCH\",\"ranchId\":\"L2\"," rest)
#define BLOCK(rest) PLACE("\"kind\":\"LOCATION_KIND_BLOCK\",\"ranchId\":\"R1\"," rest)
#define UNDER_R1    "\"parentId\":\"R1\""

static const test_state location_states[] = {
    {RANCH(PLACE_OPEN ",\"timeZone\":\"America/Los_Angeles\""), NULL},
    {BLOCK(UNDER_R1 ",\"status\":\"LOCATION_STATUS_CLOSED\",\"areaHa\":2.5"), NULL},
    {RANCH(PLACE_OPEN "," UNDER_R1), "parent_id"},
    {RANCH(PLACE_OPEN ",\"timeZone\":\"../etc\""), "time_zone"},
    {RANCH("\"timeZone\":\"UTC\""), "status"},
    {RANCH("\"status\":7"), "status"},
    {BLOCK(PLACE_OPEN), "parent_id"},
    {BLOCK(PLACE_OPEN ",\"parentId\":\"L2\""), "parent_id"},
    {BLOCK(PLACE_OPEN ",\"parentId\":\"R1.>\""), "parent_id"},
    {BLOCK(PLACE_OPEN "," UNDER_R1 ",\"timeZone\":\"UTC\""), "time_zone"},
    {BLOCK(PLACE_OPEN "," UNDER_R1 ",\"areaHa\":-1"), "area_ha"},
    {BLOCK(PLACE_OPEN "," UNDER_R1 ",\"areaHa\":\"NaN\""), "area_ha"},
    {BLOCK(PLACE_OPEN "," UNDER_R1 ",\"centroid\":{\"latitude\":91}"), "centroid.latitude"},
    {BLOCK(PLACE_OPEN "," UNDER_R1 ",\"centroid\":{\"longitude\":\"Infinity\"}"), "centroid.longitude"},
    {PLACE(PLACE_OPEN "," UNDER_R1 ",\"ranchId\":\"R1\""), "kind"},
    {PLACE(PLACE_OPEN "," UNDER_R1 ",\"ranchId\":\"R1\",\"kind\":-3"), "kind"},
    {PLACE(PLACE_OPEN ",\"ranchId\":\"R1\",\"kind\":\"LOCATION_KIND_RANCH\""), "ranch_id"},
    {PLACE(PLACE_OPEN "," UNDER_R1 ",\"ranchId\":\"L2\",\"kind\":\"LOCATION_KIND_ROW\""), "ranch_id"},
    {PLACE(PLACE_OPEN "," UNDER_R1 ",\"kind\":\"LOCATION_KIND_ROW\""), "ranch_id"},
    {"{\"id\":\"L2\"," UPDATED ",\"kind\":1,\"ranchId\":\"L2\"," PLACE_OPEN "}", "name"},
    {"{\"id\":\"L2\",\"name\":\"N\",\"kind\":1,\"ranchId\":\"L2\"," PLACE_OPEN "}", "updated_at"},
};

static const test_state tree_states[] = {
    {"{\"id\":\"R1\",\"parents\":{\"B1\":\"R1\",\"B2\":\"B1\",\"B3\":\"B2\",\"B4\":\"B1\"}}", NULL},
    {"{\"id\":\"R1\",\"parents\":{\"B1\":\"B1\"}}", "parents"},
    {"{\"id\":\"R1\",\"parents\":{\"B0\":\"R1\",\"B1\":\"B3\",\"B2\":\"B1\",\"B3\":\"B2\"}}", "parents"},
    {"{\"id\":\"R1\",\"parents\":{\"B1\":\"\"}}", "parents[\"B1\"]"},
    {"{\"id\":\"R1\",\"parents\":{\"\":\"R1\"}}", "parents[\"\"]"},
    {"{\"id\":\"R1\",\"parents\":{\"B1\":\"R1\",\"a b\":\"R1\"}}", "parents[\"a b\"]"},
};

#endif
