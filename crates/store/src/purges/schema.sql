-- Version 1. Where it is lost, edges ask about all that they hold: nothing but time is lost with it.

CREATE TABLE log (
    epoch  INTEGER NOT NULL,
    -- The number of the last purge that is not retained any more.
    before INTEGER NOT NULL
) STRICT;

CREATE TABLE purges (
    number  INTEGER NOT NULL PRIMARY KEY,
    request TEXT    NOT NULL -- JSON
) STRICT;

CREATE TABLE edges (
    name     TEXT    NOT NULL,
    session  TEXT    NOT NULL,
    lease_ms INTEGER NOT NULL, -- the longest lease that it was lent
    PRIMARY KEY (name, session)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
