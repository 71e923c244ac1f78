/*
 * todoke, one binary. The map of all files: a newcomer finds any line by asking "which step of a delivery is
 * this?" Folders are ranks; a file includes only its own folder or a lower rank.
 *
 * 0 base      knows nothing of the product
 *     span, buf, arena, mem       views, capped buffers, one arena a request, every allocation
 *     list, heap, map             containers
 *     mailbox, worker             what threads hand to each other; a thread with a queue
 *     clock, random, ulid, log    time and chance come through structs; ids; one line a happening
 *     time                        points in time as people write them
 *     histogram                   how long things took, for /metrics
 *     json_scan, json_write       strict JSON in by spans, out byte for byte
 *     json_fault                  what is wrong with a text that is not taken, and where
 *     err, origin                 what failed; where a fault of this node begins
 *     hex, decimal, utf8, distance, banned
 *     visible                     what others wrote, as a terminal may be shown it
 * 1 fault     why something did not arrive
 *     reason.def, fault.def, cause.def   every reason, detail and cause, once, with its words and advice
 *     fault, search               the rows by id; by a fragment, a status or the nearest name
 *     outcome, effect             evidence of one exchange -> reason, detail, cause, processed; what that leads to
 *     edition                     what the older edition of LINE's documentation calls otherwise
 * 1 model     channel, contact, event, attempt, error_row, notice, mail, option, account, item: plain structs
 *     channel.def                 the fields of a channel: one row each, from JSON to column and flag
 *     email                       what is a mail address; one spelling for each
 *     name, tld.def, nfkc.def     what may be a name: no link to anybody's mail program
 * 2 net       the ground both sides of the wire stand on
 *     url, address                what may be called; the guard
 *     resolve                     names to addresses, for both families
 *     dns_query, dns_message      one name asked of the resolvers; queries and answers as bytes
 *     transport                   a socket with or without TLS
 *     timer, tls, dial, socket    deadlines; what TLS we offer; happy eyeballs; sockets and how many are left
 *     content_length              a length that was said, perhaps twice
 *     http2_cut                   what nghttp2 must be shown whole
 * 2 store     what survives a restart
 *     store, backend, row         what the others use; the groups of functions behind it; what they take and give
 *     directory, pulse            every channel, as snapshots in memory; how each has fared lately
 *     files, head                 that the files are one node's alone, and stay what was opened
 *     last                        the number of the last commit, beside the database
 *     integrity                   looking for damage, step by step
 *     retention, steady           what has ended goes, step by step; whether the clock that says so can be believed
 * 2 store/sqlite   on disk
 *     sqlite, sqlite_*, schema    a file for each kind of thing that is kept
 *     sqlite, sqlite_migrate      statements, rows and codes; numbered migrations
 *     sqlite_guard, sqlite_mark   that the file is what was opened; what the store knows of itself
 *     sqlite_tail, sqlite_list    the newest events in time order; a channel's history, put together again
 * 2 store/memory   the twin for tests
 *     memory, memory_*
 * 2 mail      one mail -> sent, put off or refused
 *     message, smtp, maildir      built by GMime; over a relay by libcurl; or put into a directory
 *     mailer                      the thread that does so
 * 2 dispatch  who is sent to next
 *     dispatch, dispatch_core     lanes: round robin, one request after the other
 *     pace, turn, stock           how many a rate lets go; when a lane can send; what lanes hold in memory
 * 3 exchange  one request -> one outcome
 *     engine, parts               what all exchanges of one loop share
 *     exchange                    one request, from the name to the answer
 *     pool, session, session_*    which connection serves it; one connection, phase by phase
 *     http1, http2                codecs without I/O
 *     http1_chunks, http1_octet   chunked framing; which byte may stand where
 *     http2_message               what makes frames a response
 * 3 server    the listening side, for our own API
 *     server, server_*            connections, HTTP/1.1 and HTTP/2, requests
 * 3 access    who may call
 *     keys, token                 keys of the API; channel access tokens
 *     rate                        how often a channel may call what is limited
 *     seal                        secrets sealed at rest, and the key file
 *     ticket, session             256 random bits and what they stand for; the console's cookie
 *     account, password           roles in words; Argon2id on a thread of its own
 *     confirm                     an address is its owner's: the roles that waited for that, and those that go
 *     keep                        the last operator, and the last Admin of a provider
 *     login_limit                 how often somebody may try
 * 4 courier   lanes and results, whatever is sent
 *     courier                     one loop's lanes, kept filled from the store; sent again in time
 *     record                      results until they are on record
 * 4 report    what went wrong, and who is told
 *     statistics, summary         error rows in the viewer's zone; their sums
 *     tsv                         the same for spreadsheets
 *     notice, notice_text         windows of errors that have closed become mails; what those say
 *     contact, contact_text       whether the owner of a contact address wants them; the mail that asks
 *     mail_rules, quota           what may be mailed; how much of it is left today
 *     stale_address               addresses that an older version took and no mail is sent to
 *     html                        text as HTML has it
 *     outbox                      mails until they are sent, written, refused or too old
 *     invitation, invitee         mails to people who are invited or given a role; who gets one, and how many
 *     option, approval            what becomes of an application for the error notification; whose is approved
 * 5 webhook   events on their way
 *     publication, intake         what a publisher may post; taken in, committed, handed to a courier
 *     channels, channel_route     the channels of a loop, owners of their lanes; one as requests are sent to it
 *     delivery                    one request, its fate and its record
 *     request, signature          the body byte for byte; what proves it to be ours
 *     verification                a webhook URL tried: no attempt, on no record
 *     redelivery                  delivered, put off or given up: decided here
 *     suspension                  when a channel that fails for long is sent nothing more
 *     channel_update              one change of a channel: read, changed, written, told to its lane
 * 6 api       the HTTP API: what all calls share
 *     api                         what the server hands over
 *     router, route, gate         path and method; who may
 *     origin                      whether a call comes from our own pages
 *     call, caller, members       one request up to its answer; who it is from, and the audit log; a body of strings
 *     query, page                 the parameters behind the ? of its path; lists, a page at a time
 *     live                        server-sent events: what changes, as it changes
 *     meter, oldest               how fast the node is, and how far behind
 *     gauge                       what each loop publishes of itself; alarms
 *     console, console_none       the web console's files, part of the binary
 * 6 api/channel   channels and what they deliver
 *     channel, channel_json       the calls about channels; a channel as JSON, read and shown
 *     channel_edit                one change of a channel: read, changed, written, told
 *     channel_health              how a channel fares, at a glance, and live
 *     contact_edit, contact_link  its contact address asked, decided by hand, or by its owner's link
 *     token, secret               a channel's access tokens; its secret shown and rotated
 *     line, token_auth            the LINE-compatible calls, and who calls them
 *     verify                      a webhook URL tried, phase by phase
 *     event, sample_event         events posted, listed and sent again; one made up to try a bot
 *     errors, errors_download     the error statistics as rows, as sums, and as a file, piece by piece
 *     faults                      the catalogue
 * 6 api/people    who works with the node
 *     account, account_json, session, session_json, login, setup, provider, role, audit, option
 * 6 api/node      the node itself
 *     health, metrics, metrics_mail, system, outbox
 *     advice                      what an operator should set though nothing is broken
 * 7 node      a node: what it can be told, its start and its end
 *     setting.def, settings       every setting, one row each; read from file, environment and flags
 *     arguments                   options and words of all commands
 *     node, node_*                the loops of a node: start, drain, end; what the store, logging in and mails need
 *     public_url                  where links of mails lead, if they lead anywhere
 *     direct                      a data directory opened, and what is wrong with one, for people
 * 8 command   the command line
 *     main                        the table of commands
 *     explain, explain_people, explain_json, explain_markdown   the catalogue, also as docs/faults.md
 *     serve                       a node as a command
 *     key, account, record        keys and accounts, in the data directory; what that adds to the audit log
 *     key_seal                    another key for the secrets at rest
 *     channel, event, client      channels and events over the API of a node
 *     channel_secret              a channel's tokens and secret; its webhook URL verified
 *     backup, backup_place        a copy of the data directory while a node runs; whole or not at all
 *     check                       its database looked through
 *     resource, listing           the commands over the API that are all alike, and their tables
 *     answer                      what a node answered, read without loss
 *     errors                      the error statistics over the API of a node
 *     probe, probe_print          one URL tried and told
 *     commands, paint             what main calls; colours and line breaks for a terminal
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/distance.h"
#include "base/visible.h"
#include "command/commands.h"
#include "command/resource.h"
#include "node/arguments.h"

static int cmd_provider(int argc, char **argv)
{
    return resource_run("provider", argc, argv);
}

static int cmd_option(int argc, char **argv)
{
    return resource_run("option", argc, argv);
}

static int cmd_outbox(int argc, char **argv)
{
    return resource_run("outbox", argc, argv);
}

static int cmd_audit(int argc, char **argv)
{
    return resource_run("audit", argc, argv);
}

static int cmd_system(int argc, char **argv)
{
    return resource_run("system", argc, argv);
}

static const struct cmd commands[] = {
    {"serve", cmd_serve, "runs a node: takes events over its API and delivers them"},
    {"key", cmd_key, "makes, lists and revokes the keys of the API; seals secrets anew"},
    {"account", cmd_account, "makes, lists and disables the accounts that people log in with"},
    {"channel", cmd_channel, "makes, lists, shows, changes and deletes channels; their tokens and secrets"},
    {"event", cmd_event, "posts, lists, shows and redelivers events"},
    {"errors", cmd_errors, "shows a channel's error statistics: rows, sums, or TSV"},
    {"provider", cmd_provider, "makes and lists providers, and says who has a role on them"},
    {"option", cmd_option, "what providers applied for: lists, approves, refuses"},
    {"outbox", cmd_outbox, "the mails that wait, were sent, or failed"},
    {"audit", cmd_audit, "who changed what"},
    {"system", cmd_system, "how the node is"},
    {"check", cmd_check, "looks a database through for damage; ends alarms that wait for an operator"},
    {"backup", cmd_backup, "copies a data directory while a node runs on it"},
    {"probe", cmd_probe, "tries a webhook URL and says what happened, phase by phase"},
    {"explain", cmd_explain, "what a reason, detail or cause means and how to mend it"},
};
static const size_t command_count = sizeof(commands) / sizeof(commands[0]);

static void usage(FILE *to)
{
    (void)fputs("todoke: delivers webhooks to bot servers, and says exactly why one did not arrive\n\n"
                "usage: todoke COMMAND [ARGUMENTS]\n\n",
                to);
    for (size_t i = 0; i < command_count; i++)
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    (void)fputs("  help       `todoke help COMMAND [VERB]`, or `todoke COMMAND [VERB] --help`\n"
                "\n  --help     this text\n"
                "  --version  the version\n"
                "\nExit: 0 done, 1 our own failure, 2 wrong usage. Commands over the API: what the node "
                "answered, 3 to "
                "8;\n`todoke probe` and `todoke channel verify`: what became of the request, 10 to 13. Their "
                "--help says "
                "which is\nwhich.\n",
                to);
}

static int unknown_command(const char *name)
{
    const char *names[sizeof(commands) / sizeof(commands[0]) + 3] = {NULL};
    bool option = name[0] == '-';
    size_t n = 0;
    for (size_t i = 0; i < command_count; i++)
        names[n++] = commands[i].name;
    names[n++] = "help";
    if (!option)
        return arguments_no_verb("", name, names);
    struct distance_nearest near = {.word = span_of(name)};
    distance_consider(&near, "--help");
    distance_consider(&near, "--version");
    (void)visible_complain(NULL, "unknown option \"%s\"%s%s%s", name, near.name ? "; did you mean \"" : "",
                           near.name ? near.name : "", near.name ? "\"?" : "");
    return arguments_try("");
}

/* An answer that could not be written is a failure: the disk is full, or the reader is gone. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    perror("todoke: standard output");
    return status ? status : 1;
}

static int run(int argc, char **argv)
{
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc, argv);
    return unknown_command(argv[0]);
}

/* `todoke help COMMAND [VERB]` is `todoke COMMAND [VERB] --help`. */
static int help(int argc, char **argv)
{
    char *words[4] = {NULL};
    int n = 0;
    while (n < 3 && n < argc)
        words[n] = argv[n], n++;
    words[n] = (char *)(uintptr_t) "--help";
    return run(n + 1, words);
}

int main(int argc, char **argv)
{
    (void)umask(077); /* what we write holds secrets of channels, also in a directory that others may read */
    const char *name = argc < 2 ? "--help" : argv[1];
    bool asked = strcmp(name, "help") == 0;
    if (asked && argc > 2 && strcmp(argv[2], "help") != 0 && !arguments_ask_help(3, argv))
        return finish(help(argc - 2, argv + 2));
    if (asked || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        usage(stdout);
        return finish(0);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        (void)puts("todoke " TODOKE_VERSION);
        return finish(0);
    }
    return finish(run(argc - 1, argv + 1));
}
