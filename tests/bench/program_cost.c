// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Counts what BPF programs cost (bpf_stats), beside reference programs attached to the same packets:
 *
 *     program_cost CGROUP
 *
 * attaches three small cgroup_skb programs to both directions of CGROUP: `empty` only returns,
 * `lookup` finds the socket and its socket storage (there is none), `clock` reads the clock once.
 * For each line "PID..." on standard input, one JSON array on standard output:
 *
 *     [{"pid":0,"name":"empty","runs":N,"ns":N,"skipped":N}, ...]
 *
 * with the reference programs (pid 0) and all programs that those processes hold, since they were
 * loaded or since this program runs, whichever was later. While it runs, the kernel times every BPF program.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAMS_MAX 256
#define INSNS_MAX 16

#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define LOAD(d, s, o) INSN(BPF_LDX | BPF_MEM | BPF_DW, d, s, o, 0)
#define LOAD_MAP(d, fd) \
	INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define JUMP_IF_0(d, o) INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, 0)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct reference {
	const char *name;
	int fds[2]; /* ingress, egress */
};

static struct reference references[] = { { "empty", { -1, -1 } },
					 { "lookup", { -1, -1 } },
					 { "clock", { -1, -1 } } };

static int fail(const char *what)
{
	fprintf(stderr, "program_cost: %s: %s\n", what, strerror(errno));
	return -1;
}

/* Socket storage has to have a BTF type: a key of 4 bytes, a value of 4. */
static int make_storage(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	struct {
		struct btf_header header;
		uint32_t type[4];
		char strings[5];
	} btf = {
		.header = { .magic = 0xeb9f,
			    .version = 1,
			    .hdr_len = sizeof(struct btf_header),
			    .type_len = 16,
			    .str_off = 16,
			    .str_len = 5 },
		/* name, kind INT, bytes, encoding and bits */
		.type = { 1, BTF_KIND_INT << 24, 4, BTF_INT_SIGNED << 24 | 32 },
		.strings = "\0int",
	};

	options.btf_fd = (uint32_t)bpf_btf_load(&btf, sizeof(btf.header) + 16 + 5, NULL);
	options.btf_key_type_id = 1;
	options.btf_value_type_id = 1;
	return bpf_map_create(BPF_MAP_TYPE_SK_STORAGE, "bench", 4, 4, 0, &options);
}

static int attach(struct reference *r, int cgroup_fd, const struct bpf_insn *insns, size_t count)
{
	const enum bpf_attach_type types[2] = { BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS };

	for (int i = 0; i < 2; i++) {
		LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = types[i]);

		r->fds[i] = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SKB, r->name, "GPL", insns, count,
					  &options);
		if (r->fds[i] < 0)
			return fail("cannot load a program");
		/* closed with the process */
		if (bpf_link_create(r->fds[i], cgroup_fd, types[i], NULL) < 0)
			return fail("cannot attach a program");
	}
	return 0;
}

static int attach_references(int cgroup_fd, int storage_fd)
{
	const struct bpf_insn empty[] = { MOV_IMM(0, 1), EXIT };
	const struct bpf_insn lookup[] = {
		LOAD(1, 1, offsetof(struct __sk_buff, sk)),
		JUMP_IF_0(1, 8),
		CALL(BPF_FUNC_sk_fullsock),
		JUMP_IF_0(0, 6),
		MOV_REG(2, 0),
		LOAD_MAP(1, storage_fd),
		MOV_IMM(3, 0),
		MOV_IMM(4, 0),
		CALL(BPF_FUNC_sk_storage_get),
		MOV_IMM(0, 1),
		EXIT,
	};
	const struct bpf_insn clock[] = { CALL(BPF_FUNC_ktime_get_boot_ns), MOV_IMM(0, 1), EXIT };
	int err = attach(&references[0], cgroup_fd, empty, sizeof(empty) / sizeof(empty[0]));

	err = err ? err :
		    attach(&references[1], cgroup_fd, lookup, sizeof(lookup) / sizeof(lookup[0]));
	return err ? err :
		     attach(&references[2], cgroup_fd, clock, sizeof(clock) / sizeof(clock[0]));
}

static void print_program(const char *separator, int pid, const char *name, int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return;
	printf("%s{\"pid\":%d,\"name\":\"%s\",\"runs\":%llu,\"ns\":%llu,\"skipped\":%llu}",
	       separator, pid, name ? name : info.name, (unsigned long long)info.run_cnt,
	       (unsigned long long)info.run_time_ns, (unsigned long long)info.recursion_misses);
}

/* Of /proc/PID/fdinfo/FD; 0: no BPF program. */
static uint32_t program_id(int pid, const char *fd)
{
	char path[300], line[128];
	uint32_t id = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "prog_id:", 8))
			id = (uint32_t)strtoul(line + 8, NULL, 10);
	if (f)
		fclose(f);
	return id;
}

/* A link's fdinfo names its program too, so each is looked for among those that were printed. */
static void print_programs_of(int pid)
{
	uint32_t seen[PROGRAMS_MAX], count = 0, id, i;
	struct dirent *entry;
	char path[64];
	DIR *folder;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	folder = opendir(path);
	while (folder && count < PROGRAMS_MAX && (entry = readdir(folder))) {
		id = isdigit((unsigned char)entry->d_name[0]) ? program_id(pid, entry->d_name) : 0;
		for (i = 0; i < count && seen[i] != id; i++)
			continue;
		if (!id || i < count)
			continue;
		seen[count++] = id;
		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0)
			continue;
		print_program(",", pid, NULL, fd);
		close(fd);
	}
	if (folder)
		closedir(folder);
}

static void answer(char *line)
{
	const char *separator = "[";
	char *save, *word;

	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++)
		for (int direction = 0; direction < 2; direction++, separator = ",")
			print_program(separator, 0, references[i].name,
				      references[i].fds[direction]);
	for (word = strtok_r(line, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
		print_programs_of((int)strtol(word, NULL, 10));
	printf("]\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int cgroup_fd, storage_fd;
	char line[512];

	if (argc != 2) {
		fprintf(stderr, "usage: program_cost CGROUP\n");
		return 2;
	}
	cgroup_fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup_fd < 0)
		return -fail(argv[1]);
	storage_fd = make_storage();
	if (storage_fd < 0)
		return -fail("cannot create socket storage");
	if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0)
		return -fail("cannot switch on bpf_stats");
	if (attach_references(cgroup_fd, storage_fd))
		return 1;
	while (fgets(line, sizeof(line), stdin))
		answer(line);
	return 0;
}
