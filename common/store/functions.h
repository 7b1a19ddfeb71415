/**
 * The library of Redis functions that the store calls (furrow.lua). A service may call it and load nothing: an operator
 * loads it, with `furrow provision`. Its name holds a hash of its text, so several versions of it stand side by side
 * while services are replaced; one that no service calls any more may be removed (FUNCTION DELETE). FLUSHALL leaves it,
 * and it is kept with the data; a new, empty Redis and FUNCTION FLUSH are without: then the store is not connected,
 * furrow_store_last_error says what to do, and it is there by itself when the library is.
 * Threads: the loop's, in a task.
 */
#ifndef FURROW_STORE_FUNCTIONS_H
#define FURROW_STORE_FUNCTIONS_H

#include "store/store.h"

/* "furrow_1f2e3d4c" */
const char *furrow_functions_library(void);
/* What FUNCTION LOAD takes. */
const char *furrow_functions_text(void);

/*
 * Loads the library where it is missing. *loaded false: it was there. @store needs the rights of an operator, and
 * options.provisioning.
 *
 * Errors: FAILED_PRECONDITION when there is a library of this name with another text (nothing is replaced); those of
 * furrow_store_command.
 */
furrow_status furrow_functions_load(furrow_store *store, bool *loaded, furrow_error *err) FURROW_MUST_USE;

/* Is the library there? Loads nothing. Errors: as above. */
furrow_status furrow_functions_look(furrow_store *store, bool *there, furrow_error *err) FURROW_MUST_USE;

#endif
