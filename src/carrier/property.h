#pragma once
/*
 * Reads the members of a sender's settings and secret. What is wrong with one is said in a struct
 * carrier_fault that names it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/json_scan.h"
#include "carrier/carrier.h"

/* ERR_INVALID, after *why says that property is not as it must be. */
enum err property_refuse(struct carrier_fault *why, const char *property, const char *fmt, ...)
    __attribute__((format(printf, 3, 4))) MUST_CHECK;

/* "data" and key → "data.key", as far as both go in whole characters that are seen. */
void property_path(char *out, size_t size, const char *object, struct span key);

/* Which bytes a text may have. */
enum property_form {
    PROPERTY_LINE,  /* UTF-8 on one line, without control characters */
    PROPERTY_TOKEN, /* visible ASCII: it goes into a header */
    PROPERTY_ANY,   /* UTF-8 with line feeds (PEM) */
};

/*
 * The functions below take path, whose last part is the member's name in object ("from.email" of the object
 * from), and leave *ret as it is where there is no such member, or null.
 */

/* A text of min to max bytes, NUL-terminated on the heap; the caller wipes or frees it. ERR_NOMEM. */
enum err property_text(struct carrier_fault *why, struct json_value object, const char *path,
                       enum property_form form, size_t min, size_t max, char **ret) MUST_CHECK;
enum err property_int(struct carrier_fault *why, struct json_value object, const char *path, int64_t min,
                      int64_t max, int64_t *ret) MUST_CHECK;
enum err property_real(struct carrier_fault *why, struct json_value object, const char *path, double min,
                       double max, double *ret) MUST_CHECK;
/* One of words (ended by NULL); *ret is its place. */
enum err property_word(struct carrier_fault *why, struct json_value object, const char *path,
                       const char *const *words, unsigned *ret) MUST_CHECK;
enum err property_object(struct carrier_fault *why, struct json_value object, const char *path,
                         struct json_value *ret) MUST_CHECK;
/* As property_text: an absolute URL of http or https without query and fragment, "/" at its end dropped. */
enum err property_url(struct carrier_fault *why, struct json_value object, const char *path,
                      char **ret) MUST_CHECK;
/* As property_text: one address that mail can go to. */
enum err property_email(struct carrier_fault *why, struct json_value object, const char *path,
                        char **ret) MUST_CHECK;

/* Refuses a member of object that is not among names (ended by NULL), and one that is there twice. */
enum err property_only(struct carrier_fault *why, struct json_value object, const char *path,
                       const char *const *names) MUST_CHECK;

/* ERR_INVALID: it is NULL, and the service cannot do without. */
enum err property_need(struct carrier_fault *why, const char *property, const char *text) MUST_CHECK;

/* Frees a text after overwriting it; NULL-safe. */
void property_wipe(char *text);
