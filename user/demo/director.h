/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Plays all scenarios, in processes of its own, beside whoever watches. */
#ifndef DEMO_DIRECTOR_H
#define DEMO_DIRECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "demo/scene.h"

struct director;

/*
 * Reserves the ports and forks. Nothing is played before director_go(). Call it before the tracer
 * starts: descriptors of the kernel side that a child inherited would keep it attached. 0 or
 * -errno.
 */
int director_start(struct director **ret_director);
/* Port of the server of a scenario. */
uint16_t director_port(const struct director *d, unsigned int scenario);
int director_go(struct director *d);
/* What came of a scenario, or NULL while it is played. */
const struct scene_result *director_result(const struct director *d, unsigned int scenario);
/* All scenarios are over (or the director died, which leaves some without a result). */
bool director_is_done(struct director *d);
/* Ends whatever still runs. NULL is fine. */
void director_free(struct director *d);

#endif
