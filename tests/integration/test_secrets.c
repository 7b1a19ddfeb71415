/*
 * Passwords, keys and certificates that are exchanged while a connection stands: the next one is made with what the files
 * say then.
 */
#include "base/clock.h"
#include "link/nkey.h"
#include "link_world.h"
#include "store/store.h"
#include "support/process.h"
#include "support/tempdir.h"
#include "support/wait.h"
#include "tls_peer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *path_in(const char *dir, const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void restart_with(link_world *world, const char *config)
{
    furrow_test_write_file(path_in(furrow_test_server_dir(world->nats), "nats.conf"), config);
    furrow_test_server_restart(world->nats);
}

static void await_again(furrow_link *link)
{
    ck_assert_msg(FURROW_TEST_EVENTUALLY_IN_TASK(furrow_link_reconnects(link) > 0 && furrow_link_connected(link),
                                                 2 * PATIENCE_MS),
                  "%s", furrow_link_last_error(link));
}

#define WITH_PASSWORD(text) "authorization { users = [ {user: a, password: " text "} ] }\n"

static void password_body(link_world *world)
{
    char *file = path_in(furrow_test_tempdir(), "password");
    furrow_test_write_file(file, "one\n");
    furrow_link *link = link_world_connect(world, (furrow_link_options){.user = "a", .password_file = file});
    ck_assert(furrow_link_wait_connected(link, link_world_in_ms(PATIENCE_MS)));
    restart_with(world, WITH_PASSWORD("two"));
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strcasestr(furrow_link_last_error(link), "authorization"), PATIENCE_MS));
    furrow_test_write_file(file, "two\n");
    await_again(link);
    furrow_link_destroy(link);
}

START_TEST(a_changed_password_is_picked_up_by_the_next_connection)
{
    link_world_run(&(furrow_test_nats_options){.config = WITH_PASSWORD("one")}, password_body);
}
END_TEST

#define WITH_KEY "authorization { users = [ {nkey: %s} ] }\n"
static char seeds[2][FURROW_NKEY_MAX], public[2][FURROW_NKEY_MAX];

static void key_body(link_world *world)
{
    char *file = path_in(furrow_test_tempdir(), "seed"), config[160];
    furrow_test_write_file(file, seeds[0]);
    furrow_link *link = link_world_connect(world, (furrow_link_options){.nkey_seed = file});
    ck_assert(furrow_link_wait_connected(link, link_world_in_ms(PATIENCE_MS)));
    snprintf(config, sizeof config, WITH_KEY, public[1]);
    restart_with(world, config);
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strcasestr(furrow_link_last_error(link), "authorization"), PATIENCE_MS));
    furrow_test_write_file(file, seeds[1]);
    await_again(link);
    furrow_link_destroy(link);
}

START_TEST(a_changed_key_is_picked_up_by_the_next_connection)
{
    char config[160], *file = path_in(furrow_test_tempdir(), "seed");
    for (int i = 0; i < 2; i++) {
        furrow_nkey_make_user(seeds[i]);
        furrow_test_write_file(file, seeds[i]);
        ck_assert_int_eq(furrow_nkey_public(file, public[i], NULL), FURROW_OK);
    }
    snprintf(config, sizeof config, WITH_KEY, public[0]);
    link_world_run(&(furrow_test_nats_options){.config = config}, key_body);
}
END_TEST

static const char *certificates;

static void certificate_body(link_world *world)
{
    furrow_link *link = link_world_connect(world, (furrow_link_options){.tls_ca = path_in(certificates, "cert.pem")});
    ck_assert_msg(furrow_link_wait_connected(link, link_world_in_ms(PATIENCE_MS)), "%s", furrow_link_last_error(link));
    test_tls_make(certificates); /* by another authority: itself */
    furrow_test_server_restart(world->nats);
    await_again(link);
    furrow_link_destroy(link);
}

START_TEST(a_renewed_certificate_is_picked_up_by_the_next_connection)
{
    char config[700];
    certificates = furrow_test_tempdir();
    test_tls_make(certificates);
    snprintf(config, sizeof config, "tls { cert_file: \"%s/cert.pem\", key_file: \"%s/key.pem\" }\n", certificates,
             certificates);
    link_world_run(&(furrow_test_nats_options){.config = config}, certificate_body);
}
END_TEST

static void ask_redis(const furrow_test_server *redis, const char *password, const char *command)
{
    char script[512];
    snprintf(script, sizeof script, "redis-cli -s '%s' -a '%s' %s", furrow_test_server_socket(redis), password,
             command);
    const char *const argv[] = {"sh", "-c", script, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, PATIENCE_MS, NULL), 0);
}

static void redis_body(link_world *world)
{
    furrow_error err = {0};
    char *file = path_in(furrow_test_tempdir(), "password");
    furrow_test_server *redis = furrow_test_redis_start(&(furrow_test_redis_options){
        .args = (const char *const[]){"--requirepass", "one", NULL}, .user = "default", .password = "one"});
    furrow_test_write_file(file, "one\n");
    furrow_store *store = furrow_store_create(
        world->loop,
        &(furrow_store_options){
            .url = furrow_test_server_url(redis), .password_file = file, .reconnect_max_ms = 100, .provisioning = true},
        &err);
    ck_assert_msg(store != NULL, "%s", err.text);
    ck_assert(furrow_store_wait_connected(store, link_world_in_ms(PATIENCE_MS)));
    uint64_t generation = furrow_store_generation(store);
    ask_redis(redis, "one", "config set requirepass two");
    ask_redis(redis, "two", "client kill type normal");
    ck_assert(FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_store_last_error(store), "WRONGPASS"), PATIENCE_MS));
    furrow_test_write_file(file, "two\n");
    ck_assert(furrow_store_wait_connected(store, link_world_in_ms(PATIENCE_MS)));
    ck_assert_uint_gt(furrow_store_generation(store), generation);
    furrow_store_destroy(store);
    furrow_test_server_destroy(redis);
}

START_TEST(a_changed_password_of_redis_is_picked_up_by_the_next_connection)
{
    link_world_run(NULL, redis_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secrets");
    TCase *cases = tcase_create("secrets");
    tcase_set_timeout(cases, 90);
    tcase_add_test(cases, a_changed_password_is_picked_up_by_the_next_connection);
    tcase_add_test(cases, a_changed_key_is_picked_up_by_the_next_connection);
    tcase_add_test(cases, a_renewed_certificate_is_picked_up_by_the_next_connection);
    tcase_add_test(cases, a_changed_password_of_redis_is_picked_up_by_the_next_connection);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
