//! Group commit: many jobs, one transaction, one fsync.

use rusqlite::{Connection, ErrorCode};

use crate::columns::{is_failed_write, sqlite_reason, unavailable};

/// Something to write. It sees the database with everything before it in its group.
pub(crate) trait Job: Send + 'static {
    /// What it answers.
    type Answer: Send + Clone + 'static;

    /// Writes, inside a savepoint of its own.
    fn run(self, database: &Connection) -> rusqlite::Result<Outcome<Self::Answer>>;

    /// Whether content goes away: then it must go from the log, too.
    fn erases(&self) -> bool;
}

/// What becomes of what a job wrote.
#[derive(Debug)]
pub(crate) enum Outcome<A> {
    /// It stays.
    Keep(A),
    /// It is taken back.
    Undo(A),
}

/// What became of a group.
#[derive(Debug)]
pub(crate) struct Settled<A> {
    /// One answer per job.
    pub(crate) answers: Vec<Result<A, amtsbote_store::Error>>,
    /// Whether the connection can be trusted with another group.
    pub(crate) health: Health,
}

/// Whether a connection can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It can.
    Good,
    /// Nobody knows what the disk has kept: only opening anew tells.
    Unknown,
}

/// Runs the jobs in one transaction. The answers are good when this returns: the disk has them.
pub(crate) fn commit<J: Job>(database: &Connection, jobs: Vec<J>) -> Settled<J::Answer> {
    let count = jobs.len();
    match attempt(database, jobs) {
        Ok(answers) => Settled {
            answers,
            health: Health::Good,
        },
        Err(error) => {
            // SQLite may have rolled back already; then this fails, which is fine.
            let rolled_back =
                database.is_autocommit() || database.execute_batch("ROLLBACK").is_ok();
            let answer = unavailable(&error);
            Settled {
                answers: (0..count).map(|_| Err(answer.clone())).collect(),
                health: if rolled_back && kept_nothing(&error) {
                    Health::Good
                } else {
                    Health::Unknown
                },
            }
        }
    }
}

type Answers<A> = Vec<Result<A, amtsbote_store::Error>>;

fn attempt<J: Job>(database: &Connection, jobs: Vec<J>) -> rusqlite::Result<Answers<J::Answer>> {
    run(database, "BEGIN IMMEDIATE")?;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        run(database, "SAVEPOINT job")?;
        let answer = match job.run(database) {
            Ok(Outcome::Keep(answer)) => Ok(answer),
            Ok(Outcome::Undo(answer)) => {
                run(database, "ROLLBACK TO job")?;
                Ok(answer)
            }
            Err(error) if concerns_one_job(&error) => {
                run(database, "ROLLBACK TO job")?;
                Err(crate::columns::unreadable("row", &error))
            }
            Err(error) => return Err(error),
        };
        run(database, "RELEASE job")?;
        answers.push(answer);
    }
    amtsbote_names::fail_point!(GroupWritten);
    run(database, "COMMIT")?;
    amtsbote_names::fail_point!(GroupCommitted);
    Ok(answers)
}

fn run(database: &Connection, sql: &str) -> rusqlite::Result<()> {
    database.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// A stored row that cannot be read, or a broken constraint: the database itself is well.
fn concerns_one_job(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error_code()
        .is_none_or(|code| code == ErrorCode::ConstraintViolation)
}

/// Faults before anything reached the disk in a way that counts. A full disk is one: the commit record did not fit. A quota that is used up
/// (EDQUOT) is another, which SQLite tells as a write that failed, whatever the system said: what was not written whole is no commit, and
/// the next one writes over it. Only of a failed fsync nobody knows what it has kept.
fn kept_nothing(error: &rusqlite::Error) -> bool {
    let known = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    ) || is_failed_write(error);
    if known {
        tracing::warn!(reason = %sqlite_reason(error), "the database took back a group of writes");
    } else {
        tracing::error!(
            reason = %sqlite_reason(error),
            "the database is closed for writing: check the disk, then start again"
        );
    }
    known
}
