/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "diagnose/close_code.h"

static const struct close_code codes[] = {
	{ 1000, true, "Normal Closure", "The purpose of the connection is fulfilled." },
	{ 1001, true, "Going Away", "The page was left or the server is going down." },
	{ 1002, true, "Protocol Error", "The peer sent something that breaks RFC 6455." },
	{ 1003, true, "Unsupported Data",
	  "The peer sent a kind of message that the endpoint does not take." },
	{ 1004, false, "Reserved", "Reserved; no frame may carry it." },
	{ 1005, false, "No Status Received", "The Close frame was empty." },
	{ 1006, false, "Abnormal Closure",
	  "The connection ended with no Close frame at all: the reason is outside of WebSocket." },
	{ 1007, true, "Invalid Payload Data",
	  "A message did not match its type, mostly bad UTF-8." },
	{ 1008, true, "Policy Violation", "The endpoint refused the peer by a rule of its own." },
	{ 1009, true, "Message Too Big", "A message was larger than the endpoint accepts." },
	{ 1010, true, "Mandatory Extension",
	  "The client needs an extension that the server did not negotiate." },
	{ 1011, true, "Internal Error", "The server met an error that it did not expect." },
	{ 1012, true, "Service Restart", "The server restarts." },
	{ 1013, true, "Try Again Later", "The server is overloaded." },
	{ 1014, true, "Bad Gateway", "A gateway got an invalid answer from the server behind it." },
	{ 1015, false, "TLS Handshake", "The TLS handshake failed; no frame may carry it." },
	{ 3000, true, "Unauthorized", "Like HTTP 401; some libraries use it for a normal close." },
	{ 3003, true, "Forbidden", "Like HTTP 403." },
	{ 3008, true, "Timeout", "Like HTTP 408; some libraries use it for a slow client." },
};

const struct close_code *close_code_list(size_t *ret_count)
{
	*ret_count = sizeof(codes) / sizeof(codes[0]);
	return codes;
}

const struct close_code *close_code_find(uint16_t code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return &codes[i];
	return NULL;
}

const char *close_code_name(uint16_t code)
{
	const struct close_code *known = close_code_find(code);

	if (known)
		return known->name;
	if (code >= 3000 && code <= 3999)
		return "library or framework code";
	if (code >= 4000 && code <= 4999)
		return "private application code";
	return code >= 1000 && code <= 2999 ? "unassigned" : "not a close code";
}

bool close_code_is_legal(uint16_t code)
{
	const struct close_code *known = close_code_find(code);

	return known ? known->on_wire : code >= 3000 && code <= 4999;
}

bool close_code_is_benign(uint16_t code)
{
	return code == CLOSE_NORMAL || code == CLOSE_GOING_AWAY || code == CLOSE_NO_STATUS;
}
