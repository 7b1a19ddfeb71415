/* See functions.h. */
#include "store/functions.h"

#include "store/library.h"

#include <string.h>

enum { ANSWER_BYTES = 1 << 20 };

const char *furrow_functions_library(void)
{
    return FURROW_LIBRARY;
}

const char *furrow_functions_text(void)
{
    return furrow_library_text;
}

/* The text under "library_code" in what FUNCTION LIST answered: a list of libraries, each a list of names and values.
 */
static const furrow_value *find_text(const furrow_value *libraries)
{
    if (libraries->kind != FURROW_VALUE_LIST || libraries->count == 0) return NULL;
    const furrow_value *library = &libraries->items[0];
    for (size_t i = 0; library->kind == FURROW_VALUE_LIST && i + 1 < library->count; i += 2) {
        const furrow_value *name = &library->items[i], *value = &library->items[i + 1];
        if (name->kind == FURROW_VALUE_TEXT && furrow_bytes_equal(name->text, FURROW_BYTES_LITERAL("library_code")) &&
            value->kind == FURROW_VALUE_TEXT)
            return value;
    }
    return NULL;
}

static furrow_status compare_text(furrow_store *store, bool *there, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ANSWER_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("FUNCTION"), FURROW_BYTES_LITERAL("LIST"),
                                 FURROW_BYTES_LITERAL("LIBRARYNAME"), FURROW_BYTES_LITERAL(FURROW_LIBRARY),
                                 FURROW_BYTES_LITERAL("WITHCODE")};
    furrow_value libraries;
    furrow_status status = furrow_store_command(store, argv, 5, arena, &libraries, err);
    if (status) return status;
    const furrow_value *text = find_text(&libraries);
    *there = text != NULL;
    if (!text || furrow_bytes_equal(text->text, furrow_bytes_of(furrow_library_text))) return FURROW_OK;
    return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                       "Redis has a function library " FURROW_LIBRARY
                       " with another text than this program's: somebody "
                       "changed it; remove it (FUNCTION DELETE " FURROW_LIBRARY ") and load again");
}

furrow_status furrow_functions_load(furrow_store *store, bool *loaded, furrow_error *err)
{
    bool there = false;
    furrow_status status = compare_text(store, &there, err);
    if (status) return status;
    if (!there) {
        const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("FUNCTION"), FURROW_BYTES_LITERAL("LOAD"),
                                     furrow_bytes_of(furrow_library_text)};
        FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ANSWER_BYTES);
        if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        status = furrow_store_command(store, argv, 3, arena, NULL, err);
        /* Two who load at once: whoever came second compares. */
        if (status == FURROW_INTERNAL && compare_text(store, &there, NULL) == FURROW_OK && there) status = FURROW_OK;
        if (status) return furrow_wrap(err, "load the function library " FURROW_LIBRARY);
    }
    *loaded = !there;
    return FURROW_OK;
}

furrow_status furrow_functions_look(furrow_store *store, bool *there, furrow_error *err)
{
    bool found = false;
    furrow_status status = compare_text(store, &found, err);
    if (status == FURROW_OK) *there = found;
    return status;
}
