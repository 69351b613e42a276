/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Plants a byte that occurs nowhere else where secrets stand in a head: in query strings and in the values of headers that carry
 * credentials. A single byte, so that no fuzzer can put a longer secret elsewhere by chance.
 */
#ifndef FUZZ_SECRET_H
#define FUZZ_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#define SECRET_BYTE '^'

/* First removes the byte from the text, then fills the secret places with it. Returns how many there are. */
uint32_t secret_plant(uint8_t *text, uint32_t len, bool request);

#endif
