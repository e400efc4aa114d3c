//! `custom.role`: a role that logs in with a password. Its name is its identity; its marks are its comment. The password
//! leaves this machine only as a verifier (SCRAM-SHA-256, RFC 5802), so that no log of the server can hold it.

use serde::{Deserialize, Deserializer};
use serde_json::json;
use tokio_postgres::Row;

use super::{
    super::{
        super::control::{Change, Failure, FailureKind, Listed, Live, Wanted},
        marks::Marks,
        properties,
    },
    Server, failure, sql,
};
use crate::project::Secret;

pub(in super::super) const KIND: &str = "custom.role";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Wish {
    name: String,
    #[serde(default, deserialize_with = "secret")]
    password: Option<Secret>,
    #[serde(default = "yes")]
    login: bool,
    #[serde(default)]
    superuser: bool,
    #[serde(default)]
    create_database: bool,
    #[serde(default)]
    create_role: bool,
    #[serde(default)]
    replication: bool,
    #[serde(default)]
    bypass_row_security: bool,
    #[serde(default = "unlimited")]
    connection_limit: i32,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Secret::new))
}

const fn yes() -> bool {
    true
}

const fn unlimited() -> i32 {
    -1
}

const LIST: &str = "SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, \
     rolconnlimit, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE NOT starts_with(rolname, 'pg_')";

fn live(row: &Row, region: &str) -> Live {
    let name: String = row.get(0);
    let flag = |column: usize| row.get::<_, bool>(column);
    let comment: Option<String> = row.get(8);
    Live {
        properties: json!({
            "Name": name, "Login": flag(1), "Superuser": flag(2), "CreateDatabase": flag(3), "CreateRole": flag(4),
            "Replication": flag(5), "BypassRowSecurity": flag(6), "ConnectionLimit": row.get::<_, i32>(7),
        }),
        id: name,
        kind: KIND.to_owned(),
        region: region.to_owned(),
        owner: comment.and_then(|text| Marks::read(text.as_bytes()).owner()),
        etag: None,
    }
}

/// All roles but the server's own.
pub(in super::super) async fn list(server: &Server, region: &str) -> Result<Vec<Listed>, Failure> {
    const CALL: &str = "postgres:list-roles";
    let session = server.connect(CALL, None).await?;
    let rows = session.client.query(&format!("{LIST} ORDER BY 1"), &[]).await.map_err(|error| failure(CALL, &error))?;
    Ok(rows.iter().map(|row| live(row, region)).map(|live| Listed { id: live.id.clone(), live: Some(live) }).collect())
}

/// One role.
pub(in super::super) async fn read(server: &Server, region: &str, name: &str) -> Result<Live, Failure> {
    const CALL: &str = "postgres:read-role";
    let session = server.connect(CALL, None).await?;
    let row = session.client.query_opt(&format!("{LIST} AND rolname = $1"), &[&name]).await;
    match row.map_err(|error| failure(CALL, &error))? {
        Some(row) => Ok(live(&row, region)),
        None => Err(Failure::new(FailureKind::NotFound, CALL, "there is no such role")),
    }
}

/// The options of CREATE ROLE (`live` absent) and of ALTER ROLE. Only what differs is named: some options may be set by a
/// superuser alone, even to what they are.
fn options(call: &str, wish: &Wish, live: Option<&Live>, password: bool) -> Result<Secret, Failure> {
    let flags = [
        ("Login", wish.login, "LOGIN"),
        ("Superuser", wish.superuser, "SUPERUSER"),
        ("CreateDatabase", wish.create_database, "CREATEDB"),
        ("CreateRole", wish.create_role, "CREATEROLE"),
        ("Replication", wish.replication, "REPLICATION"),
        ("BypassRowSecurity", wish.bypass_row_security, "BYPASSRLS"),
    ];
    let mut options = String::new();
    for (property, on, word) in flags {
        // A new role has none of them.
        if on != live.is_some_and(|live| live.properties[property] == true) {
            options.push_str(if on { " " } else { " NO" });
            options.push_str(word);
        }
    }
    if live.map_or(-1, |live| live.properties["ConnectionLimit"].as_i64().unwrap_or(-1))
        != i64::from(wish.connection_limit)
    {
        options.push_str(&format!(" CONNECTION LIMIT {}", wish.connection_limit));
    }
    if let Some(text) = wish.password.as_ref().filter(|_| password) {
        if text.expose().is_empty() {
            return Err(Failure::new(FailureKind::Invalid, call, "the password is empty"));
        }
        let verifier = postgres_protocol::password::scram_sha_256(text.expose().as_bytes());
        options.push_str(&format!(" PASSWORD {}", sql::text(&verifier)));
    }
    Ok(Secret::new(options))
}

fn wish(call: &str, wanted: &Wanted) -> Result<Wish, Failure> {
    properties::read(call, &wanted.body())
}

/// Makes a role with its marks, in one transaction.
pub(in super::super) async fn create(server: &Server, wanted: &Wanted) -> Result<Live, Failure> {
    const CALL: &str = "postgres:create-role";
    let wish = wish(CALL, wanted)?;
    let (name, options) = (sql::name(CALL, &wish.name)?, options(CALL, &wish, None, true)?);
    let comment = sql::text(&Marks::of(&wanted.owner).text());
    let statement = Secret::new(format!(
        "BEGIN; CREATE ROLE {name}{}; COMMENT ON ROLE {name} IS {comment}; COMMIT",
        options.expose()
    ));
    let session = server.connect(CALL, None).await?;
    if let Err(error) = session.client.batch_execute(statement.expose()).await {
        let failure = failure(CALL, &error);
        if failure.kind != FailureKind::Exists {
            return Err(failure);
        }
        // An earlier try whose answer was lost.
        let found = read(server, &wanted.region, &wish.name).await?;
        if found.owner.as_ref() != Some(&wanted.owner) {
            return Err(failure.next_step("take it over with wildcam adopt, or choose another name"));
        }
        alter(server, &found, wanted, &wish, true).await?;
    }
    read(server, &wanted.region, &wish.name).await
}

async fn alter(server: &Server, live: &Live, wanted: &Wanted, wish: &Wish, password: bool) -> Result<(), Failure> {
    const CALL: &str = "postgres:alter-role";
    let (name, options) = (sql::name(CALL, &wish.name)?, options(CALL, wish, Some(live), password)?);
    let comment = sql::text(&Marks::of(&wanted.owner).text());
    let alter = if options.expose().is_empty() {
        Secret::new(String::new())
    } else {
        Secret::new(format!("ALTER ROLE {name}{};", options.expose()))
    };
    let statement = Secret::new(format!("BEGIN; {} COMMENT ON ROLE {name} IS {comment}; COMMIT", alter.expose()));
    let session = server.connect(CALL, None).await?;
    session.client.batch_execute(statement.expose()).await.map_err(|error| failure(CALL, &error))
}

/// Sets what the template sets; the password only where it changed.
pub(in super::super) async fn update(
    server: &Server,
    live: &Live,
    wanted: &Wanted,
    changes: &[Change],
) -> Result<Live, Failure> {
    let wish = wish("postgres:alter-role", wanted)?;
    if wish.name != live.id {
        return Err(Failure::new(FailureKind::Invalid, "postgres:alter-role", "a role keeps its name"));
    }
    // Where somebody else's role is taken over, its password is not known to be ours.
    let adopted = live.owner.as_ref() != Some(&wanted.owner);
    // What is live may differ from what was seen when the plan was made.
    let now = read(server, &live.region, &live.id).await?;
    alter(server, &now, wanted, &wish, adopted || properties::touches(changes, "Password")).await?;
    read(server, &live.region, &live.id).await
}

/// Deletes a role that owns nothing.
pub(in super::super) async fn delete(server: &Server, name: &str) -> Result<(), Failure> {
    const CALL: &str = "postgres:drop-role";
    let statement = format!("DROP ROLE {}", sql::name(CALL, name)?);
    let session = server.connect(CALL, None).await?;
    session.client.batch_execute(&statement).await.map_err(|error| failure(CALL, &error))
}
