/*
 * Settings and addresses. Properties: a number that is taken is the one that was written, and in range; what is refused
 * leaves everything as it was and names the setting; an address that is taken can be written and read back.
 */
#include "fuzz.h"

#include "base/settings.h"
#include "store/address.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct config {
    int64_t number;
    const char *text;
} config;

static const furrow_setting table[] = {
    {"FURROW_FUZZ_NUMBER", FURROW_SETTING_NUMBER, offsetof(config, number), "7", -100, 100000, "a number"},
    {"FURROW_FUZZ_TEXT", FURROW_SETTING_TEXT, offsetof(config, text), NULL, 0, 0, "a text"},
};

static void check_settings(const char *text)
{
    config read = {-7, "unset"};
    furrow_error err = {0};
    char written[32];
    setenv("FURROW_FUZZ_NUMBER", text, 1);
    setenv("FURROW_FUZZ_TEXT", text, 1);
    if (furrow_settings_read(table, 2, &read, &err) != FURROW_OK) {
        FURROW_REQUIRE(read.number == -7 && strcmp(read.text, "unset") == 0 && err.code == FURROW_INVALID_ARGUMENT);
        FURROW_REQUIRE(strstr(err.text, "FURROW_FUZZ_NUMBER"));
        return;
    }
    FURROW_REQUIRE(read.number >= -100 && read.number <= 100000);
    if (!*text) {
        FURROW_REQUIRE(read.number == 7 && !read.text);
        return;
    }
    const char *digits = text + (*text == '-');
    const char *significant = digits + strspn(digits, "0");
    snprintf(written, sizeof written, "%" PRId64, read.number < 0 ? -read.number : read.number);
    FURROW_REQUIRE(strcmp(read.text, text) == 0);
    FURROW_REQUIRE(strcmp(*significant ? significant : "0", written) == 0);
}

static void check_address(const char *text)
{
    furrow_address address = {.database = 9}, again;
    furrow_error err = {0};
    char written[400];
    if (furrow_address_parse(text, &address, &err) != FURROW_OK) {
        FURROW_REQUIRE(err.code == FURROW_INVALID_ARGUMENT && err.text[0] && address.database == 9);
        return;
    }
    FURROW_REQUIRE((address.path[0] != '\0') == (address.host[0] == '\0'));
    if (address.path[0])
        snprintf(written, sizeof written, "unix://%s", address.path);
    else
        snprintf(written, sizeof written, "redis://%s%s%s:%s/%u", strchr(address.host, ':') ? "[" : "", address.host,
                 strchr(address.host, ':') ? "]" : "", address.port, address.database);
    FURROW_REQUIRE(furrow_address_parse(written, &again, NULL) == FURROW_OK);
    FURROW_REQUIRE(strcmp(again.path, address.path) == 0 && strcmp(again.host, address.host) == 0);
    FURROW_REQUIRE(strcmp(again.port, address.port) == 0 && again.database == address.database);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    FURROW_REQUIRE(text);
    memcpy(text, data, size);
    text[size] = '\0';
    check_settings(text);
    check_address(text);
    free(text);
    return 0;
}
