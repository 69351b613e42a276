/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whole pages for stdout: help, the catalogue. */
#ifndef PLATFORM_PAGE_H
#define PLATFORM_PAGE_H

/*
 * Prints the page, adds a newline if it does not end with one, and frees it. Returns the exit status:
 * 1, with a message, if it is NULL (memory was short) or could not be written; a reader that went
 * away early is no failure.
 */
int page_print(char *page);

#endif
