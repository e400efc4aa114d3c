//! Drills with real processes: three clouds, real TLS, real S3, and a cloud that is really killed.

#[allow(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::{
    net::TcpListener,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{Output, Running, TestDir};

const LIMIT: Duration = Duration::from_secs(240);

/// One lab at a time: two of them on two cores would measure each other.
fn alone() -> MutexGuard<'static, ()> {
    static LAB: Mutex<()> = Mutex::new(());
    LAB.lock().unwrap_or_else(PoisonError::into_inner)
}

fn drill(folder: &TestDir, arguments: &[&str]) -> Output {
    let mut all = vec!["drill", "run", "--json"];
    all.extend(arguments);
    folder.run_within(LIMIT, folder.wildcam(&all))
}

fn results(output: &Output) -> Vec<Value> {
    output.json_lines().into_iter().filter(|line| line["reason"] == "drill-result").collect()
}

fn assert_nothing_left(folder: &TestDir) {
    let until = Instant::now() + Duration::from_secs(15);
    while !folder.processes().is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(folder.processes(), Vec::<u32>::new(), "processes are left");
    assert!(UndoFile::of(folder).is_empty(), "a fault is recorded as open");
}

/// What the undo records say, through the command that people use.
struct UndoFile;

impl UndoFile {
    fn of(folder: &TestDir) -> String {
        let listed = folder.run(&["drill", "list"]).expect_code(0);
        listed.stderr.lines().filter(|line| line.contains("may still be there")).collect()
    }
}

#[test]
fn losing_a_cloud_loses_no_confirmed_picture() {
    let _alone = alone();
    let folder = TestDir::new();
    let output = drill(&folder, &["cloud-outage"]).expect_code(0);
    let results = results(&output);
    assert_eq!(results.len(), 1, "{}", output.stdout);
    let result = &results[0];
    assert_eq!(result["v"], 1);
    assert_eq!(result["verdict"], "met", "{result}");
    assert_eq!(result["loss"]["lost"], 0, "{result}");
    assert_eq!(result["loss"]["altered"], 0, "{result}");
    assert!(result["loss"]["acked"].as_u64().unwrap() >= 200, "too few acknowledged uploads: {result}");
    assert_eq!(result["converged"], true, "{result}");
    for phase in result["phases"].as_array().unwrap() {
        assert!(phase["ms"].is_u64(), "{phase} was not reached");
    }
    assert_nothing_left(&folder);
    let report = folder.project().join("drill.html");
    folder.run(&["drill", "report", "--html", report.to_str().unwrap()]).expect_code(0);
    assert!(std::fs::read_to_string(report).unwrap().contains("<svg"));
}

#[test]
fn a_single_copy_is_lost_with_its_cloud_and_the_drill_says_so() {
    let _alone = alone();
    let folder = TestDir::new();
    let output = drill(&folder, &["cloud-outage", "--copies", "1"]).expect_code(3);
    let result = &results(&output)[0];
    assert_eq!(result["verdict"], "missed", "{result}");
    assert!(result["loss"]["lost"].as_u64().unwrap() > 0, "{result}");
    assert_nothing_left(&folder);
}

#[test]
fn a_drill_without_uploads_cannot_be_judged() {
    let _alone = alone();
    let folder = TestDir::new();
    let output = drill(&folder, &["cloud-outage", "--upload-every", "0s"]).expect_code(5);
    assert_eq!(results(&output)[0]["verdict"], "no-data");
    assert_nothing_left(&folder);
}

#[test]
fn a_silent_cloud_loses_nothing_in_either_form() {
    let _alone = alone();
    let folder = TestDir::new();
    let output = drill(&folder, &["cloud-silent"]).expect_code(0);
    let results = results(&output);
    let names: Vec<&str> = results.iter().filter_map(|result| result["scenario"].as_str()).collect();
    assert_eq!(names, ["cloud-silent/before-handshake", "cloud-silent/after-handshake"]);
    assert!(results.iter().all(|result| result["loss"]["lost"] == 0 && result["loss"]["altered"] == 0));
    assert_nothing_left(&folder);
}

#[test]
fn a_slow_and_a_corrupting_cloud_lose_and_alter_nothing() {
    let _alone = alone();
    let folder = TestDir::new();
    let output = drill(&folder, &["cloud-degraded"]).expect_code(0);
    let results = results(&output);
    assert_eq!(results.len(), 2, "{}", output.stdout);
    assert!(results.iter().all(|result| result["loss"]["lost"] == 0 && result["loss"]["altered"] == 0));
    assert_nothing_left(&folder);
}

/// Waits until a command has written `text` to standard error.
fn wait_for(running: &Running, text: &str) {
    let until = Instant::now() + Duration::from_secs(90);
    while !running.stderr().contains(text) {
        assert!(Instant::now() < until, "{text:?} was not said:\n{}", running.stderr());
        thread::sleep(Duration::from_millis(20));
    }
}

fn ports(lab: &Path) -> Vec<u16> {
    let text = std::fs::read_to_string(lab.join("lab.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let layout = &file["layout"];
    let mut ports = vec![&layout["dns_port"], &layout["dns_control_port"], &layout["supervisor_port"]];
    for cloud in layout["clouds"].as_array().unwrap() {
        ports.extend([&cloud["store_port"], &cloud["proxy_control_port"]]);
        for gateway in cloud["gateways"].as_array().unwrap() {
            ports.extend([&gateway["port"], &gateway["entry_port"]]);
        }
        ports.extend(cloud["store_links"].as_object().unwrap().values());
    }
    ports.into_iter().map(|port| u16::try_from(port.as_u64().unwrap()).unwrap()).collect()
}

#[cfg(unix)]
fn signal(process: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[cfg(unix)]
#[test]
fn a_drill_that_is_killed_is_undone_afterwards() {
    let _alone = alone();
    let folder = TestDir::new();
    folder.run_within(LIMIT, folder.wildcam(&["lab", "up", "--cameras", "6"])).expect_code(0);
    let ports = ports(&folder.project().join(".wildcam").join("lab"));
    let running = folder.start(folder.wildcam(&["drill", "run", "cloud-outage", "--lab"]));
    wait_for(&running, "is broken now");
    signal(running.id(), rustix::process::Signal::KILL);
    assert_eq!(running.finish(LIMIT).code, None, "it was killed");

    let status = folder.run(&["lab", "status", "--json"]).expect_code(0).json_lines();
    assert!(status[0]["processes"].as_array().unwrap().iter().any(|process| process["held"] == true));
    let undone = folder.run_within(LIMIT, folder.wildcam(&["drill", "undo", "--all", "--json"])).expect_code(0);
    assert_eq!(undone.json_lines()[0]["how"], "undone");
    let status = folder.run(&["lab", "status", "--json"]).expect_code(0).json_lines();
    assert!(status[0]["processes"].as_array().unwrap().iter().all(|process| process["held"] == false));
    assert!(status[0]["faults"].as_array().unwrap().is_empty());
    folder.run(&["status", "--exit-code"]).expect_code(0);

    folder.run_within(LIMIT, folder.wildcam(&["lab", "down"])).expect_code(0);
    assert_nothing_left(&folder);
    for port in ports {
        // On loopback a port that nobody holds can be taken at once, but for connections that are still closing.
        assert!(
            std::net::TcpStream::connect(("127.0.0.1", port)).is_err()
                || TcpListener::bind(("127.0.0.1", port)).is_ok(),
            "port {port} is still served"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_killed_drill_takes_its_own_lab_with_it() {
    let _alone = alone();
    let folder = TestDir::new();
    let running = folder.start(folder.wildcam(&["drill", "run", "cloud-outage", "--cameras", "6"]));
    wait_for(&running, "is broken now");
    signal(running.id(), rustix::process::Signal::KILL);
    assert_eq!(running.finish(LIMIT).code, None, "it was killed");
    folder.run_within(LIMIT, folder.wildcam(&["drill", "undo", "--all"])).expect_code(0);
    assert_nothing_left(&folder);
}

#[cfg(unix)]
#[test]
fn an_interrupted_drill_undoes_and_leaves_nothing() {
    let _alone = alone();
    let folder = TestDir::new();
    let running = folder.start(folder.wildcam(&["drill", "run", "cloud-silent", "--cameras", "6"]));
    wait_for(&running, "is broken now");
    signal(running.id(), rustix::process::Signal::INT);
    let output = running.finish(LIMIT).expect_code(130);
    assert!(output.stderr.contains("every fault was undone"), "{}", output.stderr);
    assert_nothing_left(&folder);
}

#[test]
fn the_experiments_are_valid_for_chaos_toolkit() {
    let Some(chaos) = support::peers::require("chaos") else { return };
    let folder = TestDir::new();
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join("drills");
    // It looks for the program that an experiment starts.
    let search = std::env::join_paths(
        [Path::new(env!("CARGO_BIN_EXE_wildcam")).parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    for entry in std::fs::read_dir(experiments).unwrap() {
        let path = entry.unwrap().path();
        let mut command = folder.command(&chaos);
        command.env("PATH", &search).args(["--no-version-check", "validate"]).arg(&path);
        folder.run_within(LIMIT, command).expect_code(0);
    }
}
