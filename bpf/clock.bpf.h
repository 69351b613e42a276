/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * When payload passed, in boot time, without a reading of the clock for each segment: that costs
 * nearly as much as an empty program. The clock is read unless something has passed on this stream
 * in the same tick of the kernel (1 to 10 ms): then the segment is told as following that at once.
 *
 * So a time is never late, what passed later on a stream has the later time, the segment that ends
 * a silence is exact, and in a burst the last one may be told up to a tick early. Pings, pongs,
 * Close frames and segments without payload are always read from the clock, and so are events. Two
 * CPUs that walk both directions of a stream at once may give them one time. Ticks stand still while
 * the machine sleeps: what follows the sleep in the very tick before which it began is told early.
 */
#ifndef CLOCK_BPF_H
#define CLOCK_BPF_H

#include "packet.bpf.h"

#define TICK_BITS 24 /* as many come round in hours */
#define UNIT_BITS 18 /* a quarter of a millisecond */

/*
 * The tick in which any CPU read the clock last, below what it read first in that tick, in units:
 * one word, so that no CPU ever sees the tick of one with the time of another.
 */
extern __u64 clock_of_tick;

static __always_inline u64 payload_ns(const struct stream *stream)
{
	u64 in_ns = stream->walk[WST_IN].facts.last_payload_ns;
	u64 out_ns = stream->walk[WST_OUT].facts.last_payload_ns;
	u64 latest_ns = in_ns > out_ns ? in_ns : out_ns;
	u64 tick = bpf_jiffies64() << (64 - TICK_BITS); /* a load, no call */
	u64 seen = *(volatile u64 *)&clock_of_tick, now_ns;
	bool same_tick = seen << (64 - TICK_BITS) == tick;

	if (same_tick && latest_ns >> UNIT_BITS >= seen >> TICK_BITS)
		return latest_ns + 1;
	now_ns = bpf_ktime_get_boot_ns();
	if (!same_tick)
		*(volatile u64 *)&clock_of_tick = (now_ns >> UNIT_BITS) << TICK_BITS |
						  tick >> (64 - TICK_BITS);
	return now_ns;
}

#endif
