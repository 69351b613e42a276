/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The catalogue for programs. */
#include <string.h>

#include "diagnose/catalogue.h"
#include "diagnose/close_code.h"
#include "diagnose/names.h"
#include "diagnose/protocol.h"
#include "diagnose/template.h"
#include "output/explain.h"
#include "output/json.h"

#define TEXT_BYTES 512

static void add_template(struct json *j, cJSON *parent, const char *key, const char *text)
{
	char generic[TEXT_BYTES];

	template_render(generic, sizeof(generic), text, NULL);
	json_text(j, parent, key, generic);
}

static void add_stage(struct json *j, cJSON *cause, const char *id)
{
	json_bytes(j, cause, "stage", id, strcspn(id, "."));
}

static void add_codes(struct json *j, cJSON *cause, const struct rule *r)
{
	cJSON *codes = json_array(j, cause, "close_codes");

	for (unsigned int i = 0; i < 4 && (i == 0 || r->codes[i]); i++) {
		cJSON *code = cJSON_CreateNumber(r->codes[i] ? r->codes[i] : CLOSE_ABNORMAL);

		if (!code || !cJSON_AddItemToArray(codes, code)) {
			cJSON_Delete(code);
			j->failed = true;
		}
	}
}

static void add_steps(struct json *j, cJSON *cause, const struct rule *r)
{
	cJSON *steps = json_array(j, cause, "troubleshooting_steps");
	char generic[TEXT_BYTES];

	for (unsigned int i = 0; i < VERDICT_STEPS_MAX && r->steps[i]; i++) {
		template_render(generic, sizeof(generic), r->steps[i], NULL);
		json_text_item(j, steps, generic);
	}
}

static void add_cause(struct json *j, cJSON *causes, const struct rule *r)
{
	cJSON *cause = json_item(j, causes);

	json_name(j, cause, "id", r->id);
	add_stage(j, cause, r->id);
	json_name(j, cause, "category", name_of_category(r->category));
	json_name(j, cause, "retry", name_of_retry(r->retry));
	json_name(j, cause, "strategy", name_of_strategy(r->strategy));
	add_codes(j, cause, r);
	add_template(j, cause, "summary", r->summary);
	add_template(j, cause, "user_message", r->user_message);
	add_steps(j, cause, r);
}

static void add_close_codes(struct json *j, cJSON *root)
{
	cJSON *codes = json_array(j, root, "close_codes");
	size_t count;
	const struct close_code *list = close_code_list(&count);

	for (size_t i = 0; i < count; i++) {
		cJSON *code = json_item(j, codes);

		json_number(j, code, "code", list[i].code);
		json_name(j, code, "name", list[i].name);
		json_bool(j, code, "on_wire", list[i].on_wire);
		json_name(j, code, "meaning", list[i].meaning);
	}
}

static void add_protocols(struct json *j, cJSON *root)
{
	cJSON *protocols = json_array(j, root, "protocols");
	size_t count;
	const struct protocol *list = protocol_list(&count);

	for (size_t i = 0; i < count; i++) {
		cJSON *protocol = json_item(j, protocols), *codes;

		json_name(j, protocol, "name", list[i].name);
		json_name(j, protocol, "note", list[i].note);
		codes = json_array(j, protocol, "close_codes");
		for (size_t k = 0; k < list[i].count; k++) {
			const struct protocol_code *known = &list[i].codes[k];
			cJSON *code = json_item(j, codes);

			json_number(j, code, "from", known->from);
			json_number(j, code, "to", known->to);
			json_name(j, code, "meaning", known->meaning);
			json_name(j, code, "category", name_of_category(known->category));
			json_name(j, code, "retry", name_of_retry(known->retry));
		}
	}
}

char *catalogue_json(void)
{
	struct json j = { .text_max = TEXT_BYTES };
	cJSON *root = cJSON_CreateObject(), *causes;

	j.failed = root == NULL;
	json_name(&j, root, "schema", "wstrace.causes.v1");
	causes = json_array(&j, root, "causes");
	for (const struct rule *r = catalogue_next(NULL); r; r = catalogue_next(r))
		add_cause(&j, causes, r);
	add_close_codes(&j, root);
	add_protocols(&j, root);
	return json_print(&j, root);
}
