//! What a PostgreSQL server is ready for: how it is reached, what its user may do, and what of recovery is set up.

use super::{
    super::super::control::{Failure, Finding, Severity},
    Server, failure,
};

/// The oldest version that the project of PostgreSQL still mends.
const OLDEST: i32 = 140_000;

fn finding(severity: Severity, subject: &str, message: impl Into<String>, step: Option<&str>) -> Finding {
    Finding { severity, subject: subject.to_owned(), message: message.into(), next_step: step.map(str::to_owned) }
}

/// Everything; reads only.
pub(in super::super) async fn all(server: Result<Server, Failure>) -> Vec<Finding> {
    let result = match server {
        Ok(server) => look(&server).await,
        Err(failure) => Err(failure),
    };
    result.unwrap_or_else(|failure| {
        vec![finding(Severity::Bad, "database", failure.to_string(), failure.next_step.as_deref())]
    })
}

async fn look(server: &Server) -> Result<Vec<Finding>, Failure> {
    const CALL: &str = "postgres:check";
    let mut found = Vec::new();
    let (tls, local) = server.safety()?;
    if !tls && !local {
        let message = "the address says sslmode=disable, and the server is not on this machine";
        let step = "take sslmode=disable away, and set database.authority where the certificate is your own";
        found.push(finding(Severity::Warning, "database TLS", message, Some(step)));
    }
    let session = server.connect(CALL, None).await?;
    let row = session
        .client
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
             current_setting('wal_level'), current_setting('archive_mode'), current_setting('max_wal_senders')::int, \
             (SELECT rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles WHERE rolname = current_user), \
             pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_replication)",
            &[],
        )
        .await
        .map_err(|error| failure(CALL, &error))?;
    let (version, shown): (i32, String) = (row.get(0), row.get(1));
    let (wal, archive, senders): (String, String, i32) = (row.get(2), row.get(3), row.get(4));
    let (may, standby, replicas): (Option<bool>, bool, i64) = (row.get(5), row.get(6), row.get(7));
    if version < OLDEST {
        let message = format!("PostgreSQL {shown} is older than 14, and not mended any more");
        found.push(finding(Severity::Warning, "database version", message, Some("upgrade the server")));
    } else {
        found.push(finding(Severity::Good, "database version", format!("PostgreSQL {shown} answers"), None));
    }
    if may == Some(true) {
        found.push(finding(Severity::Good, "database rights", "databases and roles may be made", None));
    } else {
        let step = "give the user of database.admin CREATEDB and CREATEROLE";
        found.push(finding(Severity::Bad, "database rights", "databases and roles may not be made", Some(step)));
    }
    if standby {
        let step = "name the primary server in what database.admin names";
        found.push(finding(Severity::Bad, "database", "the server is a standby: nothing can be made", Some(step)));
    }
    // Point-in-time recovery and high availability belong to whoever runs the server: said here, not done.
    if wal != "minimal" && archive != "off" {
        let message = format!("the log is archived (wal_level {wal}, archive_mode {archive})");
        found.push(finding(Severity::Good, "database point-in-time recovery", message, None));
    } else {
        let message = format!("there is none: wal_level is {wal}, archive_mode is {archive}");
        let step = "set wal_level = replica, archive_mode = on and an archive_command on the server";
        found.push(finding(Severity::Warning, "database point-in-time recovery", message, Some(step)));
    }
    if replicas > 0 {
        let message = format!("{replicas} replicas follow the server");
        found.push(finding(Severity::Good, "database high availability", message, None));
    } else {
        let message = format!("no replica follows the server (max_wal_senders is {senders})");
        let step = "set a standby up, if losing this machine must not lose the database";
        found.push(finding(Severity::Warning, "database high availability", message, Some(step)));
    }
    Ok(found)
}
