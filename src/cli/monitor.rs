//! `wildcam monitor`: what boards say.

use std::path::PathBuf;

use serde::Serialize;

use super::{CommandError, CommandResult, Context, Kind};
use crate::{
    board::{
        Board,
        monitor::{self, Ending, Event, Frame, Symbols, Watch},
        usb,
    },
    project::Period,
    ui::JsonLine,
};

const EXAMPLES: &str = "Examples:
  wildcam monitor                                        every board that is plugged in
  wildcam monitor --port /dev/ttyUSB0 --board esp32c3    backtraces in functions and lines
  wildcam monitor --port /dev/ttyUSB0 --expect \"link up\" --timeout 20s
  wildcam monitor --json

With --expect it exits with 0 when every board said the text, and with 3 when the time was over
before.";

/// The arguments of `wildcam monitor`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A port with a board; default: every board that is found. May be repeated
    #[arg(long, value_name = "PATH")]
    port: Vec<String>,
    /// The baud rate
    #[arg(long, value_name = "RATE", default_value_t = 115_200)]
    baud: u32,
    /// The board, for the functions and lines of what `wildcam build` wrote to target/firmware
    #[arg(long, value_name = "BOARD", conflicts_with = "elf")]
    board: Option<Board>,
    /// The ELF file of the firmware, for functions and lines
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// End when every board has said this text
    #[arg(long, value_name = "TEXT")]
    expect: Option<String>,
    /// End after this time
    #[arg(long, value_name = "TIME")]
    timeout: Option<Period>,
}

#[derive(Serialize)]
struct HeardLine<'a> {
    port: &'a str,
    text: &'a str,
    frames: Vec<FrameLine<'a>>,
}

#[derive(Serialize)]
struct FrameLine<'a> {
    address: u64,
    function: &'a str,
    place: Option<&'a str>,
}

impl JsonLine for HeardLine<'_> {
    const REASON: &'static str = "board-line";
}

#[derive(Serialize)]
struct PortLine<'a> {
    port: &'a str,
    connected: bool,
    why: Option<&'a str>,
}

impl JsonLine for PortLine<'_> {
    const REASON: &'static str = "board-port";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let ports = if arguments.port.is_empty() {
        usb::ports().into_iter().map(|port| port.path).collect()
    } else {
        arguments.port.clone()
    };
    if ports.is_empty() {
        return Err(CommandError::new(Kind::Failed, "no board is plugged in").next_step("wildcam doctor --usb"));
    }
    let symbols = symbols(arguments, context)?;
    let watch = Watch {
        ports: &ports,
        baud: arguments.baud,
        symbols: symbols.as_ref(),
        expect: arguments.expect.as_deref(),
        timeout: arguments.timeout.as_ref().map(|timeout| timeout.get()),
        stop: context.interrupt.clone(),
        clock: context.clock.clone(),
    };
    let ending = monitor::watch(&watch, |event| show(&event, ports.len() > 1, context));
    match (ending, &arguments.expect) {
        (Ending::TimedOut, Some(text)) => {
            Err(CommandError::new(Kind::No, format!("{text:?} was not said in time")).next_step("give more --timeout"))
        }
        // Ctrl-C is how a monitor is left, but an expectation was not met then.
        (Ending::Stopped, Some(_)) => Err(CommandError::new(Kind::Interrupted, "stopped")),
        _ => Ok(()),
    }
}

fn symbols(arguments: &Arguments, context: &Context) -> Result<Option<Symbols>, CommandError> {
    let built = |board: Board| {
        let outputs = context.project.clone().unwrap_or_default().join("target/firmware");
        outputs.join(format!("wildcam-{board}.elf"))
    };
    let Some(path) = arguments.elf.clone().or_else(|| arguments.board.map(built)) else { return Ok(None) };
    let failed = || CommandError::new(Kind::Usage, format!("{} cannot be read", path.display()));
    let elf = std::fs::read(&path).map_err(|error| failed().because(error).next_step("wildcam build --board BOARD"))?;
    Symbols::parse(&elf).map(Some).map_err(|error| failed().because(error))
}

fn frame_line(frame: &Frame) -> FrameLine<'_> {
    FrameLine { address: frame.address, function: &frame.function, place: frame.place.as_deref() }
}

fn show(event: &Event, several: bool, context: &Context) {
    match event {
        Event::Connected { port } => {
            context.ui.status(format_args!("{port}: listening"));
            context.ui.json(&PortLine { port, connected: true, why: None });
        }
        Event::Gone { port, why } => {
            context.ui.status(format_args!("{port}: {why}; waiting for it"));
            context.ui.json(&PortLine { port, connected: false, why: Some(why) });
        }
        Event::Line { port, text, frames } => {
            let mark = if several { format!("{port}: ") } else { String::new() };
            context.ui.result(format_args!("{mark}{text}"));
            for Frame { address, function, place } in frames {
                let place = place.as_deref().map(|place| format!(" at {place}")).unwrap_or_default();
                context.ui.result(format_args!("{mark}    {address:#010x} {function}{place}"));
            }
            context.ui.json(&HeardLine { port, text, frames: frames.iter().map(frame_line).collect() });
        }
    }
}
