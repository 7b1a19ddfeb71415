/* Messages on an entity's subject that are no events: a replica keeps what it has, an owner is told. */
#include "replica_mesh.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t soon(void)
{
    return furrow_clock_now_ns() + 10 * FURROW_NS_PER_S;
}

/* Spoken by hand, as a stranger would: a library is too polite to send a status. @head is the header block. */
static void publish_by_hand(test_mesh *mesh, const char *subject, const char *head)
{
    char text[512], answer[2048];
    size_t got = 0;
    int port = furrow_test_server_port(mesh->nats), fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    int len =
        snprintf(text, sizeof text, "CONNECT {\"verbose\":false,\"headers\":true}\r\nHPUB %s %zu %zu\r\n%s\r\nPING\r\n",
                 subject, strlen(head), strlen(head), head);
    ck_assert(write(fd, text, (size_t)len) == len);
    while (got < sizeof answer - 1) {
        ssize_t more = read(fd, answer + got, sizeof answer - 1 - got);
        ck_assert_int_gt(more, 0);
        got += (size_t)more;
        answer[got] = '\0';
        if (strstr(answer, "PONG\r\n")) break;
    }
    ck_assert_msg(!strstr(answer, "-ERR"), "%s", answer);
    close(fd);
}

/* The statuses that the server makes, and empty messages that lack an owner's headers. */
static void keeps_what_is_not_deleted(test_mesh *mesh)
{
    static const char *const heads[] = {"NATS/1.0 404 No Messages\r\n\r\n",
                                        "NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\n\r\n",
                                        "NATS/1.0 409 Consumer Deleted\r\n\r\n",
                                        "NATS/1.0 100 Idle Heartbeat\r\n\r\n",
                                        "NATS/1.0\r\nce-type: replicatest.v1.Person.deleted\r\n\r\n",
                                        "NATS/1.0\r\n\r\n"};
    enum { HEADS = sizeof heads / sizeof *heads };
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    mesh_put(mesh, "e1", "Ana", 1);
    for (size_t i = 0; i < HEADS; i++) { /* one after the other: the log keeps the newest few of an entity */
        publish_by_hand(mesh, "replicatest.v1.Person.e1", heads[i]);
        AWAIT(mesh_stats(replica).dead_lettered == i + 1);
    }
    mesh_publish(mesh, "replicatest.v1.Person.e1", (furrow_bytes){NULL, 0});
    mesh_put(mesh, "e2", "Bo", 1);
    mesh_await_rest(mesh, "timesheet");
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, HEADS + 1);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_error err = {0};
    furrow_js_stored letter;
    ck_assert_int_eq(furrow_js_get(mesh->link, "DEADLETTER", 1, soon(), arena, &letter, &err), FURROW_OK);
    ck_assert_ptr_nonnull(strstr(furrow_js_stored_header(&letter, "Furrow-Reason", arena), "no deletion"));
    ProtobufCMessage *kept;
    uint64_t version;
    ck_assert_int_eq(furrow_replica_get(replica, "e1", arena, &kept, &version, &err), FURROW_OK);
    ck_assert(kept != NULL && version == 1);
    ck_assert_str_eq(((test_person_part *)kept)->display_name, "Ana");
    mesh_end(replica);
}

START_TEST(an_empty_message_without_an_owners_headers_deletes_nothing)
{
    mesh_run(NULL, keeps_what_is_not_deleted);
}
END_TEST

/*
 * What nats.c takes for "no responders" and throws away: nobody ever gets it from the durable, so nobody acks it. Once
 * before the replica runs, once while it is at rest, and then while events come without end.
 */
static void finds_what_is_never_delivered(test_mesh *mesh)
{
    static const char *const heads[] = {"NATS/1.0 503\r\n\r\n", "NATS/1.0 503 No Responders\r\nce-id: x\r\n\r\n",
                                        "NATS/1.0\r\nStatus: 503\r\n\r\n"};
    mesh_put(mesh, "e1", "Ana", 1);
    publish_by_hand(mesh, "replicatest.v1.Person.e1", heads[0]);
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    mesh_await_rest(mesh, "timesheet");
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, 1);
    publish_by_hand(mesh, "replicatest.v1.Person.e1", heads[1]);
    mesh_await_rest(mesh, "timesheet");
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, 2);
    publish_by_hand(mesh, "replicatest.v1.Person.e1", heads[2]);
    int round = 0;
    AWAIT((mesh_put_many(mesh, "n", 0, 100, ++round), mesh_stats(replica).dead_lettered == 3));
    mesh_await_rest(mesh, "timesheet");
    ck_assert_uint_eq(mesh_last_seq(mesh, "DEADLETTER"), 3);
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, 3);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    ProtobufCMessage *kept;
    furrow_error err = {0};
    ck_assert_int_eq(furrow_replica_get(replica, "e1", arena, &kept, NULL, &err), FURROW_OK);
    ck_assert_str_eq(((test_person_part *)kept)->display_name, "Ana");
    mesh_end(replica);
}

START_TEST(a_message_that_is_never_delivered_is_found_and_buried)
{
    mesh_run(NULL, finds_what_is_never_delivered);
}
END_TEST

/* A full stream of dead letters refuses; what has no room there is kept by the log, and brought again. */
static void letters_have_no_room(test_mesh *mesh)
{
    enum { POISON = 5 };
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){0});
    mesh_await_ready(replica);
    mesh_provision_letters(mesh, 700);
    for (int i = 0; i < POISON; i++) {
        char subject[64];
        snprintf(subject, sizeof subject, "replicatest.v1.Person.bad%d", i);
        mesh_publish(mesh, subject, (furrow_bytes){"\x0a\xff\xff", 3});
    }
    mesh_put(mesh, "e2", "Bo", 1);
    AWAIT(furrow_replica_notice(replica)[0] != '\0');
    ck_assert_ptr_nonnull(strstr(furrow_replica_notice(replica), "dead letter"));
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    ProtobufCMessage *kept = NULL;
    furrow_error err = {0};
    AWAIT(furrow_replica_get(replica, "e2", arena, &kept, NULL, &err) == FURROW_OK && kept); /* the rest flows on */
    ck_assert_uint_lt(mesh_last_seq(mesh, "DEADLETTER"), POISON);
    ck_assert(!mesh_at_rest(mesh, "timesheet"));
    mesh_provision(mesh); /* room again */
    mesh_await_rest(mesh, "timesheet");
    ck_assert_uint_eq(mesh_last_seq(mesh, "DEADLETTER"), POISON);
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, POISON); /* one that came twice is stored and counted once */
    ck_assert_str_eq(furrow_replica_notice(replica), "");
    mesh_end(replica);
}

START_TEST(an_event_for_which_the_dead_letters_have_no_room_waits_and_health_says_so)
{
    mesh_run(NULL, letters_have_no_room);
}
END_TEST

static int restores_asked, restores_failing;

static furrow_status restore_after_some_calls(void *user, const furrow_entity_contract *own, const char *id,
                                              furrow_error *err)
{
    ck_assert_ptr_eq(own, &mesh_person);
    ck_assert_str_eq(id, "e1");
    if (restores_asked++ < restores_failing) return furrow_fail(err, FURROW_UNAVAILABLE, "the test says so");
    return FURROW_OK;
}

static void asks_the_owner(test_mesh *mesh)
{
    restores_asked = 0;
    restores_failing = 2;
    furrow_replica *replica =
        mesh_replica(mesh, (furrow_replica_options){.own = &mesh_person, .restore = restore_after_some_calls});
    mesh_await_ready(replica);
    mesh_put(mesh, "e1", "Ana", 1);
    mesh_publish(mesh, "replicatest.v1.Person.e1", (furrow_bytes){"\x0a\xff\xff", 3});
    mesh_await_owner(mesh, replica);
    ck_assert_int_gt(restores_asked, restores_failing);
    ck_assert_uint_eq(mesh_last_seq(mesh, "DEADLETTER"), 1);
    ck_assert_uint_eq(mesh_stats(replica).dead_lettered, 1); /* however often it came */
    mesh_end(replica);
}

START_TEST(an_owner_is_told_of_an_event_that_is_no_state_until_it_has_put_that_right)
{
    mesh_run(NULL, asks_the_owner);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica_poison");
    TCase *tests = tcase_create("poison");
    tcase_set_timeout(tests, 90);
    tcase_add_test(tests, an_empty_message_without_an_owners_headers_deletes_nothing);
    tcase_add_test(tests, a_message_that_is_never_delivered_is_found_and_buried);
    tcase_add_test(tests, an_event_for_which_the_dead_letters_have_no_room_waits_and_health_says_so);
    tcase_add_test(tests, an_owner_is_told_of_an_event_that_is_no_state_until_it_has_put_that_right);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, NULL);
}
