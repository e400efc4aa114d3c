//! Emulated boards: the firmware as it is built for chips too, in QEMU, flashed as any board is, sending to the lab's clouds.

#![allow(clippy::unwrap_used, reason = "a test that cannot read what it needs has failed")]
#![allow(clippy::print_stdout, reason = "figures, for those who ask with --nocapture")]
#![cfg(target_os = "linux")]

mod flash;
mod lab;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../support/mod.rs"]
mod support;
mod updates;

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
};

use lab::{Lab, PATIENCE, alone, project};
use serde_json::Value;
use support::TestDir;
use wildcam::{board::monitor::Symbols, lab::boards::at_another_time};

/// So many bytes of a picture or an event that are found elsewhere were not found by chance.
const WINDOW: usize = 16;

/// Whether a window is not a run of the same few bytes, which anything could hold.
fn is_telling(window: &[u8]) -> bool {
    window.iter().collect::<HashSet<_>>().len() >= WINDOW / 2
}

#[test]
fn boards_ride_through_the_loss_of_a_cloud() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let drill =
        folder.wildcam(&["drill", "run", "cloud-outage", "--json", "--cameras", "2", "--boards", "qemu-virt:2"]);
    let output = folder.run_within(2 * PATIENCE, drill).expect_code(0);
    let results = output.json_lines();
    let result = results.iter().find(|line| line["reason"] == "drill-result").unwrap();
    assert_eq!(result["verdict"], "met", "{result}");
    assert_eq!((&result["loss"]["lost"], &result["loss"]["altered"]), (&0.into(), &0.into()), "{result}");
    let drills = folder.project().join(".wildcam/drills");
    let run = fs::read_dir(drills).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let text = fs::read_to_string(run.join("lab/events/boards.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for board in ["board-001", "board-002"] {
        let stored = lines.iter().filter(|line| line["event"] == "acked" && line["camera"] == board);
        let clouds: std::collections::BTreeSet<&str> =
            stored.clone().map(|line| line["cloud"].as_str().unwrap()).collect();
        println!("{board}: {} pictures stored by way of {clouds:?}", stored.clone().count());
        assert!(stored.count() >= 5, "{board} stored too few pictures");
    }
}

#[test]
fn quickstart_takes_a_board_along() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let output = folder.run_within(2 * PATIENCE, folder.wildcam(&["quickstart"])).expect_code(0);
    assert!(output.stderr.contains("1 emulated board with the real firmware"), "{}", output.stderr);
    let drills = folder.project().join(".wildcam/drills");
    let run = fs::read_dir(drills).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_dir()).unwrap();
    let text = fs::read_to_string(run.join("lab/events/boards.jsonl")).unwrap();
    let stored = text.lines().filter(|line| line.contains("\"acked\"")).count();
    assert!(stored >= 5, "the board stored {stored} pictures\n{text}");
}

#[test]
fn a_board_that_loses_power_at_any_moment_loses_no_picture() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    lab.cut_power_at_random();
    lab.down();
}

/// As above with the queue on a memory card, which somebody finds in the end.
#[test]
fn a_board_with_a_card_loses_no_picture_and_its_card_tells_nobody_anything() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt+card:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    assert!(lab.log("board-001").contains(" card: in use, "), "{}", lab.log("board-001"));
    lab.cut_power_at_random();

    let path = lab.path("boards/board-001.card");
    let card = fs::read(&path).unwrap();
    let written = card.chunks(512).filter(|block| block.iter().any(|byte| *byte != 0)).count();
    assert!(written > 200, "the card was hardly used: {written} blocks");
    let (picture, event) = lab.stored_detection();
    let known: HashSet<&[u8]> =
        picture.windows(WINDOW).chain(event.windows(WINDOW)).filter(|window| is_telling(window)).collect();
    assert!(known.len() > 5_000, "{} bytes of picture, {} of event", picture.len(), event.len());
    // What is looked for would be found: the firmware in the flash has the rows that pictures are made of.
    let flash = fs::read(lab.path("boards/board-001.flash")).unwrap();
    assert!(flash.windows(WINDOW).any(|window| known.contains(window)));
    let clear = card.windows(WINDOW).position(|window| known.contains(window));
    assert_eq!(clear, None, "a part of the picture or of its event lies on the card in clear");
    for words in ["board-001", "taken_at", "timelapse", "image/jpeg", "WQh1"] {
        assert!(memchr::memmem::find(&card, words.as_bytes()).is_none(), "{words} lies on the card in clear");
    }
    let before = lab.pictures().0.len();
    lab.down();

    // Somebody puts it into a camera of their own.
    let Some(other) = project() else { return };
    let lab = Lab::up(&other, "qemu-virt+card:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    let off = lab.switch_off("board-001");
    fs::write(lab.path("boards/board-001.card"), &card).unwrap();
    let known = lab.log("board-001").len();
    off.on();
    lab.until("it says whose card it is", || lab.log("board-001")[known..].contains("card: not used: it is another"));
    let kept = lab.pictures().0.len();
    lab.until("it takes pictures without the card", || lab.pictures().0.len() >= kept + 3);
    assert!(fs::read(lab.path("boards/board-001.card")).unwrap() == card, "the card is not as it was");
    let (kept, stored) = lab.pictures();
    assert!(stored.iter().all(|ulid| kept.contains_key(ulid)), "it sent a picture that it never took");
    println!("{before} pictures by way of a card of which {written} blocks were written, and none in clear");
    lab.down();
}

/// Cards come and go while no gateway answers, so that pictures wait in the flash and on two cards.
#[test]
fn a_card_that_comes_and_goes_costs_no_picture() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt+card:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    let [slot, first, second, foreign] =
        ["board-001.card", "first", "second", "foreign"].map(|name| lab.path("boards").join(name));
    fs::File::create(&second).unwrap().set_len(16 << 20).unwrap();
    fs::write(&foreign, vec![0x55; 16 << 20]).unwrap();
    let captured = || lab.log("board-001").matches(" captured ").count();
    // Takes a card out and puts another in, and returns what the board says from then on.
    let swap = |out: &Path, into: &Path, says: &str| {
        let off = lab.switch_off("board-001");
        fs::rename(&slot, out).unwrap();
        fs::rename(into, &slot).unwrap();
        let known = lab.log("board-001").len();
        off.on();
        lab.until(says, || lab.log("board-001")[known..].contains(says));
        let taken = captured();
        lab.until("it takes pictures", || captured() >= taken + 2);
        lab.log("board-001")[known..].to_owned()
    };

    let silent = lab.silence_gateways();
    let taken = captured();
    lab.until("pictures wait on the first card", || captured() >= taken + 2);
    swap(&first, &foreign, "card: not used: it is not blank");
    let said = swap(&foreign, &second, "card: in use, ");
    let carried = said.split_once(" carried=").unwrap().1.lines().next().unwrap().parse::<u32>().unwrap();
    assert!(carried >= 2, "what waited in the flash was not carried to the card: {said}");
    assert!(fs::read(&foreign).unwrap().iter().all(|byte| *byte == 0x55), "somebody's card was written");
    swap(&second, &first, "card: in use, ");
    silent.answer();
    let known = lab.log("board-001").len();
    lab.until("what waits on the first card is sent", || lab.log("board-001")[known..].contains(" waiting=0 "));
    swap(&first, &second, "card: in use, ");
    let kept = lab.until_all_is_stored();
    println!("{kept} pictures, {carried} of them carried from the flash to a card, and none lost");
    lab.down();
}

#[test]
fn a_board_does_what_it_is_asked_once() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    let ask = |action: &str| -> u64 {
        let operator = lab.path("operator");
        let given = folder.run(&["command", "board-001", action, "--json", "--project", operator.to_str().unwrap()]);
        let number = given.expect_code(0).json_lines()[0]["number"].as_u64().unwrap();
        lab.until("the command is taken on", || lab.log("board-001").contains(&format!("command {number}: {action}")));
        number
    };
    let picture = ask("picture");
    let at = lab.log("board-001").find(&format!("command {picture}: picture")).unwrap();
    lab.until("a picture is taken for it", || lab.log("board-001")[at..].contains(" captured "));
    let starts = lab.log("board-001").matches(" start: board=").count();
    let restart = ask("restart");
    lab.until("the board starts anew", || lab.log("board-001").matches(" start: board=").count() > starts);
    let at = lab.log("board-001").rfind(" start: board=").unwrap();
    assert!(lab.log("board-001")[at..].lines().next().unwrap().ends_with("cause=restart"));
    lab.until("it reports twice more", || lab.log("board-001")[at..].matches(" reported via=").count() >= 2);
    for number in [picture, restart] {
        assert_eq!(lab.log("board-001").matches(&format!("command {number}: ")).count(), 1, "a command is done once");
    }
    let unknown = folder.run(&["command", "nobody", "report", "--project", lab.path("operator").to_str().unwrap()]);
    assert!(unknown.expect_code(1).stderr.contains("no camera called nobody has enrolled"));
    lab.down();
}

#[test]
fn what_was_seen_is_told_before_the_pictures_that_wait_are_sent() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first picture is stored", || !lab.pictures().1.is_empty());
    lab.let_wait(6);
    let (kept, _) = lab.pictures();
    lab.until("everything is stored", || {
        let (_, stored) = lab.pictures();
        kept.keys().all(|ulid| stored.contains(ulid))
    });
    let log = lab.log("board-001");
    let line = log.lines().find(|line| line.contains(" announced ")).unwrap_or_else(|| panic!("nothing told\n{log}"));
    println!("{line}");
    let number = |key: &str| line.split(key).nth(1).unwrap().split(' ').next().unwrap().parse::<u32>().unwrap();
    assert!(number(" announced ") >= 2 && number(" bytes=") * 2 < number(" of="), "{line}");
    assert!(!log.contains("not announced"), "{log}");
    lab.down();
}

/// The parts of the cloud's share of the RAM, by the board's own marks.
#[test]
fn the_cloud_part_takes_less_than_100_kb_of_ram() {
    let _alone = alone();
    for boards in ["qemu-virt:1", "qemu-virt+card:1"] {
        let Some(folder) = project() else { return };
        assert_takes_less_than_100_kb(&folder, boards);
    }
}

#[track_caller]
fn assert_takes_less_than_100_kb(folder: &TestDir, boards: &str) {
    let lab = Lab::up(folder, boards);
    let reports = || lab.log("board-001").matches(" reported via=").count();
    lab.until("the first pictures are stored", || lab.pictures().1.len() >= 2);
    // A failure, and what is told after it, need the most.
    lab.let_wait(4);
    let before = reports();
    lab.until("events are told and reports are taken", || {
        lab.log("board-001").contains(" announced ") && reports() >= before + 5
    });
    let mut parts: BTreeMap<String, u32> = BTreeMap::new();
    for line in lab.log("board-001").lines().filter_map(|line| line.split_once("ram: part=").map(|(_, rest)| rest)) {
        let (part, rest) = line.split_once(" bytes=").unwrap();
        let bytes: u32 = rest.split(' ').next().unwrap().parse().unwrap();
        let most = parts.entry(part.to_owned()).or_default();
        *most = bytes.max(*most);
    }
    // What updates take has a bound of its own: `updates::a_board_is_updated_by_a_patch_and_says_so`.
    let of_updates = ["agent", "update", "update-stack"];
    let updates: Vec<_> = of_updates.iter().filter_map(|part| Some((*part, parts.remove(*part)?))).collect();
    println!("not the cloud's: {updates:?}");
    let total: u32 = parts.values().sum();
    parts.iter().for_each(|(part, bytes)| println!("{part:>14} {bytes:>7}"));
    println!("{:>14} {total:>7}  {boards}", "together");
    for part in ["queue", "link", "connections", "stack"] {
        assert!(parts.get(part).is_some_and(|bytes| *bytes > 1000), "the board does not tell of {part}: {parts:?}");
    }
    assert!(total < 100_000, "{total} bytes: {parts:?}");
    lab.down();
}

/// What may be wrong with an update.
enum Wrong {
    /// It never reaches its main: its first instruction jumps to itself.
    HangsBeforeMain,
    /// As the board's options say.
    Fault(&'static str),
}

/// The board runs slot A; an image that is whole, and wrong, is put on trial in slot B. It gets its three starts, and A
/// runs again and checks in.
#[track_caller]
fn is_rolled_back(wrong: &Wrong) {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first image is confirmed", || lab.log("board-001").contains("confirmed: this image works"));
    let off = lab.switch_off("board-001");
    let image = fs::read(folder.project().join("target/firmware/wildcam-qemu-virt-app.bin")).unwrap();
    let (image, fault) = match wrong {
        Wrong::HangsBeforeMain => (flash::stuck_at_entry(image), None),
        Wrong::Fault(fault) => (at_another_time(&image).unwrap(), Some(*fault)),
    };
    flash::put_on_trial(&lab.path("boards/board-001.flash"), &image);
    let options =
        [("trial-ms", "8000"), ("watchdog-ms", "4000"), ("picture-every-ms", "2000"), ("report-every-ms", "2000")];
    let fault = fault.map(|fault| format!("b:{fault}"));
    flash::set_options(&lab.path("boards/board-001.boot"), &options, fault.as_deref());
    off.on();

    let starts = |slot: &str| lab.log("board-001").matches(&format!("boot: slot={slot} ")).count();
    let before = starts("a");
    lab.until("slot A is started again", || starts("a") > before);
    assert_eq!(starts("b"), 3, "{}", lab.log("board-001"));
    let back = lab.log("board-001");
    let back = back.rfind("boot: slot=a ").unwrap();
    assert!(lab.log("board-001")[back..].lines().next().unwrap().contains("state=RolledBack"));
    lab.until("slot A reports", || lab.log("board-001")[back..].contains(" reported via="));
    assert_eq!(starts("b"), 3, "an image that was given up is tried again");
    lab.down();
}

#[test]
fn an_update_that_hangs_before_its_main_is_rolled_back() {
    is_rolled_back(&Wrong::HangsBeforeMain);
}

#[test]
fn an_update_that_panics_is_rolled_back() {
    is_rolled_back(&Wrong::Fault("panic"));
}

#[test]
fn a_panic_tells_where_it_was() {
    let _alone = alone();
    let Some(folder) = project() else { return };
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/firmware/wildcam-qemu-virt.elf");
    let lab = Lab::up(&folder, "qemu-virt:1");
    lab.until("the first image is confirmed", || lab.log("board-001").contains("confirmed: this image works"));
    let off = lab.switch_off("board-001");
    flash::set_options(&lab.path("boards/board-001.boot"), &[], Some("a:panic"));
    off.on();
    lab.until("it panics", || lab.log("board-001").contains("wildcam error trace: 0x"));
    let log = lab.log("board-001");
    let line = log.lines().find(|line| line.contains("wildcam error trace: ")).unwrap();
    let frames = Symbols::parse(&fs::read(built).unwrap()).unwrap().frames(line);
    let told: Vec<String> =
        frames.iter().map(|frame| format!("{} {}", frame.function, frame.place.as_deref().unwrap_or("?"))).collect();
    println!("{}", told.join("\n"));
    assert!(told.iter().any(|frame| frame.contains("firmware") && frame.contains("start.rs:")), "{told:#?}");
    lab.down();
}

#[test]
fn an_update_that_never_checks_in_is_rolled_back() {
    is_rolled_back(&Wrong::Fault("silent"));
}
