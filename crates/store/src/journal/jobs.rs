//! The statements of jobs, with plain blocking calls.

use jiff::Timestamp;
use orbit_model::{ImageId, JobId, QueuedJob, Slot};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::{from_str, to_string};

use super::{LAYOUT, damaged, fault};
use crate::Error;
use crate::queue::{check, taken};

/// A row of `jobs`.
struct Row {
    number: i64,
    id: String,
    after: String,
    created_at: i64,
    request: String,
}

/// Adds a job, on the disk when this returns.
pub(super) fn add(db: &mut Connection, mut job: QueuedJob) -> Result<(), Error> {
    check(&job)?;
    if job.has_ended() {
        job.request.forget_prompts();
    }
    LAYOUT.synced(db, |db| {
        let transaction = db.transaction().map_err(fault)?;
        insert(&transaction, &job)?;
        transaction.commit().map_err(fault)
    })
}

fn insert(db: &Transaction<'_>, job: &QueuedJob) -> Result<(), Error> {
    let open = job.slots.iter().filter(|slot| !slot.state.is_final()).count() as u64;
    let request = to_string(&job.request).map_err(Error::internal)?;
    let added = db
        .prepare_cached(
            "INSERT INTO jobs (id, after, created_at, open, request) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        )
        .and_then(|mut insert| {
            let created_at = job.created_at.as_millisecond();
            insert.execute(params![job.job.as_str(), job.after.to_string(), created_at, open, request])
        })
        .map_err(fault)?;
    if added == 0 {
        return Err(taken(&job.job));
    }
    let number = db.last_insert_rowid();
    let mut insert = db
        .prepare_cached("INSERT INTO slots (job, place, image_id, is_final, slot) VALUES (?1, ?2, ?3, ?4, ?5)")
        .map_err(fault)?;
    for (place, (id, slot)) in job.ids.iter().zip(&job.slots).enumerate() {
        let json = to_string(slot).map_err(Error::internal)?;
        insert.execute(params![number, place as u64, id.as_str(), slot.state.is_final(), json]).map_err(fault)?;
    }
    Ok(())
}

/// Sets a slot, and blanks the prompts with the last that becomes final.
pub(super) fn set(db: &mut Connection, job: &JobId, place: usize, slot: &Slot) -> Result<(), Error> {
    let transaction = db.transaction().map_err(fault)?;
    let place = i64::try_from(place).map_err(|_too_large| Error::NotFound)?;
    let find = "SELECT number, open, is_final FROM jobs JOIN slots ON job = number WHERE id = ?1 AND place = ?2";
    let (number, open, was_final): (i64, i64, bool) = transaction
        .prepare_cached(find)
        .and_then(|mut find| {
            find.query_row(params![job.as_str(), place], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })
        .map_err(fault)?
        .ok_or(Error::NotFound)?;
    let is_final = slot.state.is_final();
    let json = to_string(slot).map_err(Error::internal)?;
    let open = open + i64::from(was_final) - i64::from(is_final);
    let write = || {
        let update = "UPDATE slots SET is_final = ?1, slot = ?2 WHERE job = ?3 AND place = ?4";
        transaction.prepare_cached(update)?.execute(params![is_final, json, number, place])?;
        transaction.prepare_cached("UPDATE jobs SET open = ?1 WHERE number = ?2")?.execute([open, number])
    };
    write().map_err(fault)?;
    if open == 0 && !was_final {
        forget_prompts(&transaction, number)?;
    }
    transaction.commit().map_err(fault)
}

fn forget_prompts(db: &Transaction<'_>, number: i64) -> Result<(), Error> {
    let mut job = read(db, "SELECT number, id, after, created_at, request FROM jobs WHERE number = ?1", [number])?;
    let Some(mut job) = job.pop() else { return Ok(()) };
    job.request.forget_prompts();
    let request = to_string(&job.request).map_err(Error::internal)?;
    db.prepare_cached("UPDATE jobs SET request = ?1 WHERE number = ?2")
        .and_then(|mut update| update.execute(params![request, number]))
        .map(|_| ())
        .map_err(fault)
}

pub(super) fn get(db: &Connection, job: &JobId) -> Result<Option<QueuedJob>, Error> {
    let select = "SELECT number, id, after, created_at, request FROM jobs WHERE id = ?1";
    read_at_once(db, select, [job.as_str()]).map(|mut jobs| jobs.pop())
}

pub(super) fn unfinished(db: &Connection) -> Result<Vec<QueuedJob>, Error> {
    read_at_once(db, "SELECT number, id, after, created_at, request FROM jobs WHERE open > 0 ORDER BY number", [])
}

pub(super) fn ended(db: &Connection, limit: usize) -> Result<Vec<QueuedJob>, Error> {
    let select = "SELECT number, id, after, created_at, request FROM
                  (SELECT * FROM jobs WHERE open = 0 ORDER BY number DESC LIMIT ?1) ORDER BY number";
    read_at_once(db, select, [i64::try_from(limit).unwrap_or(i64::MAX)])
}

pub(super) fn find_image(db: &Connection, id: &ImageId) -> Result<Option<(JobId, usize)>, Error> {
    let select = "SELECT jobs.id, place FROM slots JOIN jobs ON number = job
                  WHERE image_id = ?1 ORDER BY job DESC, place LIMIT 1";
    let found: Option<(String, usize)> = db
        .prepare_cached(select)
        .and_then(|mut select| select.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(fault)?;
    found.map(|(job, place)| Ok((parse(&job)?, place))).transpose()
}

/// Slots go with their jobs.
pub(super) fn trim(db: &Connection, keep: usize) -> Result<u64, Error> {
    let delete = "DELETE FROM jobs WHERE number IN
                  (SELECT number FROM jobs WHERE open = 0 ORDER BY number DESC LIMIT -1 OFFSET ?1)";
    let keep = i64::try_from(keep).unwrap_or(i64::MAX);
    db.prepare_cached(delete).and_then(|mut delete| delete.execute([keep])).map(|removed| removed as u64).map_err(fault)
}

/// Reads jobs and slots as of one moment, whatever is written meanwhile.
fn read_at_once(db: &Connection, select: &str, parameters: impl rusqlite::Params) -> Result<Vec<QueuedJob>, Error> {
    let moment = db.unchecked_transaction().map_err(fault)?;
    read(&moment, select, parameters)
}

fn read(db: &Transaction<'_>, select: &str, parameters: impl rusqlite::Params) -> Result<Vec<QueuedJob>, Error> {
    let mut select = db.prepare_cached(select).map_err(fault)?;
    let rows = select
        .query_map(parameters, |row| {
            Ok(Row {
                number: row.get(0)?,
                id: row.get(1)?,
                after: row.get(2)?,
                created_at: row.get(3)?,
                request: row.get(4)?,
            })
        })
        .map_err(fault)?;
    rows.map(|row| job_of(db, row.map_err(fault)?)).collect()
}

fn job_of(db: &Transaction<'_>, row: Row) -> Result<QueuedJob, Error> {
    let (ids, slots) = slots_of(db, row.number)?;
    Ok(QueuedJob {
        job: parse(&row.id)?,
        request: from_str(&row.request).map_err(unreadable)?,
        ids,
        after: parse(&row.after)?,
        created_at: Timestamp::from_millisecond(row.created_at).map_err(unreadable)?,
        slots,
    })
}

fn slots_of(db: &Transaction<'_>, number: i64) -> Result<(Vec<ImageId>, Vec<Slot>), Error> {
    let mut select =
        db.prepare_cached("SELECT image_id, slot FROM slots WHERE job = ?1 ORDER BY place").map_err(fault)?;
    let rows =
        select.query_map([number], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).map_err(fault)?;
    let slots = rows.map(|row| {
        let (id, slot) = row.map_err(fault)?;
        Ok((parse(&id)?, from_str(&slot).map_err(unreadable)?))
    });
    slots.collect()
}

fn parse<T: std::str::FromStr<Err = orbit_model::Error>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(unreadable)
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    damaged("a job", &error.to_string())
}
