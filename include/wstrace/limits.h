/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sizes that the kernel side and user space have to agree on. */
#ifndef WSTRACE_LIMITS_H
#define WSTRACE_LIMITS_H

#define WST_COMM_LEN 16 /* TASK_COMM_LEN */

/*
 * Bytes of an opening handshake carried by one WST_EV_HTTP record. A power of two: the kernel side
 * masks with it.
 */
#define WST_HTTP_CHUNK_BYTES 512

/*
 * A head longer than this is not followed (nginx's large_client_header_buffers, Node and Go all
 * stop earlier or here).
 */
#define WST_HTTP_HEAD_BYTES 16384

/* RFC 6455, 5.5: a control frame's payload is 125 bytes at most. */
#define WST_CONTROL_PAYLOAD_BYTES 125

/* TCP states remembered per socket, the last ones win. */
#define WST_STATE_HISTORY 8

/*
 * cgroup path of a process, as in /proc/PID/cgroup. Docker's and Kubernetes' are under 200 bytes.
 */
#define WST_CGROUP_PATH_BYTES 256

#define WST_REASON_NAME_BYTES 48
#define WST_HOSTNAME_BYTES 64

#endif
