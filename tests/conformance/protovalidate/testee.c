/*
 * What judge.py talks to: reads lines of a message's name and its bytes in hexadecimal digits, and answers each with the
 * rules of common/wire/rule.h that it breaks, a line each (path, rule, "key" or "value", by tabs), and a line that ends
 * them: "." or, when there is no telling, "!" and why. The tables are those that protoc-gen-furrow made of the cases.
 */
#include "base/auto.h"
#include "wire/message.h"
#include "wire/rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Written by judge.py; both end with NULL. */
extern const ProtobufCMessageDescriptor *const case_types[];
extern const furrow_rule_message *const case_rules[];

static const ProtobufCMessageDescriptor *type_called(const char *name)
{
    for (size_t i = 0; case_types[i]; i++)
        if (strcmp(case_types[i]->name, name) == 0) return case_types[i];
    return NULL;
}

static const furrow_rule_message *rules_of(const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; case_rules[i]; i++)
        if (case_rules[i]->descriptor == type) return case_rules[i];
    return NULL;
}

static bool print_violation(void *user, const furrow_violation *violation)
{
    printf("%s\t%s\t%s\n", violation->path, violation->rule, violation->of_key ? "key" : "value");
    return true;
}

/* In place. */
static furrow_bytes bytes_of(char *hex)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        hex[i] = (char)strtoul(digits, NULL, 16);
    }
    return (furrow_bytes){hex, len};
}

static void judge(const char *name, furrow_bytes body)
{
    furrow_error err = {0};
    ProtobufCMessage *message;
    const ProtobufCMessageDescriptor *type = type_called(name);
    if (!type) {
        printf("!no type %s\n", name);
        return;
    }
    const furrow_rule_message *rules = rules_of(type);
    furrow_arena *arena = furrow_arena_create(0);
    furrow_status status = furrow_message_unpack(type, body, arena, &message, &err);
    if (status == FURROW_OK && rules) status = furrow_rule_check(rules, message, print_violation, NULL, &err);
    if (status == FURROW_OK)
        puts(".");
    else
        printf("!%s\n", err.text);
    furrow_arena_destroy(arena);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        char *hex = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (!hex) return EXIT_FAILURE;
        *hex++ = '\0';
        judge(line, bytes_of(hex));
    }
    free(line);
    return EXIT_SUCCESS;
}
