/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "track/redact_words.h"

#include <stdbool.h>
#include <string.h>

#define TOKEN_RUN 16 /* letters and digits in a row, some of each: no word of a language */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* base64, base64url, the dots of a JWT, percent-encoding */
static bool is_in_word(uint8_t c)
{
	return is_digit(c) || is_letter(c) || c > 0x7f || (c && strchr("-._~+/%", c));
}

static bool looks_like_token(const uint8_t *word, size_t len)
{
	size_t run = 0, digits = 0, hex = 0, digits_in_run = 0;
	bool all_hex = true;

	for (size_t i = 0; i < len; i++) {
		bool digit = is_digit(word[i]), letter = is_letter(word[i]);

		digits += digit;
		hex += digit || (letter && (word[i] | 0x20) <= 'f');
		all_hex &= digit || word[i] == '-' || (letter && (word[i] | 0x20) <= 'f');
		run = digit || letter ? run + 1 : 0;
		digits_in_run = run ? digits_in_run + digit : 0;
		if (run >= TOKEN_RUN && digits_in_run && digits_in_run < run)
			return true;
	}
	return all_hex && hex >= TOKEN_RUN && digits;
}

static void hide(uint8_t *text, size_t len)
{
	memset(text, '*', len);
}

/* Does the word end with one of the names, in any case? */
static bool ends_with(const uint8_t *word, size_t len, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(names[i]), at = 0;

		while (n <= len && at < n && (word[len - n + at] | 0x20) == (uint8_t)names[i][at])
			at++;
		if (n <= len && at == n)
			return true;
	}
	return false;
}

/* Is what follows this word, and stands at `next`, for nobody to see? */
static bool introduces_secret(const uint8_t *word, size_t len, uint8_t next)
{
	static const char *const names[] = { "token",  "key",	    "secret", "password",
					     "passwd", "pwd",	    "sid",    "session",
					     "auth",   "signature", "cookie", "jwt" };
	static const char *const schemes[] = { "bearer", "basic" };

	if (next == '=')
		return ends_with(word, len, names, sizeof(names) / sizeof(names[0]));
	return next == ' ' && ends_with(word, len, schemes, 2);
}

void redact_words(uint8_t *text, size_t len)
{
	bool secret = false; /* the next word is one, whatever it looks like */
	bool query = false; /* all up to the next space */
	size_t at = 0, end;

	while (at < len) {
		if (!is_in_word(text[at])) {
			query = text[at] == '?' || (query && text[at] != ' ');
			at++;
			continue;
		}
		for (end = at; end < len && is_in_word(text[end]); end++)
			continue;
		if (secret || query || looks_like_token(text + at, end - at)) {
			hide(text + at, end - at);
			secret = false;
		} else {
			secret = end < len && introduces_secret(text + at, end - at, text[end]);
		}
		at = end;
	}
}
