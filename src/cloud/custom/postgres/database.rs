//! `custom.database`: a database with its owner and who may enter it. Its name is its identity; its marks are its
//! comment.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;
use tokio_postgres::Row;

use super::{
    super::{
        super::control::{Change, Failure, FailureKind, Listed, Live, Wanted},
        marks::Marks,
        properties,
    },
    Server, Session, failure, sql,
};

pub(in super::super) const KIND: &str = "custom.database";

/// The role that stands for everybody.
const EVERYBODY: &str = "public";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Wish {
    name: String,
    owner: Option<String>,
    #[serde(default = "utf8")]
    encoding: String,
    #[serde(default = "unlimited")]
    connection_limit: i32,
    /// Privileges on the database by role; `public` stands for everybody. The owner has all.
    #[serde(default)]
    grants: BTreeMap<String, BTreeSet<Privilege>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Privilege {
    Connect,
    Create,
    Temporary,
}

impl Privilege {
    const fn word(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Create => "CREATE",
            Self::Temporary => "TEMPORARY",
        }
    }
}

fn utf8() -> String {
    "UTF8".to_owned()
}

const fn unlimited() -> i32 {
    -1
}

/// One row for each database; the grants as pairs, those of the owner left out, the defaults filled in.
const LIST: &str = "SELECT d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datconnlimit, \
     shobj_description(d.oid, 'pg_database'), \
     ARRAY(SELECT CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END || ' ' || a.privilege_type \
           FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee <> d.datdba ORDER BY 1) \
     FROM pg_database d WHERE NOT d.datistemplate";

fn live(row: &Row, region: &str) -> Live {
    let name: String = row.get(0);
    let comment: Option<String> = row.get(4);
    let mut grants: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pair in row.get::<_, Vec<String>>(5) {
        // A privilege is one word, a role may be several.
        if let Some((role, privilege)) = pair.rsplit_once(' ') {
            grants.entry(role.to_owned()).or_default().insert(privilege.to_owned());
        }
    }
    grants.entry(EVERYBODY.to_owned()).or_default();
    Live {
        properties: json!({
            "Name": name, "Owner": row.get::<_, String>(1), "Encoding": row.get::<_, String>(2),
            "ConnectionLimit": row.get::<_, i32>(3), "Grants": grants,
        }),
        id: name,
        kind: KIND.to_owned(),
        region: region.to_owned(),
        owner: comment.and_then(|text| Marks::read(text.as_bytes()).owner()),
        etag: None,
    }
}

/// All databases but templates.
pub(in super::super) async fn list(server: &Server, region: &str) -> Result<Vec<Listed>, Failure> {
    const CALL: &str = "postgres:list-databases";
    let session = server.connect(CALL, None).await?;
    let rows = session.client.query(&format!("{LIST} ORDER BY 1"), &[]).await.map_err(|error| failure(CALL, &error))?;
    Ok(rows.iter().map(|row| live(row, region)).map(|live| Listed { id: live.id.clone(), live: Some(live) }).collect())
}

/// One database.
pub(in super::super) async fn read(server: &Server, region: &str, name: &str) -> Result<Live, Failure> {
    const CALL: &str = "postgres:read-database";
    let session = server.connect(CALL, None).await?;
    find(&session, region, name).await?.ok_or_else(|| missing(CALL))
}

async fn find(session: &Session, region: &str, name: &str) -> Result<Option<Live>, Failure> {
    let row = session.client.query_opt(&format!("{LIST} AND d.datname = $1"), &[&name]).await;
    Ok(row.map_err(|error| failure("postgres:read-database", &error))?.map(|row| live(&row, region)))
}

fn missing(call: &str) -> Failure {
    Failure::new(FailureKind::NotFound, call, "there is no such database")
}

/// Makes a database. Its comment cannot be made in the same statement: a database without marks and without tables that
/// has the owner that is wanted is what an earlier try left.
pub(in super::super) async fn create(server: &Server, wanted: &Wanted) -> Result<Live, Failure> {
    const CALL: &str = "postgres:create-database";
    let wish: Wish = properties::read(CALL, &wanted.properties)?;
    let name = sql::name(CALL, &wish.name)?;
    let mut statement = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING {}", sql::text(&wish.encoding));
    if let Some(owner) = &wish.owner {
        statement = format!("{statement} OWNER {}", sql::name(CALL, owner)?);
    }
    let session = server.connect(CALL, None).await?;
    let mut result = session.client.batch_execute(&statement).await.map_err(|error| failure(CALL, &error));
    if let (Err(refused), Some(owner)) = (&result, &wish.owner)
        && refused.kind == FailureKind::Denied
    {
        // Who is no superuser gives a database away only to a role that it is a member of.
        let member = format!("GRANT {} TO CURRENT_USER", sql::name(CALL, owner)?);
        if session.client.batch_execute(&member).await.is_ok() {
            result = session.client.batch_execute(&statement).await.map_err(|error| failure(CALL, &error));
        }
    }
    if let Err(failure) = result {
        if failure.kind != FailureKind::Exists {
            return Err(failure);
        }
        let found = find(&session, &wanted.region, &wish.name).await?.ok_or_else(|| missing(CALL))?;
        let same_owner = wish.owner.as_deref().is_none_or(|owner| found.properties["Owner"] == owner);
        let left = found.owner.is_none() && same_owner && tables(server, &wish.name).await? == 0;
        if !left && found.owner.as_ref() != Some(&wanted.owner) {
            return Err(failure.next_step("take it over with wildcam adopt, or choose another name"));
        }
    }
    set(&session, wanted, &wish).await?;
    find(&session, &wanted.region, &wish.name).await?.ok_or_else(|| missing(CALL))
}

/// Sets marks, limit, owner and grants, in one transaction.
async fn set(session: &Session, wanted: &Wanted, wish: &Wish) -> Result<(), Failure> {
    const CALL: &str = "postgres:alter-database";
    let name = sql::name(CALL, &wish.name)?;
    let comment = sql::text(&Marks::of(&wanted.owner).text());
    let mut statements = vec![
        "BEGIN".to_owned(),
        format!("COMMENT ON DATABASE {name} IS {comment}"),
        format!("ALTER DATABASE {name} CONNECTION LIMIT {}", wish.connection_limit),
    ];
    let now = find(session, &wanted.region, &wish.name).await?.ok_or_else(|| missing(CALL))?;
    if let Some(owner) = wish.owner.as_ref().filter(|owner| now.properties["Owner"] != owner.as_str()) {
        statements.push(format!("ALTER DATABASE {name} OWNER TO {}", sql::name(CALL, owner)?));
    }
    for (role, privileges) in &wish.grants {
        let grantee = if role == EVERYBODY { "PUBLIC".to_owned() } else { sql::name(CALL, role)? };
        statements.push(format!("REVOKE ALL ON DATABASE {name} FROM {grantee}"));
        if !privileges.is_empty() {
            let words: Vec<&str> = privileges.iter().map(|privilege| privilege.word()).collect();
            statements.push(format!("GRANT {} ON DATABASE {name} TO {grantee}", words.join(", ")));
        }
    }
    statements.push("COMMIT".to_owned());
    session.client.batch_execute(&statements.join("; ")).await.map_err(|error| failure(CALL, &error))
}

/// Sets what differs.
pub(in super::super) async fn update(
    server: &Server,
    live: &Live,
    wanted: &Wanted,
    changes: &[Change],
) -> Result<Live, Failure> {
    const CALL: &str = "postgres:alter-database";
    let wish: Wish = properties::read(CALL, &wanted.properties)?;
    if wish.name != live.id || properties::touches(changes, "Encoding") {
        return Err(Failure::new(FailureKind::Invalid, CALL, "a database keeps its name and its encoding"));
    }
    let session = server.connect(CALL, None).await?;
    // A role that the template no longer names loses what it had.
    for change in changes.iter().filter(|change| change.to.is_none()) {
        let Some(role) = change.pointer.strip_prefix("/Grants/").filter(|role| !role.contains('/')) else { continue };
        let role = role.replace("~1", "/").replace("~0", "~");
        let grantee = if role == EVERYBODY { "PUBLIC".to_owned() } else { sql::name(CALL, &role)? };
        let statement = format!("REVOKE ALL ON DATABASE {} FROM {grantee}", sql::name(CALL, &wish.name)?);
        session.client.batch_execute(&statement).await.map_err(|error| failure(CALL, &error))?;
    }
    set(&session, wanted, &wish).await?;
    find(&session, &live.region, &live.id).await?.ok_or_else(|| missing(CALL))
}

/// How many tables, views and sequences lie in a database, beside those of the server.
async fn tables(server: &Server, name: &str) -> Result<i64, Failure> {
    const CALL: &str = "postgres:count-tables";
    let session = server.connect(CALL, Some(name)).await?;
    let count = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') \
         AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, 'pg_')";
    let row = session.client.query_one(count, &[]).await.map_err(|error| failure(CALL, &error))?;
    let tables: i64 = row.get(0);
    // Large objects are data that lies in no table of the user's.
    let row = session.client.query_one("SELECT count(*) FROM pg_largeobject_metadata", &[]).await;
    let objects: i64 = row.map_err(|error| failure(CALL, &error))?.get(0);
    Ok(tables.saturating_add(objects))
}

/// Deletes a database; one that holds tables only with `empty`, which also ends the sessions in it.
pub(in super::super) async fn delete(server: &Server, name: &str, empty: bool) -> Result<(), Failure> {
    const CALL: &str = "postgres:drop-database";
    let quoted = sql::name(CALL, name)?;
    if !empty {
        let count = tables(server, name).await?;
        if count > 0 {
            let message = format!("the database {name} holds {count} tables, views, sequences or large objects");
            return Err(Failure::new(FailureKind::Protected, CALL, message)
                .next_step("name it in --allow-data-loss to lose what lies in it"));
        }
    }
    let force = if empty { " WITH (FORCE)" } else { "" };
    let session = server.connect(CALL, None).await?;
    let statement = format!("DROP DATABASE {quoted}{force}");
    session.client.batch_execute(&statement).await.map_err(|error| failure(CALL, &error))
}
