//! What hangs between two others and bears no tags: attachments, routes, associations.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::describe;
use crate::cloud::{
    aws::{
        call::{Form, Wire},
        endpoint::EC2,
        native::{Native, done, done_unread, gone, only, required, text, top, unchangeable},
        xml::Element,
    },
    control::{Change, Failure, FailureKind, Listed, Live, Step, Wanted},
};

fn live(kind: &str, region: &str, id: String, properties: Value) -> Live {
    Live { id, kind: kind.to_owned(), region: region.to_owned(), properties, owner: None, etag: None }
}

fn missing(kind: &str, id: &str) -> Failure {
    Failure::new(FailureKind::NotFound, kind, format!("there is no {id}"))
}

fn listed(live: Live) -> Listed {
    Listed { id: live.id.clone(), live: Some(live) }
}

/// An internet gateway at a network; its id is `IGW|vpc-...`.
pub(in crate::cloud::aws) struct GatewayAttachment;

const ATTACHMENT: &str = "AWS::EC2::VPCGatewayAttachment";

impl GatewayAttachment {
    async fn all(wire: &Wire, region: &str, form: Form) -> Result<Vec<Live>, Failure> {
        let gateways = describe(wire, region, "DescribeInternetGateways", "internetGatewaySet", form).await?;
        let mut all = Vec::new();
        for gateway in &gateways {
            let id = gateway.text_at("internetGatewayId").unwrap_or_default();
            for attachment in gateway.items("attachmentSet", "item") {
                let Some(network) = attachment.text_at("vpcId") else { continue };
                let properties = json!({ "VpcId": network, "InternetGatewayId": id, "AttachmentType": "IGW" });
                all.push(live(ATTACHMENT, region, format!("IGW|{network}"), properties));
            }
        }
        Ok(all)
    }

    async fn at(wire: &Wire, region: &str, network: &str) -> Result<Option<Live>, Failure> {
        let form = Form::new().with("Filter.1.Name", "attachment.vpc-id").with("Filter.1.Value.1", network);
        Ok(Self::all(wire, region, form).await?.into_iter().find(|live| text(&live.properties, "VpcId") == network))
    }
}

#[async_trait]
impl Native for GatewayAttachment {
    async fn list(&self, wire: &Wire, region: &str) -> Result<Vec<Listed>, Failure> {
        Ok(Self::all(wire, region, Form::new()).await?.into_iter().map(listed).collect())
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let network = id.strip_prefix("IGW|").unwrap_or(id);
        Self::at(wire, region, network).await?.ok_or_else(|| missing(ATTACHMENT, id))
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        Self::at(wire, &wanted.region, required(ATTACHMENT, &wanted.properties, "VpcId")?).await
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        only(ATTACHMENT, &wanted.properties, &["VpcId", "InternetGatewayId"])?;
        let network = required(ATTACHMENT, &wanted.properties, "VpcId")?;
        let gateway = required(ATTACHMENT, &wanted.properties, "InternetGatewayId")?;
        let form = Form::new().with("VpcId", network).with("InternetGatewayId", gateway);
        wire.query(EC2, &wanted.region, "AttachInternetGateway", &form).await?;
        let properties = json!({ "VpcId": network, "InternetGatewayId": gateway, "AttachmentType": "IGW" });
        Ok(done(live(ATTACHMENT, &wanted.region, format!("IGW|{network}"), properties)))
    }

    async fn update(&self, wire: &Wire, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        // A network has one gateway at most: the old one goes first.
        if let Some(change) = changes.iter().find(|change| top(change) != "InternetGatewayId") {
            return Err(unchangeable(ATTACHMENT, change));
        }
        self.delete(wire, live, false).await?;
        self.create(wire, wanted, "").await
    }

    async fn delete(&self, wire: &Wire, live: &Live, _: bool) -> Result<Step, Failure> {
        let form = Form::new()
            .with("VpcId", text(&live.properties, "VpcId"))
            .with("InternetGatewayId", text(&live.properties, "InternetGatewayId"));
        wire.query(EC2, &live.region, "DetachInternetGateway", &form).await?;
        Ok(gone())
    }
}

/// A route; its id is `rtb-...|0.0.0.0/0`.
pub(in crate::cloud::aws) struct Route;

const ROUTE: &str = "AWS::EC2::Route";

/// Where a route may lead: the property and the element.
const TARGETS: [(&str, &str); 6] = [
    ("GatewayId", "gatewayId"),
    ("NatGatewayId", "natGatewayId"),
    ("InstanceId", "instanceId"),
    ("NetworkInterfaceId", "networkInterfaceId"),
    ("TransitGatewayId", "transitGatewayId"),
    ("VpcPeeringConnectionId", "vpcPeeringConnectionId"),
];

/// What a route is for: the property and the element.
const DESTINATIONS: [(&str, &str); 3] = [
    ("DestinationCidrBlock", "destinationCidrBlock"),
    ("DestinationIpv6CidrBlock", "destinationIpv6CidrBlock"),
    ("DestinationPrefixListId", "destinationPrefixListId"),
];

impl Route {
    fn of_table(region: &str, table: &Element) -> Vec<Live> {
        let id = table.text_at("routeTableId").unwrap_or_default();
        let mut all = Vec::new();
        for route in table.items("routeSet", "item") {
            let destination = DESTINATIONS.iter().find_map(|(name, path)| Some((*name, route.text_at(path)?)));
            let Some((name, destination)) = destination else { continue };
            // The table's own routes (local, and those of gateway endpoints) are nobody's to manage.
            if route.text_at("origin").is_some_and(|origin| origin != "CreateRoute")
                || route.text_at("gatewayId") == Some("local")
            {
                continue;
            }
            let mut properties = json!({ "RouteTableId": id, "CidrBlock": destination });
            properties[name] = Value::from(destination);
            for (name, path) in TARGETS {
                if let Some(text) = route.text_at(path) {
                    properties[name] = Value::from(text);
                }
            }
            all.push(live(ROUTE, region, format!("{id}|{destination}"), properties));
        }
        all
    }

    async fn at(wire: &Wire, region: &str, table: &str, id: &str) -> Result<Option<Live>, Failure> {
        let form = Form::new().with("RouteTableId.1", table);
        let tables = match describe(wire, region, "DescribeRouteTables", "routeTableSet", form).await {
            Err(failure) if failure.kind == FailureKind::NotFound => return Ok(None),
            other => other?,
        };
        Ok(tables.iter().flat_map(|table| Self::of_table(region, table)).find(|live| live.id == id))
    }

    fn destination(properties: &Value) -> Result<(&'static str, &str), Failure> {
        let found = DESTINATIONS.iter().find_map(|(name, _)| Some((*name, properties.get(*name)?.as_str()?)));
        found.ok_or_else(|| Failure::new(FailureKind::Invalid, ROUTE, "a route needs a destination"))
    }

    fn form(wanted: &Wanted) -> Result<(Form, String), Failure> {
        let known: Vec<&str> =
            DESTINATIONS.iter().chain(&TARGETS).map(|(name, _)| *name).chain(["RouteTableId"]).collect();
        only(ROUTE, &wanted.properties, &known)?;
        let table = required(ROUTE, &wanted.properties, "RouteTableId")?;
        let (_, destination) = Self::destination(&wanted.properties)?;
        let form = known.iter().fold(Form::new(), |form, name| form.with_some(name, wanted.properties.get(*name)));
        Ok((form, format!("{table}|{destination}")))
    }
}

#[async_trait]
impl Native for Route {
    async fn list(&self, wire: &Wire, region: &str) -> Result<Vec<Listed>, Failure> {
        let tables = describe(wire, region, "DescribeRouteTables", "routeTableSet", Form::new()).await?;
        Ok(tables.iter().flat_map(|table| Self::of_table(region, table)).map(listed).collect())
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let (table, _) = id.split_once('|').ok_or_else(|| missing(ROUTE, id))?;
        Self::at(wire, region, table, id).await?.ok_or_else(|| missing(ROUTE, id))
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        let table = required(ROUTE, &wanted.properties, "RouteTableId")?;
        let (_, destination) = Self::destination(&wanted.properties)?;
        Self::at(wire, &wanted.region, table, &format!("{table}|{destination}")).await
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        let (form, id) = Self::form(wanted)?;
        wire.query(EC2, &wanted.region, "CreateRoute", &form).await?;
        Ok(done_unread(id))
    }

    async fn update(&self, wire: &Wire, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        if let Some(change) = changes.iter().find(|change| !TARGETS.iter().any(|(name, _)| *name == top(change))) {
            return Err(unchangeable(ROUTE, change));
        }
        let (form, _) = Self::form(wanted)?;
        wire.query(EC2, &wanted.region, "ReplaceRoute", &form).await?;
        Ok(done_unread(live.id.as_str()))
    }

    async fn delete(&self, wire: &Wire, live: &Live, _: bool) -> Result<Step, Failure> {
        let (name, destination) = Self::destination(&live.properties)?;
        let table = required(ROUTE, &live.properties, "RouteTableId")?;
        let form = Form::new().with("RouteTableId", table).with(name, destination);
        wire.query(EC2, &live.region, "DeleteRoute", &form).await?;
        Ok(gone())
    }
}

/// A subnet's route table; its id is `rtbassoc-...`.
pub(in crate::cloud::aws) struct Association;

const ASSOCIATION: &str = "AWS::EC2::SubnetRouteTableAssociation";

impl Association {
    async fn all(wire: &Wire, region: &str, filter: Option<(&str, &str)>) -> Result<Vec<Live>, Failure> {
        let form = match filter {
            Some((name, value)) => Form::new().with("Filter.1.Name", name).with("Filter.1.Value.1", value),
            None => Form::new(),
        };
        let tables = describe(wire, region, "DescribeRouteTables", "routeTableSet", form).await?;
        let mut all = Vec::new();
        for table in &tables {
            for item in table.items("associationSet", "item") {
                let (Some(id), Some(subnet)) = (item.text_at("routeTableAssociationId"), item.text_at("subnetId"))
                else {
                    continue;
                };
                let table = item.text_at("routeTableId").or(table.text_at("routeTableId")).unwrap_or_default();
                let properties = json!({ "Id": id, "SubnetId": subnet, "RouteTableId": table });
                all.push(live(ASSOCIATION, region, id.to_owned(), properties));
            }
        }
        Ok(all)
    }
}

#[async_trait]
impl Native for Association {
    async fn list(&self, wire: &Wire, region: &str) -> Result<Vec<Listed>, Failure> {
        Ok(Self::all(wire, region, None).await?.into_iter().map(listed).collect())
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let all = Self::all(wire, region, Some(("association.route-table-association-id", id))).await?;
        all.into_iter().find(|live| live.id == id).ok_or_else(|| missing(ASSOCIATION, id))
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        // A subnet has one table at most, whichever it is.
        let subnet = required(ASSOCIATION, &wanted.properties, "SubnetId")?;
        let all = Self::all(wire, &wanted.region, Some(("association.subnet-id", subnet))).await?;
        Ok(all.into_iter().find(|live| text(&live.properties, "SubnetId") == subnet))
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, _: &str) -> Result<Step, Failure> {
        only(ASSOCIATION, &wanted.properties, &["SubnetId", "RouteTableId"])?;
        let subnet = required(ASSOCIATION, &wanted.properties, "SubnetId")?;
        let table = required(ASSOCIATION, &wanted.properties, "RouteTableId")?;
        let form = Form::new().with("SubnetId", subnet).with("RouteTableId", table);
        let root = wire.query(EC2, &wanted.region, "AssociateRouteTable", &form).await?;
        let id = root.text_at("associationId").unwrap_or_default();
        let properties = json!({ "Id": id, "SubnetId": subnet, "RouteTableId": table });
        Ok(done(live(ASSOCIATION, &wanted.region, id.to_owned(), properties)))
    }

    async fn update(&self, _: &Wire, live: &Live, _: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        match changes.first() {
            Some(change) => Err(unchangeable(ASSOCIATION, change)),
            None => Ok(done_unread(live.id.as_str())),
        }
    }

    async fn delete(&self, wire: &Wire, live: &Live, _: bool) -> Result<Step, Failure> {
        let form = Form::new().with("AssociationId", live.id.as_str());
        wire.query(EC2, &live.region, "DisassociateRouteTable", &form).await?;
        Ok(gone())
    }
}
