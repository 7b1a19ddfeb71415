/**
 * The rules of places: ranches hold blocks, blocks hold blocks and rows. Pure.
 */
#ifndef FURROW_LOCATION_DOMAIN_H
#define FURROW_LOCATION_DOMAIN_H

#include "location/v1/location.domain.h"

#define LOCATION_TREE_MAX 4096 /* blocks of a ranch */

#endif
