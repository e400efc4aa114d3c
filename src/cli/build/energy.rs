//! `wildcam build --energy`: what a camera draws from its battery, in words for who carries the batteries.

use serde::Serialize;

use crate::{
    board::{
        Board,
        energy::{self, Day, Figure, Figures, Kind as Knowledge, Plan, Share},
    },
    cli::{CommandError, CommandResult, Context, Kind},
    ui::{JsonLine, Table},
};

/// A camera's day.
#[derive(clap::Args)]
#[command(next_help_heading = "The day that --energy reckons with")]
pub(super) struct DayArguments {
    /// How often the camera wakes in a day
    #[arg(long, value_name = "N", requires = "energy", default_value_t = 100)]
    wakes: u32,
    /// Pictures in each wake
    #[arg(long, value_name = "N", requires = "energy", default_value_t = 1)]
    pictures: u32,
    /// The length of a picture, in kilobytes
    #[arg(long, value_name = "KB", requires = "energy", default_value_t = 30)]
    picture_kb: u32,
    /// How often the camera connects in a day
    #[arg(long, value_name = "N", requires = "energy", default_value_t = 3)]
    connections: u32,
    /// What the link carries, in kilobits a second
    #[arg(long, value_name = "KBIT", requires = "energy", default_value_t = 2000,
          value_parser = clap::value_parser!(u32).range(1..))]
    link_kbit: u32,
    /// The battery's charge
    #[arg(long, value_name = "MAH", requires = "energy", default_value_t = 6000)]
    battery_mah: u32,
}

impl DayArguments {
    fn plan(&self) -> Plan {
        Plan {
            wakes: self.wakes.into(),
            pictures: self.pictures.into(),
            picture_bytes: f64::from(self.picture_kb) * 1000.0,
            connections: self.connections.into(),
            link_bits_s: f64::from(self.link_kbit) * 1000.0,
            battery_mah: self.battery_mah.into(),
        }
    }
}

#[derive(Serialize)]
struct EnergyLine<'a> {
    board: &'a str,
    plan: Plan,
    parts: Day,
    total_mah: f64,
    cloud_share: f64,
    network_share: f64,
    battery_days: f64,
    figures: Vec<Figure>,
}

impl JsonLine for EnergyLine<'_> {
    const REASON: &'static str = "energy";
}

pub(super) fn run(named: &[Board], arguments: &DayArguments, context: &Context) -> CommandResult {
    let plan = arguments.plan();
    let boards = if named.is_empty() { energy::boards() } else { named.to_vec() };
    for board in &boards {
        let Some(figures) = Figures::of(*board) else {
            return Err(CommandError::new(Kind::Usage, format!("{board} is emulated and draws from no battery")));
        };
        let day = energy::day(&figures, &plan).map_err(|error| CommandError::of(Kind::Usage, &error))?;
        say(*board, &plan, &day, &figures, context);
    }
    legend(context);
    Ok(())
}

fn say(board: Board, plan: &Plan, day: &Day, figures: &Figures, context: &Context) {
    let total = day.total_mah();
    let battery_days = plan.battery_mah / total;
    context.ui.json(&EnergyLine {
        board: board.name(),
        plan: *plan,
        parts: *day,
        total_mah: total,
        cloud_share: day.cloud_share(),
        network_share: day.network_share(),
        battery_days,
        figures: figures.all().to_vec(),
    });
    let ui = &context.ui;
    let Plan { wakes, pictures, connections, .. } = plan;
    ui.result(format_args!("{board}: {wakes} wakes with {pictures} pictures each, {connections} connections a day"));
    let mut table = Table::new(["  part of the day", "seconds", "mAh", "share"]).right(1).right(2).right(3);
    let mut row = |what: &str, share: Share| {
        let part = share.mah * 100.0 / total;
        let cells = [format!("{:.0}", share.seconds), format!("{:.2}", share.mah), format!("{part:.1}%")];
        let [seconds, mah, part] = cells;
        table.row([format!("  {what}"), seconds, mah, part]);
    };
    row("taking and keeping pictures", day.capture);
    row("sending their bytes", day.delivery);
    row("cloud features", day.cloud);
    row("sleep, motion sensor, supply", day.sleep);
    ui.result(table);
    ui.result(format_args!(
        "  {total:.2} mAh a day; {:.0} mAh last {battery_days:.0} days, if they give all they hold",
        plan.battery_mah
    ));
    let mut table = Table::new(["  figure", "value", "", "known from"]).right(1);
    for figure in figures.all() {
        let kind = match figure.kind {
            Knowledge::DataSheet => "data sheet",
            Knowledge::Measured => "measured",
            Knowledge::Assumed => "ASSUMED",
        };
        table.row([
            format!("  {}", figure.name),
            figure.value.to_string(),
            figure.unit.to_owned(),
            format!("{kind}: {}", figure.from),
        ]);
    }
    ui.result(format_args!("{table}\n"));
}

fn legend(context: &Context) {
    context.ui.result(
        "Cloud features are all that the network costs beside the pictures' own bytes: joining, TLS, signatures, events, reports.\n\
         No current was measured on a board of ours. The result is as good as its figures; the assumed ones weigh most.",
    );
}
