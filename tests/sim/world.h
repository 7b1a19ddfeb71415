/**
 * A world with two processes of each service in which a plan happens: then all that is broken is mended, everything
 * comes to rest, and what is there is looked at (checks.c). What clients ask and are told is kept in ops (clients.c).
 */
#ifndef FURROW_SIM_WORLD_H
#define FURROW_SIM_WORLD_H

#include "farm.h"
#include "jetstream.h"
#include "plan.h"

#define WORLD_PROCESSES (2 * SIM_SERVICES)
#define WORLD_FAILURE   1000

/* Something asked by a client, with all its repetitions, and what came of it. */
typedef struct sim_op {
    struct sim_op *next;
    plan_kind kind;
    unsigned who, number;
    const char *subject, *json, *id; /* id: of the entity, as far as it is known before */
    bool keyed, done;
    unsigned tries;
    uint64_t asked_ns, done_ns; /* first asked; answered for good */
    const sim_message *answer;  /* that counts */
    int code;                   /* 0: OK, as the answer says */
    const char *error;
    uint64_t version;         /* that it names, or 0 */
    const sim_message *state; /* what the log had at that version when the answer came, or NULL */
    int64_t state_ns;         /* when the log had taken that */
    sim_event *timer;
} sim_op;

/* ---- clients.c ---- */

void sim_clients_start(void);
sim_op *sim_ask(plan_kind kind, unsigned who, unsigned number);
sim_op *sim_ask_json(const char *subject, const char *json, bool keyed);
const sim_op *sim_ops(void);
bool sim_ops_done(void);
/* Where its entity's events are. */
const char *sim_op_stream(const sim_op *op);
const char *sim_op_name(const sim_op *op);

/* ---- checks.c ---- */

/* Says in @why what is wrong with what is stored, or "" . */
void sim_check_records(sim_service *const services[WORLD_PROCESSES], char why[WORLD_FAILURE]);
/* … with the rules of the farm: badges, open days. */
void sim_check_rules(char why[WORLD_FAILURE]);
/* … with what was answered and what the log has. @lost: the log has lost its end; @both: and Redis may have lost
 * something at the same time. */
void sim_check_history(bool lost, bool both, char why[WORLD_FAILURE]);

/* ---- world.c ---- */

/* Runs @of; false: @why says what is wrong. */
bool sim_world_run(const plan *of, char why[WORLD_FAILURE]);

/* ---- plant.c: faults put in on purpose, to see that the checks find them ---- */

/* False: there is none of this name. NULL: none is planted. */
bool sim_plant(const char *name);
void sim_plant_list(FILE *out);

#endif
