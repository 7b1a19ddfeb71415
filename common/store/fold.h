/**
 * Lower case for comparing names: ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic; each letter keeps its length in
 * UTF-8. Own table, not the C library's: what is stored in an index must not change with a locale or a release. Pure.
 * Private to store/.
 */
#ifndef FURROW_STORE_FOLD_H
#define FURROW_STORE_FOLD_H

#include <stddef.h>
#include <stdint.h>

/* Folds @len bytes of UTF-8 in place. Bytes that are no UTF-8 stay. */
void furrow_fold(uint8_t *text, size_t len);

#endif
