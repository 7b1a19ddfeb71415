/*
 * A connection to NATS that goes dark: nothing comes through any more, in one direction or in both, and nobody says so.
 * The link finds out by its own probes, whatever the phase, and a server that comes back is found again.
 */
#include "link_world.h"
#include "log_proxy.h"
#include "support/tempdir.h"
#include "support/wait.h"

#include "tls_peer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const test_proxy_mode modes[] = {PROXY_LOSE_ANSWERS, PROXY_LOSE_REQUESTS, PROXY_LOSE_ALL};
static test_proxy_mode mode; /* of the case that runs, in a process of its own */
static const char *certificates;

static void dark_body(link_world *world)
{
    char answer[16];
    test_proxy *proxy = test_proxy_start(furrow_test_server_port(world->nats));
    furrow_link *link = link_world_connect(world, (furrow_link_options){.url = test_proxy_url(proxy)});
    link_world_serve_echo(world);
    ck_assert(furrow_link_wait_connected(link, link_world_in_ms(PATIENCE_MS)));
    /* The first may come before the server knows who serves it. */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(
        link_world_call(link, "t.echo", "x", PATIENCE_MS, answer, sizeof answer, NULL) == FURROW_OK, PATIENCE_MS));
    test_proxy_set(proxy, mode);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(!furrow_link_connected(link), PATIENCE_MS));
    ck_assert_msg(strstr(furrow_link_last_error(link), "silent") != NULL, "%s", furrow_link_last_error(link));
    test_proxy_cut(proxy);
    ck_assert(furrow_link_wait_connected(link, link_world_in_ms(PATIENCE_MS)));
    ck_assert_int_eq(link_world_call(link, "t.echo", "x", PATIENCE_MS, answer, sizeof answer, NULL), FURROW_OK);
    furrow_link_destroy(link);
    test_proxy_stop(proxy);
}

START_TEST(a_link_that_goes_dark_is_found_and_made_anew)
{
    mode = modes[_i];
    link_world_run(NULL, dark_body);
}
END_TEST

static void handshake_body(link_world *world)
{
    char ca[256];
    test_mute *server = test_mute_start();
    snprintf(ca, sizeof ca, "%s/cert.pem", certificates);
    furrow_link *link = link_world_connect(world, (furrow_link_options){.url = test_mute_url(server), .tls_ca = ca});
    /* It gives up, and tries again: the second time it is ended in the middle. */
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(test_mute_greeted(server) == 2, 2 * PATIENCE_MS));
    ck_assert_msg(strstr(furrow_link_last_error(link), "SSL") != NULL, "%s", furrow_link_last_error(link));
    furrow_link_destroy(link);
    test_mute_stop(server);
}

START_TEST(a_handshake_that_is_not_answered_is_given_up)
{
    certificates = furrow_test_tempdir();
    test_tls_make(certificates);
    link_world_run(NULL, handshake_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_dark");
    TCase *cases = tcase_create("link_dark");
    tcase_set_timeout(cases, 60);
    tcase_add_loop_test(cases, a_link_that_goes_dark_is_found_and_made_anew, 0, 3);
    tcase_add_test(cases, a_handshake_that_is_not_answered_is_given_up);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
