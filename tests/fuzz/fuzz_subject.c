/*
 * Subjects and ids. Properties: an id that is taken makes a subject from which it comes back; an inbox has no blank and
 * no wildcard; the parts of an ack subject lie within it.
 */
#include "fuzz.h"

#include "wire/subject.h"

#include <stdlib.h>

static const char entity[] = "employee.v1.Employee";

static void check_id(const char *text, size_t size)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_bytes id;
    bool good = furrow_subject_check_id(text, size, "id", NULL) == FURROW_OK;

    if (strlen(text) != size) {
        FURROW_REQUIRE(!good); /* no id has a NUL byte */
        return;
    }
    FURROW_REQUIRE(good == (furrow_subject_of_entity(entity, text, subject, NULL) == FURROW_OK));
    if (!good) return;
    FURROW_REQUIRE(furrow_subject_id(subject, entity, &id, NULL) == FURROW_OK);
    FURROW_REQUIRE(furrow_bytes_equal(id, (furrow_bytes){text, size}));
    FURROW_REQUIRE(strcmp(furrow_subject_last(subject), text) == 0);
}

static void check_part(const char *subject, furrow_bytes part)
{
    const char *start = part.data;

    FURROW_REQUIRE(part.len > 0 && start > subject && start + part.len < subject + strlen(subject));
    FURROW_REQUIRE(!memchr(start, '.', part.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    furrow_ack ack;
    furrow_bytes id;
    char *text = malloc(size + 1);

    FURROW_REQUIRE(text);
    memcpy(text, data, size);
    text[size] = '\0';
    check_id(text, size);
    if (furrow_subject_id(text, entity, &id, NULL) == FURROW_OK)
        FURROW_REQUIRE(furrow_subject_check_id(id.data, id.len, "id", NULL) == FURROW_OK);
    if (furrow_subject_is_inbox(text)) FURROW_REQUIRE(!strpbrk(text, " \t\r\n") && text[strlen(text) - 1] != '.');
    if (furrow_subject_parse_ack(text, &ack)) {
        check_part(text, ack.stream);
        check_part(text, ack.consumer);
    }
    free(text);
    return 0;
}
