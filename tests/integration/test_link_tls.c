/*
 * Mistakes with certificates, against a server that asks for the client's: each is told by the setting, the file and
 * the cause, at once where the files alone show it, and else as why the connection failed.
 */
#include "link_world.h"

#include "support/process.h"
#include "support/tempdir.h"
#include "support/wait.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two authorities: the farm, whose are the server and a client, in time and not; and another, whose is a stranger. */
static const char make[] =
    "set -e\n"
    "ca() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.pem"
    " -subj /CN=$1 -days 2; }\n"
    "ask() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj /CN=$1; "
    "}\n"
    "sign() { openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -out $3.pem -extfile names"
    " -days $4; }\n"
    "echo subjectAltName=IP:127.0.0.1 >names; echo nothing >none.pem\n"
    "ca farm; ca other; ask server; ask client; ask stranger\n"
    "sign server farm server 2; sign client farm client 2; sign stranger other stranger 2\n"
    "sign client farm expired -1 || openssl x509 -req -in client.csr -CA farm.pem -CAkey farm.key -out expired.pem"
    " -not_before 20200101000000Z -not_after 20210101000000Z\n";

static const char *dir;

static void make_certificates(void)
{
    dir = furrow_test_tempdir();
    char script[sizeof make + 256];
    snprintf(script, sizeof script, "cd %s\n%s", dir, make);
    const char *const argv[] = {"sh", "-c", script, NULL};
    ck_assert_int_eq(furrow_test_run(&(furrow_test_process_options){.argv = argv}, 60000, NULL), 0);
}

/* A file of @dir; NULL: none. */
static const char *path_of(const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", dir, name ? name : "");
    return name ? out : NULL;
}

typedef struct mistake {
    const char *ca, *cert, *key;
    const char *says, *file;
} mistake;

static furrow_link *try_link(link_world *world, const mistake *made, furrow_error *err)
{
    char ca[256], cert[256], key[256];
    furrow_link_options options = {.url = furrow_test_server_url(world->nats),
                                   .reconnect_max_ms = 100,
                                   .tls_ca = path_of(made->ca, ca),
                                   .tls_cert = path_of(made->cert, cert),
                                   .tls_key = path_of(made->key, key)};
    return furrow_link_create(world->loop, &options, err);
}

static void files_body(link_world *world)
{
    static const mistake wrong[] = {
        {NULL, "client.pem", "client.key", "FURROW_NATS_CERT is set without FURROW_NATS_CA", ""},
        {NULL, NULL, "client.key", "FURROW_NATS_KEY is set without FURROW_NATS_CA", ""},
        {"farm.pem", "client.pem", NULL, "FURROW_NATS_CERT is set without FURROW_NATS_KEY", ""},
        {"farm.pem", NULL, "client.key", "FURROW_NATS_KEY is set without FURROW_NATS_CERT", ""},
        {"no.pem", NULL, NULL, "FURROW_NATS_CA: cannot read", "no.pem: No such file"},
        {"none.pem", NULL, NULL, "FURROW_NATS_CA: no certificate", "none.pem"},
        {"farm.pem", "none.pem", "client.key", "FURROW_NATS_CERT: no certificate", "none.pem"},
        {"farm.pem", "client.pem", "none.pem", "FURROW_NATS_KEY: no private key", "none.pem"},
        {"farm.pem", "client.pem", "stranger.key", "FURROW_NATS_KEY: ", "stranger.key is not the key"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        furrow_error err = {0};
        ck_assert_ptr_null(try_link(world, &wrong[i], &err));
        ck_assert_msg(err.code == FURROW_INVALID_ARGUMENT && strstr(err.text, wrong[i].says) &&
                          strstr(err.text, wrong[i].file),
                      "%s: %s", wrong[i].says, err.text);
    }
}

START_TEST(what_the_files_show_is_refused_at_once)
{
    make_certificates();
    link_world_run(NULL, files_body);
}
END_TEST

static void server_body(link_world *world)
{
    static const mistake wrong[] = {
        {"farm.pem", "expired.pem", "client.key", "has expired", "expired.pem"},
        {"farm.pem", NULL, NULL, "wants a client certificate: set FURROW_NATS_CERT", ""},
        {"farm.pem", "stranger.pem", "stranger.key", "other signed it, another authority", "stranger.pem"},
        {"other.pem", "client.pem", "client.key", "farm signed it", "other.pem (FURROW_NATS_CA)"},
        {NULL, NULL, NULL, "set FURROW_NATS_CA", "farm"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        furrow_error err = {0};
        furrow_link *link = try_link(world, &wrong[i], &err);
        ck_assert_msg(link != NULL, "%s", err.text);
        bool told = FURROW_TEST_EVENTUALLY_IN_TASK(strstr(furrow_link_last_error(link), wrong[i].says) &&
                                                       strstr(furrow_link_last_error(link), wrong[i].file),
                                                   PATIENCE_MS);
        ck_assert_msg(told, "%s: %s", wrong[i].says, furrow_link_last_error(link));
        furrow_link_destroy(link);
    }
    furrow_error err = {0};
    furrow_link *right = try_link(world, &(mistake){.ca = "farm.pem", .cert = "client.pem", .key = "client.key"}, &err);
    ck_assert_msg(right && furrow_link_wait_connected(right, link_world_in_ms(PATIENCE_MS)), "%s", err.text);
    furrow_link_destroy(right);
}

START_TEST(what_the_server_does_not_take_is_told_by_cause)
{
    char config[1024];
    make_certificates();
    snprintf(
        config, sizeof config,
        "tls { cert_file: \"%s/server.pem\", key_file: \"%s/server.key\", ca_file: \"%s/farm.pem\", verify: true }\n",
        dir, dir, dir);
    link_world_run(&(furrow_test_nats_options){.config = config}, server_body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link tls");
    TCase *tests = tcase_create("link tls");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, what_the_files_show_is_refused_at_once);
    tcase_add_test(tests, what_the_server_does_not_take_is_told_by_cause);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
