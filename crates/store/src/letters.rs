//! `Letters`: purges that a CDN has not confirmed yet, in a database file, so that a crash or an outage loses none.
//!
//! Truth like the journal: nothing else knows that a CDN still has what is gone here. It belongs to one process, and is opened under the
//! lock of the data folder.

use std::path::Path;

use orbit_model::Letter;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::database::{Database, Layout};
use crate::{Error, blocking};

static LAYOUT: Layout = Layout {
    name: "the outbox",
    schema: "CREATE TABLE letters(id INTEGER PRIMARY KEY AUTOINCREMENT, letter TEXT NOT NULL) STRICT;
             PRAGMA user_version = 1;",
    version: 1,
    is_derived: false,
    if_foreign: "move outbox.sqlite* away and purge at the CDN what it was to drop",
    if_damaged: "stop, move outbox.sqlite* away, start, and purge at the CDN what it was to drop",
};

/// Letters in an SQLite file; clones share its connections.
#[derive(Debug, Clone)]
pub struct Letters(Database);

impl Letters {
    /// Opens the file, or makes a new one.
    ///
    /// # Errors
    /// [`Error::Invalid`] where another release made the file or it cannot be written; [`Error::Corrupt`] where it is no
    /// database.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_owned();
        blocking::run(move || Database::open(&path, &LAYOUT)).await.map(Self)
    }

    /// Keeps letters, and gives each its number; when this returns they survive the process.
    ///
    /// # Errors
    /// Those of the disk; then none of them is kept.
    pub async fn add(&self, mut letters: Vec<Letter>) -> Result<Vec<Letter>, Error> {
        let fault = |error| LAYOUT.fault(error);
        self.0
            .write(move |db| {
                let transaction = db.transaction().map_err(fault)?;
                for letter in &mut letters {
                    let last: Option<u64> = transaction
                        .query_row("SELECT seq FROM sqlite_sequence WHERE name = 'letters'", [], |row| row.get(0))
                        .optional()
                        .map_err(fault)?;
                    letter.id = last.unwrap_or_default() + 1;
                    write(&transaction, letter)?;
                }
                transaction.commit().map_err(fault)?;
                Ok(letters)
            })
            .await
    }

    /// Keeps what has changed of letters; one that was removed meanwhile stays so.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn set(&self, letters: Vec<Letter>) -> Result<(), Error> {
        self.0
            .write(move |db| {
                for letter in &letters {
                    let (id, text) = (letter.id, text(letter)?);
                    db.execute("UPDATE letters SET letter = ?2 WHERE id = ?1", params![id, text])
                        .map_err(|error| LAYOUT.fault(error))?;
                }
                Ok(())
            })
            .await
    }

    /// Removes letters.
    ///
    /// # Errors
    /// Those of the disk.
    pub async fn remove(&self, ids: Vec<u64>) -> Result<(), Error> {
        self.0
            .write(move |db| {
                for id in ids {
                    db.execute("DELETE FROM letters WHERE id = ?1", [id]).map_err(|error| LAYOUT.fault(error))?;
                }
                Ok(())
            })
            .await
    }

    /// All letters, the oldest first.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where one cannot be read, and those of the disk.
    pub async fn all(&self) -> Result<Vec<Letter>, Error> {
        self.0.read(all).await
    }
}

fn all(db: &Connection) -> Result<Vec<Letter>, Error> {
    let fault = |error| LAYOUT.fault(error);
    let mut statement = db.prepare_cached("SELECT letter FROM letters ORDER BY id").map_err(fault)?;
    let texts = statement.query_map([], |row| row.get::<_, String>(0)).map_err(fault)?;
    let mut letters = Vec::new();
    for text in texts {
        let letter = serde_json::from_str(&text.map_err(fault)?);
        letters.push(letter.map_err(|_damage| Error::corrupt(LAYOUT.name, LAYOUT.if_damaged))?);
    }
    Ok(letters)
}

fn write(db: &Connection, letter: &Letter) -> Result<(), Error> {
    let (id, text) = (letter.id, text(letter)?);
    db.execute("INSERT INTO letters(id, letter) VALUES (?1, ?2)", params![id, text])
        .map_err(|error| LAYOUT.fault(error))?;
    Ok(())
}

fn text(letter: &Letter) -> Result<String, Error> {
    serde_json::to_string(letter).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use orbit_model::{LetterState, PurgeRequest};

    use super::*;

    fn letter(to: &str) -> Letter {
        let purge = PurgeRequest { ids: vec!["fox".parse().unwrap()], ..PurgeRequest::default() };
        let (to, since) = (to.to_owned(), Timestamp::from_second(1_800_000_000).unwrap());
        Letter { id: 0, to, purge, since, attempts: 0, error: None, state: LetterState::Waiting }
    }

    #[tokio::test]
    async fn letters_survive_a_restart_with_what_has_become_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.sqlite");
        let outbox = Letters::open(&path).await.unwrap();
        let mut kept = outbox.add(vec![letter("a"), letter("b"), letter("c")]).await.unwrap();
        assert_eq!(kept.iter().map(|letter| letter.id).collect::<Vec<_>>(), [1, 2, 3]);
        kept[1].attempts = 7;
        kept[1].error = Some("503".to_owned());
        kept[1].state = LetterState::Failed;
        outbox.set(vec![kept[1].clone()]).await.unwrap();
        outbox.remove(vec![1]).await.unwrap();
        drop(outbox);
        let outbox = Letters::open(&path).await.unwrap();
        assert_eq!(outbox.all().await.unwrap(), kept[1..]);
    }

    #[tokio::test]
    async fn a_number_is_never_given_twice_and_what_is_removed_does_not_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Letters::open(&folder.path().join("outbox.sqlite")).await.unwrap();
        let first = outbox.add(vec![letter("a")]).await.unwrap();
        outbox.remove(vec![first[0].id]).await.unwrap();
        outbox.set(first).await.unwrap();
        assert_eq!(outbox.all().await.unwrap(), []);
        assert_eq!(outbox.add(vec![letter("a")]).await.unwrap()[0].id, 2);
    }
}
