/* Asks for employees, each in a thread of its own, all over one connection:  NATS_URL=nats://… threads client.nk E00001 E00002 */
#include "base/auto.h"
#include "employee/v1/employee.client.h"
#include "user.h"

#include <pthread.h>

typedef struct question {
    furrow_blocking *client;
    char *id;
    pthread_t thread;
} question;

static void *ask_in_thread(void *arg)
{
    question *self = arg;
    furrow_error err;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    Employee__V1__GetEmployeeRequest request = EMPLOYEE__V1__GET_EMPLOYEE_REQUEST__INIT;
    Employee__V1__EmployeeState *state;
    request.id = self->id;
    if (employee_get_employee_call_blocking(self->client, &request, NULL, arena, &state, &err) == FURROW_OK)
        printf("%s %s\n", state->employee->id, state->employee->display_name);
    else
        printf("%s %s: %s\n", self->id, furrow_status_name(err.code), err.text);
    return NULL;
}

int main(int argc, char **argv)
{
    char inbox[128];
    question questions[64];
    furrow_error err;
    if (argc < 3 || argc > 66) return 2;
    furrow_blocking_options options = {.link = user_options(argv[1], inbox)};
    furrow_blocking *client = furrow_blocking_create(&options, &err);
    if (!client) return fprintf(stderr, "%s\n", err.text), 1;
    for (int i = 0; i < argc - 2; i++) {
        questions[i] = (question){.client = client, .id = argv[i + 2]};
        if (pthread_create(&questions[i].thread, NULL, ask_in_thread, &questions[i]) != 0) return 1;
    }
    for (int i = 0; i < argc - 2; i++) pthread_join(questions[i].thread, NULL);
    furrow_blocking_destroy(client);
    return 0;
}
