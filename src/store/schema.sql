-- What a data directory holds. Numbered migrations: a section is never changed once it was released, only followed by another
-- one. PRAGMA user_version is the number of the last one that ran.
--
-- The shape is what the disk taught (docs/decisions): time-ordered integer rowids; payloads apart from the narrow queue; insert and
-- delete, no state column to update. Where an event stands follows from where its rows are:
--   a row in queue                → pending (fresh)
--   a row in retry                → retrying (failed before, or asked for again by hand)
--   else its last row in fate     → delivered or given up

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
