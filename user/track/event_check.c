/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/event_check.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

size_t event_size(uint16_t type)
{
	static const uint16_t sizes[] = {
		[WST_EV_OPEN] = sizeof(struct wst_open_event),
		[WST_EV_HTTP] = sizeof(struct wst_http_event),
		[WST_EV_FRAME] = sizeof(struct wst_frame_event),
		[WST_EV_STATE] = sizeof(struct wst_state_event),
		[WST_EV_RESET] = sizeof(struct wst_reset_event),
		[WST_EV_ERROR] = sizeof(struct wst_error_event),
		[WST_EV_END] = sizeof(struct wst_end_event),
		[WST_EV_EXIT] = sizeof(struct wst_exit_event),
		[WST_EV_SIGNAL] = sizeof(struct wst_signal_event),
		[WST_EV_OOM] = sizeof(struct wst_oom_event),
		[WST_EV_DROP] = sizeof(struct wst_drop_event),
		[WST_EV_BACKLOG] = sizeof(struct wst_backlog_event),
		[WST_EV_CLOSING] = sizeof(struct wst_end_event),
		[WST_EV_LISTEN] = sizeof(struct wst_listen_event),
		[WST_EV_UNIX] = sizeof(struct wst_unix_event),
		[WST_EV_FRONT] = sizeof(struct wst_front_event),
		[WST_EV_HOST] = sizeof(struct wst_host_event),
		[WST_EV_PROCESS] = sizeof(struct wst_process_event),
		[WST_EV_NAME] = sizeof(struct wst_name_event),
		[WST_EV_LOSS] = sizeof(struct wst_loss_event),
		[WST_EV_TICK] = sizeof(struct wst_event),
		[WST_EV_GONE] = sizeof(struct wst_event),
	};

	return type < sizeof(sizes) / sizeof(sizes[0]) ? sizes[type] : 0;
}

size_t event_least_size(uint16_t type)
{
	return type == WST_EV_PROCESS ? offsetof(struct wst_process_event, parent_tgid) :
					event_size(type);
}

int event_check(const struct wst_event *event)
{
	size_t size = event_size(event->type);

	if (event->size < sizeof(*event))
		return -EINVAL;
	if (!size)
		return -ENOENT;
	return event->size < size ? -EINVAL : 0;
}

void field_copy(char *to, size_t size, const char *from, size_t room)
{
	size_t len = strnlen(from, room);

	if (len > size - 1)
		len = size - 1;
	memcpy(to, from, len);
	memset(to + len, 0, size - len);
}

void task_copy(struct wst_task *to, const struct wst_task *from)
{
	*to = *from;
	to->comm[WST_COMM_LEN - 1] = '\0';
}
