/**
 * The rules of jobs. Pure: no NATS, no Redis, no clock. Locations are given as what this service keeps of them.
 */
#ifndef FURROW_JOB_DOMAIN_H
#define FURROW_JOB_DOMAIN_H

#include "job/v1/job.domain.h"

#endif
