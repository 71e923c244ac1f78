#pragma once
/*
 * What a pool (renderer.h) and a renderer process (cell.h) say to each other over a socket: a head, then len
 * bytes. Both are the same program on the same machine, so numbers are in its order.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct content;

enum frame_kind {
    /*
     * To the process: puts a content into a slot. For each template: the length of its text (uint32_t),
     * whether it is HTML (one byte), its text. Without an answer.
     */
    FRAME_CONTENT,
    FRAME_RENDER, /* … renders the content of a slot. Body: a context. Answered by FRAME_RESULT */
    FRAME_CHECK,  /* … compiles the content of a slot. Answered by FRAME_RESULT */
    /*
     * From the process, in the order of what was asked. Body: the texts as script_render() has them, or a
     * message.
     */
    FRAME_RESULT,
};

#define FRAME_SLOTS 8u /* contents that a process keeps compiled: jobs that run at one time */
/* Of any frame: a content of CONTENT_TEXT_MAX whose `#{x}` have grown; a message with its lengths. */
#define FRAME_LEN_MAX (8u << 20)

struct frame {
    uint32_t len; /* bytes behind this head */
    uint8_t kind;
    uint8_t slot;
    /* The rest is FRAME_RESULT's. */
    uint8_t status;               /* enum script_status */
    uint8_t leaving : 1;          /* the process ends after this: nothing else stops the template */
    uint8_t compiling : 1;        /* the failure is the content's, before any message */
    uint32_t index, line, column; /* as struct script_result has them */
};

/* Appends a frame. On failure out may hold half of it. ERR_LIMIT, ERR_NOMEM: of out. */
enum err frame_add(struct buf *out, enum frame_kind kind, size_t slot, struct span body) MUST_CHECK;
/* … a FRAME_CONTENT. */
enum err frame_add_content(struct buf *out, const struct content *content, size_t slot) MUST_CHECK;
/* The texts in the body of an answer. false: these are not `count`. */
bool frame_texts(struct span told, struct span *texts, size_t count) MUST_CHECK;
