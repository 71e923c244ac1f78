#pragma once
/* Shared by the commands that open a data directory themselves, whether a node runs on it or not. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "store/backend.h"

#define DIRECT_TIME_LEN 32

/*
 * Opens the store of dir for `todoke command`; close it with b->ops->close(b). make: create a missing store;
 * otherwise a missing store is an error. Returns 0, or the exit status after a message on stderr.
 */
int direct_open(const char *command, const char *dir, bool make, struct backend **ret) MUST_CHECK;

/*
 * Whether dir must not be used, because it is an unfinished backup or its database is missing. Reports that
 * in the name of `todoke command`, or of `todoke serve` if command is NULL.
 */
bool direct_refuse(const char *command, const char *dir) MUST_CHECK;

/* The same, and also if no node has used dir, so that a misspelt name does not create a directory. */
bool direct_missing(const char *command, const char *dir) MUST_CHECK;

/* The message for an error of opening a store; for ERR_IO it reads errno. */
const char *direct_text(enum err e);

/*
 * Prints untrusted text with `before` in front of each line; control characters become question marks,
 * because they could command a terminal.
 */
void direct_print(FILE *to, const char *before, const char *text);

/* Prints on stderr where the database of dir is damaged, as far as a quick check finds it. */
void direct_damage(const char *dir);

/* Reports e (for ERR_IO also errno) and returns the exit status. */
int direct_fail(const char *command, const char *dir, enum err e);

/* Formats milliseconds since 1970 for lists; "-" for 0. */
void direct_time(int64_t ms, char out[static DIRECT_TIME_LEN]);
