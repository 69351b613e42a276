/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/conn_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "track/hash.h"

int conn_table_init(struct conn_table *t, uint32_t capacity)
{
	size_t buckets;

	memset(t, 0, sizeof(*t));
	t->mask = hash_mask_for(capacity / 2); /* a bucket for two costs no time to speak of */
	buckets = (size_t)t->mask + 1;
	t->by_cookie = calloc(buckets, sizeof(*t->by_cookie));
	for (int i = 0; i < CONN_CHAINS; i++)
		t->chains[i] = calloc(buckets, sizeof(*t->chains[i]));
	if (t->by_cookie && t->chains[CHAIN_TUPLE] && t->chains[CHAIN_SEQ])
		return 0;
	conn_table_free(t);
	return -ENOMEM;
}

void conn_table_free(struct conn_table *t)
{
	for (int role = 0; role < CONN_CLONE; role++)
		while (t->lists[role].oldest)
			conn_table_remove(t, t->lists[role].oldest);
	free(t->by_cookie);
	for (int i = 0; i < CONN_CHAINS; i++)
		free(t->chains[i]);
	memset(t, 0, sizeof(*t));
}

static struct conn **cookie_bucket(const struct conn_table *t, uint64_t cookie)
{
	return &t->by_cookie[hash_u64(cookie) & t->mask];
}

struct conn *conn_table_find(const struct conn_table *t, uint64_t cookie)
{
	struct conn *c = *cookie_bucket(t, cookie);

	while (c && c->cookie != cookie)
		c = c->next;
	return c;
}

static void list_append(struct conn_list *l, struct conn *c)
{
	c->older = l->newest;
	c->newer = NULL;
	*(l->newest ? &l->newest->newer : &l->oldest) = c;
	l->newest = c;
}

static void list_remove(struct conn_list *l, struct conn *c)
{
	*(c->older ? &c->older->newer : &l->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &l->newest) = c->older;
	c->older = c->newer = NULL;
}

struct conn *conn_table_add(struct conn_table *t, uint64_t cookie)
{
	struct conn *c = calloc(1, sizeof(*c)), **bucket = cookie_bucket(t, cookie);

	if (!c)
		return NULL;
	c->cookie = cookie;
	conn_init(c);
	c->next = *bucket;
	*bucket = c;
	t->count++;
	list_append(&t->lists[c->role], c);
	return c;
}

struct conn *conn_clone(const struct conn *c)
{
	struct conn *copy = malloc(sizeof(*copy));

	if (copy && !conn_copy(copy, c)) {
		copy->role = CONN_CLONE;
		return copy;
	}
	free(copy);
	return NULL;
}

static void chain_remove(struct conn *c, enum conn_chain chain)
{
	struct conn_link *link = &c->chains[chain];

	if (!link->at)
		return;
	*link->at = link->next;
	if (link->next)
		link->next->chains[chain].at = link->at;
	link->next = NULL;
	link->at = NULL;
}

static void chain_insert(struct conn **bucket, struct conn *c, enum conn_chain chain)
{
	struct conn_link *link = &c->chains[chain];

	chain_remove(c, chain);
	link->next = *bucket;
	if (link->next)
		link->next->chains[chain].at = &link->next;
	link->at = bucket;
	*bucket = c;
}

void conn_table_remove(struct conn_table *t, struct conn *c)
{
	struct conn **at;

	if (c->role != CONN_CLONE) {
		for (at = cookie_bucket(t, c->cookie); *at != c; at = &(*at)->next)
			;
		*at = c->next;
		for (int i = 0; i < CONN_CHAINS; i++)
			chain_remove(c, i);
		list_remove(&t->lists[c->role], c);
		t->count--;
	}
	conn_release(c);
	free(c);
}

void conn_table_set_role(struct conn_table *t, struct conn *c, enum conn_role role)
{
	if (c->role == CONN_CLONE || c->role == role)
		return;
	list_remove(&t->lists[c->role], c);
	c->role = role;
	list_append(&t->lists[role], c);
}

void conn_table_touch(struct conn_table *t, struct conn *c)
{
	if (c->role == CONN_CLONE || t->lists[c->role].newest == c)
		return;
	list_remove(&t->lists[c->role], c);
	list_append(&t->lists[c->role], c);
}

/* The same for both directions of a tuple. */
static uint32_t tuple_hash(const struct wst_tuple *tuple)
{
	uint32_t local = hash_bytes(tuple->local, 16), remote = hash_bytes(tuple->remote, 16);

	return hash_u64(local ^ (uint64_t)tuple->local_port << 32) +
	       hash_u64(remote ^ (uint64_t)tuple->remote_port << 32);
}

static bool has_seq(const struct conn *c)
{
	return c->handshake.request_seen || c->handshake.response_seen;
}

static uint32_t seq_hash(const struct conn *c)
{
	return hash_u64(c->handshake.request_seen ? c->handshake.request_seq :
						    c->handshake.response_seq);
}

void conn_table_index(struct conn_table *t, struct conn *c)
{
	if (c->tuple_known)
		chain_insert(&t->chains[CHAIN_TUPLE][tuple_hash(&c->tuple) & t->mask], c,
			     CHAIN_TUPLE);
	if (has_seq(c))
		chain_insert(&t->chains[CHAIN_SEQ][seq_hash(c) & t->mask], c, CHAIN_SEQ);
}

struct conn *conn_table_next_by_tuple(const struct conn_table *t, const struct wst_tuple *tuple,
				      const struct conn *after)
{
	return after ? after->chains[CHAIN_TUPLE].next :
		       t->chains[CHAIN_TUPLE][tuple_hash(tuple) & t->mask];
}

struct conn *conn_table_next_by_seq(const struct conn_table *t, const struct conn *c,
				    const struct conn *after)
{
	if (!has_seq(c))
		return NULL;
	return after ? after->chains[CHAIN_SEQ].next : t->chains[CHAIN_SEQ][seq_hash(c) & t->mask];
}
