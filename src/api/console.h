#pragma once
/*
 * The web console's files, embedded when the binary is built (tools/embed-console.mjs), and which of them, in
 * which form, a request gets. RFC 9110: 8.8.3 (ETag), 12.5.3 (Accept-Encoding), 13.1.2 (If-None-Match).
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum console_coding { CONSOLE_PLAIN, CONSOLE_GZIP, CONSOLE_BROTLI, CONSOLE_CODINGS };

struct console_body {
    const unsigned char *data; /* NULL: there is none in this coding */
    size_t len;
    const char *etag; /* with its quotes */
};

struct console_file {
    const char *path, *type;
    bool immutable; /* its name holds its hash */
    struct console_body bodies[CONSOLE_CODINGS];
};

/* Ends with a row without a path; nothing but that row: built without the console. */
extern const struct console_file console_files[];

struct console_request {
    struct span path, accept, accept_encoding, if_none_match; /* of headers that are absent, ptr is NULL */
};

struct console_reply {
    int status; /* 200, 304; 404: there is no such file, and this is no path of the console's */
    const struct console_file *file;
    const struct console_body *body;
    const char *coding; /* content-encoding; NULL: none */
};

/* A path without a file gets index.html if the client wants text/html: the console routes by itself. Never
 * below /api, /v2, /assets. */
struct console_reply console_choose(const struct console_file *files, const struct console_request *r);

/* Which of the codings a file has is best by Accept-Encoding; a tie goes to the smaller one. */
enum console_coding console_coding_of(const struct console_file *file, struct span accept_encoding);

struct call;
/* Answers a GET or HEAD for which there is no route, and refuses other methods on paths of files; false: not
 * the console's, unanswered. */
bool console_serve(struct call *c);
