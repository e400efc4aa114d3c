//! What a camera draws from its battery in a day, by what it does.
//!
//! A day is a plan: how often the camera wakes, how many pictures it takes, how often it connects. Each act is a time and a
//! current; their product is charge. Everything is at the supply's 3.3 V, so a cell's mAh count as they are printed on it.

mod figures;

use serde::Serialize;

pub use figures::{Figure, Figures, Kind};

use super::Board;

/// A camera's day.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Plan {
    /// Wakes by motion or timer.
    pub wakes: f64,
    /// Pictures in each wake; each is kept and sent.
    pub pictures: f64,
    /// The length of a picture, in bytes.
    pub picture_bytes: f64,
    /// Connections to the network.
    pub connections: f64,
    /// What the link carries, in bits a second.
    pub link_bits_s: f64,
    /// The battery's charge, in mAh.
    pub battery_mah: f64,
}

impl Default for Plan {
    /// A busy place with a weak link: a hundred pictures a day, sent every eight hours, from two cells of the size 18650.
    fn default() -> Self {
        Self {
            wakes: 100.0,
            pictures: 1.0,
            picture_bytes: 30_000.0,
            connections: 3.0,
            link_bits_s: 2_000_000.0,
            battery_mah: 6000.0,
        }
    }
}

/// What a part of the day costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How long it takes, in seconds a day.
    pub seconds: f64,
    /// What it draws, in mAh a day.
    pub mah: f64,
}

impl Share {
    fn of(acts: &[(f64, f64)]) -> Self {
        let seconds = acts.iter().map(|(seconds, _)| seconds).sum();
        let milliampere_seconds: f64 = acts.iter().map(|(seconds, ma)| seconds * ma).sum();
        Self { seconds, mah: milliampere_seconds / 3600.0 }
    }
}

/// A day, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Day {
    /// Waking, seeing, and keeping the picture in flash: what a camera without a network does too.
    pub capture: Share,
    /// The pictures' own bytes on the air: what any camera that sends its pictures does.
    pub delivery: Share,
    /// All else that the clouds cost: joining, TLS, signatures, events, reports, endpoint lists, waiting for "stored".
    pub cloud: Share,
    /// The rest of the day.
    pub sleep: Share,
}

impl Day {
    /// The charge of the whole day, in mAh.
    #[must_use]
    pub fn total_mah(&self) -> f64 {
        self.capture.mah + self.delivery.mah + self.cloud.mah + self.sleep.mah
    }

    /// The part of the day's charge that goes into cloud features, of 1.
    #[must_use]
    pub fn cloud_share(&self) -> f64 {
        self.cloud.mah / self.total_mah()
    }

    /// The part of the day's charge that goes into the network, the pictures' own bytes with it, of 1.
    #[must_use]
    pub fn network_share(&self) -> f64 {
        (self.cloud.mah + self.delivery.mah) / self.total_mah()
    }
}

/// The plan asks for more than a day has.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("such a day would keep the camera awake for {hours:.1} hours; a day has 24")]
pub struct TooLong {
    /// The hours awake.
    pub hours: f64,
}

/// What a day of this plan costs a board.
///
/// # Errors
/// When the camera would be awake for longer than a day.
pub fn day(figures: &Figures, plan: &Plan) -> Result<Day, TooLong> {
    const DAY_S: f64 = 86_400.0;
    const SECTOR: f64 = 4096.0;
    const PAGE: f64 = 256.0;
    let f = |figure: Figure| figure.value;
    let (cpu, listen) = (f(figures.cpu_ma), f(figures.listen_ma));
    let seeing = cpu + f(figures.camera_ma);
    let pictures = plan.wakes * plan.pictures;

    let kept_bytes = plan.picture_bytes * f(figures.programmed);
    let erasing = kept_bytes / SECTOR * f(figures.erase_s);
    let programming = kept_bytes / PAGE * f(figures.program_s);
    let capture = Share::of(&[
        (plan.wakes * f(figures.start_s), cpu),
        (plan.wakes * f(figures.settle_s), seeing),
        (pictures * f(figures.expose_s), seeing),
        (pictures * plan.picture_bytes / f(figures.read_bytes_s), seeing),
        (pictures * (erasing + programming), cpu + f(figures.flash_ma)),
    ]);

    // The chip's figures for the radio are of the whole chip with its processor idle; what the processor does comes on top.
    let idle = cpu / 2.0;
    let on_air = |bytes: f64| bytes * 8.0 / plan.link_bits_s;
    let sending = f(figures.send_ma) * f(figures.duty) + listen * (1.0 - f(figures.duty)) + idle;
    let delivery = Share::of(&[(on_air(pictures * plan.picture_bytes), sending)]);
    let around = pictures * f(figures.event_bytes) + plan.connections * f(figures.report_bytes);
    let cloud = Share::of(&[
        (plan.connections * f(figures.start_s), cpu),
        (plan.connections * f(figures.join_s), listen + idle),
        (plan.connections * f(figures.handshake_s), listen + idle),
        (plan.connections * f(figures.wait_s), listen),
        (pictures * f(figures.sign_s), listen + idle),
        (on_air(around), sending),
    ]);

    let awake = capture.seconds + delivery.seconds + cloud.seconds;
    if awake > DAY_S {
        return Err(TooLong { hours: awake / 3600.0 });
    }
    // The motion sensor and the supply draw all day; they are told with the sleep, of which there is most.
    let always = (f(figures.motion_ua) + f(figures.supply_ua)) / 1000.0;
    let mut sleep = Share::of(&[(DAY_S - awake, f(figures.chip_sleep_ua) / 1000.0)]);
    sleep.mah += DAY_S * always / 3600.0;
    Ok(Day { capture, delivery, cloud, sleep })
}

/// The boards that draw from a battery.
#[must_use]
pub fn boards() -> Vec<Board> {
    Board::ALL.into_iter().filter(|board| Figures::of(*board).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(board: Board, plan: &Plan) -> Day {
        day(&Figures::of(board).expect("a board with a battery"), plan).expect("a day that fits")
    }

    #[test]
    fn cloud_features_take_less_than_a_tenth_of_the_default_day() {
        for board in boards() {
            let day = of(board, &Plan::default());
            assert!(day.cloud_share() < 0.1, "{board}: {day:?}");
            assert!(day.cloud_share() > 0.01, "{board}: nothing is for nothing: {day:?}");
            let seconds: f64 = [day.capture, day.delivery, day.cloud, day.sleep].iter().map(|part| part.seconds).sum();
            assert!((seconds - 86_400.0).abs() < 1e-6, "{board}: a day has {seconds} s");
        }
        assert_eq!(boards().len(), 3);
    }

    #[test]
    fn a_day_without_anything_is_sleep() {
        let nothing = Plan { wakes: 0.0, connections: 0.0, ..Plan::default() };
        let day = of(Board::Esp32C3, &nothing);
        // 5 + 15 + 10 uA for 24 hours.
        assert!((day.total_mah() - 0.72).abs() < 1e-9, "{day:?}");
        assert!((day.cloud_share(), day.network_share()) == (0.0, 0.0));
    }

    #[test]
    fn charge_is_current_by_time() {
        // Ten connections without pictures: 0.5 s of start at 28 mA; 2.5 and 1.2 s at 84 + 14 mA; 0.8 s at 84 mA; 4000 bytes at
        // 2 Mbit/s, half of it sent.
        let plan = Plan { wakes: 0.0, connections: 10.0, ..Plan::default() };
        let one = 0.5 * 28.0 + 3.7 * 98.0 + 0.8 * 84.0 + 0.016 * (0.5 * 285.0 + 0.5 * 84.0 + 14.0);
        let day = of(Board::Esp32C3, &plan);
        assert!((day.cloud.mah - 10.0 * one / 3600.0).abs() < 1e-9, "{day:?}");
        assert!(day.capture.mah == 0.0 && day.delivery.mah == 0.0);
    }

    #[test]
    fn more_work_costs_more_and_too_much_is_refused() {
        let plan = Plan::default();
        let base = of(Board::Esp32C6, &plan);
        let often = of(Board::Esp32C6, &Plan { connections: 24.0, ..plan });
        assert!(often.cloud_share() > base.cloud_share() && often.capture == base.capture);
        let slow = of(Board::Esp32C6, &Plan { link_bits_s: 100_000.0, ..plan });
        assert!(slow.delivery.mah > 10.0 * base.delivery.mah);
        let figures = Figures::of(Board::Esp32C6).expect("a board with a battery");
        assert!(day(&figures, &Plan { wakes: 100_000.0, ..plan }).is_err());
    }

    #[test]
    fn every_figure_says_where_it_comes_from() {
        for board in boards() {
            let figures = Figures::of(board).expect("a board with a battery");
            for figure in figures.all() {
                assert!(figure.value > 0.0 && figure.from.len() > 10 && !figure.unit.is_empty(), "{figure:?}");
            }
            let mut names: Vec<&str> = figures.all().iter().map(|figure| figure.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), 22, "{board}");
        }
        assert_eq!(Figures::of(Board::QemuVirt), None);
    }
}
