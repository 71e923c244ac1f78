#pragma once
/*
 * The web console's files, embedded at build time (tools/embed-console.mjs), and the choice of file and
 * encoding for a request. RFC 9110: 8.8.3 (ETag), 12.5.3 (Accept-Encoding), 13.1.2 (If-None-Match).
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum console_coding { CONSOLE_PLAIN, CONSOLE_GZIP, CONSOLE_BROTLI, CONSOLE_CODINGS };

struct console_body {
    const unsigned char *data; /* NULL: the file does not exist in this coding */
    size_t len;
    const char *etag; /* with its quotes */
};

struct console_file {
    const char *path, *type;
    bool immutable; /* the name contains a hash of the content */
    struct console_body bodies[CONSOLE_CODINGS];
};

/* Ends with a row without a path; a build without the console has only that row. */
extern const struct console_file console_files[];

struct console_request {
    struct span path, accept, accept_encoding, if_none_match; /* ptr NULL: header absent */
};

struct console_reply {
    int status; /* 200, 304; 404: neither a file nor a page of the console */
    const struct console_file *file;
    const struct console_body *body;
    const char *coding; /* content-encoding; NULL: none */
};

/* A path without a file gets index.html if the client accepts text/html, because the console routes in the
 * browser; never below /api, /v2 and /assets. */
struct console_reply console_choose(const struct console_file *files, const struct console_request *r);

/* The file's best coding by Accept-Encoding; of equal weights, the smaller body. */
enum console_coding console_coding_of(const struct console_file *file, struct span accept_encoding);

struct call;
/*
 * Answers a GET or HEAD that has no route, and refuses other methods on paths of files. false: the path is
 * not the console's, and the call is not answered.
 */
bool console_serve(struct call *c);
