/**
 * What is left of an entity: the look behind `furrow erase`, which waits until nothing is, and `furrow audit --erased`,
 * which confirms its receipt. erase.c: the commands and the receipt; erase_look.c: where is looked, and what is found.
 */
#ifndef FURROW_CLI_ERASE_H
#define FURROW_CLI_ERASE_H

#include "cli/cli.h"
#include "store/store.h"
#include "wire/contract.h"

#define ERASE_FOUND_MAX 64

/* One place that was looked at. */
typedef struct erase_found {
    char where[160];
    char what[240];
    bool left; /* something of the entity is there */
} erase_found;

typedef struct erase_look {
    cli *tool;
    furrow_store *store;
    const furrow_entity_contract *entity;
    const char *id;
    bool single, discard; /* dead letters that are found are taken away */
    bool dry_run;         /* to look is all that is done */
    furrow_arena *arena;  /* of one look */
    erase_found found[ERASE_FOUND_MAX];
    size_t count, left;
} erase_look;

/* Looks everywhere once. Errors: a place could not be looked at. */
furrow_status erase_look_once(erase_look *self, furrow_error *err) FURROW_MUST_USE;

/* `furrow audit --erased ENTITY ID`: the exit code. */
int erase_confirm(cli *tool);

#endif
