/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/names.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct name {
	uint32_t value;
	const char *name;
};

static const char *find(const struct name *names, size_t count, uint32_t value,
			const char *otherwise)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].value == value)
			return names[i].name;
	return otherwise;
}

/* What a TCP socket can report. */
static const struct name errno_names[] = {
	{ EPERM, "EPERM" },
	{ EINTR, "EINTR" },
	{ EAGAIN, "EAGAIN" },
	{ ENOMEM, "ENOMEM" },
	{ EACCES, "EACCES" },
	{ EINVAL, "EINVAL" },
	{ ENFILE, "ENFILE" },
	{ EMFILE, "EMFILE" },
	{ EPIPE, "EPIPE" },
	{ EPROTO, "EPROTO" },
	{ EMSGSIZE, "EMSGSIZE" },
	{ EADDRINUSE, "EADDRINUSE" },
	{ EADDRNOTAVAIL, "EADDRNOTAVAIL" },
	{ ENETDOWN, "ENETDOWN" },
	{ ENETUNREACH, "ENETUNREACH" },
	{ ENETRESET, "ENETRESET" },
	{ ECONNABORTED, "ECONNABORTED" },
	{ ECONNRESET, "ECONNRESET" },
	{ ENOBUFS, "ENOBUFS" },
	{ ENOTCONN, "ENOTCONN" },
	{ ESHUTDOWN, "ESHUTDOWN" },
	{ ETIMEDOUT, "ETIMEDOUT" },
	{ ECONNREFUSED, "ECONNREFUSED" },
	{ EHOSTDOWN, "EHOSTDOWN" },
	{ EHOSTUNREACH, "EHOSTUNREACH" },
	{ ENOPROTOOPT, "ENOPROTOOPT" },
};

const char *name_of_errno(uint32_t error)
{
	return find(errno_names, COUNT(errno_names), error, "errno");
}

static const struct name signal_names[] = {
	{ SIGHUP, "SIGHUP" },	{ SIGINT, "SIGINT" },	{ SIGQUIT, "SIGQUIT" },
	{ SIGILL, "SIGILL" },	{ SIGTRAP, "SIGTRAP" }, { SIGABRT, "SIGABRT" },
	{ SIGBUS, "SIGBUS" },	{ SIGFPE, "SIGFPE" },	{ SIGKILL, "SIGKILL" },
	{ SIGUSR1, "SIGUSR1" }, { SIGSEGV, "SIGSEGV" }, { SIGUSR2, "SIGUSR2" },
	{ SIGPIPE, "SIGPIPE" }, { SIGALRM, "SIGALRM" }, { SIGTERM, "SIGTERM" },
	{ SIGXCPU, "SIGXCPU" }, { SIGXFSZ, "SIGXFSZ" }, { SIGVTALRM, "SIGVTALRM" },
	{ SIGPROF, "SIGPROF" }, { SIGIO, "SIGIO" },	{ SIGSYS, "SIGSYS" },
	{ SIGSTOP, "SIGSTOP" }, { SIGCONT, "SIGCONT" },
};

const char *name_of_signal(uint32_t signal)
{
	return find(signal_names, COUNT(signal_names), signal, "signal");
}

/* RFC 8446, 6 and, for what older versions send, RFC 5246, 7.2 */
static const struct name tls_alerts[] = {
	{ 0, "close_notify" },
	{ 10, "unexpected_message" },
	{ 20, "bad_record_mac" },
	{ 21, "decryption_failed" },
	{ 22, "record_overflow" },
	{ 30, "decompression_failure" },
	{ 40, "handshake_failure" },
	{ 41, "no_certificate" },
	{ 42, "bad_certificate" },
	{ 43, "unsupported_certificate" },
	{ 44, "certificate_revoked" },
	{ 45, "certificate_expired" },
	{ 46, "certificate_unknown" },
	{ 47, "illegal_parameter" },
	{ 48, "unknown_ca" },
	{ 49, "access_denied" },
	{ 50, "decode_error" },
	{ 51, "decrypt_error" },
	{ 60, "export_restriction" },
	{ 70, "protocol_version" },
	{ 71, "insufficient_security" },
	{ 80, "internal_error" },
	{ 86, "inappropriate_fallback" },
	{ 90, "user_canceled" },
	{ 100, "no_renegotiation" },
	{ 109, "missing_extension" },
	{ 110, "unsupported_extension" },
	{ 111, "certificate_unobtainable" },
	{ 112, "unrecognized_name" },
	{ 113, "bad_certificate_status_response" },
	{ 114, "bad_certificate_hash_value" },
	{ 115, "unknown_psk_identity" },
	{ 116, "certificate_required" },
	{ 120, "no_application_protocol" },
};

const char *name_of_tls_alert(uint8_t description)
{
	return find(tls_alerts, COUNT(tls_alerts), description, "unknown_alert");
}

/* include/net/tcp_states.h */
static const char *const tcp_states[] = {
	"UNKNOWN",   "ESTABLISHED", "SYN_SENT",	    "SYN_RECV",	      "FIN_WAIT1",
	"FIN_WAIT2", "TIME_WAIT",   "CLOSE",	    "CLOSE_WAIT",     "LAST_ACK",
	"LISTEN",    "CLOSING",	    "NEW_SYN_RECV", "BOUND_INACTIVE",
};

const char *name_of_tcp_state(uint8_t state)
{
	return tcp_states[state < COUNT(tcp_states) ? state : 0];
}

const char *name_of_initiator(enum initiator by)
{
	static const char *const names[] = {
		[BY_UNKNOWN] = "unknown", [BY_CLIENT] = "client",   [BY_PROXY] = "proxy",
		[BY_SERVER] = "server",	  [BY_NETWORK] = "network", [BY_KERNEL] = "kernel",
	};

	return names[by];
}

const char *name_of_category(enum category c)
{
	static const char *const names[] = {
		[CATEGORY_NONE] = NULL,	      [CATEGORY_NETWORK] = "network",
		[CATEGORY_AUTH] = "auth",     [CATEGORY_SERVER] = "server",
		[CATEGORY_CONFIG] = "config",
	};

	return names[c];
}

const char *name_of_confidence(enum confidence c)
{
	static const char *const names[] = {
		[CONFIDENCE_NONE] = "none",
		[CONFIDENCE_LOW] = "low",
		[CONFIDENCE_MEDIUM] = "medium",
		[CONFIDENCE_HIGH] = "high",
	};

	return names[c];
}

const char *name_of_retry(enum retry r)
{
	static const char *const names[] = {
		[RETRY_NOT_NEEDED] = "not_needed", [RETRY_YES] = "yes", [RETRY_RECURS] = "recurs",
		[RETRY_BACKOFF] = "backoff",	   [RETRY_NO] = "no",
	};

	return names[r];
}

const char *retry_sentence(enum retry r)
{
	static const char *const sentences[] = {
		[RETRY_NOT_NEEDED] = "not needed",
		[RETRY_YES] = "yes, reconnecting solves it",
		[RETRY_RECURS] = "works, and dies again the same way until the cause is removed",
		[RETRY_BACKOFF] = "with growing pauses and jitter",
		[RETRY_NO] = "no, the result is the same every time",
	};

	return sentences[r];
}

const char *name_of_strategy(enum strategy s)
{
	static const char *const names[] = {
		[STRATEGY_NONE] = "none",
		[STRATEGY_IMMEDIATE_RETRY] = "immediate_retry",
		[STRATEGY_EXPONENTIAL_BACKOFF] = "exponential_backoff",
		[STRATEGY_FALLBACK] = "fallback",
		[STRATEGY_MANUAL] = "manual",
	};

	return names[s];
}
