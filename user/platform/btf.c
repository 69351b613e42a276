/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "platform/btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kernel_btf {
	struct btf *btf;
};

int kernel_btf_open(const char *path, struct kernel_btf **ret_btf, struct failure *ret_failure)
{
	struct kernel_btf *b = calloc(1, sizeof(*b));
	char reason[128];
	int err;

	if (!b)
		return failure_set(ret_failure, ENOMEM, "out of memory");
	b->btf = btf__parse(path, NULL);
	err = errno;
	if (b->btf) {
		*ret_btf = b;
		return 0;
	}
	free(b);
	libbpf_strerror(err, reason,
			sizeof(reason)); /* knows its own codes too, such as a wrong format */
	return failure_set(ret_failure, err,
			   "cannot read the kernel's type information (BTF) from %s: %s; the "
			   "kernel must be built with CONFIG_DEBUG_INFO_BTF=y, --btf names the file",
			   path, reason);
}

void kernel_btf_free(struct kernel_btf *b)
{
	if (!b)
		return;
	btf__free(b->btf);
	free(b);
}

static const struct btf_type *skip_modifiers(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

/* typedef void (*btf_trace_NAME)(void *data, ...), made by the kernel's __DECLARE_TRACE. */
static const struct btf_type *tracepoint_proto(const struct kernel_btf *b, const char *tracepoint)
{
	const struct btf_type *t;
	char name[128];
	int id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(b->btf, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return NULL;
	t = skip_modifiers(b->btf, (uint32_t)id);
	if (!t || !btf_is_ptr(t))
		return NULL;
	t = skip_modifiers(b->btf, t->type);
	return t && btf_is_func_proto(t) && btf_vlen(t) >= 1 ? t : NULL;
}

int kernel_btf_tracepoint_arguments(const struct kernel_btf *b, const char *tracepoint)
{
	const struct btf_type *proto = tracepoint_proto(b, tracepoint);

	return proto ? btf_vlen(proto) - 1 : -1; /* without the data pointer */
}

bool kernel_btf_argument_points_to(const struct kernel_btf *b, const char *tracepoint,
				   unsigned int argument, const char *struct_name)
{
	const struct btf_type *proto = tracepoint_proto(b, tracepoint), *t;
	const char *name;

	if (!proto || argument + 1u >= btf_vlen(proto))
		return false;
	t = skip_modifiers(b->btf, btf_params(proto)[argument + 1].type);
	if (!t || !btf_is_ptr(t))
		return false;
	t = skip_modifiers(b->btf, t->type);
	name = t && btf_is_struct(t) ? btf__name_by_offset(b->btf, t->name_off) : NULL;
	return name && !strcmp(name, struct_name);
}

bool kernel_btf_has_function(const struct kernel_btf *b, const char *name)
{
	return btf__find_by_name_kind(b->btf, name, BTF_KIND_FUNC) >= 0;
}

/* The function that the kernel's DEFINE_BPF_ITER_FUNC makes. */
bool kernel_btf_has_iterator(const struct kernel_btf *b, const char *target)
{
	char name[128];

	snprintf(name, sizeof(name), "bpf_iter_%s", target);
	return kernel_btf_has_function(b, name);
}

int kernel_btf_each_value(const struct kernel_btf *b, const char *enum_name,
			  int (*fn)(void *arg, const char *name, uint32_t value), void *arg)
{
	int ret = 0, id = btf__find_by_name_kind(b->btf, enum_name, BTF_KIND_ENUM);
	const struct btf_type *t = id < 0 ? NULL : btf__type_by_id(b->btf, (uint32_t)id);
	const struct btf_enum *values = t ? btf_enum(t) : NULL;
	const char *name;

	for (int i = 0; t && !ret && i < btf_vlen(t); i++) {
		name = btf__name_by_offset(b->btf, values[i].name_off);
		if (name)
			ret = fn(arg, name, (uint32_t)values[i].val);
	}
	return ret;
}
