/* The rules of places, without any server: fit of parents, status, and a tree that never has a cycle. */
#include "location/domain.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANCH LOCATION__V1__LOCATION_KIND__LOCATION_KIND_RANCH
#define BLOCK LOCATION__V1__LOCATION_KIND__LOCATION_KIND_BLOCK
#define ROW   LOCATION__V1__LOCATION_KIND__LOCATION_KIND_ROW

static furrow_arena *arena;
static furrow_error err;

static void setup(void)
{
    arena = furrow_arena_create(64 << 20);
}

static void teardown(void)
{
    furrow_arena_destroy(arena);
}

static Location__V1__CreateLocationRequest request_of(Location__V1__LocationKind kind, const char *parent)
{
    Location__V1__CreateLocationRequest request = LOCATION__V1__CREATE_LOCATION_REQUEST__INIT;
    request.kind = kind;
    request.name = "Somewhere";
    request.parent_id = (char *)(uintptr_t)parent;
    return request;
}

static furrow_status create(const Location__V1__CreateLocationRequest *request, const char *id,
                            const Location__V1__Location *parent, Location__V1__Location *next)
{
    furrow_status status = furrow_rule_first(&location_v1_create_location_request_field_rules, &request->base, &err);
    if (status != FURROW_OK) return status;
    Location__V1__Location fresh = LOCATION__V1__LOCATION__INIT;
    *next = fresh;
    next->id = furrow_arena_strdup(arena, id);
    location_create_location_known known = {
        .request = request, .parent = parent, .id = id, .now_ns = 1, .arena = arena};
    return location_create_location(&known, next, &err);
}

static Location__V1__Location *made(Location__V1__LocationKind kind, const char *id,
                                    const Location__V1__Location *parent)
{
    Location__V1__CreateLocationRequest request = request_of(kind, parent ? parent->id : "");
    Location__V1__Location *next = furrow_arena_alloc(arena, sizeof *next);
    ck_assert_int_eq(create(&request, id, parent, next), FURROW_OK);
    return next;
}

/* May a place of that kind stand there? */
static furrow_status stands(Location__V1__LocationKind kind, const Location__V1__Location *parent)
{
    Location__V1__Location next;
    Location__V1__CreateLocationRequest request = request_of(kind, parent ? parent->id : "B9");
    return create(&request, "N1", parent, &next);
}

static furrow_status move(const Location__V1__Location *location, const Location__V1__Location *parent,
                          Location__V1__Location *next)
{
    *next = *location;
    location_move_location_known known = {
        .location = location, .parent = parent, .id = location->id, .now_ns = 2, .arena = arena};
    return location_move_location(&known, next, &err);
}

/* Where @id is to stand in the tree of R1, *tree; which becomes the next one. */
static furrow_status put(Location__V1__Tree **tree, char *id, char *parent_id)
{
    Location__V1__Tree fresh = LOCATION__V1__TREE__INIT;
    Location__V1__Tree *next = furrow_arena_memdup(arena, *tree ? *tree : &fresh, sizeof *next);
    Location__V1__Location block = LOCATION__V1__LOCATION__INIT;
    next->id = "R1";
    block.id = furrow_arena_strdup(arena, id);
    block.parent_id = furrow_arena_strdup(arena, parent_id);
    location_move_location_known known = {.id = block.id, .arena = arena};
    furrow_status status = location_move_location_tree(&known, &block, *tree, next, &err);
    if (status == FURROW_OK) *tree = next;
    return status;
}

START_TEST(wrong_requests_name_their_field)
{
    Location__V1__CreateLocationRequest request = request_of(RANCH, "");
    Location__V1__GeoPoint far = LOCATION__V1__GEO_POINT__INIT;
    Location__V1__Location next;
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_OK);
    request.parent_id = "R2";
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "parent_id");
    request = request_of(BLOCK, "");
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_INVALID_ARGUMENT);
    request = request_of(RANCH, "");
    request.name = " \xe2\x80\x83";
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "name");
    request.name = "Cafe\xcc\x81";
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_OK);
    ck_assert_str_eq(next.name, "Caf\xc3\xa9");
    request = request_of(0, "");
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "kind");
    request = request_of(RANCH, "");
    request.time_zone = "/etc/passwd";
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_INVALID_ARGUMENT);
    request = request_of(RANCH, "");
    far.latitude = 91;
    request.centroid = &far;
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_INVALID_ARGUMENT);
    ck_assert_str_eq(err.field, "centroid.latitude");
    request.centroid = NULL;
    request.area_ha = -1;
    ck_assert_int_eq(create(&request, "R9", NULL, &next), FURROW_INVALID_ARGUMENT);
}
END_TEST

START_TEST(rows_stand_in_blocks_and_nothing_in_rows)
{
    Location__V1__Location *ranch = made(RANCH, "R1", NULL), *block = made(BLOCK, "B1", ranch),
                           *row = made(ROW, "W1", block);
    ck_assert_str_eq(row->ranch_id, "R1");
    ck_assert_int_eq(stands(BLOCK, ranch), FURROW_OK);
    ck_assert_int_eq(stands(BLOCK, block), FURROW_OK);
    ck_assert_int_eq(stands(ROW, ranch), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(stands(ROW, row), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(stands(BLOCK, NULL), FURROW_FAILED_PRECONDITION);
    Location__V1__Location closed = *block, open;
    ck_assert_int_eq(location_close_location(&(location_close_location_known){.location = block}, &closed, &err),
                     FURROW_OK);
    ck_assert_int_eq(stands(ROW, &closed), FURROW_FAILED_PRECONDITION);
    open = closed;
    ck_assert_int_eq(location_reopen_location(&(location_reopen_location_known){.location = &closed}, &open, &err),
                     FURROW_OK);
    ck_assert_int_eq(stands(ROW, &open), FURROW_OK);
}
END_TEST

START_TEST(places_move_within_their_ranch)
{
    Location__V1__Location *one = made(RANCH, "R1", NULL), *two = made(RANCH, "R2", NULL),
                           *block = made(BLOCK, "B1", one), *other = made(BLOCK, "B2", one), next;
    ck_assert_int_eq(move(block, two, &next), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(move(one, two, &next), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(move(block, other, &next), FURROW_OK);
    ck_assert_str_eq(next.parent_id, "B2");
    ck_assert_str_eq(block->parent_id, "R1"); /* the old state is left alone */
}
END_TEST

static size_t depth(const Location__V1__Tree *tree, const char *id)
{
    for (size_t i = 0; i < tree->n_parents; i++)
        if (strcmp(tree->parents[i]->key, id) == 0) return 1 + depth(tree, tree->parents[i]->value);
    return 0;
}

START_TEST(a_tree_refuses_cycles)
{
    Location__V1__Tree *tree = NULL, *before;
    ck_assert_int_eq(put(&tree, "A", "R1"), FURROW_OK);
    ck_assert_int_eq(put(&tree, "B", "A"), FURROW_OK);
    ck_assert_int_eq(put(&tree, "C", "B"), FURROW_OK);
    ck_assert_int_eq(put(&tree, "A", "C"), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(put(&tree, "A", "A"), FURROW_FAILED_PRECONDITION);
    ck_assert_int_eq(put(&tree, "C", "R1"), FURROW_OK);
    ck_assert_uint_eq(tree->n_parents, 3);
    before = tree;
    ck_assert_int_eq(put(&tree, "C", "R1"), FURROW_OK);
    ck_assert_mem_eq(tree, before, sizeof *tree); /* it is there already */
}
END_TEST

/* A map is a list in its bytes, where a stranger may name a block twice. */
START_TEST(a_block_has_one_parent)
{
    Location__V1__Tree *tree = NULL;
    ck_assert_int_eq(put(&tree, "A", "R1"), FURROW_OK);
    ck_assert_int_eq(put(&tree, "B", "A"), FURROW_OK);
    ck_assert_int_eq(location_check_tree(tree, &err), FURROW_OK);
    Location__V1__Tree__ParentsEntry again = *tree->parents[1];
    again.value = "R1";
    Location__V1__Tree__ParentsEntry *parents[] = {tree->parents[0], tree->parents[1], &again};
    tree->parents = parents;
    tree->n_parents = 3;
    ck_assert_int_eq(location_check_tree(tree, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "twice"));
}
END_TEST

/* Each block under the one before, in no order: the longest way up that there can be. */
START_TEST(the_largest_tree_is_checked_to_its_end)
{
    static char names[LOCATION_TREE_MAX][8];
    static Location__V1__Tree__ParentsEntry entries[LOCATION_TREE_MAX], *parents[LOCATION_TREE_MAX];
    Location__V1__Tree tree = LOCATION__V1__TREE__INIT;
    tree.parents = parents;
    tree.n_parents = LOCATION_TREE_MAX;
    for (size_t i = 0; i < LOCATION_TREE_MAX; i++) {
        snprintf(names[i], sizeof names[i], "B%zu", i);
        location__v1__tree__parents_entry__init(&entries[i]);
        entries[i].key = names[i];
        entries[i].value = i > 0 ? names[i - 1] : "R1";
        parents[i * 5 % LOCATION_TREE_MAX] = &entries[i];
    }
    ck_assert_msg(location_check_tree(&tree, &err) == FURROW_OK, "%s", err.text);
    entries[0].value = names[LOCATION_TREE_MAX - 1];
    ck_assert_int_eq(location_check_tree(&tree, &err), FURROW_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.text, "under itself"));
}
END_TEST

START_TEST(random_moves_never_make_a_cycle)
{
    char names[12][4];
    srand(3);
    for (int i = 0; i < 12; i++) snprintf(names[i], sizeof names[i], "%d", i);
    Location__V1__Tree *tree = NULL;
    size_t taken = 0;
    for (int step = 0; step < 3000; step++) {
        char *id = names[rand() % 12], *parent = rand() % 5 ? names[rand() % 12] : "R1";
        if (put(&tree, id, parent) != FURROW_OK) continue;
        taken++;
        for (int i = 0; i < 12; i++) ck_assert_uint_le(depth(tree, names[i]), 12); /* a cycle would not end */
    }
    ck_assert_uint_gt(taken, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("location domain");
    TCase *tests = tcase_create("rules");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, wrong_requests_name_their_field);
    tcase_add_test(tests, rows_stand_in_blocks_and_nothing_in_rows);
    tcase_add_test(tests, places_move_within_their_ranch);
    tcase_add_test(tests, a_tree_refuses_cycles);
    tcase_add_test(tests, a_block_has_one_parent);
    tcase_add_test(tests, the_largest_tree_is_checked_to_its_end);
    tcase_add_test(tests, random_moves_never_make_a_cycle);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
