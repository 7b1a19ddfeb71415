/** What uv.c and the simulated sockets tell each other. */
#ifndef FURROW_SIM_SIM_UV_H
#define FURROW_SIM_SIM_UV_H

#include <stdint.h>
#include <uv.h>

/* client.c: @handle watches the descriptor @fd that it handed out. */
void sim_uv_poll_made(uv_poll_t *handle, int fd);
/* There is something to read, or the end. In the handle's process. */
void sim_uv_readable(uv_poll_t *handle);

/* From within work for the pool: it blocks its thread until @time_ns. */
void sim_uv_work_takes_until(uint64_t time_ns);

#endif
