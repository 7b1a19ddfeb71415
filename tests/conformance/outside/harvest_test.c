/* The harvest service on a mesh of its own, beside a real employee service: what an author tests with the installed kit. */
#include "support/mesh.h"

#include <stdio.h>
#include <string.h>

#define HIRE "employee.v1.EmployeeService.HireEmployee"
#define PICK "harvest.v1.HarvestService.PickBin"
#define GET  "harvest.v1.HarvestService.GetBin"

static int failures;

static void expect(const char *what, const char *is, const char *wanted)
{
    if (strstr(is, wanted)) return;
    fprintf(stderr, "%s: no %s in %s\n", what, wanted, is);
    failures++;
}

static void picks_for_who_is_employed(furrow_test_mesh *mesh)
{
    furrow_test_mesh_start_all(mesh, 1);
    expect("nobody", furrow_test_mesh_refusal(mesh, PICK, "{\"id\":\"B0\",\"employeeId\":\"E9\",\"grams\":1}"),
           "FAILED_PRECONDITION: employee E9 is not known here");
    furrow_test_mesh_answer(mesh, HIRE,
                            "{\"id\":\"E1\",\"givenName\":\"Ana\",\"familyName\":\"Cruz\",\"badge\":\"1\"}");
    expect("a bin", furrow_test_mesh_answer(mesh, PICK, "{\"id\":\"B1\",\"employeeId\":\"E1\",\"grams\":400000}"),
           "\"employeeName\":\"Ana Cruz\"");
    expect("nothing", furrow_test_mesh_refusal(mesh, PICK, "{\"id\":\"B2\",\"employeeId\":\"E1\",\"grams\":0}"),
           "INVALID_ARGUMENT");
    expect("the bin", furrow_test_mesh_answer(mesh, GET, "{\"id\":\"B1\"}"), "\"grams\":\"400000\"");
    int harvest = furrow_test_mesh_service_of(mesh, "harvest");
    furrow_test_mesh_kill(mesh, harvest, 0);
    furrow_test_mesh_start(mesh, harvest, 0);
    furrow_test_mesh_wait_ready(mesh, harvest);
    expect("after a kill", furrow_test_mesh_answer(mesh, GET, "{\"id\":\"B1\"}"), "\"grams\":\"400000\"");
}

int main(void)
{
    furrow_test_mesh_run(&FURROW_TEST_MESH_OPTIONS, picks_for_who_is_employed);
    return failures ? 1 : 0;
}
