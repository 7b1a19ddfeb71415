/**
 * Where the tool has sets of descriptors from: the contracts that it knows, files, and what services say of themselves
 * (runtime/reflection.h).
 */
#ifndef FURROW_CLI_DESCRIPTOR_SETS_H
#define FURROW_CLI_DESCRIPTOR_SETS_H

#include "cli/cli.h"
#include "cli/descriptor.h"

#define DESCRIPTOR_SETS_MAX 512 /* contracts and stored sets */

/* Of every contract (cli/contracts.h); how many. */
size_t descriptor_sets_known(furrow_bytes sets[DESCRIPTOR_SETS_MAX]);

/* The pool of the contracts. */
void descriptor_sets_pool(descriptor_pool *pool);

/* What the services that run answer, and of those that do not the contracts that are known here. False: no mesh, which was
 * printed. A service that should have answered and did not is named on standard error, and the exit code 1. */
bool descriptor_sets_ask(cli *tool, descriptor_pool *pool);

/*
 * The pool in which @has finds @name: of the contracts that are known here, or else of the mesh. False: the reason was
 * printed; it is in neither.
 */
typedef bool descriptor_has_fn(const descriptor_pool *pool, const char *name);
bool descriptor_sets_find(cli *tool, const char *name, descriptor_has_fn *has, descriptor_pool *pool);

/* A file of `protoc -o`, `buf build -o` or `furrow describe --descriptors`. False: the reason was printed. */
bool descriptor_sets_read(cli *tool, const char *path, descriptor_pool *pool);

#endif
