#pragma once
/*
 * The handlers of all commands; main.c has the table. argv[0] is the name of the command. A handler returns
 * the exit status: 0 done, 1 local failure, 2 wrong usage or not found. Commands over the API return those of
 * command/client.h; probe adds its own.
 */
struct cmd {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /* one line */
};

/* todoke explain [TEXT|CAUSE] [--lang en|ja] [--json | --markdown]: what a reason, detail or cause means and
 * how to fix it. */
int cmd_explain(int argc, char **argv);

/* todoke classify [--json] [FILE|-]: what answers of sending services mean, line by line. Exit: 2 when a line
 * was refused. */
int cmd_classify(int argc, char **argv);

/* todoke probe URL [options]: sends --count signed verification requests; classifies each like a delivery.
 * Exit: 0 ok, 10 could_not_connect, 11 request_timeout, 12 error_status_code, 13 unclassified, 2 usage, 1 our
 * own failure. */
int cmd_probe(int argc, char **argv);

/* todoke serve --data DIR [options]: runs a node until SIGTERM. */
int cmd_serve(int argc, char **argv);

/* todoke key create|list|revoke|rotate-seal --data DIR. */
int cmd_key(int argc, char **argv);

/* todoke account create|list|password|disable|enable --data DIR. */
int cmd_account(int argc, char **argv);

/* todoke channel create|list|show|set|delete|token|secret|rotate-secret|verify: over the API of a node. */
int cmd_channel(int argc, char **argv);

/* todoke errors CHANNEL [options]: error statistics, over the API of a node. */
int cmd_errors(int argc, char **argv);

/* todoke job start|list|show|watch|pause|resume|stop|retry|errors|messages: over the API of a node. */
int cmd_job(int argc, char **argv);

/* todoke event send CHANNEL FILE|-: over the API of a node. */
int cmd_event(int argc, char **argv);

/* todoke user put|show|list|delete|import, todoke list import|list|show|delete: the audience of a provider,
 * over the API of a node. */
int cmd_user(int argc, char **argv);
int cmd_list(int argc, char **argv);

/* todoke query list|create|show|set|delete|preview: over the API of a node. */
int cmd_query(int argc, char **argv);
/*
 * todoke sender list|show|create|set|delete|verify|quota|resume: accounts with sending services, over the
 * API.
 */
int cmd_sender(int argc, char **argv);

/* todoke campaign list|show|create|set|delete|preview|test: what is sent, over the API. */
int cmd_campaign(int argc, char **argv);

/*
 * todoke bounce SENDER [--to ADDRESS]: hands a delivery status notification from standard input to a node.
 * For a mail server's pipe: exits with 0, or 75 (try again later).
 */
int cmd_bounce(int argc, char **argv);

/* todoke check --data DIR [--accept-loss] [--accept-clock]: checks the database for damage, or accepts what a
 * node asks an operator about. Exit: 1 damaged, or something must be accepted. */
int cmd_check(int argc, char **argv);

/* todoke backup --data DIR TO: copies the data directory, also while a node runs on it. */
int cmd_backup(int argc, char **argv);
