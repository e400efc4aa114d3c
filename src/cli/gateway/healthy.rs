//! `wildcam gateway healthy`.

use std::{net::SocketAddr, time::Duration};

use serde::Serialize;

use super::plain_address;
use crate::{
    cli::{CommandError, CommandResult, Context, Kind},
    net::client,
    project::Project,
    ui::JsonLine,
};

/// Below the limits that container engines give a health check.
const LONGEST: Duration = Duration::from_secs(5);

/// The arguments of `wildcam gateway healthy`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The address and port to ask instead of this machine's gateway.listen, or PORT
    #[arg(long, value_name = "ADDRESS")]
    at: Option<SocketAddr>,
}

#[derive(Serialize)]
struct Health {
    status: u16,
}

impl JsonLine for Health {
    const REASON: &'static str = "gateway-health";
}

/// Asks over plain HTTP: a gateway that speaks TLS itself is asked from outside, by its name.
pub(super) async fn run(arguments: &Arguments, project: &Project, context: &Context) -> CommandResult {
    let mut address = match arguments.at {
        Some(address) => address,
        None => plain_address(project)?,
    };
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    let failed = |message: String| CommandError::new(Kind::Failed, message);
    let http =
        client::http(None).map_err(|error| failed("the HTTP client cannot be set up".to_owned()).because(error))?;
    let request = http.get(format!("http://{address}/api/health")).timeout(LONGEST).send();
    let status = match request.await {
        Ok(response) => response.status().as_u16(),
        Err(error) => return Err(failed(format!("no gateway answers at {address}")).because(error.without_url())),
    };
    context.ui.json(&Health { status });
    match status {
        200 => {
            context.ui.result("the gateway can take detections");
            Ok(())
        }
        503 => Err(failed("the gateway cannot take detections: too few stores answer".to_owned())),
        other => Err(failed(format!("{address} answered {other}, which no gateway does"))),
    }
}
