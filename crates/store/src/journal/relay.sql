-- What is kept beside events where several nodes share them. It was added to version 1: a release that knows nothing of it
-- leaves it alone.

CREATE TABLE IF NOT EXISTS relay (
    node     TEXT    NOT NULL, -- the name of this node, made once
    millis   INTEGER NOT NULL, -- the last event of all nodes that was taken in
    sequence INTEGER NOT NULL
) STRICT;

INSERT INTO relay SELECT lower(hex(randomblob(6))), 0, 0 WHERE NOT EXISTS (SELECT 1 FROM relay);

CREATE TABLE IF NOT EXISTS unsent (
    number   INTEGER NOT NULL PRIMARY KEY, -- in the order in which they were told here
    millis   INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    mark     TEXT    NOT NULL,
    event    TEXT    NOT NULL              -- JSON
) STRICT;
