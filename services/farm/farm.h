/** The commands of the farm's own program, which know its contracts; the program around them is cli/cli.h's. */
#ifndef FURROW_FARM_FARM_H
#define FURROW_FARM_FARM_H

#include "cli/cli.h"

int farm_import(cli *tool);
int farm_seed(cli *tool);
int farm_simulate(cli *tool);

#endif
