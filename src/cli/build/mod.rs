//! `wildcam build`.

mod energy;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::{
    board::{
        Board,
        build::{self, Built, Event, Machine, Request, Stage, Toolchain},
        size::{Over, Sizes},
    },
    cli::{CommandError, CommandResult, Context, Kind},
    ui::{JsonLine, Progress, Table},
};

const EXAMPLES: &str = "Examples:
  wildcam build
  wildcam build --board esp32c3 --board qemu-virt
  wildcam build --board esp32c6 --sources . --offline
  wildcam build --energy --wakes 40 --connections 2

The files in target/firmware are wildcam-BOARD.elf for backtraces, -app.bin for a slot,
-boot.bin for the boot stage, -full.bin for all of the flash, and -size.json.";

/// The arguments of `wildcam build`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A board; may be given several times; default: every board that this machine can compile for
    #[arg(long, value_name = "BOARD")]
    board: Vec<Board>,
    /// Where the files go; default: target/firmware
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The folder that holds firmware/, for who changes it; default: the sources in this program
    #[arg(long, value_name = "DIR")]
    sources: Option<PathBuf>,
    /// Where sources are unpacked and compiled; default: a folder of this user's cache
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Use no network
    #[arg(long)]
    offline: bool,
    /// Compile nothing; show what a camera draws from its battery in a day
    #[arg(long, conflicts_with_all = ["output", "sources", "cache", "offline"])]
    energy: bool,
    #[command(flatten)]
    day: energy::DayArguments,
}

#[derive(Serialize)]
struct ToolchainLine<'a> {
    board: &'a str,
    toolchain: &'a str,
}

impl JsonLine for ToolchainLine<'_> {
    const REASON: &'static str = "firmware-toolchain";
}

#[derive(Serialize)]
struct MissingLine<'a> {
    board: &'a str,
    message: String,
    install: &'a str,
}

impl JsonLine for MissingLine<'_> {
    const REASON: &'static str = "firmware-no-toolchain";
}

#[derive(Serialize)]
struct CompilingLine<'a> {
    board: &'a str,
    stage: &'a str,
    done: u64,
    total: Option<u64>,
    name: &'a str,
}

impl JsonLine for CompilingLine<'_> {
    const REASON: &'static str = "firmware-compiling";
}

#[derive(Serialize)]
struct BuiltLine<'a> {
    board: &'a str,
    version: &'a str,
    build_id: &'a str,
    elf: &'a Path,
    app: &'a Path,
    boot: &'a Path,
    full: Option<&'a Path>,
    size: &'a Path,
    sizes: &'a Sizes,
    over: &'a [Over],
}

impl JsonLine for BuiltLine<'_> {
    const REASON: &'static str = "firmware-built";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    if arguments.energy {
        return energy::run(&arguments.board, &arguments.day, context);
    }
    let machine = machine();
    let chosen = choose(&arguments.board, &machine, context)?;
    let output = arguments.output.clone().unwrap_or_else(|| folder(context).join("target/firmware"));
    let cache = match &arguments.cache {
        Some(folder) => folder.clone(),
        None => cache_folder()?,
    };
    let mut over = Vec::new();
    for (board, toolchain) in &chosen {
        let request = Request {
            board: *board,
            toolchain,
            sources: arguments.sources.as_deref(),
            cache: &cache,
            output: &output,
            cargo_home: machine.cargo_home.as_deref(),
            offline: arguments.offline,
        };
        let mut screen = Screen { context, warnings: arguments.sources.is_some(), bar: None };
        let built = build::build(&request, &context.interrupt, &mut |event| screen.show(event)).await;
        drop(screen);
        let built = built.map_err(|error| failure(&error))?;
        say(&built, context);
        over.extend(built.sizes.over().into_iter().map(|over| (*board, over)));
    }
    if over.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = over.iter().map(|(board, over)| format!("{board}: {over}")).collect();
    Err(CommandError::new(Kind::No, format!("the firmware is over its budget: {}", lines.join("; "))))
}

/// The boards to build with the compiler for each. One that was named must have a compiler; of the others those are left out
/// that have none, and said to be.
fn choose(named: &[Board], machine: &Machine, context: &Context) -> Result<Vec<(Board, Toolchain)>, CommandError> {
    let mut wanted = if named.is_empty() { Board::ALL.to_vec() } else { named.to_vec() };
    wanted.sort();
    wanted.dedup();
    let (mut chosen, mut missing) = (Vec::new(), Vec::new());
    for board in wanted {
        match build::find(board, machine) {
            Ok(toolchain) => chosen.push((board, toolchain)),
            Err(error) => missing.push(error),
        }
    }
    if let Some(first) = missing.first().filter(|_| !named.is_empty() || chosen.is_empty()) {
        return Err(CommandError::of(Kind::Failed, first).next_step(first.install.clone()));
    }
    for error in missing {
        context.ui.warn(format_args!("{error}; left out. To build it: {}", error.install));
        let board = error.board.name();
        context.ui.json(&MissingLine { board, message: error.to_string(), install: &error.install });
    }
    Ok(chosen)
}

fn failure(error: &build::Error) -> CommandError {
    let kind = if matches!(error, build::Error::Interrupted) { Kind::Interrupted } else { Kind::Failed };
    let failure = CommandError::of(kind, error);
    match error.next_step() {
        Some(step) => failure.next_step(step),
        None => failure,
    }
}

/// The folder of the project.
fn folder(context: &Context) -> PathBuf {
    context.project.clone().unwrap_or_default()
}

fn machine() -> Machine {
    let search: Vec<PathBuf> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let debian = PathBuf::from("/usr/bin");
    let home = std::env::home_dir();
    let cargo_home = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    Machine {
        debian: search.contains(&debian).then_some(debian),
        search,
        cargo_home: cargo_home.or_else(|| home.map(|home| home.join(".cargo"))),
        is_root: is_root(),
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

fn cache_folder() -> Result<PathBuf, CommandError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let of_home = || {
        let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty())?;
        Some(home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
    };
    let base =
        variable("XDG_CACHE_HOME").or_else(|| variable("LOCALAPPDATA").filter(|_| cfg!(windows))).or_else(of_home);
    base.map(|base| base.join("wildcam/firmware")).ok_or_else(|| {
        CommandError::new(Kind::Usage, "this user has no home folder to keep a cache in")
            .next_step("name one with --cache DIR")
    })
}

/// Draws the events of a build.
struct Screen<'a> {
    context: &'a Context,
    /// Who builds sources of their own wants the compiler's warnings; to others they say nothing.
    warnings: bool,
    bar: Option<(Board, Stage, Progress)>,
}

impl Screen<'_> {
    fn show(&mut self, event: Event) {
        match event {
            Event::Toolchain { board, toolchain } => {
                self.context.ui.status(format_args!("{board}: by {toolchain}"));
                self.context.ui.json(&ToolchainLine { board: board.name(), toolchain: &toolchain });
            }
            Event::Compiling { board, stage, done, total, name } => {
                let ui = &self.context.ui;
                if !self.bar.as_ref().is_some_and(|(of, at, _)| (*of, *at) == (board, stage)) {
                    ui.status(format_args!("{board}: compiling the {stage}"));
                    self.bar = Some((board, stage, ui.progress(board.name(), total.unwrap_or(0))));
                }
                if let Some((_, _, bar)) = &self.bar {
                    bar.set(done);
                    bar.message(&format!("{board}: {name}"));
                }
                let stage = stage.to_string();
                ui.json(&CompilingLine { board: board.name(), stage: &stage, done, total, name: &name });
            }
            Event::Warning { .. } if !self.warnings => {}
            Event::Warning { board, stage, text } => {
                self.context.ui.warn(format_args!("in the {stage} for {board}: {}", text.trim_end()));
            }
        }
    }
}

fn say(built: &Built, context: &Context) {
    let Built { board, descriptor, sizes, files } = built;
    let over = sizes.over();
    let full = files.full.exists().then_some(files.full.as_path());
    context.ui.json(&BuiltLine {
        board: board.name(),
        version: &descriptor.version,
        build_id: &sizes.build_id,
        elf: &files.elf,
        app: &files.app,
        boot: &files.boot,
        full,
        size: &files.size,
        sizes,
        over: &over,
    });
    let ui = &context.ui;
    ui.result(format_args!("{board}: wildcam {}, build {}", descriptor.version, &sizes.build_id[..16]));
    let mut table = Table::new(["", "bytes", "of", "used"]).right(1).right(2).right(3);
    let mut row = |what: &str, bytes: u32, of: Option<u32>| {
        let share = of.filter(|of| *of > 0).map(|of| format!("{:.0}%", f64::from(bytes) * 100.0 / f64::from(of)));
        let of = of.map(|of| of.to_string()).unwrap_or_default();
        table.row([format!("  {what}"), bytes.to_string(), of, share.unwrap_or_default()]);
    };
    row("application, flash", sizes.flash, Some(sizes.budget.flash));
    row("boot stage, flash", sizes.boot, Some(sizes.budget.boot));
    let emulated = *board == Board::QemuVirt;
    let what = if emulated { "RAM: data, heap" } else { "RAM: code, data, heap" };
    row(what, sizes.held_ram(), Some(sizes.budget.ram));
    row(if emulated { "  beside it code" } else { "  of that code" }, sizes.ram.code, None);
    row("  of that static data", sizes.ram.fixed(), None);
    row("  of that heap", sizes.ram.heap, None);
    row("stack", sizes.stack, None);
    if sizes.radio.flash + sizes.radio.ram > 0 {
        row("radio, of the flash", sizes.radio.flash, None);
        row("radio, of the RAM", sizes.radio.ram, None);
    }
    ui.result(table);
    ui.result(format_args!("  {}", files.app.display()));
    match full {
        Some(full) => ui.result(format_args!("  {}", full.display())),
        None => ui.result("  no image of the whole flash: a part does not fit"),
    }
}
