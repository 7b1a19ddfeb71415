/* See replica_mesh.h. */
#include "replica_mesh.h"

#include "base/id.h"
#include "store/functions.h"
#include "store/generation.h"
#include "wire/message.h"
#include "wire/projection.h"

#include <unistd.h>

#define ENTITY       "replicatest.v1.Person"
#define CALL_NS      (10 * FURROW_NS_PER_S)
#define MODEL_SLOTS  (1u << 16)
#define ARENA_BYTES  ((size_t)512 << 20)
#define READ_AT_ONCE 100
#define STACK_BYTES  (256 << 10)

const furrow_entity_contract mesh_person = {
    .name = ENTITY,
    .short_name = "Person",
    .owner = "hr",
    .stream = "PERSON",
    .subjects = ENTITY ".*",
    .description = "",
    .descriptor = &replicatest__v1__person__descriptor,
    .history = 2,
};

const furrow_replica_contract mesh_part = {
    .name = "replicatest.v1.PersonPart",
    .service = "timesheet",
    .entity = ENTITY,
    .short_name = "Person",
    .stream = "PERSON",
    .subjects = ENTITY ".*",
    .keeps = "id,display_name,status,contact.phone,marks",
    .descriptor = &replicatest__v1__person_part__descriptor,
};

const furrow_replica_contract mesh_part_again = {
    .name = "replicatest.v1.PersonMore",
    .service = "timesheet",
    .entity = ENTITY,
    .short_name = "Person",
    .stream = "PERSON",
    .subjects = ENTITY ".*",
    .keeps = "id,display_name,status,crew",
    .descriptor = &replicatest__v1__person_more__descriptor,
};

static uint64_t soon(void)
{
    return furrow_clock_now_ns() + CALL_NS;
}

static void must(furrow_status status, const furrow_error *err)
{
    ck_assert_msg(status == FURROW_OK, "%s: %s", furrow_status_name(status), err->text);
}

/* Is it worth asking Redis again? A connection to one that was killed is only known to be broken when it is used. */
static bool again(furrow_status status, uint64_t until_ns)
{
    if (status != FURROW_UNAVAILABLE || furrow_clock_now_ns() >= until_ns) return false;
    furrow_task_sleep_ms(10);
    return true;
}

/* ---- the mesh itself ---- */

static void connect_mesh(test_mesh *mesh, const char *nats_url, const char *redis_url)
{
    furrow_error err = {0};
    furrow_link_options link = {.url = nats_url, .name = "test", .reconnect_min_ms = 20, .reconnect_max_ms = 200};
    link.probe_ms = 10000; /* a busy machine is not a dark link, which is test_link_dark's */
    furrow_store_options store = {.url = redis_url, .reconnect_min_ms = 20, .reconnect_max_ms = 200};
    mesh->link = furrow_link_create(mesh->loop, &link, &err);
    ck_assert_msg(mesh->link != NULL, "%s", err.text);
    mesh->store = furrow_store_create(mesh->loop, &store, &err);
    ck_assert_msg(mesh->store != NULL, "%s", err.text);
    ck_assert(furrow_link_wait_connected(mesh->link, soon()));
    ck_assert(furrow_store_wait_connected(mesh->store, soon()));
}

void mesh_provision(test_mesh *mesh)
{
    mesh_provision_letters(mesh, 0);
}

void mesh_provision_letters(test_mesh *mesh, int64_t max_bytes)
{
    furrow_error err = {0};
    furrow_link_options options = {.url = furrow_test_server_url(mesh->nats)};
    furrow_provisioner *provisioner = furrow_provisioner_create(&options, 5000, &err);
    ck_assert_msg(provisioner != NULL, "%s", err.text);
    must(furrow_provision_deadletter(provisioner, 1, max_bytes, &err), &err);
    must(furrow_provision_entity(provisioner, &mesh_person, 1, &err), &err);
    must(furrow_provision_replica(provisioner, &mesh_part, &err), &err);
    furrow_provisioner_destroy(provisioner);
}

typedef struct mesh_task {
    test_mesh mesh;
    const mesh_options *options;
    void (*body)(test_mesh *mesh);
} mesh_task;

static void run_body(void *arg)
{
    mesh_task *run = arg;
    test_mesh *mesh = &run->mesh;
    if (!run->options->bare) mesh_provision(mesh);
    connect_mesh(mesh, furrow_test_server_url(mesh->nats), furrow_test_server_url(mesh->redis));
    run->body(mesh);
    furrow_link_destroy(mesh->link);
    furrow_store_destroy(mesh->store);
}

void mesh_run(const mesh_options *options, void (*body)(test_mesh *mesh))
{
    static const mesh_options plain;
    furrow_error err = {0};
    mesh_task run = {.options = options ? options : &plain, .body = body};
    run.mesh.nats = furrow_test_nats_start(NULL);
    run.mesh.redis = furrow_test_redis_start(
        &(furrow_test_redis_options){.appendonly = run.options->appendonly, .library = furrow_functions_text()});
    run.mesh.loop = furrow_loop_create(&(furrow_loop_options){.stack_bytes = STACK_BYTES}, &err);
    ck_assert_msg(run.mesh.loop != NULL, "%s", err.text);
    must(furrow_loop_run_task(run.mesh.loop, run_body, &run, &err), &err);
    furrow_loop_destroy(run.mesh.loop);
    furrow_test_server_destroy(run.mesh.redis);
    furrow_test_server_destroy(run.mesh.nats);
}

/* ---- a second process ---- */

static furrow_react_fn *child_react;

static void child_body(void *arg)
{
    test_mesh *mesh = arg;
    connect_mesh(mesh, getenv("MESH_NATS"), getenv("MESH_REDIS"));
    furrow_replica_options options = {.instance = getenv("MESH_INSTANCE")};
    if (getenv("MESH_AGAIN")) options.contract = &mesh_part_again;
    options.react = child_react;
    furrow_replica *replica = mesh_replica(mesh, options);
    for (bool said = false;; furrow_task_sleep_ms(5)) {
        if (said || !mesh_ready(replica)) continue;
        said = true;
        printf("child ready, read %llu of %llu again\n", (unsigned long long)mesh_stats(replica).replayed,
               (unsigned long long)mesh_last_seq(mesh, "PERSON"));
        fflush(stdout);
    }
}

/* Assertions need a running test: so the child is one, without a fork or an end. */
START_TEST(be_the_other_process)
{
    test_mesh child = {.nats = NULL};
    furrow_error err = {0};
    child.loop = furrow_loop_create(&(furrow_loop_options){.stack_bytes = STACK_BYTES}, &err);
    ck_assert_msg(child.loop != NULL, "%s", err.text);
    must(furrow_loop_run_task(child.loop, child_body, &child, &err), &err);
}
END_TEST

static int run_child(void)
{
    Suite *suite = suite_create("child");
    TCase *tests = tcase_create("child");
    tcase_add_test(tests, be_the_other_process);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run(runner, "child", "child", CK_NORMAL);
    return EXIT_FAILURE;
}

furrow_test_process *mesh_child(test_mesh *mesh, const char *instance, const char *const *more_env)
{
    char nats[128], redis[128], name[128];
    const char *env[16] = {nats, redis, name};
    size_t count = 3;
    snprintf(nats, sizeof nats, "MESH_NATS=%s", furrow_test_server_url(mesh->nats));
    snprintf(redis, sizeof redis, "MESH_REDIS=%s", furrow_test_server_url(mesh->redis));
    snprintf(name, sizeof name, "MESH_INSTANCE=%s", instance);
    for (; more_env && *more_env && count < 15; more_env++) env[count++] = *more_env;
    const char *argv[] = {"/proc/self/exe", NULL};
    return furrow_test_process_start(&(furrow_test_process_options){.argv = argv, .env = env});
}

int mesh_main(Suite *suite, furrow_react_fn *react)
{
    child_react = react;
    if (getenv("MESH_INSTANCE")) return run_child();
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- replicas ---- */

furrow_replica *mesh_replica(test_mesh *mesh, furrow_replica_options options)
{
    furrow_error err = {0};
    if (!options.contract && !options.own) options.contract = &mesh_part;
    if (!options.service) options.service = options.own ? options.own->owner : options.contract->service;
    if (!options.instance) options.instance = "test";
    furrow_replica *replica = furrow_replica_create(mesh->link, mesh->store, &options, &err);
    ck_assert_msg(replica != NULL, "%s", err.text);
    must(furrow_replica_start(replica, &err), &err);
    return replica;
}

void mesh_end(furrow_replica *replica)
{
    furrow_replica_drain(replica, soon());
    furrow_replica_destroy(replica);
}

furrow_replica_stats mesh_stats(furrow_replica *replica)
{
    furrow_replica_stats stats;
    furrow_replica_stats_of(replica, &stats);
    return stats;
}

furrow_replica *mesh_settled(test_mesh *mesh, int entities)
{
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_put_many(mesh, "p", 0, entities, 0);
    mesh_await_ready(replica);
    mesh_await_rest(mesh, "timesheet");
    AWAIT(mesh_stats(replica).position == (uint64_t)entities);
    return replica;
}

bool mesh_ready(furrow_replica *replica)
{
    return furrow_replica_state_of(replica) == FURROW_REPLICA_READY;
}

void mesh_await_ready(furrow_replica *replica)
{
    bool ready = FURROW_TEST_EVENTUALLY_IN_TASK(mesh_ready(replica), 40000);
    ck_assert_msg(ready, "not ready: %s", furrow_replica_describe(replica));
}

/* ---- the log ---- */

uint64_t mesh_publish(test_mesh *mesh, const char *subject, furrow_bytes body)
{
    furrow_error err = {0};
    furrow_js_puback ack;
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE};
    must(furrow_js_publish(mesh->link, subject, body, &options, soon(), &ack, &err), &err);
    return ack.sequence;
}

static void subject_of(const char *id, char out[FURROW_SUBJECT_MAX])
{
    furrow_error err = {0};
    must(furrow_subject_of_entity(ENTITY, id, out, &err), &err);
}

uint64_t mesh_put_person(test_mesh *mesh, const test_person *person)
{
    char subject[FURROW_SUBJECT_MAX];
    uint8_t body[4096];
    subject_of(person->id, subject);
    ck_assert_uint_le(replicatest__v1__person__get_packed_size(person), sizeof body);
    return mesh_publish(mesh, subject, (furrow_bytes){body, replicatest__v1__person__pack(person, body)});
}

uint64_t mesh_put(test_mesh *mesh, const char *id, const char *name, int status)
{
    test_person person = REPLICATEST__V1__PERSON__INIT;
    person.id = (char *)id;
    person.display_name = (char *)name;
    person.status = (Replicatest__V1__Status)status;
    person.crew = "night";
    return mesh_put_person(mesh, &person);
}

uint64_t mesh_delete(test_mesh *mesh, const char *id)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_error err = {0};
    furrow_js_puback ack;
    const furrow_header headers[] = {
        {"ce-specversion", "1.0"}, {"ce-id", "1"}, {"ce-type", ENTITY ".deleted"}, {"ce-source", "/hr"}};
    furrow_js_publish_options options = {.expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = headers, .header_count = 4};
    subject_of(id, subject);
    must(furrow_js_publish(mesh->link, subject, (furrow_bytes){NULL, 0}, &options, soon(), &ack, &err), &err);
    return ack.sequence;
}

void mesh_put_many(test_mesh *mesh, const char *prefix, int from, int to, int round)
{
    furrow_error err = {0};
    char id[FURROW_ID_MAX], name[64], subject[FURROW_SUBJECT_MAX];
    uint8_t body[512], filler[100] = {0};
    uint64_t before = mesh_last_seq(mesh, "PERSON");
    for (int n = from; n < to; n++) {
        test_person person = REPLICATEST__V1__PERSON__INIT;
        snprintf(id, sizeof id, "%s%d", prefix, n);
        snprintf(name, sizeof name, "name %d of round %d", n, round);
        person.id = id;
        person.display_name = name;
        person.filler = (ProtobufCBinaryData){sizeof filler, filler};
        subject_of(id, subject);
        furrow_outgoing out = {.subject = subject, .data = {body, replicatest__v1__person__pack(&person, body)}};
        must(furrow_link_publish(mesh->link, &out, &err), &err);
        if (n % 1000 == 999) must(furrow_link_flush(mesh->link, soon(), &err), &err);
    }
    AWAIT(mesh_last_seq(mesh, "PERSON") >= before + (uint64_t)(to - from));
}

uint64_t mesh_last_seq(test_mesh *mesh, const char *stream)
{
    furrow_error err = {0};
    furrow_js_stream_state state = {0};
    must(furrow_js_stream_info(mesh->link, stream, soon(), &state, &err), &err);
    return state.last_seq;
}

void mesh_js_api(test_mesh *mesh, const char *what)
{
    furrow_error err = {0};
    char subject[FURROW_SUBJECT_MAX];
    snprintf(subject, sizeof subject, "$JS.API.%s", what);
    FURROW_AUTO(furrow_msg) reply = NULL;
    must(furrow_link_request(mesh->link, &(furrow_outgoing){.subject = subject}, soon(), &reply, &err), &err);
    ck_assert_msg(!memmem(reply->data.data, reply->data.len, "\"error\"", 7), "%s: %.*s", what, (int)reply->data.len,
                  (const char *)reply->data.data);
}

void mesh_redis(test_mesh *mesh, const char *first, const char *second, const char *third)
{
    furrow_error err = {0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    const char *words[] = {first, second, third};
    furrow_bytes argv[3];
    size_t argc = 0;
    for (; argc < 3 && words[argc]; argc++) argv[argc] = furrow_bytes_of(words[argc]);
    furrow_value value;
    furrow_status status;
    uint64_t until = soon();
    do status = furrow_store_command(mesh->store, argv, argc, arena, &value, &err);
    while (again(status, until));
    must(status, &err);
}

bool mesh_at_rest(test_mesh *mesh, const char *service)
{
    furrow_error err = {0};
    furrow_js_consumer_state state = {0};
    must(furrow_js_consumer_info(mesh->link, "PERSON", service, soon(), &state, &err), &err);
    return state.pending == 0 && state.ack_pending == 0 && state.ack_floor_seq >= mesh_last_seq(mesh, "PERSON");
}

void mesh_await_rest(test_mesh *mesh, const char *service)
{
    AWAIT(mesh_at_rest(mesh, service));
}

void mesh_await_owner(test_mesh *mesh, furrow_replica *own)
{
    AWAIT(mesh_stats(own).position >= mesh_last_seq(mesh, "PERSON"));
}

/* ---- invariant 3 ---- */

typedef struct log_model_entry {
    char *id;
    uint64_t version;
    furrow_bytes body; /* projected; len 0: deleted */
} log_model_entry;

typedef struct log_model {
    const ProtobufCMessageDescriptor *descriptor;
    furrow_projection *projection; /* NULL: whole */
    furrow_arena *arena;
    log_model_entry *slots;
    size_t count;
} log_model;

static log_model_entry *model_slot(log_model *model, const char *id)
{
    uint32_t hash = 5381;
    for (const char *at = id; *at; at++) hash = hash * 33 + (unsigned char)*at;
    while (model->slots[hash % MODEL_SLOTS].id && strcmp(model->slots[hash % MODEL_SLOTS].id, id) != 0) hash++;
    return &model->slots[hash % MODEL_SLOTS];
}

/* What an event says of its entity; false when it says nothing that can be trusted. */
static bool understand(log_model *model, const furrow_js_stored *event, furrow_bytes *body)
{
    ProtobufCMessage *message;
    const char *id = furrow_subject_last(event->subject);
    if (!furrow_id_valid(id, strlen(id))) return false;
    size_t len = event->data.len;
    uint8_t *bytes = furrow_arena_memdup(model->arena, event->data.data, len);
    *body = (furrow_bytes){bytes, len};
    if (len == 0) return furrow_js_stored_header(event, "ce-type", model->arena) != NULL;
    if (model->projection && furrow_projection_apply(model->projection, event->data, bytes, &len, NULL) != FURROW_OK)
        return false;
    body->len = len;
    if (furrow_message_unpack(model->descriptor, *body, model->arena, &message, NULL) != FURROW_OK) return false;
    return strcmp(((const test_person *)message)->id, furrow_subject_last(event->subject)) ==
           0; /* id stands first in all of ours */
}

static furrow_status add_to_model(void *arg, const furrow_js_stored *messages, size_t count, uint64_t reached,
                                  furrow_error *err)
{
    log_model *model = arg;
    for (size_t i = 0; i < count; i++) {
        furrow_bytes body;
        if (!understand(model, &messages[i], &body)) continue;
        const char *id = furrow_subject_last(messages[i].subject);
        log_model_entry *entry = model_slot(model, id);
        if (!entry->id) model->count++;
        if (!entry->id) entry->id = furrow_arena_strdup(model->arena, id);
        if (messages[i].sequence < entry->version) continue;
        entry->version = messages[i].sequence;
        entry->body = body;
    }
    return FURROW_OK;
}

static void read_model(test_mesh *mesh, log_model *model)
{
    furrow_error err = {0};
    uint64_t last = mesh_last_seq(mesh, "PERSON");
    furrow_js_read_options options = {.stream = "PERSON", .start_seq = 1, .end_seq = last};
    if (last) must(furrow_js_read(mesh->link, &options, add_to_model, model, &err), &err);
}

static bool compare(const log_model_entry *entry, const furrow_record *record, char *difference, size_t size)
{
    bool deleted = entry->body.len == 0;
    if (record->found && record->version == entry->version && record->deleted == deleted &&
        furrow_bytes_equal(record->body, entry->body))
        return true;
    snprintf(difference, size, "%s: log %llu (%zu bytes), Redis %llu (%zu bytes)%s%s", entry->id,
             (unsigned long long)entry->version, entry->body.len, (unsigned long long)record->version, record->body.len,
             record->found ? "" : ", not found", record->deleted ? ", deleted" : "");
    return false;
}

static bool compare_all(test_mesh *mesh, furrow_replica *replica, log_model *model, char *difference, size_t size)
{
    furrow_error err = {0};
    furrow_record_read reads[READ_AT_ONCE];
    const log_model_entry *entries[READ_AT_ONCE];
    for (size_t at = 0; at < MODEL_SLOTS;) {
        size_t count = 0;
        for (; at < MODEL_SLOTS && count < READ_AT_ONCE; at++) {
            if (!model->slots[at].id) continue;
            entries[count] = &model->slots[at];
            reads[count++] = (furrow_record_read){.table = furrow_replica_table(replica), .id = model->slots[at].id};
        }
        furrow_status status = FURROW_OK;
        uint64_t until = soon();
        do status = count ? furrow_record_read_many(mesh->store, reads, count, model->arena, &err) : FURROW_OK;
        while (again(status, until));
        must(status, &err);
        for (size_t i = 0; i < count; i++)
            if (!compare(entries[i], &reads[i].record, difference, size)) return false;
    }
    return true;
}

static size_t count_records(test_mesh *mesh, furrow_replica *replica, log_model *model)
{
    furrow_error err = {0};
    furrow_bytes prefix = furrow_table_prefix(furrow_replica_table(replica));
    char *pattern = furrow_arena_printf(model->arena, "%s*", (const char *)prefix.data);
    furrow_bytes argv[] = {FURROW_BYTES_LITERAL("KEYS"), furrow_bytes_of(pattern)};
    furrow_value keys;
    size_t count = 0;
    furrow_status status;
    uint64_t until = soon();
    do status = furrow_store_command(mesh->store, argv, 2, model->arena, &keys, &err);
    while (again(status, until));
    must(status, &err);
    for (size_t i = 0; i < keys.count; i++) count += ((const char *)keys.items[i].text.data)[prefix.len] != '@';
    return count;
}

static bool match(test_mesh *mesh, furrow_replica *replica, const ProtobufCMessageDescriptor *subset, char *difference,
                  size_t size)
{
    furrow_error err = {0};
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    FURROW_AUTO(furrow_projection) projection = subset ? furrow_projection_create(subset, &err) : NULL;
    log_model model = {
        .descriptor = subset ? subset : mesh_person.descriptor, .projection = projection, .arena = arena};
    model.slots = calloc(MODEL_SLOTS, sizeof *model.slots);
    ck_assert_ptr_nonnull(model.slots);
    read_model(mesh, &model);
    bool same = compare_all(mesh, replica, &model, difference, size);
    size_t stored = same ? count_records(mesh, replica, &model) : model.count;
    if (stored != model.count) snprintf(difference, size, "the log knows %zu entities, Redis %zu", model.count, stored);
    free(model.slots);
    return same && stored == model.count;
}

bool mesh_records_match(test_mesh *mesh, furrow_replica *replica, const ProtobufCMessageDescriptor *subset)
{
    char difference[256];
    return match(mesh, replica, subset, difference, sizeof difference);
}

void mesh_check_records(test_mesh *mesh, furrow_replica *replica, const ProtobufCMessageDescriptor *subset)
{
    char difference[256] = "";
    bool same = match(mesh, replica, subset, difference, sizeof difference);
    ck_assert_msg(same, "%s", difference);
}
