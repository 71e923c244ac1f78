#pragma once
/* What the pool of renderers (renderer.h) needs of a content; nobody else. */
#include "campaign/content.h"

#define CONTENT_TOO_LARGE "the message is larger than 1 MiB"

struct content_template {
    struct span source; /* as the engine reads it */
    bool html;
};

/* The strings that print something, in the order of the content. */
size_t content_template_count(const struct content *c);
struct content_template content_template(const struct content *c, size_t i);
void content_template_path(const struct content *c, size_t i,
                           char path[static CONTENT_PATH_MAX]); /* "": no such one */

/* Puts the texts of all templates (any bytes) into the content. As content_render() otherwise. */
enum err content_assemble(const struct content *c, const struct span *texts, struct buf *out,
                          struct content_rendered *ret) MUST_CHECK;
/* Fills *ret for a message that cannot be rendered. i: the template, SIZE_MAX: none in particular. */
void content_fail(const struct content *c, enum render_result result, size_t i, const char *reason,
                  struct content_rendered *ret);
