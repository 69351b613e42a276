/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Texts of rules with {words} in them that the facts of a session fill in:
 *
 *  *      {who}      whoever started the end        "backend chat-server (pid 812)", "the client at
 * 198.18.0.5:51234"  *  {party}    the same as one word           "server"  *   {peer}     the
 * other side as one word     "client"  *   {sender}   who sent the Close frame       "server"  *
 * {code}     its code                       "1011"  *     {reason}   its reason in quotes
 * ": \"boom\"", empty if there is none  *       {answerer} who gave the HTTP answer       "proxy
 * nginx (pid 33)"  *     {status}   HTTP status                    "403"  *      {target}   where
 * the connection went to   "198.18.0.9:8080"  *  {comm}     name of the ending process     "chat-
 * server"  *      {server}   name of the server's process   "chat-server"
 *
 * Pure.
 */
#ifndef DIAGNOSE_TEMPLATE_H
#define DIAGNOSE_TEMPLATE_H

#include <stddef.h>

struct facts;

/*
 * Fills dst, cut to cap. Without facts (NULL) the words stand for themselves: "the process", "the
 * code".
 */
void template_render(char *dst, size_t cap, const char *text, const struct facts *f);
/* Is every {word} of the text known? Other braces stand for themselves. */
int template_check(const char *text);

#endif
