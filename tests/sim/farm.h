/**
 * The services as simulated processes: the definitions are those of services/<name>/main.c, and each process is
 * assembled and run as common/runtime/main.c does it, but for signals and settings.
 */
#ifndef FURROW_SIM_FARM_H
#define FURROW_SIM_FARM_H

#include "runtime/assembly.h"
#include "sim.h"

enum { SIM_EMPLOYEE, SIM_LOCATION, SIM_JOB, SIM_TIMESHEET, SIM_HARVEST, SIM_SERVICES };

/* One life of a process, from its start to its end. */
typedef struct sim_service {
    sim_process process; /* first */
    furrow_service service;
    bool ended; /* by itself, drained */
} sim_service;

/* Reads the definitions and settings; once, before any world begins. @folder is for the key file. */
void sim_farm_prepare(const char *folder);
const furrow_service_definition *sim_farm_definition(size_t which);
/* The streams and consumers of all services. */
void sim_farm_provision(void);

/* @name is for people and is kept. */
sim_service *sim_service_start(size_t which, const char *name);
/* SIGTERM. */
void sim_service_stop(sim_service *self);
/* SIGKILL, with its connections. */
void sim_service_kill(sim_service *self);
/* It takes calls, and would say SERVING. */
bool sim_service_ready(const sim_service *self);
/* Why it is not, for people. */
const char *sim_service_why(const sim_service *self);

#endif
