//! Wi-Fi as a station.

use embassy_time::{Duration, with_timeout};
use esp_hal::peripherals::WIFI;
use esp_radio::wifi::{
    AuthenticationMethodConfig, Config, ConnectionError, ControllerConfig, CountryInfo, WifiController, WifiError,
    sta::{ScanMethod, StationConfig},
};
use wildcam_core::identity::Wifi;

use crate::board::Radio;

/// How long an attempt that was given up may take to end.
const GIVE_UP: Duration = Duration::from_secs(1);

/// Sending power in quarters of a dBm: 15 dBm. The driver's own default of 5 does not reach through a wood; boards with
/// weak antennas have been reported to fail beyond 16.
const POWER: i8 = 60;

/// Why there is no network.
#[derive(Debug)]
pub(crate) enum RadioError {
    /// The identity names no network.
    NoNetwork,
    /// The name or the passphrase of the network is too long.
    Name,
    /// The driver failed.
    Driver(#[expect(dead_code, reason = "it is read through Debug, in the log")] WifiError),
    /// The network was not joined.
    Join(#[expect(dead_code, reason = "it is read through Debug, in the log")] ConnectionError),
}

/// The radio. Its driver is there between [`Radio::join`] and [`Radio::off`], and takes its memory from the heap then.
pub(crate) struct Station {
    wifi: WIFI<'static>,
    controller: Option<WifiController<'static>>,
}

impl Station {
    /// The radio, switched off.
    pub(crate) fn new(wifi: WIFI<'static>) -> Self {
        Self { wifi, controller: None }
    }
}

fn settings(wifi: Wifi<'_>) -> Result<Config, RadioError> {
    let authentication = if wifi.passphrase.is_empty() {
        AuthenticationMethodConfig::Open
    } else {
        AuthenticationMethodConfig::Wpa2Personal(wifi.passphrase.try_into().map_err(|_| RadioError::Name)?)
    };
    Ok(Config::Station(
        StationConfig::default()
            .with_ssid(wifi.ssid.try_into().map_err(|_| RadioError::Name)?)
            .with_authentication(authentication)
            // The strongest of several access points with the name, not the first.
            .with_scan_method(ScanMethod::AllChannels),
    ))
}

impl Radio for Station {
    type Error = RadioError;

    async fn join(&mut self, wifi: Option<Wifi<'_>>) -> Result<(), RadioError> {
        let config = settings(wifi.ok_or(RadioError::NoNetwork)?)?;
        if let Some(controller) = &mut self.controller {
            if controller.is_connected() {
                return Ok(());
            }
            // A join that was dropped goes on in the driver; a new one is refused until it ended.
            let _ = with_timeout(GIVE_UP, controller.disconnect_async()).await;
            controller.set_config(&config).map_err(RadioError::Driver)?;
        } else {
            // SAFETY: there is one controller at a time: this one lives in `self`, and is dropped before the next.
            let wifi = unsafe { self.wifi.clone_unchecked() };
            let init =
                ControllerConfig::default().with_country_info(CountryInfo::from(*b"01")).with_initial_config(config);
            let mut controller = WifiController::new(wifi, init).map_err(RadioError::Driver)?;
            controller.set_max_tx_power(POWER).map_err(RadioError::Driver)?;
            self.controller = Some(controller);
        }
        let controller = self.controller.as_mut().ok_or(RadioError::NoNetwork)?;
        controller.connect_async().await.map(|_| ()).map_err(RadioError::Join)
    }

    async fn off(&mut self) {
        if let Some(mut controller) = self.controller.take() {
            let _ = with_timeout(GIVE_UP, controller.disconnect_async()).await;
        }
    }
}
