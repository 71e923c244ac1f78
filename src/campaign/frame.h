#pragma once
/*
 * What a pool (renderer.h) and a renderer process (cell.h) say to each other over a socket: a head, then len bytes. Both are
 * the same program on the same machine, so numbers are in its order.
 */
#include <stdint.h>

enum frame_kind {
    FRAME_CONTENT, /* to the process: puts a content into a slot; for each template: its length (uint32_t), html (one byte), its text. No answer */
    FRAME_RENDER,  /* … renders the content of a slot; a context. Answered by FRAME_RESULT */
    FRAME_CHECK,   /* … compiles the content of a slot. Answered by FRAME_RESULT */
    FRAME_RESULT, /* from the process, in the order of what was asked: texts as script_render() has them, or a message */
};

#define FRAME_SLOTS 8u /* contents that a process keeps compiled: jobs that run at one time */
#define FRAME_LEN_MAX                                                                                        \
    (8u                                                                                                      \
     << 20) /* of any frame: a content of CONTENT_TEXT_MAX whose `#{x}` have grown, or a message with its lengths */

struct frame {
    uint32_t len; /* bytes behind this head */
    uint8_t kind;
    uint8_t slot;
    uint8_t status; /* FRAME_RESULT: enum script_status */
    uint8_t
        leaving; /* FRAME_RESULT: 1: the process ends by itself after this, because nothing else stops the template */
    uint32_t index, line, column; /* FRAME_RESULT: as struct script_result */
};
