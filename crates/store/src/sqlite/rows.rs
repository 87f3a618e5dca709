//! The statements: what each call of the index reads and writes, with plain blocking calls.

use orbit_model::{Digest, ImageId, Manifest};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::LAYOUT;
use crate::index::{Position, order_key};
use crate::{Error, Page, Query, Totals};

const UPSERT: &str = "
    INSERT INTO images (id, thread_id, style, created_at, image_bytes, source_bytes, source, epoch, manifest)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT epoch FROM state), ?8)
    ON CONFLICT (id) DO UPDATE SET
        thread_id = excluded.thread_id, style = excluded.style, created_at = excluded.created_at,
        image_bytes = excluded.image_bytes, source_bytes = excluded.source_bytes,
        source = excluded.source, epoch = excluded.epoch, manifest = excluded.manifest";

pub(super) fn intend(db: &mut Connection, id: &ImageId) -> Result<(), Error> {
    // The intent must outlive what it announces.
    LAYOUT.synced(db, |db| execute(db, "INSERT OR IGNORE INTO intents (id) VALUES (?1)", [id.as_str()]).map(|_| ()))
}

pub(super) fn settle(db: &mut Connection, id: &ImageId, stored: Option<&Manifest>) -> Result<bool, Error> {
    let transaction = db.transaction().map_err(fault)?;
    let existed = match stored {
        None => execute(&transaction, "DELETE FROM images WHERE id = ?1", [id.as_str()])? > 0,
        Some(manifest) => {
            let find = "SELECT EXISTS (SELECT 1 FROM images WHERE id = ?1)";
            let existed = query_one(&transaction, find, [id.as_str()], |row| row.get(0))?;
            upsert(&transaction, manifest)?;
            existed
        }
    };
    execute(&transaction, "DELETE FROM intents WHERE id = ?1", [id.as_str()])?;
    transaction.commit().map_err(fault)?;
    Ok(existed)
}

fn upsert(db: &Connection, manifest: &Manifest) -> Result<(), Error> {
    let totals = Totals::of(manifest);
    let row = params![
        manifest.id.as_str(),
        manifest.labels.thread_id.as_ref().map(|thread| thread.as_str()),
        manifest.labels.style,
        order_key(manifest.created_at),
        totals.image_bytes,
        totals.source_bytes,
        manifest.source.digest.hex(),
        serde_json::to_string(manifest).map_err(Error::internal)?,
    ];
    execute(db, UPSERT, row).map(|_| ())
}

pub(super) fn intents(db: &Connection) -> Result<Vec<ImageId>, Error> {
    let mut statement = db.prepare_cached("SELECT id FROM intents ORDER BY id").map_err(fault)?;
    let ids = statement.query_map([], |row| row.get::<_, String>(0)).map_err(fault)?;
    ids.map(|id| parse_id(&id.map_err(fault)?)).collect()
}

pub(super) fn get(db: &Connection, id: &ImageId) -> Result<Option<Manifest>, Error> {
    let mut statement = db.prepare_cached("SELECT manifest FROM images WHERE id = ?1").map_err(fault)?;
    let json: Option<String> = statement.query_row([id.as_str()], |row| row.get(0)).optional().map_err(fault)?;
    json.as_deref().map(parse).transpose()
}

pub(super) fn find_source(db: &Connection, digest: &Digest) -> Result<Option<ImageId>, Error> {
    let find = "SELECT id FROM images WHERE source = ?1 ORDER BY created_at DESC, id DESC LIMIT 1";
    let mut statement = db.prepare_cached(find).map_err(fault)?;
    let id: Option<String> = statement.query_row([digest.hex()], |row| row.get(0)).optional().map_err(fault)?;
    id.as_deref().map(parse_id).transpose()
}

/// The statement of a list; each combination of filters has its own, so that SQLite walks the index that fits.
///
/// Of both filters the thread picks the index, as threads are small and styles few; the `+` keeps the other from it.
pub(super) fn list_sql(query: &Query) -> String {
    let (thread, style) = match (&query.thread_id, &query.style) {
        (None, None) => ("?1 IS NULL", "?2 IS NULL"),
        (Some(_), None) => ("thread_id = ?1", "?2 IS NULL"),
        (None, Some(_)) => ("?1 IS NULL", "style = ?2"),
        (Some(_), Some(_)) => ("thread_id = ?1", "+style = ?2"),
    };
    format!(
        "SELECT manifest FROM images WHERE {thread} AND {style} AND (created_at, id) < (?3, ?4)
         ORDER BY created_at DESC, id DESC LIMIT ?5"
    )
}

/// Reads one row more than the page has, to know whether there is a next page.
pub(super) fn list(db: &Connection, query: &Query, from: &Position) -> Result<Page, Error> {
    let mut statement = db.prepare_cached(&list_sql(query)).map_err(fault)?;
    let limit = query.page_size();
    let parameters = params![
        query.thread_id.as_ref().map(|thread| thread.as_str()),
        query.style,
        from.micros,
        from.id.as_ref().map_or("", ImageId::as_str),
        limit as u64 + 1,
    ];
    let rows = statement.query_map(parameters, |row| row.get::<_, String>(0)).map_err(fault)?;
    let mut manifests = Vec::with_capacity(limit);
    let mut more = false;
    for json in rows {
        let json = json.map_err(fault)?;
        more = manifests.len() == limit;
        if !more {
            manifests.push(parse(&json)?);
        }
    }
    let last = manifests.last().filter(|_| more);
    Ok(Page { next_cursor: last.map(|last| Position::of(last).to_string()), manifests })
}

pub(super) fn totals(db: &Connection) -> Result<Totals, Error> {
    query_one(db, "SELECT images, image_bytes, source_bytes FROM state", [], |row| {
        Ok(Totals { images: row.get(0)?, image_bytes: row.get(1)?, source_bytes: row.get(2)? })
    })
}

pub(super) fn is_complete(db: &Connection) -> Result<bool, Error> {
    query_one(db, "SELECT complete FROM state", [], |row| row.get(0))
}

pub(super) fn begin_rebuild(db: &Connection) -> Result<(), Error> {
    execute(db, "UPDATE state SET epoch = epoch + 1, complete = 0", []).map(|_| ())
}

pub(super) fn finish_rebuild(db: &mut Connection) -> Result<u64, Error> {
    let transaction = db.transaction().map_err(fault)?;
    let removed = execute(&transaction, "DELETE FROM images WHERE epoch < (SELECT epoch FROM state)", [])?;
    execute(&transaction, "UPDATE state SET complete = 1", [])?;
    transaction.commit().map_err(fault)?;
    Ok(removed as u64)
}

fn fault(error: rusqlite::Error) -> Error {
    LAYOUT.fault(error)
}

fn parse(json: &str) -> Result<Manifest, Error> {
    Manifest::from_json(json.as_bytes()).map_err(|error| damaged(&error.to_string()))
}

fn parse_id(text: &str) -> Result<ImageId, Error> {
    text.parse().map_err(|error: orbit_model::Error| damaged(&error.to_string()))
}

fn damaged(reason: &str) -> Error {
    Error::corrupt("the index", format!("{reason}; `orbit reindex` makes it again"))
}

fn execute(db: &Connection, sql: &str, parameters: impl Params) -> Result<usize, Error> {
    db.prepare_cached(sql).and_then(|mut statement| statement.execute(parameters)).map_err(fault)
}

fn query_one<T>(
    db: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<T, Error> {
    db.prepare_cached(sql).and_then(|mut statement| statement.query_row(parameters, read)).map_err(fault)
}
