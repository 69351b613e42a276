/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config/option.h"

#include <string.h>

#define NS_PER_S 1000000000ull
#define DURATION_MAX_S (10ull * 365 * 24 * 3600)
#define BUFFER_MIB_MAX 1024

bool chat_ports_has(const struct chat_ports *ports, uint16_t port)
{
	return ports->bits[port >> 3] >> (port & 7) & 1;
}

void chat_ports_add(struct chat_ports *ports, uint16_t port)
{
	ports->bits[port >> 3] |= 1u << (port & 7);
}

/* Digits only: strtoull() would take signs, spaces and 0x too. Returns what follows, or NULL without a digit or above max. */
static const char *parse_number(const char *s, uint64_t max, uint64_t *ret_number)
{
	uint64_t n = 0;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (n > (max - (uint64_t)(*s - '0')) / 10)
			return NULL;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	*ret_number = n;
	return s;
}

static const char *set_flag(void *field, const char *value)
{
	(void)value;
	*(bool *)field = true;
	return NULL;
}

static const char *set_help(void *field, const char *value)
{
	(void)value;
	*(enum config_action *)field = ACTION_HELP;
	return NULL;
}

static const char *set_version(void *field, const char *value)
{
	(void)value;
	*(enum config_action *)field = ACTION_VERSION;
	return NULL;
}

static const char *set_man(void *field, const char *value)
{
	(void)value;
	*(enum config_action *)field = ACTION_MAN;
	return NULL;
}

static const char *set_ports(void *field, const char *value)
{
	struct chat_ports *ports = field;
	uint64_t port;

	if (!ports->only)
		memset(ports, 0, sizeof(*ports));
	ports->only = true;
	for (;;) {
		value = parse_number(value, 65535, &port);
		if (!value || port == 0 || (*value && *value != ','))
			return "a port is a number from 1 to 65535, several are separated by commas: --port 443,8080";
		chat_ports_add(ports, (uint16_t)port);
		if (!*value)
			return NULL;
		value++;
	}
}

static const char *set_format(void *field, const char *value)
{
	enum config_format *format = field;

	if (!strcmp(value, "json"))
		*format = CONFIG_FORMAT_JSON;
	else if (!strcmp(value, "text"))
		*format = CONFIG_FORMAT_TEXT;
	else
		return "the formats are json and text";
	return NULL;
}

static const char *set_duration(void *field, const char *value)
{
	static const char wrong
		[] = "a duration is a number of seconds above 0 and up to ten years, such as 30 or 1.5";
	uint64_t seconds = 0, ns = 0, unit = NS_PER_S / 10;

	if (*value != '.') {
		value = parse_number(value, DURATION_MAX_S, &seconds);
		if (!value)
			return wrong;
	} else if (!value[1]) {
		return wrong;
	}
	if (*value == '.')
		for (value++; *value >= '0' && *value <= '9'; value++, unit /= 10)
			ns += (uint64_t)(*value - '0') * unit;
	ns += seconds * NS_PER_S;
	if (*value || ns == 0)
		return wrong;
	*(uint64_t *)field = ns;
	return NULL;
}

static const char *set_count(void *field, const char *value)
{
	uint64_t n;

	value = parse_number(value, UINT64_MAX, &n);
	if (!value || *value || n == 0)
		return "a count is a number from 1 on";
	*(uint64_t *)field = n;
	return NULL;
}

/* The kernel takes powers of two only (bpf_ringbuf_alloc). */
static const char *set_buffer_mib(void *field, const char *value)
{
	uint64_t n;

	value = parse_number(value, BUFFER_MIB_MAX, &n);
	if (!value || *value || n == 0 || (n & (n - 1)))
		return "the size is a power of two from 1 to 1024, in MiB";
	*(uint64_t *)field = n;
	return NULL;
}

static const char *set_path(void *field, const char *value)
{
	if (!*value)
		return "a path is needed";
	*(const char **)field = value;
	return NULL;
}

#define FIELD(name) offsetof(struct config, name)
#define AT(id) (1u << (id))
#define LIVE (AT(COMMAND_TRACE) | AT(COMMAND_RECORD))
#define LINES (AT(COMMAND_TRACE) | AT(COMMAND_REPLAY))
#define KERNEL (LIVE | AT(COMMAND_DEMO))
#define ANYWHERE (AT(COMMAND_COUNT) - 1)

static const struct option_row options[] = {
	{ "port", 'p', "P[,P...]",
	  "Follow only these TCP ports. Default: every port on which a WebSocket handshake is seen, "
	  "and failures on 80, 443, 3000, 8000 and 8080.",
	  LIVE, FIELD(ports), set_ports },
	{ "duration", 'd', "S", "Stop after S seconds; fractions are allowed.", LIVE,
	  FIELD(duration_ns), set_duration },
	{ "count", 'n', "N", "Stop after N lines; record stops after what would be N lines.",
	  LIVE | LINES, FIELD(count), set_count },
	{ "all", 'a', NULL, "Print opens and clean ends too.", LINES, FIELD(all), set_flag },
	{ "output", 'o', "FILE", "Append the lines to FILE instead of standard output.", LINES,
	  FIELD(output), set_path },
	{ "format", 'f', "json|text",
	  "Lines for machines (the default of trace and replay) or text for people (the default of "
	  "causes and demo).",
	  LINES | AT(COMMAND_CAUSES) | AT(COMMAND_DEMO), FIELD(format), set_format },
	{ "buffer-mib", 0, "N",
	  "Size of the buffer between kernel and wstrace in MiB, a power of two. Default: 16.",
	  KERNEL, FIELD(buffer_mib), set_buffer_mib },
	{ "cgroup", 0, "PATH",
	  "Trace the processes below this cgroup v2 directory only. Default: the root of the cgroup "
	  "v2 hierarchy, from the mount table.",
	  KERNEL, FIELD(cgroup), set_path },
	{ "btf", 0, "PATH",
	  "Type information of the running kernel. Default: " CONFIG_BTF_DEFAULT ".", KERNEL,
	  FIELD(btf), set_path },
	{ "verbose", 'v', NULL, "Show what libbpf and the verifier say.", KERNEL, FIELD(verbose),
	  set_flag },
	{ "help", 'h', NULL, "Show help, of one command if one is named.", ANYWHERE, FIELD(action),
	  set_help },
	{ "version", 'V', NULL, "Show the version.", ANYWHERE, FIELD(action), set_version },
	{ "man", 0, NULL, "Print the manual page; read it with: wstrace --man | man -l -",
	  AT(COMMAND_NONE), FIELD(action), set_man },
};

const struct option_row *option_rows(size_t *ret_count)
{
	*ret_count = sizeof(options) / sizeof(options[0]);
	return options;
}
