#pragma once
/* What the commands share that work straight in a data directory, whether a node runs on it or not. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "store/backend.h"

#define DIRECT_TIME_LEN 32

/*
 * Opens the store of dir for `todoke command`; b->ops->close(b) ends it. make: where there is none, it is
 * made; else that is refused. 0, or the exit status; what is wrong has been told.
 */
int direct_open(const char *command, const char *dir, bool make, struct backend **ret) MUST_CHECK;

/* Whether dir is no directory to work on: half of a backup, or its database is missing. Told then, for
 * `todoke command` or, NULL, `todoke serve`. */
bool direct_refuse(const char *command, const char *dir) MUST_CHECK;

/* The same, and where no node has kept its data: a slip in the name makes no directory. */
bool direct_missing(const char *command, const char *dir) MUST_CHECK;

/* What an error of opening a store means, for people; errno says more of ERR_IO. */
const char *direct_text(enum err e);

/* Text of a file that may hold anything, each line of it behind `before`; what could command a terminal
 * becomes a question mark. */
void direct_print(FILE *to, const char *before, const char *text);

/* Where the database of dir is damaged, as far as that is told quickly, on standard error. */
void direct_damage(const char *dir);

/* Tells e (errno says more of ERR_IO) and returns the exit status. */
int direct_fail(const char *command, const char *dir, enum err e);

/* Milliseconds since 1970 as a list shows them; "-" for 0. */
void direct_time(int64_t ms, char out[static DIRECT_TIME_LEN]);
