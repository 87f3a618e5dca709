-- Version 1. What this node owes to the index that it shares with others.

CREATE TABLE intents (
    id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- One row: this node's name, and how many of its changes the index has confirmed in which of its eras.
CREATE TABLE node (
    name TEXT    NOT NULL,
    era  TEXT    NOT NULL,
    told INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 1;
