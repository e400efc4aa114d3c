//! `custom.role` and `custom.database` on a real PostgreSQL server, over TLS and without.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use tokio_postgres::NoTls;
use wildcam::{
    clock::Clock,
    cloud::control::{FailureKind, Severity},
    lab::authority::Authority,
};

use crate::{
    setting::{Setting, TOKEN, assert_found, assert_holds, change, create, live, refused, wanted, with_secret},
    stores::free_port,
    support::peers,
};

pub(crate) const ADMIN_PASSWORD: &str = "p@ss/word:%41 #1";

/// A server of its own, which ends with this value.
pub(crate) struct Postgres {
    child: Child,
    pub(crate) port: u16,
    pub(crate) authority: String,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nobody: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn as_somebody(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        let identity = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()];
        command.args(identity).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        // Links as what they lead to: they are the libraries' other names.
        if fs::metadata(entry.path()).unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn postgres(setting: &Setting) -> Option<Postgres> {
    use std::os::unix::fs::{PermissionsExt, chown};
    let program = peers::require("postgres")?;
    // Where somebody else than root may reach it, whatever folder this is built in.
    fs::set_permissions(setting.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let native = fs::canonicalize(program).unwrap().parent().unwrap().parent().unwrap().to_owned();
    let (own, place) = (setting.path("postgres"), setting.path("server"));
    copy(&native, &own);
    fs::create_dir(&place).unwrap();
    let authority = Authority::create("databases", &Clock::system()).unwrap();
    let identity =
        authority.issue(&["localhost".to_owned()], &["127.0.0.1".parse().unwrap()], Duration::from_secs(3600)).unwrap();
    let write = |name: &str, text: &str| {
        let path = place.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if is_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        path
    };
    let (certificate, key) = (write("server.pem", &identity.chain_pem), write("server.key", &identity.key_pem));
    let password = write("password", ADMIN_PASSWORD);
    if is_root() {
        chown(&place, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let data = place.join("data");
    let mut initdb = as_somebody(&own.join("bin/initdb"));
    initdb.args(["--username=postgres", "--auth=scram-sha-256", "--no-sync", "--no-locale", "--encoding=UTF8"]);
    initdb.arg("-D").arg(&data).arg(format!("--pwfile={}", password.display()));
    let output = initdb.current_dir(&place).env("HOME", &place).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let port = free_port();
    let mut server = as_somebody(&own.join("bin/postgres"));
    server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "shared_buffers=16MB",
        "log_statement=all",
        "ssl=on",
        &format!("ssl_cert_file={}", certificate.display()),
        &format!("ssl_key_file={}", key.display()),
    ] {
        server.args(["-c", setting]);
    }
    let log = fs::File::create(setting.path("server.log")).unwrap();
    let child = server.current_dir(&place).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
    let served = Postgres { child, port, authority: authority.pem().to_owned() };
    let begun = Instant::now();
    while !fs::read_to_string(setting.path("server.log")).unwrap().contains("ready to accept connections") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the server never became ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    Some(served)
}

/// A password as it stands in an address.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn site(setting: &mut Setting, server: &Postgres, user: &str, password: &str, query: &str) -> String {
    let address = format!("postgres://{user}:{}@127.0.0.1:{}/postgres{query}", encoded(password), server.port);
    setting.set("ADMIN", &address);
    fs::write(setting.path("authority.pem"), &server.authority).unwrap();
    "[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n[clouds.site.database]\n\
     admin = \"env:ADMIN\"\npassword = \"env:PASSWORD\"\nauthority = \"authority.pem\"\n"
        .to_owned()
}

/// Runs statements as somebody, without TLS.
pub(crate) async fn run(
    server: &Postgres,
    user: &str,
    password: &str,
    database: &str,
    sql: &str,
) -> Result<(), String> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(server.port).user(user).password(password).dbname(database);
    let (client, connection) = config.connect(NoTls).await.map_err(|error| error.to_string())?;
    let task = tokio::spawn(connection);
    let result = client.batch_execute(sql).await.map_err(|error| error.to_string());
    drop(client);
    let _ = task.await;
    result
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_and_databases_live_on_a_real_server() {
    let mut setting = Setting::new();
    let Some(server) = postgres(&setting) else { return };
    let clouds = site(&mut setting, &server, "postgres", ADMIN_PASSWORD, "");
    let plane = setting.open(&clouds).await;

    let name = "wildcam \"owls\"; DROP ROLE postgres; --";
    let properties =
        json!({ "Name": name, "Password": null, "Login": true, "Superuser": false, "ConnectionLimit": 20 });
    let role = with_secret(wanted("custom.role", "role", properties), "/Password", "first'pass\\word");
    let made = create(&plane, &role).await;
    assert_found(&plane, &role, &made).await;
    assert_eq!(create(&plane, &role).await, made, "a second call is the first");
    let mut stranger = role.clone();
    stranger.owner.project = "bats".to_owned();
    assert_eq!(refused(plane.create(&stranger, TOKEN).await).kind, FailureKind::Exists);

    let grants = json!({ "public": [], "pg_monitor": ["CONNECT"] });
    let properties = json!({ "Name": "owls'\"db", "Owner": name, "Encoding": "UTF8", "Grants": grants });
    let database = wanted("custom.database", "index", properties);
    let base = create(&plane, &database).await;
    assert_found(&plane, &database, &base).await;
    assert_eq!(create(&plane, &database).await, base);
    run(&server, name, "first'pass\\word", "owls'\"db", "CREATE TABLE detections (id text)").await.unwrap();

    // Rotation: the new password works, the old one does not, and neither stands in the server's log.
    let next = with_secret(role.clone(), "/Password", "second-password");
    let changes = [change("/Password", Some(json!("[secret]")))];
    assert_eq!(live(plane.update(&made, &next, &changes, TOKEN).await), made);
    assert!(run(&server, name, "first'pass\\word", "owls'\"db", "").await.is_err());
    run(&server, name, "second-password", "owls'\"db", "SELECT 1").await.unwrap();
    // A change of something else leaves the password alone.
    let mut limited = with_secret(role.clone(), "/Password", "never-set");
    limited.properties["ConnectionLimit"] = json!(5);
    let changes = [change("/ConnectionLimit", Some(json!(5)))];
    assert_holds(&live(plane.update(&made, &limited, &changes, TOKEN).await), &limited);
    run(&server, name, "second-password", "owls'\"db", "SELECT 1").await.unwrap();

    // Behind our back.
    run(&server, "postgres", ADMIN_PASSWORD, "postgres", "GRANT CONNECT ON DATABASE \"owls'\"\"db\" TO PUBLIC")
        .await
        .unwrap();
    let drifted = plane.read("custom.database", "global", "owls'\"db").await.unwrap();
    assert_eq!(drifted.properties["Grants"]["public"], json!(["CONNECT"]));
    let changes = [change("/Grants/public/0", None)];
    assert_eq!(live(plane.update(&drifted, &database, &changes, TOKEN).await), base);
    let alter = format!("ALTER ROLE \"{}\" CREATEDB", name.replace('"', "\"\""));
    run(&server, "postgres", ADMIN_PASSWORD, "postgres", &alter).await.unwrap();
    let mut strict = limited.clone();
    strict.properties["CreateDatabase"] = json!(false);
    let drifted = plane.read("custom.role", "global", name).await.unwrap();
    assert_eq!(drifted.properties["CreateDatabase"], true);
    let changes = [change("/CreateDatabase", Some(json!(false)))];
    assert_holds(&live(plane.update(&drifted, &strict, &changes, TOKEN).await), &strict);

    // What holds something is lost on purpose only, and in the right order.
    assert_eq!(refused(plane.delete(&made, true, TOKEN).await).kind, FailureKind::Protected, "it owns a database");
    assert_eq!(refused(plane.delete(&base, false, TOKEN).await).kind, FailureKind::Protected, "it holds a table");
    plane.delete(&base, true, TOKEN).await.unwrap();
    assert_eq!(refused(plane.delete(&base, true, TOKEN).await).kind, FailureKind::NotFound);
    assert_eq!(plane.locate(&database).await.unwrap(), None);
    plane.delete(&made, false, TOKEN).await.unwrap();
    assert_eq!(refused(plane.delete(&made, false, TOKEN).await).kind, FailureKind::NotFound);

    let log = fs::read_to_string(setting.path("server.log")).unwrap();
    assert!(log.contains("ALTER ROLE"), "the server logs its statements");
    for secret in ["first'pass", "second-password", "never-set"] {
        assert!(!log.contains(secret), "a password is in the server's log");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_is_no_superuser_is_enough_and_the_checks_say_what_is_missing() {
    let mut setting = Setting::new();
    let Some(server) = postgres(&setting) else { return };
    let make =
        "CREATE ROLE deployer LOGIN CREATEDB CREATEROLE PASSWORD 'deploys'; CREATE ROLE guest LOGIN PASSWORD 'g'";
    run(&server, "postgres", ADMIN_PASSWORD, "postgres", make).await.unwrap();
    let clouds = site(&mut setting, &server, "deployer", "deploys", "?sslmode=verify-full");
    let plane = setting.open(&clouds).await;
    let properties = json!({ "Name": "owls", "Password": null, "Superuser": false, "Replication": false });
    let role = with_secret(wanted("custom.role", "role", properties), "/Password", "p");
    let made = create(&plane, &role).await;
    let database =
        wanted("custom.database", "index", json!({ "Name": "owls", "Owner": "owls", "Grants": { "public": [] } }));
    let base = create(&plane, &database).await;
    let changes = [change("/Password", Some(json!("[secret]")))];
    live(plane.update(&made, &role, &changes, TOKEN).await);

    let findings = plane.check().await;
    let said = |subject: &str| findings.iter().find(|finding| finding.subject == subject).unwrap();
    assert!(said("database version").message.contains("18."), "{findings:?}");
    assert_eq!(said("database rights").severity, Severity::Good);
    assert_eq!(said("database point-in-time recovery").severity, Severity::Warning);
    assert!(said("database point-in-time recovery").message.contains("archive_mode is off"));
    assert_eq!(said("database high availability").severity, Severity::Warning);

    // Made and not marked, as a try leaves it that was cut off.
    run(&server, "postgres", ADMIN_PASSWORD, "postgres", "COMMENT ON DATABASE owls IS NULL").await.unwrap();
    assert_eq!(plane.locate(&database).await.unwrap().unwrap().owner, None);
    assert_eq!(create(&plane, &database).await, base);
    run(&server, "owls", "p", "owls", "CREATE TABLE t ()").await.unwrap();
    run(&server, "postgres", ADMIN_PASSWORD, "postgres", "COMMENT ON DATABASE owls IS 'mine'").await.unwrap();
    assert_eq!(refused(plane.create(&database, TOKEN).await).kind, FailureKind::Exists);
    plane.delete(&base, true, TOKEN).await.unwrap();
    plane.delete(&made, false, TOKEN).await.unwrap();

    // Who may nothing, and who is nobody.
    let clouds = site(&mut setting, &server, "guest", "g", "");
    let plane = setting.open(&clouds).await;
    assert_eq!(refused(plane.create(&role, TOKEN).await).kind, FailureKind::Denied);
    assert!(plane.check().await.iter().any(|finding| finding.severity == Severity::Bad));
    let clouds = site(&mut setting, &server, "guest", "sesame", "");
    let failure = refused(setting.open(&clouds).await.list("custom.role", "global").await);
    assert_eq!(failure.kind, FailureKind::Credentials);
    assert!(
        !format!("{failure:?}").contains("sesame") && !format!("{failure:?}").contains("postgres://"),
        "{failure:?}"
    );

    // Another authority is no authority, and no TLS is used only where the address says so.
    let clouds = site(&mut setting, &server, "deployer", "deploys", "");
    let other = Authority::create("another", &Clock::system()).unwrap();
    fs::write(setting.path("authority.pem"), other.pem()).unwrap();
    let failure = refused(setting.open(&clouds).await.list("custom.role", "global").await);
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure:?}");
    let clouds = site(&mut setting, &server, "deployer", "deploys", "?sslmode=disable");
    setting.open(&clouds).await.list("custom.role", "global").await.unwrap();
}

#[tokio::test]
async fn a_cloud_without_a_server_says_so() {
    let setting = Setting::new();
    let plane = setting.open("[clouds.site]\nprovider = \"custom\"\nstore = { path = \"pictures\" }\n").await;
    let failure = refused(plane.list("custom.role", "global").await);
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.next_step.unwrap().contains("[clouds.site.database]"));
}
