-- The database's schema as numbered migrations: a released section is never changed, only followed by another. PRAGMA
-- user_version is the number of the last one that ran.
--
-- The layout follows from measurements on disks (docs/decisions): time-ordered integer rowids; payloads apart from the narrow queue; insert and
-- delete, no state column to update. An event's state follows from where its rows are:
--   a row in retry                → retrying (failed before, or asked for again by hand)
--   else its last row in fate     → delivered or given up
--   else an attempt of its number → delivered, alone and at the first try
--   else a row in queue, or its number is past meta 'tail' → pending (fresh)

-- migration 1
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('key_version', 1);

CREATE TABLE channel (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: history outlives a channel
    name TEXT NOT NULL,
    bot_user_id TEXT NOT NULL,
    secret TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    webhook_url TEXT NOT NULL,
    use_webhook INTEGER NOT NULL,
    webhook_redelivery INTEGER NOT NULL,
    error_statistics INTEGER NOT NULL,
    contact_email TEXT NOT NULL,
    language TEXT NOT NULL,
    response_timeout_ms INTEGER NOT NULL,
    max_events INTEGER NOT NULL,
    suspended_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
INSERT INTO sqlite_sequence VALUES ('channel', 2000000000);  -- ten digits, as people know them
CREATE UNIQUE INDEX channel_token ON channel (token_hash);

CREATE TABLE payload (
    id INTEGER PRIMARY KEY,  -- milliseconds << 20 | count
    channel_id INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    json BLOB NOT NULL       -- the publisher's bytes
);

CREATE TABLE queue (
    channel_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (channel_id, id)
) WITHOUT ROWID;

CREATE TABLE retry (
    channel_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    PRIMARY KEY (channel_id, id)
) WITHOUT ROWID;
CREATE INDEX retry_due ON retry (channel_id, due_ms);

CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    events INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    cause TEXT NOT NULL,
    processed TEXT NOT NULL,
    phase TEXT NOT NULL,
    status INTEGER NOT NULL,
    http INTEGER NOT NULL,
    flags INTEGER NOT NULL,  -- 1: an open session was used, 2: the TLS session was resumed
    retries INTEGER NOT NULL,
    address TEXT NOT NULL,
    dns_us INTEGER NOT NULL,
    connect_us INTEGER NOT NULL,
    tls_us INTEGER NOT NULL,
    send_us INTEGER NOT NULL,
    first_byte_us INTEGER NOT NULL,
    total_us INTEGER NOT NULL
);

-- Which attempt carried which event, and what it meant for it: 0 to be sent again, 1 delivered, 2 given up.
CREATE TABLE fate (
    channel_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    attempt_id INTEGER NOT NULL,
    end INTEGER NOT NULL,
    PRIMARY KEY (channel_id, event_id, attempt_id)
) WITHOUT ROWID;

CREATE TABLE idempotency (
    channel_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    body_hash BLOB NOT NULL,
    ids BLOB NOT NULL,  -- 8 bytes each, most significant first
    PRIMARY KEY (channel_id, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (created_ms);

CREATE TABLE access_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER NOT NULL
);

-- migration 2
-- Retention: a row of attempt goes with the last event it carried, so it counts those that are gone. The highest number of a
-- row is kept apart, so that none is given twice once its row is gone.
ALTER TABLE attempt ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;
INSERT INTO meta VALUES ('last_row', 0);
-- Suspension: since when a channel has failed without a success, written down once that has lasted a while.
ALTER TABLE channel ADD COLUMN failing_ms INTEGER NOT NULL DEFAULT 0;

-- migration 3
-- Error notification. A row of notice is a window: opened with the first error, counted up, gone in the commit that puts its mails
-- into the outbox.
ALTER TABLE channel ADD COLUMN error_notification INTEGER NOT NULL DEFAULT 0;
CREATE TABLE notice (
    id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,      -- 0 fault, 1 redelivery stopped, 2 suspended
    topic TEXT NOT NULL,        -- what falls into the same window: reason and detail; empty: all of the kind
    reason TEXT NOT NULL,       -- of the first
    detail TEXT NOT NULL,
    errors INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    closes_ms INTEGER NOT NULL
);
CREATE INDEX notice_topic ON notice (channel_id, kind, topic, closes_ms);
CREATE INDEX notice_closes ON notice (closes_ms);
-- How many notices of a channel became mails on a day (UTC+9), for the daily cap.
CREATE TABLE notice_day (
    channel_id INTEGER NOT NULL,
    day INTEGER NOT NULL,       -- days since 1970-01-01
    notices INTEGER NOT NULL,
    PRIMARY KEY (channel_id, day)
) WITHOUT ROWID;

-- The outbox: one row a recipient; what it says is kept once for all of them, until it has reached the last.
CREATE TABLE mail_content (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    html TEXT NOT NULL
);
CREATE TABLE mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: Message-ID is made of it
    content_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    state INTEGER NOT NULL,     -- 0 waiting, 1 sent, 2 failed
    tries INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,   -- waiting: when it is tried next; else when it ended
    last_error TEXT NOT NULL,
    created_ms INTEGER NOT NULL
);
CREATE INDEX mail_next ON mail (state, next_ms);
CREATE INDEX mail_of_content ON mail (content_id);

-- migration 4
-- A channel may have several access tokens.
CREATE TABLE access_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    hint TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,  -- 0: never
    used_ms INTEGER NOT NULL      -- about when it was used last; 0: never
);
INSERT INTO access_token (channel_id, hash, hint, created_ms, expires_ms, used_ms)
    SELECT id, token_hash, '', created_ms, 0, 0 FROM channel ORDER BY id;
CREATE INDEX access_token_channel ON access_token (channel_id);
CREATE INDEX access_token_expiry ON access_token (expires_ms) WHERE expires_ms > 0;
DROP INDEX channel_token;
ALTER TABLE channel DROP COLUMN token_hash;
-- Secrets are sealed: a secret that is a text and no blob is still in clear, and is sealed when a node starts (sqlite_seal.c).
ALTER TABLE channel ADD COLUMN previous_secret BLOB NOT NULL DEFAULT x'';
ALTER TABLE channel ADD COLUMN previous_until_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX channel_previous ON channel (previous_until_ms) WHERE previous_until_ms > 0;
INSERT INTO meta VALUES ('seal_key', 0);      -- which key sealed them
INSERT INTO meta VALUES ('seal_unclean', 0);  -- 1: pages of this file may still hold what was written in clear, or under another key

-- migration 5
-- What stands in time order so that a commit writes few pages (sqlite_tail.c). Events after meta 'tail' have no row in queue: they
-- wait as long as they have no row elsewhere. One that was delivered alone and at the first try is told by its attempt, which has
-- the event's own number; the table below finds those of a channel, section of the history by section.
CREATE TABLE section (
    last_id INTEGER NOT NULL,     -- of the events of all channels in it
    channel_id INTEGER NOT NULL,
    ids BLOB NOT NULL,            -- 8 bytes each, most significant first; rising
    PRIMARY KEY (last_id, channel_id)
) WITHOUT ROWID;
INSERT INTO meta SELECT 'tail', ifnull(max(id), 0) FROM payload;

-- migration 6
-- Who may do what. Roles are numbers that grow with what they allow: 1 tester, 2 member, 3 admin.
CREATE TABLE provider (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL
);
INSERT INTO provider VALUES (1, 'Default', CAST(strftime('%s', 'now') AS INTEGER) * 1000);
ALTER TABLE channel ADD COLUMN provider_id INTEGER NOT NULL DEFAULT 1;
CREATE INDEX channel_provider ON channel (provider_id);

CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password TEXT NOT NULL,       -- Argon2id with its salt and cost; '': none set yet
    language TEXT NOT NULL,
    operator INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    last_login_ms INTEGER NOT NULL
);

CREATE TABLE provider_role (
    account_id INTEGER NOT NULL,
    provider_id INTEGER NOT NULL,
    role INTEGER NOT NULL,
    PRIMARY KEY (account_id, provider_id)
) WITHOUT ROWID;
CREATE INDEX provider_role_of ON provider_role (provider_id);

CREATE TABLE channel_role (
    account_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    role INTEGER NOT NULL,
    PRIMARY KEY (account_id, channel_id)
) WITHOUT ROWID;
CREATE INDEX channel_role_of ON channel_role (channel_id);

CREATE TABLE session (
    hash BLOB PRIMARY KEY,        -- SHA-256 of what the cookie holds
    account_id INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL      -- to about a minute
) WITHOUT ROWID;
CREATE INDEX session_of ON session (account_id);

CREATE TABLE invitation (
    hash BLOB PRIMARY KEY,        -- SHA-256 of what the link holds
    account_id INTEGER NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) WITHOUT ROWID;

-- What was changed, by whom and from where; text as it was then, so that it outlives accounts and channels.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    who TEXT NOT NULL,
    peer TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    channel_id INTEGER NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX audit_channel ON audit (channel_id, id) WHERE channel_id<>0;

-- migration 7
-- What was sent counts as a try; what a fault of our own machine kept from leaving counts apart, and is end 3 in fate: to be sent
-- again, nothing of it left.
ALTER TABLE retry ADD COLUMN faults INTEGER NOT NULL DEFAULT 0;

-- migration 8
-- What a provider applied for (error notification is the only option so far), and what was decided: 1 applied, 2 approved, 3 refused,
-- 4 withdrawn.
CREATE TABLE provider_option (
    provider_id INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    note TEXT NOT NULL,
    applied_ms INTEGER NOT NULL,
    decided_ms INTEGER NOT NULL
);
CREATE INDEX mail_waiting ON mail (created_ms) WHERE state=0;

-- migration 9
-- Channels that were deleted and whose rows in queue, retry and idempotency are still to go, a few at a time.
CREATE TABLE gone (channel_id INTEGER PRIMARY KEY);

-- migration 10
-- Error statistics: a row a channel, minute (since 1970, of UTC), reason and detail. They are counted in error_minute and moved to
-- error_row once the minute is over (sqlite_error.c); one that came late may stand in both.
CREATE TABLE error_minute (
    minute INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    first_ms INTEGER NOT NULL,  -- when the first and the last were detected
    last_ms INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    PRIMARY KEY (minute, channel_id, reason, detail)
) WITHOUT ROWID;
CREATE TABLE error_row (
    day INTEGER NOT NULL,       -- of the minute: minute / 1440
    channel_id INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    PRIMARY KEY (day, channel_id, minute, reason, detail)
) WITHOUT ROWID;

-- migration 11
ALTER TABLE channel ADD COLUMN redelivery_schedule TEXT NOT NULL DEFAULT '';  -- seconds, "60,120"; '': the node's

-- migration 12
-- Lists of what was given up: a few among very many. What arrives writes nothing here.
CREATE INDEX fate_failed ON fate (channel_id, event_id) WHERE end<>1;

-- migration 13
-- Webhook URLs are sealed as secrets are: one that is a text is still in clear, and is sealed when a node starts (sqlite_seal.c). Pages
-- of this file may hold those of channels that are gone.
UPDATE meta SET value=1 WHERE name='seal_unclean' AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name='channel' AND seq>2000000000);

-- migration 14
-- An account is confirmed once its owner has come by a link that was sent to its address, or an operator vouches for it. A role that is
-- given to one that is not waits (it counts for nothing). known: whoever sees the list of roles may know whose the role is; else the
-- list shows the address that was given, whether or not somebody has an account under it.
ALTER TABLE account ADD COLUMN confirmed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN inviter_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN inviter TEXT NOT NULL DEFAULT '';
ALTER TABLE provider ADD COLUMN maker_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE provider_role ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE provider_role ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
ALTER TABLE provider_role ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE channel_role ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel_role ADD COLUMN known INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channel_role ADD COLUMN address TEXT NOT NULL DEFAULT '';
-- How often something was done on a day (UTC); only the present day is kept.
CREATE TABLE tally (
    day INTEGER NOT NULL,       -- days since 1970-01-01
    topic TEXT NOT NULL,        -- "roles by 17", "mail to a@example.com"
    count INTEGER NOT NULL,
    PRIMARY KEY (day, topic)
) WITHOUT ROWID;
-- Until now a link went to whoever invited, so an account that one without the operator's rights made may be anybody's. The audit log
-- knows who made what; what it knows no more counts as unconfirmed.
CREATE TEMP TABLE made (target TEXT PRIMARY KEY, by_id INTEGER, by_who TEXT);
INSERT OR IGNORE INTO temp.made SELECT target, account_id, who FROM audit
    WHERE action IN ('account.create', 'account.setup', 'provider.create') ORDER BY id;
UPDATE account SET inviter_id=m.by_id, inviter=m.by_who FROM temp.made m
    WHERE m.target='account/' || account.id AND m.by_id<>account.id AND (m.by_id<>0 OR m.by_who<>'system');
UPDATE provider SET maker_id=m.by_id FROM temp.made m WHERE m.target='provider/' || provider.id;
UPDATE account SET confirmed=1 WHERE operator=1 OR EXISTS (SELECT 1 FROM temp.made m WHERE m.target='account/' || account.id
    AND (m.by_id=0 OR m.by_id=account.id OR EXISTS (SELECT 1 FROM account o WHERE o.id=m.by_id AND o.operator=1)));
DELETE FROM invitation WHERE account_id IN (SELECT id FROM account WHERE confirmed=0);
-- Its roles stay as far as its inviter gave them, who had the link, or it made the provider itself; those of others wait.
CREATE TEMP TABLE given (target TEXT, account_id INTEGER, by_id INTEGER, PRIMARY KEY (target, account_id));
INSERT OR REPLACE INTO temp.given SELECT target, CAST(CASE WHEN json_valid(details) THEN json_extract(details, '$.accountId') END AS INTEGER),
    account_id FROM audit WHERE action='role.set' ORDER BY id;
UPDATE provider_role SET known=1, address=a.email, waits=a.confirmed=0 AND NOT (
        EXISTS (SELECT 1 FROM temp.given g WHERE g.target='provider/' || provider_id AND g.account_id=a.id
                AND g.by_id IN (a.id, a.inviter_id) AND g.by_id<>0)
        OR EXISTS (SELECT 1 FROM provider p WHERE p.id=provider_id AND p.maker_id=a.id
                   AND NOT EXISTS (SELECT 1 FROM temp.given g WHERE g.target='provider/' || p.id AND g.account_id=a.id)))
    FROM account a WHERE a.id=provider_role.account_id;
UPDATE channel_role SET known=1, address=a.email, waits=a.confirmed=0 AND NOT
        EXISTS (SELECT 1 FROM temp.given g WHERE g.target='channel/' || channel_id AND g.account_id=a.id
                AND g.by_id IN (a.id, a.inviter_id) AND g.by_id<>0)
    FROM account a WHERE a.id=channel_role.account_id;
DROP TABLE temp.made;
DROP TABLE temp.given;

-- migration 15
-- What the owner of a contact address said to mails about a provider's channels. A row is made when the address is asked, or when an
-- operator decides for it, and stays for good, so that nobody is asked again: there are confirm-daily-cap new ones a day at most for
-- each account that asks.
CREATE TABLE contact (
    provider_id INTEGER NOT NULL,
    address TEXT NOT NULL,        -- in lower case, the domain as A-labels
    person TEXT NOT NULL,         -- the same without what its owner's mail server may pass over: dots, "+tag"
    state INTEGER NOT NULL,       -- 0 unconfirmed, 1 confirmed, 2 refused
    channel_id INTEGER NOT NULL,  -- for which it was asked last
    asked INTEGER NOT NULL,       -- how often
    asked_ms INTEGER NOT NULL,    -- when the last time; 0: never
    hash BLOB NOT NULL,           -- SHA-256 of what the last mail's link holds
    decided_ms INTEGER NOT NULL,
    PRIMARY KEY (provider_id, address)
) WITHOUT ROWID;
CREATE UNIQUE INDEX contact_hash ON contact (hash) WHERE asked>0;
CREATE INDEX contact_person ON contact (person);
-- Addresses that have been told of errors until now, with the operator's approval, go on being told. All others are asked first.
INSERT OR IGNORE INTO contact SELECT c.provider_id, lower(c.contact_email), lower(c.contact_email), 1, c.id, 0, 0, x'',
    CAST(strftime('%s', 'now') AS INTEGER) * 1000 FROM channel c JOIN provider_option o ON o.provider_id=c.provider_id
    WHERE o.state=2 AND c.error_notification=1 AND c.contact_email<>'' ORDER BY c.id;
-- How many mails a provider or an account has caused on a day (UTC+9); only the last day counts.
CREATE TABLE mail_day (
    topic INTEGER NOT NULL,       -- 0 mails of a provider, 1 of an account; 2, 3: those of them that ask a contact address
    id INTEGER NOT NULL,
    day INTEGER NOT NULL,         -- days since 1970-01-01
    mails INTEGER NOT NULL,
    PRIMARY KEY (topic, id)
) WITHOUT ROWID;

-- migration 16
-- Targeted delivery. People of the audience are numbered, and a number is never used again: results name people by it, so they lose
-- the name of somebody who is deleted, and never get another one.
CREATE TABLE audience_last (
    id INTEGER PRIMARY KEY CHECK (id=1),
    user_id INTEGER NOT NULL       -- the highest number given, or kept back to be given
);
CREATE TABLE audience (
    provider_id INTEGER PRIMARY KEY,
    users INTEGER NOT NULL         -- how many there are
);
CREATE TABLE audience_user (
    provider_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    name TEXT NOT NULL,            -- userId, as the provider calls the person
    attributes TEXT NOT NULL,      -- a JSON object
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (provider_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX audience_user_name ON audience_user (provider_id, name);
CREATE TABLE audience_target (
    provider_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    medium INTEGER NOT NULL,       -- enum medium: 0 mail, 1 push, 2 LINE, 3 browser
    value TEXT NOT NULL,           -- address, token, LINE's user id, endpoint
    p256dh TEXT NOT NULL,          -- browser: the subscription's keys, base64url
    auth TEXT NOT NULL,
    subscribed INTEGER NOT NULL,   -- enum consent: 0 never asked, 1 yes, 2 no
    dropped TEXT NOT NULL,         -- id of the error that ended it; '': in use
    why TEXT NOT NULL,             -- what changed consent or ended it last: 'identify', 'import', 'undo', the id of an error
    was INTEGER NOT NULL,          -- enum consent, before a message withdrew it; -1: none did
    job_id INTEGER NOT NULL,       -- the message that did; 0: none
    message_n INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (provider_id, user_id, medium, value)
) WITHOUT ROWID;
CREATE INDEX audience_target_value ON audience_target (provider_id, medium, value);
CREATE TABLE segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    condition TEXT NOT NULL,       -- JSON
    is_default INTEGER NOT NULL,   -- every message of the provider must match it
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX segment_provider ON segment (provider_id, id);
CREATE TABLE list (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    by_what TEXT NOT NULL,         -- 'user_id', 'email', 'line_user_id', 'fcm_token', 'endpoint'
    rows INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
);
CREATE INDEX list_provider ON list (provider_id, id);
CREATE TABLE list_row (
    list_id INTEGER NOT NULL,
    n INTEGER NOT NULL,
    value TEXT,                    -- NULL: the row has none, which the job says of its message
    PRIMARY KEY (list_id, n)
) WITHOUT ROWID;
CREATE TABLE query (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    sql TEXT NOT NULL,
    by_what TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX query_provider ON query (provider_id, id);
CREATE TABLE import (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id INTEGER NOT NULL,
    into_what TEXT NOT NULL,       -- 'users', 'list'
    list_id INTEGER NOT NULL,
    state INTEGER NOT NULL,        -- 0 running, 1 done, 2 ended early
    reason TEXT NOT NULL,
    read_rows INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL
);
CREATE INDEX import_provider ON import (provider_id, id);
CREATE INDEX import_running ON import (id) WHERE state=0;
CREATE TABLE import_refusal (
    import_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    field TEXT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (import_id, line)
) WITHOUT ROWID;

-- What is deleted, and has rows left that go bit by bit.
CREATE TABLE audience_gone (
    what INTEGER NOT NULL,         -- 0 a provider, 1 a list, 2 a user, whose messages still have a name or a target
    id INTEGER NOT NULL,
    PRIMARY KEY (what, id)
) WITHOUT ROWID;

CREATE TABLE sender (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    service INTEGER NOT NULL,      -- enum service
    settings TEXT NOT NULL,        -- JSON: all that is no secret
    secret BLOB NOT NULL,          -- JSON of the credentials, sealed
    state INTEGER NOT NULL,        -- 0 fine, 1 its jobs pause
    reason TEXT NOT NULL,          -- why: id of an error, 'guard'
    reason_text TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,   -- of the state
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX sender_provider ON sender (provider_id, id);
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id INTEGER NOT NULL,
    short_id TEXT NOT NULL,
    name TEXT NOT NULL,
    medium INTEGER NOT NULL,
    sender_id INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    content TEXT NOT NULL,         -- JSON, its strings are templates
    variables TEXT NOT NULL,       -- JSON
    stop_when TEXT NOT NULL,       -- JSON, a condition; '': none
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);
CREATE INDEX campaign_provider ON campaign (provider_id, id);
CREATE UNIQUE INDEX campaign_short ON campaign (provider_id, short_id);
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider_id INTEGER NOT NULL,
    campaign_id INTEGER NOT NULL,
    sender_id INTEGER NOT NULL,
    medium INTEGER NOT NULL,
    campaign_name TEXT NOT NULL,
    short_id TEXT NOT NULL,
    state INTEGER NOT NULL,        -- enum job_state
    reason TEXT NOT NULL,          -- why it is paused, stopped or failed: 'hand', 'missed', 'guard', id of an error
    reason_text TEXT NOT NULL,
    per_second REAL NOT NULL,      -- 0: no limit of its own
    dedupe INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,        -- when it is to begin; 0: at once
    repeat TEXT NOT NULL,          -- JSON; '': once
    parent_id INTEGER NOT NULL,    -- the job of which this one sends messages again, or which repeats; 0: none
    gathered INTEGER NOT NULL,     -- the audience is in the messages, all of it
    position INTEGER NOT NULL,     -- how far gathering has come: the last number of a user or a row
    total INTEGER NOT NULL,        -- messages so far; they are numbered from 1
    claimed INTEGER NOT NULL,      -- those up to this number were handed to be sent, or are ended
    settled INTEGER NOT NULL,      -- those up to this number are ended, or wait to be tried again
    ended INTEGER NOT NULL,        -- messages that ended
    claimed_ms INTEGER NOT NULL,   -- when the last were claimed
    created_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL
);
-- A job keeps the campaign and the audience as they were when it was made, so that all get the same. Apart, because the job's row is
-- written with every batch.
CREATE TABLE job_content (
    job_id INTEGER PRIMARY KEY,
    content TEXT NOT NULL,
    variables TEXT NOT NULL,
    stop_when TEXT NOT NULL,
    audience TEXT NOT NULL,        -- JSON as it was given, with the condition or the SQL at that time
    nonce TEXT NOT NULL            -- random: the keys by which services know a message again are made from it
);
CREATE INDEX job_provider ON job (provider_id, id);
CREATE INDEX job_open ON job (state) WHERE state<4;
-- One message: a user and a target in a job. The states that pass are not written: one that waits and is claimed is being sent.
CREATE TABLE message (
    job_id INTEGER NOT NULL,
    n INTEGER NOT NULL,
    user_id INTEGER NOT NULL,      -- 0: none, or not known yet
    name TEXT,                     -- userId or target of a list's or query's row that names one; NULL: user_id says it
    target TEXT,                   -- where it goes; NULL: not chosen yet, none, or deleted with the user
    state INTEGER NOT NULL,        -- enum message_state
    error TEXT NOT NULL,           -- id of the error, '': none
    detail TEXT NOT NULL,          -- what fills the error's text; the text of the service
    processed TEXT NOT NULL,       -- whether the service may have taken it: '', 'no', 'unknown', 'yes'
    judged TEXT NOT NULL,          -- of an error: class, retry, effect and whom it concerns, each by its string, with blanks between
    tries INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,       -- of one that is tried again
    service_id TEXT NOT NULL,      -- the service's id of it
    at_ms INTEGER NOT NULL,        -- of its last change; 0: none yet
    PRIMARY KEY (job_id, n)
) WITHOUT ROWID;
CREATE INDEX message_user ON message (user_id, job_id, n) WHERE user_id>0;
CREATE INDEX message_due ON message (job_id, state, due_ms, n) WHERE state IN (1, 2);
-- How many messages of a job ended so; and with which error and text, as the seed's table counts them.
CREATE TABLE job_count (
    job_id INTEGER NOT NULL,
    state INTEGER NOT NULL,
    error TEXT NOT NULL,
    text TEXT NOT NULL,            -- as shown, of what names a person only the kind
    judged TEXT NOT NULL,          -- as of a message
    count INTEGER NOT NULL,
    PRIMARY KEY (job_id, state, error, text, judged)
) WITHOUT ROWID;
-- Which message of a job took a target first, as long as the job runs.
CREATE TABLE job_target (
    job_id INTEGER NOT NULL,
    hash BLOB NOT NULL,            -- the first 16 bytes of SHA-256 of the target
    n INTEGER NOT NULL,
    PRIMARY KEY (job_id, hash)
) WITHOUT ROWID;
