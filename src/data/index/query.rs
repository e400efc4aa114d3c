use std::fmt::Write as _;

use rusqlite::{OptionalExtension, Row, types::Value};

use super::{CameraRow, Detection, Error, Index, Intent, Picture, rows::priority_from, writer::to_i64};

/// The longest page.
pub const MAX_LIMIT: usize = 1000;

/// Which end of the list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The latest detection first.
    #[default]
    Newest,
    /// The earliest detection first.
    Oldest,
}

/// Where a page ended: the next one begins after it. Its text form is `{milliseconds}-{ulid}-{camera}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    taken_at_ms: i64,
    ulid: String,
    camera: String,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.taken_at_ms, self.ulid, self.camera)
    }
}

impl std::str::FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.splitn(3, '-');
        let mut next = || parts.next().ok_or(Error::Cursor);
        let digits = next()?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Cursor);
        }
        let taken_at_ms = digits.parse().map_err(|_| Error::Cursor)?;
        let ulid: wildcam_core::wire::Ulid = next()?.parse().map_err(|_| Error::Cursor)?;
        let camera = wildcam_core::wire::CameraId::new(next()?).map_err(|_| Error::Cursor)?;
        Ok(Self { taken_at_ms, ulid: ulid.to_string(), camera: camera.to_string() })
    }
}

/// Which detections are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Of this camera.
    pub camera: Option<String>,
    /// Of this species, by its exact name.
    pub species: Option<String>,
    /// Taken at this time or later, milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Taken before this time, milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// How many at most; 0 and more than [`MAX_LIMIT`] mean that.
    pub limit: usize,
    /// Which end first.
    pub order: Order,
    /// After this place.
    pub after: Option<Cursor>,
}

/// A part of the list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The detections.
    pub detections: Vec<Detection>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

const COLUMNS: &str = "ulid, camera, taken_at_ms, stored_at_ms, trigger, priority, species, confidence, latitude, \
                       longitude, model, firmware, sha256, bytes, media_type";

fn number(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or_default())
}

fn detection(row: &Row<'_>) -> Result<Detection, rusqlite::Error> {
    Ok(Detection {
        ulid: row.get(0)?,
        camera: row.get(1)?,
        taken_at_ms: number(row, 2)?,
        stored_at_ms: number(row, 3)?,
        trigger: row.get(4)?,
        priority: priority_from(&row.get::<_, String>(5)?),
        species: row.get(6)?,
        confidence: row.get(7)?,
        latitude: row.get(8)?,
        longitude: row.get(9)?,
        model: row.get(10)?,
        firmware: row.get(11)?,
        sha256: row.get(12)?,
        bytes: number(row, 13)?,
        media_type: row.get(14)?,
    })
}

fn intent(row: &Row<'_>) -> Result<Intent, rusqlite::Error> {
    let key: Option<String> = row.get(2)?;
    let picture = match key {
        Some(key) => Some(Picture {
            key,
            sha256: row.get(3)?,
            bytes: number(row, 4)?,
            media_type: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
        }),
        None => None,
    };
    let missing: String = row.get(6)?;
    Ok(Intent {
        document_key: row.get(0)?,
        document: row.get(1)?,
        picture,
        missing: missing.split_whitespace().map(str::to_owned).collect(),
        since_ms: number(row, 7)?,
    })
}

fn camera(row: &Row<'_>) -> Result<CameraRow, rusqlite::Error> {
    let unsigned = |value: Option<i64>| value.map(|value| u64::try_from(value).unwrap_or_default());
    Ok(CameraRow {
        id: row.get(0)?,
        public_key: row.get::<_, Option<Vec<u8>>>(1)?.and_then(|key| key.try_into().ok()),
        registered_ms: unsigned(row.get(2)?),
        last_seen_ms: unsigned(row.get(3)?),
        status: row.get(4)?,
    })
}

impl Filter {
    /// The statement and its values. Only fixed text goes into the statement.
    fn statement(&self, limit: usize) -> (String, Vec<Value>) {
        let mut text = format!("SELECT {COLUMNS} FROM detections WHERE 1");
        let mut values = Vec::new();
        let mut add = |condition: &str, value: Value| {
            values.push(value);
            // Writing to a string cannot fail.
            let _ = write!(text, " AND {}", condition.replace('?', &format!("?{}", values.len())));
        };
        if let Some(camera) = &self.camera {
            add("camera = ?", Value::Text(camera.clone()));
        }
        if let Some(species) = &self.species {
            add("species = ?", Value::Text(species.clone()));
        }
        if let Some(since) = self.since_ms {
            add("taken_at_ms >= ?", Value::Integer(to_i64(since)));
        }
        if let Some(until) = self.until_ms {
            add("taken_at_ms < ?", Value::Integer(to_i64(until)));
        }
        let (sign, direction) = match self.order {
            Order::Newest => ("<", "DESC"),
            Order::Oldest => (">", "ASC"),
        };
        if let Some(Cursor { taken_at_ms, ulid, camera }) = &self.after {
            let first = values.len() + 1;
            let _ = write!(text, " AND (taken_at_ms, ulid, camera) {sign} (?{first}, ?{}, ?{})", first + 1, first + 2);
            values.extend([Value::Integer(*taken_at_ms), Value::Text(ulid.clone()), Value::Text(camera.clone())]);
        }
        let _ = write!(text, " ORDER BY taken_at_ms {direction}, ulid {direction}, camera {direction} LIMIT {limit}");
        (text, values)
    }
}

impl Index {
    /// One page of the list, with everything that was inserted before the call.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn query(&self, filter: Filter) -> Result<Page, Error> {
        self.flush().await?;
        let limit = if filter.limit == 0 { MAX_LIMIT } else { filter.limit.min(MAX_LIMIT) };
        let mut detections = self
            .read("read", move |connection| {
                let (text, values) = filter.statement(limit + 1);
                let mut statement = connection.prepare_cached(&text)?;
                statement.query_map(rusqlite::params_from_iter(values), detection)?.collect::<Result<Vec<_>, _>>()
            })
            .await?;
        let more = detections.len() > limit;
        detections.truncate(limit);
        let next = detections.last().filter(|_| more).map(|last| Cursor {
            taken_at_ms: to_i64(last.taken_at_ms),
            ulid: last.ulid.clone(),
            camera: last.camera.clone(),
        });
        Ok(Page { detections, next })
    }

    /// The detection `ulid`, of whichever camera.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn detection(&self, ulid: &str) -> Result<Option<Detection>, Error> {
        self.flush().await?;
        let ulid = ulid.to_owned();
        self.read("read", move |connection| {
            connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM detections WHERE ulid = ?1 ORDER BY camera LIMIT 1"))?
                .query_row([ulid], detection)
                .optional()
        })
        .await
    }

    /// Which of these ULIDs of `camera` the index does not have.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn unknown(&self, camera: &str, ulids: Vec<String>) -> Result<Vec<String>, Error> {
        let camera = camera.to_owned();
        self.read("read", move |connection| {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM detections WHERE camera = ?1 AND ulid = ?2")?;
            let mut unknown = Vec::new();
            for ulid in ulids {
                if !statement.exists([&camera, &ulid])? {
                    unknown.push(ulid);
                }
            }
            Ok(unknown)
        })
        .await
    }

    /// Detections in the index.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count(&self) -> Result<u64, Error> {
        self.flush().await?;
        self.read("read", |connection| {
            connection.query_row("SELECT count(*) FROM detections", [], |row| number(row, 0))
        })
        .await
    }

    /// How many detections there are of each camera and species, for the counters of a gateway that starts.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn totals(&self) -> Result<Vec<(String, Option<String>, u64)>, Error> {
        self.read("read", |connection| {
            let mut statement = connection
                .prepare_cached("SELECT camera, species, count(*) FROM detections GROUP BY camera, species")?;
            statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, number(row, 2)?)))?
                .collect::<Result<Vec<_>, _>>()
        })
        .await
    }

    /// Intents after `after` in the order of their keys, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn intents(&self, after: String, limit: usize) -> Result<Vec<Intent>, Error> {
        self.read("read", move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT document_key, document, picture_key, picture_sha256, picture_bytes, media_type, missing, since_ms
                 FROM heal WHERE document_key > ?1 ORDER BY document_key LIMIT ?2",
            )?;
            statement
                .query_map(rusqlite::params![after, to_i64(limit as u64)], intent)?
                .collect::<Result<Vec<_>, _>>()
        })
        .await
    }

    /// The camera `id`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn camera(&self, id: &str) -> Result<Option<CameraRow>, Error> {
        let id = id.to_owned();
        self.read("read", move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, public_key, registered_ms, last_seen_ms, status FROM cameras WHERE id = ?1",
                )?
                .query_row([id], camera)
                .optional()
        })
        .await
    }

    /// Cameras after `after` in the order of their names, at most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn cameras(&self, after: String, limit: usize) -> Result<Vec<CameraRow>, Error> {
        self.flush().await?;
        self.read("read", move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, public_key, registered_ms, last_seen_ms, status FROM cameras WHERE id > ?1
                 ORDER BY id LIMIT ?2",
            )?;
            statement.query_map(rusqlite::params![after, to_i64(limit as u64)], camera)?.collect::<Result<Vec<_>, _>>()
        })
        .await
    }
}
