#pragma once
/*
 * The process of one query: `todoke query-process`, which only a query starts (query.h). It has a socket as
 * standard input and the database, which it opens for reading. Before it runs what somebody wrote, SQLite
 * lets it read nothing but the views of one provider (query_view.h), and the kernel holds it to memory, time,
 * the files that are open, no network and no new process.
 */

#define QUERY_CHILD_COMMAND "query-process"

/* Returns the exit status. Refuses to run (2) where standard input is no socket of a query. */
int query_child_main(int argc);
