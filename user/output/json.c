/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "output/json.h"

#include <stdio.h>
#include <string.h>

#include "output/text.h"

#define TEXT_BYTES_MAX 1024
#define EXACT_IN_DOUBLE (1ull << 53)

static cJSON *checked(struct json *j, cJSON *item)
{
	if (!item)
		j->failed = true;
	return item;
}

cJSON *json_object(struct json *j, cJSON *parent, const char *key)
{
	return checked(j, cJSON_AddObjectToObject(parent, key));
}

cJSON *json_array(struct json *j, cJSON *parent, const char *key)
{
	return checked(j, cJSON_AddArrayToObject(parent, key));
}

static cJSON *append(struct json *j, cJSON *array, cJSON *item)
{
	if (item && cJSON_AddItemToArray(array, item))
		return item;
	cJSON_Delete(item);
	j->failed = true;
	return NULL;
}

cJSON *json_item(struct json *j, cJSON *array)
{
	return append(j, array, cJSON_CreateObject());
}

static void clean(const struct json *j, char dst[TEXT_BYTES_MAX], const char *text, size_t len)
{
	size_t cap = j->text_max + 1;

	text_clean(dst, cap < TEXT_BYTES_MAX ? cap : TEXT_BYTES_MAX, text, len);
}

void json_bytes(struct json *j, cJSON *parent, const char *key, const char *text, size_t len)
{
	char buf[TEXT_BYTES_MAX];

	clean(j, buf, text, len);
	json_name(j, parent, key, buf);
}

void json_text(struct json *j, cJSON *parent, const char *key, const char *text)
{
	if (text)
		json_bytes(j, parent, key, text, strlen(text));
	else
		json_null(j, parent, key);
}

void json_text_item(struct json *j, cJSON *array, const char *text)
{
	char buf[TEXT_BYTES_MAX];

	clean(j, buf, text, strlen(text));
	append(j, array, cJSON_CreateString(buf));
}

void json_name(struct json *j, cJSON *parent, const char *key, const char *name)
{
	checked(j, name ? cJSON_AddStringToObject(parent, key, name) :
			  cJSON_AddNullToObject(parent, key));
}

void json_number(struct json *j, cJSON *parent, const char *key, uint64_t value)
{
	char digits[24];

	/* as it is: for a number, cJSON prints a double, reads it again, and compares */
	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	if (value <= EXACT_IN_DOUBLE)
		checked(j, cJSON_AddRawToObject(parent, key, digits));
	else
		json_name(j, parent, key, digits);
}

void json_bool(struct json *j, cJSON *parent, const char *key, bool value)
{
	checked(j, cJSON_AddBoolToObject(parent, key, value));
}

void json_null(struct json *j, cJSON *parent, const char *key)
{
	checked(j, cJSON_AddNullToObject(parent, key));
}

char *json_print(struct json *j, cJSON *root)
{
	char *line = j->failed ? NULL : cJSON_PrintUnformatted(root);

	cJSON_Delete(root);
	return line;
}
