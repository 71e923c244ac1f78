#pragma once
/*
 * The arguments of a command: options from a table, in the forms "--name VALUE" and "--name=VALUE", and
 * words, read by getopt_long(). Every command reads its own with this, so that all of them understand, and
 * refuse, alike:
 *
 *     --na               refused, "did you mean --name?": what is short for one option today may be short for two tomorrow
 *     --name --json      a value is missing; "--name=--json" says that it is one
 *     -- --json          a word, as all behind "--"; "-" alone is one, too
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum argument_type {
    ARGUMENT_FLAG,   /* to: bool */
    ARGUMENT_TEXT,   /* to: const char * */
    ARGUMENT_SWITCH, /* the same, with a value only behind an equals sign; without one: "true" */
    ARGUMENT_NUMBER, /* to: uint32_t, min to max */
    ARGUMENT_LANG,   /* to: enum lang; en or ja */
};

struct argument {
    const char *name; /* "--limit" */
    enum argument_type type;
    void *to;
    const char *value, *help; /* "N"; NULL help: not shown */
    uint32_t min, max;
};

#define ARGUMENT_OF_FLAG(name, to, help)                                                                     \
    {                                                                                                        \
        name, ARGUMENT_FLAG, to, "", help, 0, 0                                                              \
    }
#define ARGUMENT_OF_TEXT(name, to, value, help)                                                              \
    {                                                                                                        \
        name, ARGUMENT_TEXT, to, value, help, 0, 0                                                           \
    }
#define ARGUMENT_OF_NUMBER(name, to, min, max, value, help)                                                  \
    {                                                                                                        \
        name, ARGUMENT_NUMBER, to, value, help, min, max                                                     \
    }
#define ARGUMENT_OF_LANG(to, help)                                                                           \
    {                                                                                                        \
        "--lang", ARGUMENT_LANG, to, "en|ja", help, 0, 0                                                     \
    }
#define ARGUMENT_END                                                                                         \
    {                                                                                                        \
        NULL, ARGUMENT_FLAG, NULL, NULL, NULL, 0, 0                                                          \
    }

#define ARGUMENTS_MAX 128 /* options of a command; `todoke serve` has by far the most */

struct arguments {
    const char *command; /* "channel set": for messages, and what `todoke COMMAND --help` explains */
    const struct argument *options[3]; /* tables that end with a name that is NULL; the first NULL ends */
    size_t words_max;
    char **words; /* out: in argv, moved to its front */
    size_t word_count;
};

/* Whether an option of that name, such as "--data", stands in front of a "--". */
bool arguments_have(int argc, char **argv, const char *name);
/* The same of --help or -h. */
bool arguments_ask_help(int argc, char **argv);

/* Reads argv[from] and all behind it. 0; 2: told on standard error. */
int arguments_read(struct arguments *a, int argc, char **argv, int from);

/* The options, a line each. */
void arguments_help(FILE *to, const struct argument *options);

/*
 * Says that there is no such verb of a command, and which one may be meant; 2. names ends with NULL; one may
 * have words behind it, which do not count.
 */
int arguments_no_verb(const char *command, const char *typed, const char *const *names);
/* "Try `todoke COMMAND --help`." on standard error; 2. */
int arguments_try(const char *command);
