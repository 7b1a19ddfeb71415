/*
 * The picking service of the README's chapter "A service of one's own", as its author would test it with the installed kit: a decision
 * alone, then all of it on a mesh of its own, beside a real employee service.
 */
#include "picking/v1/picking.domain.h"
#include "support/mesh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIRE "employee.v1.EmployeeService.HireEmployee"
#define FIRE "employee.v1.EmployeeService.TerminateEmployee"
#define PICK "picking.v1.PickingService.PickBin"
#define VOID "picking.v1.PickingService.VoidBin"
#define GET  "picking.v1.PickingService.GetBin"
#define LIST "picking.v1.PickingService.ListBins"

static int failures;

static void expect(const char *what, const char *is, const char *wanted)
{
    if (strstr(is, wanted)) return;
    fprintf(stderr, "%s: no %s in %s\n", what, wanted, is);
    failures++;
}

static void decides(void)
{
    furrow_error err = {0};
    Picking__V1__PickBinRequest request = PICKING__V1__PICK_BIN_REQUEST__INIT;
    Picking__V1__Employee ana = PICKING__V1__EMPLOYEE__INIT;
    Picking__V1__Bin next = PICKING__V1__BIN__INIT;
    char name[] = "Ana Cruz";
    ana.display_name = name;
    request.grams = 400000;
    picking_pick_bin_known known = {.request = &request, .employee = &ana};
    if (picking_pick_bin(&known, &next, &err) != FURROW_FAILED_PRECONDITION) failures++;
    expect("who is not employed", err.text, "Ana Cruz is not employed");
    ana.status = EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
    if (picking_pick_bin(&known, &next, &err) != FURROW_OK || next.grams != 400000) failures++;
}

static void picks_and_voids(furrow_test_mesh *mesh)
{
    const char *bin = "{\"id\":\"B1\",\"ticket\":\"T1\",\"employeeId\":\"E1\",\"grams\":400000}";
    expect("nobody", furrow_test_mesh_refusal(mesh, PICK, bin), "FAILED_PRECONDITION");
    furrow_test_mesh_answer(mesh, HIRE,
                            "{\"id\":\"E1\",\"givenName\":\"Ana\",\"familyName\":\"Cruz\",\"badge\":\"1\"}");
    expect("a bin", furrow_test_mesh_answer(mesh, PICK, bin), "\"grams\":\"400000\"");
    expect("the bin", furrow_test_mesh_answer(mesh, GET, "{\"id\":\"B1\"}"), "\"employeeName\":\"Ana Cruz\"");
    expect("it twice", furrow_test_mesh_refusal(mesh, PICK, bin), "ALREADY_EXISTS");
    bin = "{\"id\":\"B2\",\"ticket\":\"T1\",\"employeeId\":\"E1\",\"grams\":1}";
    expect("its ticket again", furrow_test_mesh_refusal(mesh, PICK, bin), "ALREADY_EXISTS: ticket T1");
    bin = "{\"id\":\"B2\",\"ticket\":\"T2\",\"employeeId\":\"E1\",\"grams\":0}";
    expect("an empty one", furrow_test_mesh_refusal(mesh, PICK, bin), "INVALID_ARGUMENT");
    if (!furrow_test_mesh_becomes(mesh, LIST, "{\"employeeId\":\"E1\"}", "\"employeeName\":\"Ana Cruz\"")) failures++;
    expect("void", furrow_test_mesh_answer(mesh, VOID, "{\"id\":\"B1\"}"), "\"voided\":true");
    expect("what is not there", furrow_test_mesh_refusal(mesh, VOID, "{\"id\":\"B9\"}"), "NOT_FOUND");
}

/* What the tool says of the settlement's own log. */
static bool is_settled(furrow_test_mesh *mesh)
{
    char *said = NULL;
    int code =
        furrow_test_mesh_tool(mesh, &said, (const char *const[]){"history", "picking.v1.Settlement", "E1", NULL});
    bool begun = code == 0 && strstr(said, "begun") != NULL;
    free(said);
    return begun;
}

static void settles_with_who_leaves(furrow_test_mesh *mesh)
{
    uint64_t until = furrow_test_mesh_within_ms(FURROW_TEST_MESH_PATIENCE_MS);
    if (is_settled(mesh)) expect("before", "a settlement", "none");
    furrow_test_mesh_answer(mesh, FIRE, "{\"id\":\"E1\"}");
    while (!is_settled(mesh) && furrow_clock_now_ns() < until) continue;
    if (!is_settled(mesh)) expect("after", "none", "a settlement");
    expect("who left",
           furrow_test_mesh_refusal(mesh, PICK, "{\"id\":\"B3\",\"ticket\":\"T3\",\"employeeId\":\"E1\",\"grams\":1}"),
           "FAILED_PRECONDITION: Ana Cruz is not employed");
}

static void outlives_a_kill(furrow_test_mesh *mesh)
{
    int picking = furrow_test_mesh_service_of(mesh, "picking");
    furrow_test_mesh_kill(mesh, picking, 0);
    furrow_test_mesh_start(mesh, picking, 0);
    furrow_test_mesh_wait_ready(mesh, picking);
    expect("after a kill", furrow_test_mesh_answer(mesh, GET, "{\"id\":\"B1\"}"), "\"grams\":\"400000\"");
}

static void serves(furrow_test_mesh *mesh)
{
    furrow_test_mesh_start_all(mesh, 1);
    picks_and_voids(mesh);
    settles_with_who_leaves(mesh);
    outlives_a_kill(mesh);
}

int main(void)
{
    decides();
    furrow_test_mesh_run(&FURROW_TEST_MESH_OPTIONS, serves);
    return failures ? 1 : 0;
}
