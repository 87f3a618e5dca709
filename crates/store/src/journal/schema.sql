-- Version 1. Truth: nothing else knows of these events and jobs.

CREATE TABLE events (
    number    INTEGER NOT NULL PRIMARY KEY, -- in the order in which they were appended
    thread_id TEXT    NOT NULL,
    millis    INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    event     TEXT    NOT NULL              -- JSON
) STRICT;

CREATE UNIQUE INDEX events_by_thread ON events (thread_id, millis, sequence);

-- One row: the greatest id of all events that were removed.
CREATE TABLE removed (
    millis   INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT;

INSERT INTO removed VALUES (0, 0);

CREATE TABLE jobs (
    number     INTEGER NOT NULL PRIMARY KEY, -- in the order in which they were accepted
    id         TEXT    NOT NULL UNIQUE,
    after      TEXT    NOT NULL,             -- the id of an event
    created_at INTEGER NOT NULL,             -- milliseconds since 1970
    open       INTEGER NOT NULL,             -- how many images are not final
    request    TEXT    NOT NULL              -- JSON; without prompts once nothing is open
) STRICT;

CREATE INDEX jobs_unfinished ON jobs (number) WHERE open > 0;
CREATE INDEX jobs_ended      ON jobs (number) WHERE open = 0;

CREATE TABLE slots (
    job      INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    place    INTEGER NOT NULL,
    image_id TEXT    NOT NULL,
    is_final INTEGER NOT NULL,
    slot     TEXT    NOT NULL, -- JSON
    PRIMARY KEY (job, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX slots_by_image ON slots (image_id, job);

PRAGMA user_version = 1;
