/* A replica in fair weather and with bad events: what it keeps, what it refuses, who may read it when. Faults:
 * test_replica_faults.c. */
#include "replica_mesh.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define PART (&replicatest__v1__person_part__descriptor)

static uint64_t soon(uint64_t ms)
{
    return furrow_clock_now_ns() + ms * FURROW_NS_PER_MS;
}

static uint64_t put_rich(test_mesh *mesh, const char *id)
{
    test_person person = REPLICATEST__V1__PERSON__INIT;
    Replicatest__V1__Contact contact = REPLICATEST__V1__CONTACT__INIT;
    int32_t marks[] = {1, -1, 300};
    contact.phone = "+15595550123";
    contact.email = "secret@example.org";
    person.id = (char *)id;
    person.display_name = "Ana";
    person.family_name = "Secretname";
    person.status = REPLICATEST__V1__STATUS__STATUS_ACTIVE;
    person.contact = &contact;
    person.marks = marks;
    person.n_marks = 3;
    person.rate = 1850;
    return mesh_put_person(mesh, &person);
}

static void keeps_the_subset(test_mesh *mesh)
{
    uint64_t first = put_rich(mesh, "e1");
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    ProtobufCMessage *message = NULL;
    uint64_t version = 0;
    furrow_error err = {0};
    ck_assert_int_eq(furrow_replica_get(replica, "e1", arena, &message, &version, &err), FURROW_OK);
    ck_assert_ptr_nonnull(message);
    ck_assert_uint_eq(version, first);
    test_person_part *part = (test_person_part *)message;
    ck_assert_str_eq(part->display_name, "Ana");
    ck_assert_str_eq(part->contact->phone, "+15595550123");
    ck_assert_uint_eq(part->n_marks, 3);

    furrow_record_read read = {.table = furrow_replica_table(replica), .id = "e1"};
    ck_assert_int_eq(furrow_record_read_many(mesh->store, &read, 1, arena, &err), FURROW_OK);
    ck_assert(!memmem(read.record.body.data, read.record.body.len, "ecret", 5));
    mesh_check_records(mesh, replica, PART);

    mesh_put(mesh, "e1", "Ana B", 2);
    mesh_put(mesh, "e2", "Bo", 1);
    uint64_t gone = mesh_delete(mesh, "e2");
    ck_assert_int_eq(furrow_replica_wait(replica, "e2", gone, 0, soon(10000), &err), FURROW_OK);
    ck_assert_int_eq(furrow_replica_get(replica, "e2", arena, &message, &version, &err), FURROW_OK);
    ck_assert_ptr_null(message);
    ck_assert_uint_eq(version, gone);
    mesh_await_rest(mesh, "timesheet");
    mesh_check_records(mesh, replica, PART);
    mesh_end(replica);
}

START_TEST(a_replica_holds_the_declared_fields_byte_for_byte_and_nothing_else)
{
    mesh_run(NULL, keeps_the_subset);
}
END_TEST

static void keeps_own(test_mesh *mesh)
{
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){.own = &mesh_person});
    put_rich(mesh, "e1");
    put_rich(mesh, "e2");
    mesh_delete(mesh, "e1");
    mesh_await_ready(replica);
    mesh_await_owner(mesh, replica);
    mesh_check_records(mesh, replica, NULL);
    mesh_end(replica);
}

START_TEST(an_own_entity_is_kept_whole)
{
    mesh_run(NULL, keeps_own);
}
END_TEST

/* Letters are written side by side: the one about event @of is among the first @count. */
static void check_letter(test_mesh *mesh, uint64_t count, uint64_t of, const char *reason)
{
    for (uint64_t sequence = 1; sequence <= count; sequence++) {
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
        furrow_error err = {0};
        furrow_js_stored letter;
        furrow_status status = furrow_js_get(mesh->link, "DEADLETTER", sequence, soon(5000), arena, &letter, &err);
        ck_assert_msg(status == FURROW_OK, "%s", err.text);
        if (strtoull(furrow_js_stored_header(&letter, "Furrow-Sequence", arena), NULL, 10) != of) continue;
        ck_assert_str_eq(letter.subject, "deadletter.timesheet.PERSON");
        ck_assert_str_eq(furrow_js_stored_header(&letter, "Furrow-Stream", arena), "PERSON");
        char *why = furrow_js_stored_header(&letter, "Furrow-Reason", arena);
        ck_assert_msg(why && strstr(why, reason), "%s instead of %s", why, reason);
        return;
    }
    ck_abort_msg("no dead letter of event %llu", (unsigned long long)of);
}

static void buries_poison(test_mesh *mesh)
{
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    mesh_put(mesh, "e1", "Ana", 1);
    uint64_t garbage = mesh_publish(mesh, "replicatest.v1.Person.e1", (furrow_bytes){"\x0a\xff\xff", 3});
    uint64_t stranger = mesh_publish(mesh, "replicatest.v1.Person.e2",
                                     (furrow_bytes){"\x0a\x02"
                                                    "e3",
                                                    4});
    uint64_t nameless = mesh_publish(mesh, "replicatest.v1.Person.e3", (furrow_bytes){"\x12\x01x", 3});
    uint64_t odd = mesh_publish(mesh, "replicatest.v1.Person.!", (furrow_bytes){"\x0a\x01!", 3});
    uint64_t ugly = mesh_publish(mesh, "replicatest.v1.Person.e4",
                                 (furrow_bytes){"\x0a\x02"
                                                "e4\x12\x01\xff",
                                                7});
    mesh_put(mesh, "e5", "Eva", 1);
    mesh_await_rest(mesh, "timesheet");
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, 5);
    ck_assert_uint_eq(mesh_last_seq(mesh, "DEADLETTER"), 5);
    check_letter(mesh, 5, garbage, "");
    check_letter(mesh, 5, stranger, "\"e3\"");
    check_letter(mesh, 5, nameless, "\"\"");
    check_letter(mesh, 5, odd, "");
    check_letter(mesh, 5, ugly, "UTF-8");
    mesh_check_records(mesh, replica, PART);

    uint64_t better = mesh_put(mesh, "e2", "Bo", 1);
    furrow_error err = {0};
    ck_assert_int_eq(furrow_replica_wait(replica, "e2", better, 0, soon(10000), &err), FURROW_OK);
    mesh_end(replica);
}

START_TEST(events_that_cannot_be_applied_go_to_the_dead_letters_and_the_rest_flows_on)
{
    mesh_run(NULL, buries_poison);
}
END_TEST

/* Publishes in NATS' own protocol what our library is too polite for, and waits until the stream has it: newer servers
 * store what nobody asked an acknowledgement of after they have read on. Its sequence. */
static uint64_t publish_raw(test_mesh *mesh, const char *subject, const char *headers, const char *body)
{
    char text[2048], answer[4096] = "";
    uint64_t sequence = mesh_last_seq(mesh, "PERSON") + 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)furrow_test_server_port(mesh->nats))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int len = snprintf(text, sizeof text,
                       "CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB %s %zu %zu\r\n%s%s\r\nPING\r\n", subject,
                       strlen(headers), strlen(headers) + strlen(body), headers, body);
    ck_assert_int_eq(send(fd, text, (size_t)len, 0), len);
    for (size_t got = 0; !strstr(answer, "PONG");) {
        ssize_t more = recv(fd, answer + got, sizeof answer - 1 - got, 0);
        ck_assert_int_gt(more, 0);
        got += (size_t)more;
    }
    ck_assert_ptr_null(strstr(answer, "-ERR"));
    close(fd);
    AWAIT(mesh_last_seq(mesh, "PERSON") == sequence);
    return sequence;
}

/* What no header may hold must not keep an event out of the dead letters. */
static void buries_the_unspeakable(test_mesh *mesh)
{
    char subject[1200] = "replicatest.v1.Person.";
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    uint64_t named = publish_raw(mesh, "replicatest.v1.Person.e1",
                                 "NATS/1.0\r\na b: 1\r\n\x7f: 2\r\nc: x\ny\r\nd: 4\r\n\r\n", "\x0a\xff\xff");
    memset(subject + strlen(subject), 'x', sizeof subject - strlen(subject) - 1);
    subject[sizeof subject - 1] = '\0';
    uint64_t far = publish_raw(mesh, subject, "NATS/1.0\r\n\r\n", "x");
    mesh_await_rest(mesh, "timesheet");
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, 2);
    check_letter(mesh, 2, named, "");
    check_letter(mesh, 2, far, "not a subject");
    mesh_end(replica);
}

START_TEST(events_with_headers_or_subjects_that_no_header_holds_are_dead_letters_too)
{
    mesh_run(NULL, buries_the_unspeakable);
}
END_TEST

/* The index of marks is broken in Redis: whoever has marks is refused, whoever has none is not. */
static void splits_a_refused_batch(test_mesh *mesh)
{
    static furrow_index_contract index = {.field = "marks"};
    static furrow_replica_contract contract;
    contract = mesh_part;
    contract.indexes = &index;
    contract.index_count = 1;
    index.descriptor = protobuf_c_message_descriptor_get_field_by_name(PART, "marks");
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){.contract = &contract});
    mesh_await_ready(replica);
    mesh_redis(mesh, "SET", "timesheet:{Person}:@by:marks", "no index");
    furrow_test_server_pause(mesh->redis); /* so that there are full batches */
    mesh_put_many(mesh, "p", 0, 300, 0);
    uint64_t refused = put_rich(mesh, "e1");
    mesh_put_many(mesh, "p", 300, 600, 0);
    AWAIT(mesh_stats(replica).received >= 601);
    furrow_test_server_resume(mesh->redis);
    mesh_await_rest(mesh, "timesheet");
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, 1);
    check_letter(mesh, 1, refused, "WRONGTYPE");
    for (int n = 0; n < 600; n++) {
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
        ProtobufCMessage *message = NULL;
        furrow_error err = {0};
        char id[16];
        snprintf(id, sizeof id, "p%d", n);
        ck_assert_int_eq(furrow_replica_get(replica, id, arena, &message, NULL, &err), FURROW_OK);
        ck_assert_msg(message != NULL, "%s went with it", id);
    }
    mesh_end(replica);
}

START_TEST(an_event_that_redis_refuses_takes_no_other_with_it)
{
    mesh_run(NULL, splits_a_refused_batch);
}
END_TEST

static void waits_for_the_stream(test_mesh *mesh)
{
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    AWAIT(strstr(furrow_replica_describe(replica), "waiting for stream PERSON: not found; run `furrow provision`"));
    ck_assert_int_eq(furrow_replica_state_of(replica), FURROW_REPLICA_WAITING);
    mesh_provision(mesh);
    mesh_put(mesh, "e1", "Ana", 1);
    mesh_await_ready(replica);
    ck_assert_str_eq(furrow_replica_describe(replica), "ready");
    mesh_await_rest(mesh, "timesheet");
    mesh_check_records(mesh, replica, PART);
    mesh_js_api(mesh, "CONSUMER.DELETE.PERSON.timesheet");
    AWAIT(strstr(furrow_replica_describe(replica),
                 "waiting for consumer timesheet on PERSON: not found; run `furrow provision`"));
    mesh_put(mesh, "e2", "Bo", 1);
    mesh_provision(mesh);
    mesh_await_ready(replica);
    mesh_await_rest(mesh, "timesheet");
    mesh_check_records(mesh, replica, PART);
    mesh_end(replica);
}

START_TEST(a_stream_or_consumer_made_later_than_the_replica_is_picked_up)
{
    mesh_run(&(mesh_options){.bare = true}, waits_for_the_stream);
}
END_TEST

static void waits_for_versions(test_mesh *mesh)
{
    furrow_error err = {0};
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    for (int i = 0; i < 20; i++) {
        uint64_t version = mesh_put(mesh, "e1", i % 2 ? "Ana" : "Bo", 1);
        ck_assert_int_eq(furrow_replica_wait(replica, "e1", version, 0, soon(10000), &err), FURROW_OK);
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
        ProtobufCMessage *message = NULL;
        uint64_t found = 0;
        ck_assert_int_eq(furrow_replica_get(replica, "e1", arena, &message, &found, &err), FURROW_OK);
        ck_assert_uint_ge(found, version);
    }
    uint64_t begun = furrow_clock_now_ns();
    ck_assert_int_eq(furrow_replica_wait(replica, "e1", 1000, 0, soon(50), &err), FURROW_DEADLINE_EXCEEDED);
    ck_assert_uint_lt(furrow_clock_now_ns() - begun, 2 * FURROW_NS_PER_S);
    mesh_put(mesh, "e2", "Bo", 1);
    mesh_await_rest(mesh, "timesheet");
    AWAIT(mesh_stats(replica).position >= 21);
    ck_assert_int_eq(furrow_replica_wait(replica, "unknown", 21, 0, soon(50), &err), FURROW_OK);
    AWAIT(mesh_stats(replica).age_ns == 0);
    mesh_end(replica);
}

START_TEST(who_waits_for_a_version_goes_on_when_it_has_arrived)
{
    mesh_run(NULL, waits_for_versions);
}
END_TEST

static furrow_js_consumer_state durable_of(test_mesh *mesh)
{
    furrow_error err = {0};
    furrow_js_consumer_state state = {0};
    ck_assert_int_eq(furrow_js_consumer_info(mesh->link, "PERSON", "timesheet", soon(10000), &state, &err), FURROW_OK);
    return state;
}

/* All that came was acked. What a busy server had given out and not sent yet comes to nobody, and is read aside. */
static void goes_on_after_a_drain(test_mesh *mesh)
{
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    mesh_put_many(mesh, "p", 0, 3000, 0);
    furrow_replica_drain(replica, soon(10000));
    uint64_t received = mesh_stats(replica).received;
    furrow_replica_destroy(replica);
    AWAIT(durable_of(mesh).ack_floor_seq == received);
    uint64_t lost = durable_of(mesh).delivered_seq - received;
    replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    mesh_await_rest(mesh, "timesheet");
    ck_assert(lost > 0 || mesh_stats(replica).replayed == 0);
    mesh_check_records(mesh, replica, PART);
    mesh_end(replica);
}

START_TEST(after_a_drain_the_next_process_goes_on_without_a_replay)
{
    mesh_run(NULL, goes_on_after_a_drain);
}
END_TEST

/* Deterministic, so that a failure is the same failure again. */
static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

static void follows_a_model(test_mesh *mesh)
{
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){.batch = 50, .max_in_hand = 200});
    furrow_test_process *other = mesh_child(mesh, "other", NULL);
    unsigned random = 20261123;
    for (int i = 0; i < 3000; i++) {
        char id[16], name[32];
        snprintf(id, sizeof id, "p%u", next_random(&random) % 40);
        snprintf(name, sizeof name, "name %d", i);
        if (next_random(&random) % 5)
            mesh_put(mesh, id, name, (int)(next_random(&random) % 3));
        else
            mesh_delete(mesh, id);
    }
    mesh_await_ready(replica);
    ck_assert_msg(furrow_test_process_running(other), "%s", furrow_test_process_stderr(other));
    mesh_await_rest(mesh, "timesheet");
    mesh_check_records(mesh, replica, PART);
    mesh_end(replica);
    furrow_test_process_destroy(other);
}

START_TEST(two_processes_sharing_the_durable_end_at_the_projection_of_the_log)
{
    mesh_run(NULL, follows_a_model);
}
END_TEST

static void builds_through_the_durable(test_mesh *mesh)
{
    mesh_put_many(mesh, "p", 0, 5000, 0);
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    furrow_replica_stats stats = mesh_stats(replica);
    ck_assert_uint_eq(stats.replayed, 0);
    ck_assert_uint_eq(stats.applied, 5000);
    ck_assert_uint_eq(stats.position, 5000);
    mesh_check_records(mesh, replica, PART);
    mesh_end(replica);
}

START_TEST(a_first_build_reads_the_log_once)
{
    mesh_run(NULL, builds_through_the_durable);
}
END_TEST

static void keeps_to_its_log(test_mesh *mesh)
{
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    furrow_replica *own = mesh_replica(mesh, (furrow_replica_options){.own = &mesh_person});
    mesh_put_many(mesh, "p", 0, 400, 0);
    mesh_await_ready(replica);
    mesh_await_ready(own);
    mesh_await_rest(mesh, "timesheet");
    mesh_await_owner(mesh, own);
    mesh_js_api(mesh, "STREAM.DELETE.PERSON");
    AWAIT(!mesh_ready(replica) && !mesh_ready(own));
    mesh_provision(mesh);
    mesh_put_many(mesh, "q", 0, 100, 0);
    mesh_await_ready(replica);
    AWAIT(mesh_at_rest(mesh, "timesheet"));
    mesh_check_records(mesh, replica, PART);

    AWAIT(strstr(furrow_replica_describe(own), "furrow restore"));
    ck_assert_int_eq(furrow_replica_state_of(own), FURROW_REPLICA_WAITING);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    ProtobufCMessage *message = NULL;
    furrow_error err = {0};
    furrow_record record = {0};
    ck_assert_int_eq(furrow_replica_get(own, "p7", arena, &message, NULL, &err), FURROW_UNAVAILABLE);
    ck_assert_int_eq(furrow_record_read_unverified(furrow_replica_table(own), "p7", arena, &record, &err), FURROW_OK);
    ck_assert_msg(record.found, "the owner wiped itself");
    mesh_redis(mesh, "DEL", "hr:{Person}:@replica", NULL); /* the loss is accepted */
    mesh_await_ready(own);
    mesh_await_owner(mesh, own);
    mesh_check_records(mesh, own, NULL);
    mesh_end(own);
    mesh_end(replica);
}

START_TEST(a_stream_made_again_is_rebuilt_by_a_replica_and_refused_by_its_owner)
{
    mesh_run(NULL, keeps_to_its_log);
}
END_TEST

static void refuses_a_subset_without_id(test_mesh *mesh)
{
    static const furrow_replica_contract wrong = {.service = "timesheet",
                                                  .entity = "replicatest.v1.Person",
                                                  .short_name = "Person",
                                                  .stream = "PERSON",
                                                  .descriptor = &replicatest__v1__contact__descriptor};
    furrow_error err = {0};
    furrow_replica_options options = {.service = "timesheet", .instance = "test", .contract = &wrong};
    ck_assert_ptr_null(furrow_replica_create(mesh->link, mesh->store, &options, &err));
    ck_assert_int_eq(err.code, FURROW_INVALID_ARGUMENT);
}

START_TEST(a_subset_without_the_id_is_refused)
{
    mesh_run(NULL, refuses_a_subset_without_id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica");
    TCase *tests = tcase_create("replica");
    tcase_set_timeout(tests, 90);
    tcase_add_test(tests, a_replica_holds_the_declared_fields_byte_for_byte_and_nothing_else);
    tcase_add_test(tests, an_own_entity_is_kept_whole);
    tcase_add_test(tests, events_that_cannot_be_applied_go_to_the_dead_letters_and_the_rest_flows_on);
    tcase_add_test(tests, events_with_headers_or_subjects_that_no_header_holds_are_dead_letters_too);
    tcase_add_test(tests, an_event_that_redis_refuses_takes_no_other_with_it);
    tcase_add_test(tests, a_stream_or_consumer_made_later_than_the_replica_is_picked_up);
    tcase_add_test(tests, who_waits_for_a_version_goes_on_when_it_has_arrived);
    tcase_add_test(tests, after_a_drain_the_next_process_goes_on_without_a_replay);
    tcase_add_test(tests, two_processes_sharing_the_durable_end_at_the_projection_of_the_log);
    tcase_add_test(tests, a_first_build_reads_the_log_once);
    tcase_add_test(tests, a_stream_made_again_is_rebuilt_by_a_replica_and_refused_by_its_owner);
    tcase_add_test(tests, a_subset_without_the_id_is_refused);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, NULL);
}
