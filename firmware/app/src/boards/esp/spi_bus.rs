//! The SPI bus that camera and card share.

use core::cell::RefCell;

use embedded_hal_bus::spi::{NoDelay, RefCellDevice};
use esp_hal::{
    Blocking,
    gpio::{AnyPin, Level, Output, OutputConfig},
    peripherals::SPI2,
    spi::{
        Mode,
        master::{Config, Spi},
    },
    time::Rate,
};
use static_cell::StaticCell;

/// The bus itself. Each transaction borrows it for itself, and everything is in one thread.
pub(super) type Bus = Spi<'static, Blocking>;

/// One of those that share the bus.
pub(super) type Device = RefCellDevice<'static, Bus, Output<'static>, NoDelay>;

/// The bus, at 8 MHz in mode 0, which is both camera's and card's.
#[derive(Clone, Copy)]
pub(crate) struct SharedBus(&'static RefCell<Bus>);

/// The pins of the bus.
pub(crate) struct BusWires {
    /// The clock.
    pub(crate) clock: AnyPin<'static>,
    /// To camera and card.
    pub(crate) out: AnyPin<'static>,
    /// From camera and card.
    pub(crate) back: AnyPin<'static>,
}

/// The usual clock.
const FULL: Rate = Rate::from_mhz(8);
/// The clock at which a card is to be set up (SD Physical Layer Simplified Specification 9.00, section 6.6.6).
const SLOW: Rate = Rate::from_khz(400);

fn config(rate: Rate) -> Config {
    Config::default().with_frequency(rate).with_mode(Mode::_0)
}

impl SharedBus {
    /// The bus on these pins; to be called once.
    pub(crate) fn new(spi: SPI2<'static>, wires: BusWires) -> Self {
        static BUS: StaticCell<RefCell<Bus>> = StaticCell::new();
        let spi = Spi::new(spi, config(FULL)).expect("8 MHz is a rate of the SPI");
        let spi = spi.with_sck(wires.clock).with_mosi(wires.out).with_miso(wires.back);
        Self(BUS.init(RefCell::new(spi)))
    }

    /// A pin that selects one of those on the bus, and does not yet.
    pub(super) fn select(pin: AnyPin<'static>) -> Output<'static> {
        Output::new(pin, Level::High, OutputConfig::default())
    }

    /// The one on the bus that this pin selects.
    pub(super) fn device(self, select: AnyPin<'static>) -> Device {
        self.selected_by(Self::select(select))
    }

    /// The one on the bus that this output selects.
    pub(super) fn selected_by(self, select: Output<'static>) -> Device {
        match Device::new_no_delay(self.0, select) {
            Ok(device) => device,
            Err(never) => match never {},
        }
    }

    /// Does something at the clock at which cards are set up.
    pub(super) fn slowly<R>(self, act: impl FnOnce(&RefCell<Bus>) -> R) -> R {
        self.set(SLOW);
        let result = act(self.0);
        self.set(FULL);
        result
    }

    fn set(self, rate: Rate) {
        self.0.borrow_mut().apply_config(&config(rate)).expect("both are rates of the SPI");
    }
}
