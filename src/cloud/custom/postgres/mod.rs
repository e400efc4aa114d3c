//! A PostgreSQL server of one's own: one connection for each call, with limits on time, and never a word of the address
//! in a message.

pub(super) mod check;
pub(super) mod database;
pub(super) mod role;
mod sql;

use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls, config::SslMode, error::SqlState};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use super::super::control::{Failure, FailureKind};
use crate::{net::tls, project::Secret};

/// For every statement; making a database copies another.
const STATEMENT_LIMIT_MS: u32 = 60_000;

/// For a connection, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How a server is reached.
#[derive(Debug)]
pub(super) struct Server {
    /// The address with user and password.
    admin: Secret,
    /// The certificate authority, PEM; absent: the platform's.
    authority: Option<String>,
}

/// A connection; it ends when this is dropped.
pub(super) struct Session {
    pub(super) client: Client,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the address says.
struct Target {
    config: Config,
    tls: bool,
}

impl Server {
    /// A server at this address.
    pub(super) fn new(admin: Secret, authority: Option<String>) -> Self {
        Self { admin, authority }
    }

    /// Whether connections are encrypted, and whether they stay on this machine.
    ///
    /// # Errors
    /// As [`Server::connect`].
    pub(super) fn safety(&self) -> Result<(bool, bool), Failure> {
        let target = target(self.admin.expose())?;
        let local = target.config.get_hosts().iter().all(|host| match host {
            tokio_postgres::config::Host::Tcp(name) => {
                name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            #[allow(unreachable_patterns, reason = "sockets in the file system exist on Unix alone")]
            _ => true,
        });
        Ok((target.tls, local))
    }

    /// Connects to `database`, or to the one that the address names.
    ///
    /// # Errors
    /// When the address is none, no connection is made, or the server refuses the user.
    pub(super) async fn connect(&self, call: &str, database: Option<&str>) -> Result<Session, Failure> {
        let Target { mut config, tls } = target(self.admin.expose())?;
        if let Some(database) = database {
            config.dbname(database);
        }
        config.application_name("wildcam").connect_timeout(CONNECT_LIMIT).options(format!(
            "-c statement_timeout={STATEMENT_LIMIT_MS} -c lock_timeout=20000 -c standard_conforming_strings=on \
                 -c idle_in_transaction_session_timeout=60000 -c search_path=pg_catalog"
        ));
        let connecting = async {
            if tls {
                config.ssl_mode(SslMode::Require);
                let connector = MakeRustlsConnect::new(self.trust(call)?);
                let (client, connection) = config.connect(connector).await.map_err(|error| failure(call, &error))?;
                Ok(Session { client, task: tokio::spawn(async move { drop(connection.await) }) })
            } else {
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect(NoTls).await.map_err(|error| failure(call, &error))?;
                Ok(Session { client, task: tokio::spawn(async move { drop(connection.await) }) })
            }
        };
        match tokio::time::timeout(CONNECT_LIMIT, connecting).await {
            Ok(result) => result,
            Err(_) => Err(Failure::new(FailureKind::Unavailable, call, "the server did not answer within 10 s")),
        }
    }

    fn trust(&self, call: &str) -> Result<rustls::ClientConfig, Failure> {
        let unusable = |message: String| Failure::new(FailureKind::Invalid, call, message);
        let (trust, whose) = match &self.authority {
            Some(pem) => (tls::client_trusting(pem), "the authority of the server is"),
            None => (tls::client_trusting_machine(), "the authorities of this machine are"),
        };
        trust.map(|config| (*config).clone()).map_err(|error| unusable(format!("{whose} unusable: {error}")))
    }
}

/// Reads an address. The driver knows fewer words for TLS than the server's own tools, and would fall back to none at
/// `prefer`: here everything but `disable` is TLS with a certificate that is checked, host name included.
fn target(address: &str) -> Result<Target, Failure> {
    let invalid = |what: &str| {
        Failure::new(FailureKind::Invalid, "postgres:connect", what)
            .next_step("write postgres://user:password@host:5432/postgres into what database.admin names")
    };
    let mut url = Url::parse(address.trim()).map_err(|_| invalid("the address of the server is none"))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(invalid("the address of the server does not begin with postgres://"));
    }
    let (mut mode, mut rest) = (None, Vec::new());
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "sslmode" => mode = Some(value.into_owned()),
            // Files and time limits are wildcam's own.
            "sslrootcert" | "options" | "connect_timeout" | "application_name" => (),
            _ => rest.push((name.into_owned(), value.into_owned())),
        }
    }
    url.set_query(None);
    if !rest.is_empty() {
        url.query_pairs_mut().extend_pairs(rest);
    }
    let tls = match mode.as_deref() {
        Some("disable") => false,
        None | Some("require" | "verify-ca" | "verify-full" | "prefer" | "allow") => true,
        Some(_) => return Err(invalid("the address has an sslmode that PostgreSQL does not know")),
    };
    let config: Config = url.as_str().parse().map_err(|_| invalid("the address of the server is none"))?;
    if config.get_hosts().is_empty() || config.get_user().is_none() {
        return Err(invalid("the address of the server names no host or no user"));
    }
    let socket =
        url.host_str().is_none_or(|host| host.is_empty() || host.starts_with("%2F") || host.starts_with("%2f"));
    Ok(Target { config, tls: tls && !socket })
}

/// What an error of the driver means. Of the server's own words only message, detail and hint are taken: none of them
/// repeats a statement.
pub(super) fn failure(call: &str, error: &tokio_postgres::Error) -> Failure {
    let Some(refusal) = error.as_db_error() else {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            message = inner.to_string();
            cause = inner.source();
        }
        // A connection that ended in the middle may have done its work.
        let kind = if error.is_closed() { FailureKind::Unreachable } else { FailureKind::Unavailable };
        return Failure::new(kind, call, message);
    };
    let code = refusal.code();
    let message = match refusal.detail() {
        Some(detail) => format!("{} ({})", refusal.message(), detail.lines().next().unwrap_or_default()),
        None => refusal.message().to_owned(),
    };
    let kind = kind(code, &message);
    let failure = Failure::new(kind, call, message);
    match kind {
        FailureKind::Denied => failure.next_step("give the user of database.admin CREATEDB and CREATEROLE"),
        FailureKind::Credentials => failure.next_step("check user and password in what database.admin names"),
        _ => failure,
    }
}

fn kind(code: &SqlState, message: &str) -> FailureKind {
    if [SqlState::DUPLICATE_DATABASE, SqlState::DUPLICATE_OBJECT].contains(code) {
        FailureKind::Exists
    } else if [SqlState::UNDEFINED_DATABASE, SqlState::UNDEFINED_OBJECT].contains(code) {
        FailureKind::NotFound
    } else if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) {
        FailureKind::Credentials
    } else if [SqlState::INSUFFICIENT_PRIVILEGE].contains(code) {
        FailureKind::Denied
    } else if [SqlState::DEPENDENT_OBJECTS_STILL_EXIST].contains(code) {
        FailureKind::Protected
    } else if [SqlState::TOO_MANY_CONNECTIONS].contains(code) {
        FailureKind::Throttled
    } else if [SqlState::DISK_FULL, SqlState::CONFIGURATION_LIMIT_EXCEEDED].contains(code) {
        FailureKind::Quota
    } else if [SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_FUNCTION].contains(code) {
        FailureKind::Unsupported
    } else if [
        SqlState::OBJECT_IN_USE,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::T_R_SERIALIZATION_FAILURE,
    ]
    .contains(code)
        || message.contains("concurrently updated")
    {
        FailureKind::Busy
    } else if code.code().starts_with("57") || code.code().starts_with("08") || code.code().starts_with("53") {
        // Shut down, starting, cancelled by our own limit: a statement that was cancelled did nothing.
        FailureKind::Unavailable
    } else {
        FailureKind::Invalid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_mean_tls_unless_they_say_otherwise() {
        let tls = |query: &str| target(&format!("postgres://u:p%40ss@db.example:5433/x{query}")).map(|found| found.tls);
        assert_eq!(tls(""), Ok(true));
        assert_eq!(tls("?sslmode=prefer"), Ok(true));
        assert_eq!(tls("?sslmode=verify-full&sslrootcert=/etc/ca.pem"), Ok(true));
        assert_eq!(tls("?sslmode=disable"), Ok(false));
        assert!(tls("?sslmode=perhaps").is_err());
        let found = target("postgres://u:p%40ss@127.0.0.1:5433/x").unwrap().config;
        assert_eq!(found.get_password(), Some(&b"p@ss"[..]));
        assert_eq!((found.get_user(), found.get_dbname(), found.get_ports()), (Some("u"), Some("x"), &[5433][..]));
    }

    #[test]
    fn no_message_repeats_a_bad_address() {
        for address in [
            "sesame",
            "mysql://u:sesame@h/x",
            "postgres://u:sesame@h:port/x",
            "postgres://h?sslmode=sesame",
            "postgres:///sesame",
            "postgres://u:sesame@h/x?sesame=1",
        ] {
            let failure = target(address).err().unwrap();
            assert!(!format!("{failure:?}").contains("sesame"), "{failure:?}");
        }
        let server = Server::new(Secret::new("postgres://u:sesame@h/x".to_owned()), None);
        assert!(!format!("{server:?}").contains("sesame"));
    }
}
