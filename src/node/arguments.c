#include "node/arguments.h"

#include <stdlib.h>
#include <string.h>

#include "base/distance.h"
#include "base/visible.h"
#include "fault/fault.h"

bool arguments_ask_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int arguments_try(const char *command)
{
    (void)fprintf(stderr, "Try `todoke %s%s--help`.\n", command, command[0] ? " " : "");
    return 2;
}

/* The option called so up to an equals sign; NULL: none. */
static const struct argument *find(const struct arguments *a, const char *text, const char **ret_inline)
{
    size_t len = strcspn(text, "=");
    for (size_t k = 0; k < sizeof(a->options) / sizeof(a->options[0]) && a->options[k]; k++)
        for (const struct argument *o = a->options[k]; o->name; o++)
            if (strlen(o->name) == len && strncmp(o->name, text, len) == 0) {
                *ret_inline = text[len] ? text + len + 1 : NULL;
                return o;
            }
    return NULL;
}

static int unknown(const struct arguments *a, const char *text)
{
    struct distance_nearest n = {.word = {text, strcspn(text, "=")}};
    distance_consider(&n, "--help");
    for (size_t k = 0; k < sizeof(a->options) / sizeof(a->options[0]) && a->options[k]; k++)
        for (const struct argument *o = a->options[k]; o->name; o++)
            if (o->help)
                distance_consider(&n, o->name);
    (void)visible_complain(a->command, "unknown option %s%s%s%s", text, n.name ? "; did you mean " : "",
                           n.name ? n.name : "", n.name ? "?" : "");
    return arguments_try(a->command);
}

static bool read_number(const char *text, const struct argument *o)
{
    size_t digits = strspn(text, "0123456789");
    if (!digits || text[digits] || digits > 10)
        return false;
    unsigned long long n = strtoull(text, NULL, 10);
    if (n < o->min || n > o->max)
        return false;
    *(uint32_t *)o->to = (uint32_t)n;
    return true;
}

static int take(const struct arguments *a, const struct argument *o, const char *value)
{
    switch (o->type) {
    case ARGUMENT_FLAG:
        *(bool *)o->to = true;
        return 0;
    case ARGUMENT_TEXT:
        *(const char **)o->to = value;
        return 0;
    case ARGUMENT_NUMBER:
        if (read_number(value, o))
            return 0;
        if (o->max == UINT32_MAX)
            return visible_complain(a->command, "%s takes a whole number from %u on, not \"%s\"", o->name,
                                    (unsigned)o->min, value);
        return visible_complain(a->command, "%s takes a whole number from %u to %u, not \"%s\"", o->name,
                                (unsigned)o->min, (unsigned)o->max, value);
    case ARGUMENT_LANG:
        if (strcmp(value, "en") != 0 && strcmp(value, "ja") != 0)
            return visible_complain(a->command, "%s takes en or ja, not \"%s\"", o->name, value);
        *(enum lang *)o->to = strcmp(value, "ja") == 0 ? LANG_JA : LANG_EN;
        return 0;
    }
    return 2;
}

/* One option; *i moves to its value, if that is an argument of its own. */
static int read_option(const struct arguments *a, int argc, char **argv, int *i)
{
    const char *value = NULL, *other;
    const struct argument *o = find(a, argv[*i], &value);
    if (!o)
        return unknown(a, argv[*i]);
    if (o->type == ARGUMENT_FLAG && value)
        return visible_complain(a->command, "%s takes no value", o->name);
    if (o->type != ARGUMENT_FLAG && !value) {
        /* The name of an option is no value: something between the two is missing. "--name=--json" says that it is one. */
        if (*i + 1 >= argc || (argv[*i + 1][0] == '-' && find(a, argv[*i + 1], &other)))
            return visible_complain(a->command, "a value is missing for %s %s", o->name, o->value);
        value = argv[++*i];
    }
    return take(a, o, value);
}

int arguments_read(struct arguments *a, int argc, char **argv, int from)
{
    bool words_only = false;
    a->words = argv + (from < argc ? from : argc);
    a->word_count = 0;
    for (int i = from; i < argc; i++) {
        if (!words_only && strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (!words_only && argv[i][0] == '-' && argv[i][1]) { /* "-" alone is standard input */
            int status = read_option(a, argc, argv, &i);
            if (status)
                return status;
        } else if (a->word_count == a->words_max) {
            (void)visible_complain(a->command, "cannot understand %s: one argument too many", argv[i]);
            return arguments_try(a->command);
        } else {
            a->words[a->word_count++] = argv[i];
        }
    }
    return 0;
}

void arguments_help(FILE *to, const struct argument *options)
{
    unsigned width = 0;
    for (const struct argument *o = options; o->name; o++) {
        unsigned w = (unsigned)(strlen(o->name) + 1 + strlen(o->value));
        if (o->help && w > width)
            width = w;
    }
    for (const struct argument *o = options; o->name; o++)
        if (o->help)
            (void)fprintf(to, "  %s %-*s  %s\n", o->name, (int)(width - strlen(o->name) - 1), o->value,
                          o->help);
}

int arguments_no_verb(const char *command, const char *typed, const char *const *names)
{
    struct distance_nearest n = {.word = span_of(typed)};
    bool option = typed[0] == '-';
    if (option)
        distance_consider(&n, "--help");
    for (size_t i = 0; !option && names[i]; i++)
        distance_consider(&n, names[i]);
    (void)visible_complain(command[0] ? command : NULL, "%s \"%s\"%s%s%s",
                           option       ? "unknown option"
                           : command[0] ? "no such command"
                                        : "unknown command",
                           typed, n.name ? "; did you mean \"" : "", n.name ? n.name : "",
                           n.name ? "\"?" : "");
    return arguments_try(command);
}
