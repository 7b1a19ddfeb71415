/*
 * An owner's log that lost its end, as its replica sees it: what is to be done is done once, and the next start finds all
 * well.
 */
#include "replica_mesh.h"

/* Only the messages go back; what the durables know of them is on another part of the disk. */
static void put_back_messages(test_mesh *mesh, bool save)
{
    const char *script =
        save ? "rm -rf \"$1/kept\"; cp -a \"$1/jetstream\" \"$1/kept\""
             : "for s in $(find \"$1/kept\" -type d -name PERSON); do "
               "to=\"$1/jetstream${s#\"$1/kept\"}\"; rm -rf \"$to/msgs\"; cp -a \"$s/msgs\" \"$to/msgs\"; "
               "done";
    const char *argv[] = {"sh", "-ec", script, "sh", furrow_test_server_dir(mesh->nats), NULL};
    furrow_test_server_stop(mesh->nats);
    AWAIT(!furrow_link_connected(mesh->link));
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 20000, NULL), 0);
    furrow_test_server_restart(mesh->nats);
    ck_assert(furrow_link_wait_connected(mesh->link, furrow_clock_now_ns() + 20 * FURROW_NS_PER_S));
}

static furrow_replica *owner(test_mesh *mesh)
{
    return mesh_replica(mesh, (furrow_replica_options){.own = &mesh_person});
}

/* By hand, as it was done before there was another way. */
static void marker_is_deleted(test_mesh *mesh)
{
    furrow_replica *own = owner(mesh);
    mesh_put_many(mesh, "p", 0, 300, 0);
    mesh_await_ready(own);
    mesh_await_owner(mesh, own);
    put_back_messages(mesh, true);
    mesh_put_many(mesh, "p", 100, 300, 1);
    AWAIT(mesh_stats(own).position == 500);
    mesh_await_owner(mesh, own);
    put_back_messages(mesh, false);
    AWAIT(strstr(furrow_replica_describe(own), "the log is older than these records"));
    mesh_redis(mesh, "DEL", "hr:{Person}:@replica", NULL);
    mesh_await_ready(own);
    for (int start = 0; start < 2; start++) {
        mesh_put_many(mesh, "q", 0, 20, start);
        bool match = FURROW_TEST_EVENTUALLY_IN_TASK(mesh_records_match(mesh, own, NULL), 15000);
        ck_assert_msg(match, "start %d: %s", start, furrow_replica_describe(own));
        AWAIT(mesh_stats(own).position >= 300);
        mesh_end(own);
        own = owner(mesh);
        bool ready = FURROW_TEST_EVENTUALLY_IN_TASK(mesh_ready(own), 10000);
        ck_assert_msg(ready, "%s", furrow_replica_describe(own));
    }
    mesh_end(own);
}

START_TEST(a_loss_that_was_accepted_by_hand_is_over)
{
    mesh_run(NULL, marker_is_deleted);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica loss");
    TCase *tests = tcase_create("replica loss");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_loss_that_was_accepted_by_hand_is_over);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, NULL);
}
