-- Version 2. All of it is derived from manifests but `intents`, which say which of them to look at after a crash.

CREATE TABLE images (
    id           TEXT    NOT NULL PRIMARY KEY,
    thread_id    TEXT,
    style        TEXT,
    created_at   INTEGER NOT NULL, -- microseconds since 1970
    image_bytes  INTEGER NOT NULL,
    source_bytes INTEGER NOT NULL,
    source       TEXT    NOT NULL, -- the digest of the source, in hex
    epoch        INTEGER NOT NULL, -- the rebuild in which the row was last settled
    manifest     TEXT    NOT NULL  -- JSON; last, so that reading the columns before skips its pages
) STRICT;

CREATE INDEX images_by_time   ON images (created_at, id);
CREATE INDEX images_by_thread ON images (thread_id, created_at, id);
CREATE INDEX images_by_style  ON images (style, created_at, id);

CREATE INDEX images_by_source ON images (source, created_at, id);

CREATE TABLE intents (
    id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- One row. Triggers keep the sums, so that nobody has to count.
CREATE TABLE state (
    epoch        INTEGER NOT NULL,
    complete     INTEGER NOT NULL,
    images       INTEGER NOT NULL,
    image_bytes  INTEGER NOT NULL,
    source_bytes INTEGER NOT NULL
) STRICT;

INSERT INTO state VALUES (0, 0, 0, 0, 0);

CREATE TRIGGER images_inserted AFTER INSERT ON images BEGIN
    UPDATE state SET
        images       = images + 1,
        image_bytes  = image_bytes + new.image_bytes,
        source_bytes = source_bytes + new.source_bytes;
END;

CREATE TRIGGER images_deleted AFTER DELETE ON images BEGIN
    UPDATE state SET
        images       = images - 1,
        image_bytes  = image_bytes - old.image_bytes,
        source_bytes = source_bytes - old.source_bytes;
END;

CREATE TRIGGER images_updated AFTER UPDATE ON images BEGIN
    UPDATE state SET
        image_bytes  = image_bytes + new.image_bytes - old.image_bytes,
        source_bytes = source_bytes + new.source_bytes - old.source_bytes;
END;

PRAGMA user_version = 2;
