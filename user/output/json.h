/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * cJSON with the house's rules for values: clean text, whole numbers that survive, names in static
 * memory. Pure.
 */
#ifndef OUTPUT_JSON_H
#define OUTPUT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

struct json {
	bool failed; /* memory was short: the tree is incomplete */
	size_t text_max; /* bytes of a text before it is cut */
};

/* A NULL parent is passed on, so that only the end has to look at failed. */
cJSON *json_object(struct json *j, cJSON *parent, const char *key);
cJSON *json_array(struct json *j, cJSON *parent, const char *key);
cJSON *json_item(struct json *j, cJSON *array); /* a new object in an array */
/* Bytes from anywhere, cleaned and cut; NULL text: null. */
void json_text(struct json *j, cJSON *parent, const char *key, const char *text);
void json_bytes(struct json *j, cJSON *parent, const char *key, const char *text, size_t len);
void json_text_item(struct json *j, cJSON *array, const char *text);
/* A string that is known to be fine as it is. */
void json_name(struct json *j, cJSON *parent, const char *key, const char *name);
/* A number up to 2^53, a string of digits above: doubles hold no more. */
void json_number(struct json *j, cJSON *parent, const char *key, uint64_t value);
void json_bool(struct json *j, cJSON *parent, const char *key, bool value);
void json_null(struct json *j, cJSON *parent, const char *key);
/* One line, freed by the caller; frees root. NULL when memory was short. */
char *json_print(struct json *j, cJSON *root);

#endif
