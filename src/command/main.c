/*
 * The main program, and a map of all files by the step of a delivery that they serve. The number of a folder
 * is its rank: a file includes only its own folder and folders of a lower rank.
 *
 * 0 base      knows nothing of the product
 *     span, buf, arena, mem       views, capped buffers, one arena a request, every allocation
 *     list, heap, map             containers
 *     mailbox, worker             messages between threads; a thread with a queue
 *     clock, random, ulid, log    replaceable clock and random source; ids; one line an event
 *     time                        points in time as people write them
 *     histogram                   how long things took, for /metrics
 *     json_scan, json_write       strict JSON parser on spans; writer that keeps bytes
 *     json_fault                  why a text is invalid JSON, and where
 *     err, origin                 error codes; logs the place where a fault began
 *     hex, decimal, utf8, distance, banned
 *     visible                     untrusted text escaped for a terminal
 * 1 fault     why something did not arrive
 *     reason.def, fault.def, cause.def   every reason, detail and cause, once, with its words and advice
 *     fault, search, search_text  the rows by id; by a fragment, a status or the nearest name
 *     outcome, effect             evidence of one exchange -> reason, detail, cause, processed; its effects
 *     edition                     where the two editions of LINE's documentation differ
 *     delivery_error              the second catalogue: why a message of a targeted delivery did not arrive
 *     delivery_search             its rows by a kind, a text filled in, a fragment or the nearest name
 *     receipt, receipt_*          what the answer of a sending service means for one message
 *     answer_text, answer_said    foreign answers: text, patterns, JSON, headers; what they say in words
 * 1 model     channel, contact, event, attempt, error_row, notice, mail, option, account, item: plain structs
 *     attributes                  the attributes of a person: merged, in one form
 *     channel.def                 the fields of a channel: one row each, from JSON to column and flag
 *     email                       which mail addresses are valid; their canonical spelling
 *     name, tld.def, nfkc.def     valid names: nothing that a mail program shows as a link
 * 2 net       networking shared by client and server
 *     url, address                which URLs are allowed; the guard against private addresses
 *     resolve                     names to IPv4 and IPv6 addresses
 *     dns_query, dns_message      one query to the resolvers; DNS messages as bytes
 *     transport                   a socket with or without TLS
 *     timer, tls, dial, socket    deadlines; TLS settings; happy eyeballs; sockets and their limit
 *     content_length              parses Content-Length, also when repeated
 *     http2_cut                   gives nghttp2 only whole frame headers
 * 2 store     what survives a restart
 *     store, backend, row         the interface for other folders; groups of functions behind it; their data
 *     audience                    users, targets, segments, lists, queries and imports of a provider
 *     campaign                    senders, campaigns, jobs and messages
 *     condition, condition_parse  conditions of segments over one user; their JSON
 *     directory, pulse            snapshots of all channels in memory; their recent results
 *     files, head                 locks the files for one node; detects that they were replaced
 *     last                        the number of the last commit, beside the database
 *     integrity                   checks for damage, step by step
 *     retention, steady           deletes old data, step by step; whether the clock can be trusted for that
 * 2 store/sqlite   on disk
 *     sqlite, sqlite_*, schema    one file for each kind of record
 *     sqlite, sqlite_migrate      statements, rows and codes; numbered migrations
 *     sqlite_guard, sqlite_mark   detects a replaced file; the store's marks about itself
 *     sqlite_tail, sqlite_list    the newest events in time order; the history of a channel
 * 2 store/memory   the same in memory, for tests
 *     memory, memory_*
 * 2 mail      one mail -> sent, postponed or refused
 *     message, smtp, maildir      built by GMime; over a relay by libcurl; or put into a directory
 *     mailer                      the thread that sends mails
 * 2 carrier   a sending service: messages -> requests, answers -> receipts
 *     carrier, carrier_core       the interface; the table of functions that a service is
 *     carrier_request             writes a request; wipes it after use
 *     sendgrid_event              SendGrid's signed events
 *     carrier_read                what answers say: of each message, of a token, of a sender being verified
 *     property, link              reads the members of a sender's settings; which links are allowed
 *     sendgrid, fcm, linepush, webpush, smtp_settings   one file a service
 *     dsn                         bounces of mail servers
 *     grant, vapid                access tokens of Google; who sends a Web Push message
 *     jwt, base64url              signed tokens
 *     webpush_encrypt             a payload that one browser alone can read
 * 2 dispatch  which lane sends next
 *     dispatch, dispatch_core     lanes in round robin; one request at a time each
 *     pace, turn, stock           rate limits; when a lane can send; what lanes hold in memory
 * 3 exchange  one request -> one outcome
 *     engine, parts               what all exchanges of one loop share
 *     exchange                    one request, from the name to the answer
 *     pool, session, session_*    which connection serves it; one connection, phase by phase
 *     http1, http2                codecs without I/O
 *     http1_chunks, http1_octet   chunked framing; which bytes are allowed where
 *     http2_message               checks that frames form a valid response
 * 3 relay     mails to a relay over SMTP
 *     relay, relays               its connections, and which mail goes over which; what a loop's relays share
 *     dialogue, dialogue_*        one connection, from the name to QUIT
 *     reply, capability           replies of the server; what it says it can do
 * 3 server    the listening side, for the API
 *     server, server_*            connections, HTTP/1.1 and HTTP/2, requests
 * 3 access    who may call
 *     keys, token                 keys of the API; channel access tokens
 *     rate                        rate limits of API calls by channel
 *     seal                        secrets sealed at rest, and the key file
 *     ticket, session             tickets of 256 random bits; the console's session cookie
 *     account, password           roles in words; Argon2id on a thread of its own
 *     confirm                     confirms an address: applies waiting roles, or drops them
 *     keep                        protects the last operator and a provider's last Admin
 *     login_limit                 limits log-in attempts
 * 4 courier   lanes and results, independent of what is sent
 *     courier                     fills one loop's lanes from the store; retries in time
 *     record                      results until they are committed
 * 4 report    error statistics, and mails about errors
 *     statistics, summary         error rows in the viewer's zone; their sums
 *     tsv, sheet                  error rows for spreadsheets; any table, as TSV or CSV
 *     notice, notice_text         turns closed windows of errors into mails; their text
 *     contact, contact_text       asks the owner of a contact address for consent; that mail
 *     mail_rules, quota           what may be mailed; the quota of today
 *     stale_address               addresses of older versions that are invalid now
 *     html                        escapes text for HTML
 *     outbox                      queued mails until they are sent, written, refused or too old
 *     invitation, invitee         mails about invitations and roles; their recipients and limits
 *     option, approval            applications for the error notification; who is approved
 * 5 webhook   events from the publisher to the bot
 *     publication, intake         validates posted events; commits them and hands them to a courier
 *     channels, channel_route     a loop's channels with their lanes; how to send to one
 *     delivery                    one request, its result and its record
 *     request, signature          the request, byte for byte; its signature
 *     verification                tests a webhook URL; not recorded as an attempt
 *     redelivery                  decides: delivered, retry or give up
 *     suspension                  stops sending to a channel that fails for long
 *     channel_update              one change of a channel: read, change, write, notify its lane
 * 5 campaign  targeted delivery: who gets what, and what became of it
 *     campaign, campaign_core     a loop's jobs with their lanes and senders; pace and pauses
 *     campaign_job, campaign_load one open job in memory; read from the store, with what was left behind
 *     campaign_gather, campaign_query   the audience into messages, in steps; by SQL
 *     campaign_grant, campaign_request  an access token; one request to a service and its answer
 *     schedule, repeat            jobs that begin at their time, once or again and again
 *     campaign_pause, campaign_sweep    all jobs of a sender pause; what a stopped job leaves ends
 *     claim                       the checks before a message may be sent, and its claim
 *     batch, batch_parts          messages that are claimed and recorded together
 *     batch_render, batch_ship, batch_end   their content, their requests, what became of each
 *     ledger, verdict             one write of results with its sums; what a receipt means for a message
 *     feedback                    what a service says later
 *     message_text, message_key   the text of an error; the key by which a service knows a message again
 *     counters                    sums for /metrics
 *     made                        what rendering, variables or the carrier make of one message
 *     mail_build, mail_sender     a mail of a campaign; sent over a relay
 *     sender_check, trial         verifies a sender; one message outside of any job
 *     variables                   the variables that a campaign declares; the context of one user
 *     content, content_parts      a content, compiled once a job and rendered once a message
 *     content_empty               whether nothing is left to send
 *     template, print             one string as a template; one value as the engine prints it
 *     renderer                    processes for what needs the engine, on a loop
 *     frame                       what a pool and its processes say to each other
 *     cell                        such a process: what it may do, and what it does
 *     script, duktape_setup       the engine: Nunjucks on Duktape, one heap for a content
 *     query, query_frame          SQL of a provider in a process of its own; what both say to each other
 *     query_child                 that process: one SELECT, its rows
 *     query_jail                  what the kernel holds it to
 *     query_view, query_space     what the SQL may see; its temporary files
 * 6 api       the HTTP API: what all calls share
 *     api                         entry point from the server
 *     router, route, gate         path and method; access checks
 *     origin                      whether a call comes from the console's pages
 *     call, caller, members       one request up to its answer; its caller and audit entry; a body's strings
 *     query, page                 query parameters; paged lists
 *     live                        changes as server-sent events
 *     meter, oldest               throughput of the node; its oldest waiting event
 *     gauge                       figures published by each loop; alarms
 *     console, console_none       the web console's files, part of the binary
 * 6 api/campaign  the audience of a provider, its jobs
 *     part                        how bodies are read; what senders and campaigns have in common
 *     sender, sender_json         accounts with sending services
 *     sender_verify               whether one works, live; its quota
 *     campaign, campaign_json     what is sent
 *     trial                       what one user would get; one test message
 *     job, job_order, job_json    the calls about jobs; a new one as it is asked for; one as JSON
 *     job_live, job_errors        one as it changes; its table of errors with counts
 *     message, message_search     the messages of a job or of a person; which ones are asked for
 *     message_view, message_download   one as people see it; all of a job as a file
 *     judged, form                what an error means for its message; JSON, TSV or CSV
 *     hook, hook_bounce           what services report later, without a log-in; bounces of mails
 *     user, user_json, user_read  people: identified, looked for, changed, deleted; as JSON, shown and read
 *     audience_call               what these calls share
 *     target_read                 what is accepted as a userId, an address, a token, a subscription
 *     list, list_name             lists of recipients
 *     import, import_run          a body of any size into the store; the threads that do it, of all loops
 *     import_rows, import_columns CSV and NDJSON: bytes in, people or rows of a list out
 *     segment, segment_read, segment_count   conditions: stored, read, and whom one matches
 *     audience_query, query_preview          SQL: stored, and tried
 *     body                        a body's members as they were written
 * 6 api/channel   channels, their events and errors
 *     channel, channel_json       the calls about channels; a channel as JSON, read and shown
 *     channel_edit                one change of a channel: read, change, write, notify
 *     channel_health              the state of a channel, as a summary and live
 *     contact_edit, contact_link  contact address: asked, set by hand, or confirmed by link
 *     token, secret               a channel's access tokens; its secret shown and rotated
 *     line, token_auth            the LINE-compatible calls; their authentication
 *     verify                      tests a webhook URL, phase by phase
 *     event, sample_event         posts, lists and redelivers events; a sample event for tests
 *     errors, errors_download     error statistics as rows, as sums, and as a streamed file
 *     faults                      the two catalogues
 * 6 api/people    accounts, roles and providers
 *     account, account_json, session, login, login_json, setup, provider, role, audit, option
 * 6 api/node      the node itself
 *     health, metrics, metrics_mail, metrics_campaign, system, outbox
 *     advice                      settings that an operator should change though nothing is broken
 * 7 node      a node: its settings, start and end
 *     setting.def, settings       every setting, one row each; read from file, environment and flags
 *     arguments                   options and words of all commands
 *     node, node_*                a node's loops: start, drain, end; setup of store, log-in and mails
 *     public_url                  the base URL of links in mails, if there is one
 *     direct                      opens a data directory for a command; explains its problems
 * 8 command   the command line
 *     main                        the table of commands, and this map
 *     explain, explain_people, explain_json, explain_markdown   the catalogues; docs/faults.md
 *     explain_delivery, explain_delivery_markdown   rows of the second one; docs/delivery-errors.md
 *     serve                       a node as a command
 *     key, account, record        keys and accounts in the data directory; audit entries of these
 *     key_seal                    seals the stored secrets with a new key
 *     channel, event, client      channels and events over the API of a node
 *     audience, upload            people and lists of recipients; a file of any size as the body of a call
 *     bounce                      hands a bounce of a mail server to a node
 *     channel_secret              a channel's tokens and secret; tests its webhook URL
 *     backup, backup_place        copies the data directory while a node runs; all or nothing
 *     check                       checks a database for damage
 *     job, job_start, job_watch   jobs of targeted delivery; a new one; one followed to its end
 *     download                    an answer of any length into a file
 *     resource, listing           table-driven commands over the API, and their output
 *     answer                      reads a node's answers without loss
 *     errors                      the error statistics over the API of a node
 *     classify, classify_line     what a log of answers means, line by line; one line as evidence
 *     query                       tries SQL, and shows its rows
 *     probe, probe_print          tests one URL; prints the result
 *     targeted                    senders and campaigns over the API of a node
 *     sender_verify               prints how a sender is verified, as it happens
 *     commands, paint             all handlers; colours and line breaks for a terminal
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/distance.h"
#include "base/visible.h"
#include "campaign/cell.h"
#include "campaign/query_child.h"
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

static int cmd_segment(int argc, char **argv)
{
    return resource_run("segment", argc, argv);
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
    {"key", cmd_key, "makes, lists and revokes API keys; seals stored secrets with a new key"},
    {"account", cmd_account, "makes, lists and disables the accounts that people log in with"},
    {"channel", cmd_channel, "makes, lists, shows, changes and deletes channels; their tokens and secrets"},
    {"bounce", cmd_bounce, "hands a bounce from a mail server's pipe to a node"},
    {"event", cmd_event, "posts, lists, shows and redelivers events"},
    {"errors", cmd_errors, "shows a channel's error statistics: rows, sums, or TSV"},
    {"job", cmd_job, "delivers campaigns to people; shows what became of each message"},
    {"sender", cmd_sender, "makes, changes and verifies accounts with sending services"},
    {"campaign", cmd_campaign, "makes, changes, previews and tries out campaigns"},
    {"provider", cmd_provider, "makes and lists providers; shows and changes their roles"},
    {"user", cmd_user, "makes, lists, changes and imports the people of a provider's audience"},
    {"list", cmd_list, "imports, lists and deletes lists of recipients"},
    {"option", cmd_option, "lists, approves and refuses what providers applied for"},
    {"segment", cmd_segment, "makes and changes segments; counts whom a condition matches"},
    {"query", cmd_query, "makes and changes queries; tries SQL over users, targets, lists and messages"},
    {"outbox", cmd_outbox, "lists mails that wait, were sent or failed; retries them"},
    {"audit", cmd_audit, "lists who changed what"},
    {"system", cmd_system, "shows the state of the node: rates, backlog, alarms"},
    {"check", cmd_check, "checks a database for damage; ends alarms that wait for an operator"},
    {"backup", cmd_backup, "copies a data directory while a node runs on it"},
    {"probe", cmd_probe, "tries a webhook URL and says what happened, phase by phase"},
    {"explain", cmd_explain, "says what a failure of a webhook or a delivery means and how to fix it"},
    {"classify", cmd_classify, "says what answers of mail, push, LINE and browser services mean"},
};
static const size_t command_count = sizeof(commands) / sizeof(commands[0]);

static void usage(FILE *to)
{
    (void)fputs("todoke: delivers webhooks to bot servers, and says exactly why one did not arrive\n\n"
                "usage: todoke COMMAND [ARGUMENTS]\n\n",
                to);
    for (size_t i = 0; i < command_count; i++)
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    (void)fputs(
        "  help       `todoke help COMMAND [VERB]`, or `todoke COMMAND [VERB] --help`\n"
        "\n  --help     this text\n"
        "  --version  the version\n"
        "\nExit: 0 done, 1 our own failure, 2 wrong usage. Commands over the API also return 3 to 8 "
        "for the\nnode's answer; `todoke probe` and `todoke channel verify` 10 to 13 for the result of "
        "the request.\nTheir --help lists the meanings.\n",
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

/* Failing to write the output is a failure of the command: the disk is full, or the reader is gone. */
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
    if (strcmp(name, CELL_COMMAND) == 0) /* a child of a node, no command for people */
        return cell_main(argc - 1, argv + 1);
    if (strcmp(name, QUERY_CHILD_COMMAND) == 0) /* a child of a node, no command for people */
        return query_child_main(argc - 1);
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
