/*
 * Fills what a benchmark works on, quickly: entities published through bare nats.c, durables made anew.
 *
 *   loader --url U renew EMPLOYEE timesheet           the durable of a replica, from the beginning again
 *   loader --url U fill employees|jobs|locations|tickets N   entities E0000000, J0000000, L0000000, T0000000 and on;
 *                                                     employees of 200 bytes
 *   loader --url U pace 5000 20                       so many employees a second for so many seconds, again and again
 *   loader --url U wait EMPLOYEE timesheet            until the durable has delivered all and nothing is unacked
 *
 * With accounts U is the operator's, and --writers the URL of who writes a service's log, with %s for the service:
 * nats://%s.log:password@host:port.
 *
 * May depend on: nats.c, common/link's provisioner, the contracts.
 */
#include "bare.h"
#include "employee/v1/employee.furrow.h"
#include "harvest/v1/harvest.furrow.h"
#include "job/v1/job.furrow.h"
#include "link/provision.h"
#include "location/v1/location.furrow.h"
#include "measure.h"
#include "timesheet/v1/timesheet.furrow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMPLOYEE_BYTES 200
#define EVENT_MAX      1024
#define FLUSH_EVERY    10000
#define CONNECT_MS     5000
#define LOOK_EVERY_MS  20
#define PATIENCE_S     600
#define PACE_MS        5
#define PACED          50000 /* different employees */

typedef size_t make_fn(size_t n, uint8_t *out);

static Google__Protobuf__Timestamp monday = {.base = PROTOBUF_C_MESSAGE_INIT(&google__protobuf__timestamp__descriptor),
                                             .seconds = 1772352000};

/* All fourteen fields but the sealed one, and an address that makes it EMPLOYEE_BYTES. */
static size_t make_employee(size_t n, uint8_t *out)
{
    char id[16], name[32], badge[16], address[EMPLOYEE_BYTES] = "", language[] = "es", crew[] = "crew-7",
                                      date[] = "2026-03-01";
    char given[] = "Maria", family[] = "Gonzalez", phone[] = "+15595550123", email[] = "maria@example.com";
    snprintf(id, sizeof id, "E%07zu", n);
    snprintf(name, sizeof name, "Maria Gonzalez %zu", n % 1000);
    snprintf(badge, sizeof badge, "B%07zu", n);
    Employee__V1__Contact contact = EMPLOYEE__V1__CONTACT__INIT;
    Employee__V1__Employee employee = EMPLOYEE__V1__EMPLOYEE__INIT;
    contact.phone = phone, contact.email = email, contact.address = address;
    employee.id = id, employee.display_name = name, employee.given_name = given, employee.family_name = family;
    employee.badge = badge, employee.crew = crew, employee.language = language, employee.contact = &contact;
    employee.status = EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
    employee.hourly_rate_cents = (int64_t)(1500 + n % 1000), employee.hire_date = date, employee.updated_at = &monday;
    for (size_t size; (size = employee__v1__employee__get_packed_size(&employee)) < EMPLOYEE_BYTES;)
        memset(address, 'a', strlen(address) + (EMPLOYEE_BYTES - size > 4 ? EMPLOYEE_BYTES - size - 3 : 1));
    return employee__v1__employee__pack(&employee, out);
}

static size_t make_job(size_t n, uint8_t *out)
{
    char id[16], code[16], name[] = "Harvest of citrus";
    snprintf(id, sizeof id, "J%07zu", n);
    snprintf(code, sizeof code, "HARV-%zu", n);
    Job__V1__Job job = JOB__V1__JOB__INIT;
    Job__V1__Pay pay = JOB__V1__PAY__INIT;
    pay.type = JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY, job.pay = &pay;
    job.id = id, job.code = code, job.name = name, job.kind = JOB__V1__JOB_KIND__JOB_KIND_HARVEST;
    job.status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN, job.updated_at = &monday;
    return job__v1__job__pack(&job, out);
}

static size_t make_location(size_t n, uint8_t *out)
{
    char id[16], name[] = "Block of citrus", zone[] = "UTC";
    snprintf(id, sizeof id, "L%07zu", n);
    Location__V1__Location location = LOCATION__V1__LOCATION__INIT;
    location.id = id, location.name = name, location.ranch_id = id, location.time_zone = zone;
    location.kind = LOCATION__V1__LOCATION_KIND__LOCATION_KIND_RANCH;
    location.status = LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN, location.updated_at = &monday;
    return location__v1__location__pack(&location, out);
}

/* Of twelve crews of 25 people, who pick 60 containers each a day; a crew is in one block at a time, at one job. */
static size_t make_ticket(size_t n, uint8_t *out)
{
    char id[16], who[16], badge[16], what[16], where[16], crew[16], date[16], unit[] = "bin", device[16];
    uint8_t scan[16];
    size_t day = n / 18000, crew_of = n / 5 % 12;
    snprintf(id, sizeof id, "T%07zu", n);
    snprintf(who, sizeof who, "E%07zu", crew_of * 25 + n % 25);
    snprintf(badge, sizeof badge, "B%07zu", crew_of * 25 + n % 25);
    snprintf(what, sizeof what, "J%07zu", crew_of % 3);
    snprintf(where, sizeof where, "L%07zu", (day + crew_of) % 15);
    snprintf(crew, sizeof crew, "crew-%zu", crew_of);
    snprintf(date, sizeof date, "2026-%02zu-%02zu", 3 + day / 28 % 9, 1 + day % 28);
    snprintf(device, sizeof device, "scanner-%zu", crew_of);
    memset(scan, (int)(n % 251), sizeof scan);
    Harvest__V1__Ticket ticket = HARVEST__V1__TICKET__INIT;
    ticket.id = id, ticket.employee_id = who, ticket.job_id = what, ticket.location_id = where, ticket.crew = crew;
    ticket.date = date, ticket.unit = unit, ticket.quantity = (int64_t)(500 + n % 1000), ticket.picked_at = &monday;
    ticket.status = HARVEST__V1__TICKET_STATUS__TICKET_STATUS_RECORDED, ticket.badge = badge, ticket.scanner = device;
    ticket.scan.data = scan, ticket.scan.len = sizeof scan, ticket.updated_at = &monday;
    return harvest__v1__ticket__pack(&ticket, out);
}

static const struct kind {
    const char *name;
    char letter; /* its ids begin with */
    const furrow_entity_contract *entity;
    make_fn *make;
} kinds[] = {
    {"employees", 'E', &employee_v1_employee_entity, make_employee},
    {"jobs", 'J', &job_v1_job_entity, make_job},
    {"locations", 'L', &location_v1_location_entity, make_location},
    {"tickets", 'T', &harvest_v1_ticket_entity, make_ticket},
};

/* Of the service whose log it is: "" for all that is in one account. */
typedef struct jetstream {
    natsConnection *native;
    jsCtx *js;
} jetstream;

typedef struct settings {
    const char *url, *writers; /* whose place is taken by the operator; the URL of a log's user, "%s" is the service */
} settings;

static const settings *the;

static bool has_accounts(void)
{
    return the->writers != NULL;
}

static jetstream connect_to(const char *service)
{
    jetstream to;
    char prefix[96];
    jsOptions options;
    bare_check(natsConnection_ConnectTo(&to.native, the->url), "connect");
    bare_check(jsOptions_Init(&options), "jetstream");
    snprintf(prefix, sizeof prefix, "$JS.%s.API", service);
    if (has_accounts()) options.Prefix = prefix;
    bare_check(natsConnection_JetStream(&to.js, to.native, &options), "jetstream");
    return to;
}

static void disconnect(jetstream *from)
{
    jsCtx_Destroy(from->js);
    natsConnection_Destroy(from->native);
}

static uint64_t stored(const jetstream *to, const char *stream)
{
    jsStreamInfo *info = NULL;
    bare_check(js_GetStreamInfo(&info, to->js, stream, NULL, NULL), stream);
    uint64_t last = info->State.LastSeq;
    jsStreamInfo_Destroy(info);
    return last;
}

static const char *owner_of(const char *stream)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].entity->stream, stream) == 0) return kinds[i].entity->owner;
    return timesheet_v1_work_day_entity.owner;
}

/* As who owns the entities: nobody else may write them. */
static natsConnection *connect_writer(const char *service)
{
    char url[256];
    natsConnection *writer = NULL;
    snprintf(url, sizeof url, "%s", the->url);
    if (has_accounts()) {
        const char *hole = strstr(the->writers, "%s");
        if (!hole) bare_die(the->writers, "has no %s");
        snprintf(url, sizeof url, "%.*s%s%s", (int)(hole - the->writers), the->writers, service, hole + 2);
    }
    bare_check(natsConnection_ConnectTo(&writer, url), url);
    return writer;
}

static void fill(const struct kind *kind, size_t count)
{
    jetstream to = connect_to(kind->entity->owner);
    natsConnection *writer = connect_writer(kind->entity->owner);
    char subject[128];
    uint8_t event[EVENT_MAX];
    uint64_t wanted = stored(&to, kind->entity->stream) + count;
    for (size_t n = 0; n < count; n++) {
        size_t size = kind->make(n, event);
        snprintf(subject, sizeof subject, "%s.%c%07zu", kind->entity->name, kind->letter, n);
        bare_check(natsConnection_Publish(writer, subject, event, (int)size), "publish");
        if (n % FLUSH_EVERY == FLUSH_EVERY - 1) bare_check(natsConnection_Flush(writer), "flush");
    }
    bare_check(natsConnection_Flush(writer), "flush");
    while (stored(&to, kind->entity->stream) < wanted) nats_Sleep(LOOK_EVERY_MS);
    natsConnection_Destroy(writer);
    disconnect(&to);
}

/* Employees as fill makes them, evenly spaced in portions of what is due after PACE_MS. */
static void pace(size_t rate, size_t seconds)
{
    natsConnection *writer = connect_writer(kinds[0].entity->owner);
    char subject[128];
    uint8_t event[EVENT_MAX];
    uint64_t begun = measure_now_ns();
    for (size_t n = 0; n < rate * seconds;) {
        size_t due = (size_t)((double)(measure_now_ns() - begun) / 1e9 * (double)rate);
        for (; n < due && n < rate * seconds; n++) {
            size_t size = kinds[0].make(n % PACED, event);
            snprintf(subject, sizeof subject, "%s.%c%07zu", kinds[0].entity->name, kinds[0].letter, n % PACED);
            bare_check(natsConnection_Publish(writer, subject, event, (int)size), "publish");
        }
        bare_check(natsConnection_Flush(writer), "flush");
        nats_Sleep(PACE_MS);
    }
    natsConnection_Destroy(writer);
}

static void wait_for(const char *stream, const char *durable)
{
    jetstream to = connect_to(owner_of(stream));
    uint64_t deadline = measure_now_ns() + PATIENCE_S * 1000000000ull;
    for (bool at_rest = false; !at_rest; nats_Sleep(LOOK_EVERY_MS)) {
        jsConsumerInfo *info = NULL;
        bare_check(js_GetConsumerInfo(&info, to.js, stream, durable, NULL, NULL), durable);
        at_rest = info->NumPending == 0 && info->NumAckPending == 0;
        jsConsumerInfo_Destroy(info);
        if (measure_now_ns() > deadline) bare_die(durable, "does not catch up");
    }
    disconnect(&to);
}

/* The durable of a replica, from the beginning again. */
static void renew(const char *stream, const char *durable)
{
    furrow_error err;
    const char *owner = owner_of(stream);
    jetstream to = connect_to(owner);
    natsStatus status = js_DeleteConsumer(to.js, stream, durable, NULL, NULL);
    if (status != NATS_OK && status != NATS_NOT_FOUND) bare_check(status, durable);
    disconnect(&to);
    char inbox[64];
    measure_inbox(the->url, inbox);
    furrow_link_options options = {.url = the->url, .inbox_prefix = inbox};
    furrow_provisioner *provisioner = furrow_provisioner_create(&options, CONNECT_MS, &err);
    furrow_replica_contract contract = {
        .service = durable, .owner = owner, .stream = stream, .keeps = "id,display_name,status"};
    if (!provisioner || furrow_provisioner_use(provisioner, has_accounts() ? owner : NULL, &err) != FURROW_OK ||
        furrow_provision_replica(provisioner, &contract, &err) != FURROW_OK)
        bare_die(durable, err.text);
    furrow_provisioner_destroy(provisioner);
}

static _Noreturn void usage(void)
{
    fprintf(stderr,
            "usage: loader --url U [--writers U] renew STREAM DURABLE | fill employees|jobs|locations|tickets N | "
            "pace RATE SECONDS | wait STREAM DURABLE\n");
    exit(2);
}

int main(int argc, char **argv)
{
    settings set = {.url = NULL};
    the = &set;
    for (; argc > 2 && argv[1][0] == '-'; argc -= 2, argv += 2) {
        if (strcmp(argv[1], "--url") == 0)
            set.url = argv[2];
        else if (strcmp(argv[1], "--writers") == 0)
            set.writers = argv[2];
        else
            usage();
    }
    if (!set.url || argc != 4) usage();
    if (strcmp(argv[1], "renew") == 0) return renew(argv[2], argv[3]), 0;
    if (strcmp(argv[1], "pace") == 0) return pace(measure_number(argv[2]), measure_number(argv[3])), 0;
    if (strcmp(argv[1], "wait") == 0) return wait_for(argv[2], argv[3]), 0;
    for (size_t i = 0; strcmp(argv[1], "fill") == 0 && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(argv[2], kinds[i].name) == 0) return fill(&kinds[i], measure_number(argv[3])), 0;
    usage();
}
