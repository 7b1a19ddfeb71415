/**
 * What the tests of restored logs share: people who are hired and changed, what was acknowledged of them, and whether all
 * of that is there afterwards. Threads: of a task on the farm's loop.
 */
#ifndef FURROW_TEST_RESTORE_FARM_H
#define FURROW_TEST_RESTORE_FARM_H

#include "support/farm.h"

#define RESTORE_PEOPLE_MAX 400

typedef struct restore_person {
    int crew; /* as acknowledged; -1: erased */
    bool hired;
} restore_person;

typedef struct restore_people {
    restore_person list[RESTORE_PEOPLE_MAX];
} restore_people;

/* Each succeeds, and is remembered. */
void restore_hire(farm *f, restore_people *people, int from, int to);
void restore_change(farm *f, restore_people *people, int who, int crew);
void restore_erase(farm *f, restore_people *people, int who);

/* All serve; everything of @people is what GetEmployee, ListEmployees and the claims on badges say; and what services
 * keep is what the logs say, byte for byte (`furrow audit`). */
void restore_check(farm *f, const restore_people *people);
void restore_wait_all(farm *f);

/* How @stream of employee's log ends. */
uint64_t restore_last_seq(farm *f, int service, const char *stream);
/* `furrow ARGUMENTS…`: what it says, in the farm's arena; its exit code must be @expected. */
#define RESTORE_TOOL(f, expected, ...) farm_tool_says(f, "operator", expected, (const char *const[]){__VA_ARGS__, NULL})

/* Calls with headers; the answer's Furrow-Version in *version unless NULL. */
furrow_status restore_call(farm *f, const char *method, const char *json, const furrow_header *headers, size_t count,
                           char **answer, char **version, furrow_error *err);

#endif
