#pragma once
/*
 * A renderer process: `todoke renderer-process`, which only a pool starts (renderer.h). It has a socket as
 * standard input and nothing else: no other descriptor, no file, no network, no new process. Before it reads
 * the first template the kernel holds it to that (seccomp, limits), as templates are other people's and the
 * engine is not to be trusted with them.
 */

#define CELL_COMMAND "renderer-process"

/*
 * argv: the command, then milliseconds for a render, milliseconds for compiling, bytes of a heap. Returns the
 * exit status when the pool has gone. Refuses to run (2) where standard input is no socket of a pool.
 */
int cell_main(int argc, char **argv);
