/* Asks for employees, all at once, on a loop of its own and without threads:  NATS_URL=nats://… loop client.nk E00001 E00002 */
#include "base/clock.h"
#include "employee/v1/employee.client.h"
#include "user.h"

typedef struct questions {
    furrow_loop *loop;
    char **argv;
    size_t left;
    furrow_waiter answered;
} questions;

static void on_employee(void *arg, furrow_status status, const furrow_error *err,
                        const Employee__V1__EmployeeState *state)
{
    questions *self = arg;
    if (status == FURROW_OK)
        printf("%s %s\n", state->employee->id, state->employee->display_name);
    else
        printf("%s: %s\n", furrow_status_name(status), err->text);
    if (--self->left == 0) furrow_waiter_done(&self->answered);
}

static void ask_all(void *arg)
{
    questions *self = arg;
    char inbox[128];
    furrow_error err = {0};
    furrow_link_options options = user_options(self->argv[1], inbox);
    furrow_link *link = furrow_link_create(self->loop, &options, &err);
    furrow_client *client = link ? furrow_client_create(link, NULL, &err) : NULL;
    if (client) furrow_link_wait_connected(link, furrow_clock_in_ms(5000));
    for (char **id = self->argv + 2; client && *id; id++) {
        Employee__V1__GetEmployeeRequest request = EMPLOYEE__V1__GET_EMPLOYEE_REQUEST__INIT;
        request.id = *id;
        if (employee_get_employee_call_async(client, &request, NULL, on_employee, self, &err) == FURROW_OK)
            self->left++;
    }
    if (err.text[0]) fprintf(stderr, "%s\n", err.text);
    if (self->left > 0) furrow_wait(&self->answered, FURROW_NEVER);
    furrow_client_destroy(client);
    furrow_link_destroy(link);
}

int main(int argc, char **argv)
{
    questions all = {.loop = furrow_loop_create(NULL, NULL), .argv = argv, .answered = furrow_waiter_make()};
    if (argc < 3 || !all.loop || furrow_loop_run_task(all.loop, ask_all, &all, NULL) != FURROW_OK) return 2;
    furrow_loop_destroy(all.loop);
    return 0;
}
