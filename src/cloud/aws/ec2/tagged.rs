//! What bears tags of its own: networks, subnets, gateways, route tables, security groups, endpoints.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Field, Is, describe, properties, rules, tags};
use crate::cloud::{
    aws::{
        call::{Form, Wire},
        endpoint::EC2,
        marks,
        native::{Native, done, done_unread, gone, only, text, top, unchangeable},
        xml::Element,
    },
    control::{Change, Failure, FailureKind, Listed, Live, Step, Wanted},
};

/// A type whose resources bear tags.
pub(in crate::cloud::aws) struct Tagged {
    kind: &'static str,
    /// The word in the names of calls: `CreateVpc`, `DescribeVpcs`.
    word: &'static str,
    plural: &'static str,
    /// As in tag specifications.
    resource: &'static str,
    /// The element of the list, and of one in the answer to a creation.
    set: &'static str,
    one: &'static str,
    /// The element of the id, the parameter that names one, and the property that repeats it.
    id: &'static str,
    id_parameter: &'static str,
    id_property: &'static str,
    /// What goes into the creation as it is.
    made_with: &'static [&'static str],
    /// What an answer tells.
    fields: &'static [Field],
    /// What is set by further calls.
    further: &'static [&'static str],
}

pub(in crate::cloud::aws) const VPC: Tagged = Tagged {
    kind: "AWS::EC2::VPC",
    word: "Vpc",
    plural: "Vpcs",
    resource: "vpc",
    set: "vpcSet",
    one: "vpc",
    id: "vpcId",
    id_parameter: "VpcId",
    id_property: "VpcId",
    made_with: &["CidrBlock", "InstanceTenancy"],
    fields: &[("CidrBlock", "cidrBlock", Is::Text), ("InstanceTenancy", "instanceTenancy", Is::Text)],
    further: &["EnableDnsSupport", "EnableDnsHostnames"],
};

pub(in crate::cloud::aws) const SUBNET: Tagged = Tagged {
    kind: "AWS::EC2::Subnet",
    word: "Subnet",
    plural: "Subnets",
    resource: "subnet",
    set: "subnetSet",
    one: "subnet",
    id: "subnetId",
    id_parameter: "SubnetId",
    id_property: "SubnetId",
    made_with: &["VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId"],
    fields: &[
        ("VpcId", "vpcId", Is::Text),
        ("CidrBlock", "cidrBlock", Is::Text),
        ("AvailabilityZone", "availabilityZone", Is::Text),
        ("AvailabilityZoneId", "availabilityZoneId", Is::Text),
        ("MapPublicIpOnLaunch", "mapPublicIpOnLaunch", Is::Truth),
    ],
    further: &["MapPublicIpOnLaunch"],
};

pub(in crate::cloud::aws) const INTERNET_GATEWAY: Tagged = Tagged {
    kind: "AWS::EC2::InternetGateway",
    word: "InternetGateway",
    plural: "InternetGateways",
    resource: "internet-gateway",
    set: "internetGatewaySet",
    one: "internetGateway",
    id: "internetGatewayId",
    id_parameter: "InternetGatewayId",
    id_property: "InternetGatewayId",
    made_with: &[],
    fields: &[],
    further: &[],
};

pub(in crate::cloud::aws) const ROUTE_TABLE: Tagged = Tagged {
    kind: "AWS::EC2::RouteTable",
    word: "RouteTable",
    plural: "RouteTables",
    resource: "route-table",
    set: "routeTableSet",
    one: "routeTable",
    id: "routeTableId",
    id_parameter: "RouteTableId",
    id_property: "RouteTableId",
    made_with: &["VpcId"],
    fields: &[("VpcId", "vpcId", Is::Text)],
    further: &[],
};

pub(in crate::cloud::aws) const SECURITY_GROUP: Tagged = Tagged {
    kind: "AWS::EC2::SecurityGroup",
    word: "SecurityGroup",
    plural: "SecurityGroups",
    resource: "security-group",
    set: "securityGroupInfo",
    one: "",
    id: "groupId",
    id_parameter: "GroupId",
    id_property: "GroupId",
    made_with: &["GroupDescription", "GroupName", "VpcId"],
    fields: &[
        ("GroupName", "groupName", Is::Text),
        ("GroupDescription", "groupDescription", Is::Text),
        ("VpcId", "vpcId", Is::Text),
    ],
    further: &[rules::INGRESS, rules::EGRESS],
};

pub(in crate::cloud::aws) const VPC_ENDPOINT: Tagged = Tagged {
    kind: "AWS::EC2::VPCEndpoint",
    word: "VpcEndpoint",
    plural: "VpcEndpoints",
    resource: "vpc-endpoint",
    set: "vpcEndpointSet",
    one: "vpcEndpoint",
    id: "vpcEndpointId",
    id_parameter: "VpcEndpointId",
    id_property: "Id",
    made_with: &["VpcId", "ServiceName", "VpcEndpointType", "PrivateDnsEnabled"],
    fields: &[
        ("VpcId", "vpcId", Is::Text),
        ("ServiceName", "serviceName", Is::Text),
        ("VpcEndpointType", "vpcEndpointType", Is::Text),
        ("PrivateDnsEnabled", "privateDnsEnabled", Is::Truth),
    ],
    further: &["RouteTableIds", "SubnetIds", "SecurityGroupIds", "PolicyDocument"],
};

/// The lists of an endpoint: the property, the parameter of a creation, what a change calls one, and where an answer
/// has them.
const ENDPOINT_LISTS: [(&str, &str, &str, &str); 3] = [
    ("RouteTableIds", "RouteTableId", "RouteTableId", "routeTableIdSet"),
    ("SubnetIds", "SubnetId", "SubnetId", "subnetIdSet"),
    ("SecurityGroupIds", "SecurityGroupId", "SecurityGroupId", "groupSet"),
];

/// How many networks a region holds, for the check of the quota.
pub(in crate::cloud::aws) async fn count_vpcs(wire: &Wire, region: &str) -> Result<usize, Failure> {
    Ok(describe(wire, region, "DescribeVpcs", "vpcSet", Form::new()).await?.len())
}

impl Tagged {
    fn describe_action(&self) -> String {
        format!("Describe{}", self.plural)
    }

    /// One resource from its element, without what only further calls tell.
    fn live(&self, region: &str, element: &Element) -> Live {
        let id = element.text_at(self.id).unwrap_or_default().to_owned();
        let mut properties = properties(element, self.fields);
        properties.insert(self.id_property.to_owned(), Value::from(id.as_str()));
        if self.resource == "security-group" {
            properties.insert("Id".to_owned(), Value::from(id.as_str()));
            rules::read(element, &id, &mut properties);
        }
        if self.resource == "vpc-endpoint" {
            read_endpoint(element, &mut properties);
        }
        let owner = marks::apply(&mut properties, "Tags", tags(element));
        let (kind, region) = (self.kind.to_owned(), region.to_owned());
        Live { id, kind, region, properties: Value::Object(properties), owner, etag: None }
    }

    /// With what only further calls tell.
    async fn whole(&self, wire: &Wire, region: &str, element: &Element) -> Result<Live, Failure> {
        let mut live = self.live(region, element);
        if self.resource == "vpc" {
            for (property, attribute, path) in [
                ("EnableDnsSupport", "enableDnsSupport", "enableDnsSupport/value"),
                ("EnableDnsHostnames", "enableDnsHostnames", "enableDnsHostnames/value"),
            ] {
                let form = Form::new().with("VpcId", live.id.as_str()).with("Attribute", attribute);
                let root = wire.query(EC2, region, "DescribeVpcAttribute", &form).await?;
                if let Some(text) = root.text_at(path) {
                    live.properties[property] = Value::from(text == "true");
                }
            }
        }
        Ok(live)
    }

    fn known(&self, wanted: &Wanted) -> Result<(), Failure> {
        let known: Vec<&str> = self.made_with.iter().chain(self.further).copied().chain(["Tags"]).collect();
        only(self.kind, &wanted.properties, &known)
    }

    /// Sets what the creation could not.
    async fn further(&self, wire: &Wire, id: &str, live: &Value, wanted: &Wanted) -> Result<(), Failure> {
        let (properties, region) = (&wanted.properties, wanted.region.as_str());
        let differs = |name: &str| properties.get(name).is_some_and(|want| live.get(name) != Some(want));
        match self.resource {
            "vpc" | "subnet" => {
                for name in self.further.iter().filter(|name| differs(name)) {
                    let form = Form::new()
                        .with(self.id_parameter, id)
                        .with_some(&format!("{name}.Value"), properties.get(*name));
                    wire.query(EC2, region, &format!("Modify{}Attribute", self.word), &form).await?;
                }
                Ok(())
            }
            "security-group" => rules::settle(wire, region, id, live, properties).await,
            "vpc-endpoint" => change_endpoint(wire, region, id, live, properties).await,
            _ => Ok(()),
        }
    }

    async fn find(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Element>, Failure> {
        let region = wanted.region.as_str();
        let filter = |form: Form, index: usize, name: &str, value: &str| {
            form.with(format!("Filter.{index}.Name"), name).with(format!("Filter.{index}.Value.1"), value)
        };
        let form = if self.resource == "security-group" && !text(&wanted.properties, "GroupName").is_empty() {
            let form = filter(Form::new(), 1, "group-name", text(&wanted.properties, "GroupName"));
            match text(&wanted.properties, "VpcId") {
                "" => form,
                network => filter(form, 2, "vpc-id", network),
            }
        } else {
            let marks = marks::of(&wanted.owner);
            marks
                .iter()
                .enumerate()
                .fold(Form::new(), |form, (index, (key, value))| filter(form, index + 1, &format!("tag:{key}"), value))
        };
        let found = describe(wire, region, &self.describe_action(), self.set, form).await?;
        let standing = |element: &Element| {
            !matches!(element.text_at("state"), Some("deleting" | "deleted" | "failed" | "rejected" | "expired"))
        };
        Ok(found.into_iter().find(standing))
    }
}

#[async_trait]
impl Native for Tagged {
    async fn list(&self, wire: &Wire, region: &str) -> Result<Vec<Listed>, Failure> {
        let all = describe(wire, region, &self.describe_action(), self.set, Form::new()).await?;
        let whole = self.resource != "vpc";
        let one = |element: &Element| {
            let live = self.live(region, element);
            Listed { id: live.id.clone(), live: whole.then_some(live) }
        };
        Ok(all.iter().map(one).collect())
    }

    async fn read(&self, wire: &Wire, region: &str, id: &str) -> Result<Live, Failure> {
        let form = Form::new().with(format!("{}.1", self.id_parameter), id);
        let action = self.describe_action();
        let found = describe(wire, region, &action, self.set, form).await?;
        let is_it = |element: &&Element| {
            element.text_at(self.id) == Some(id) && !matches!(element.text_at("state"), Some("deleting" | "deleted"))
        };
        match found.iter().find(is_it) {
            Some(element) => self.whole(wire, region, element).await,
            None => Err(Failure::new(FailureKind::NotFound, format!("ec2:{action}"), format!("there is no {id}"))),
        }
    }

    async fn locate(&self, wire: &Wire, wanted: &Wanted) -> Result<Option<Live>, Failure> {
        match self.find(wire, wanted).await? {
            Some(element) => self.whole(wire, &wanted.region, &element).await.map(Some),
            None => Ok(None),
        }
    }

    async fn create(&self, wire: &Wire, wanted: &Wanted, token: &str) -> Result<Step, Failure> {
        self.known(wanted)?;
        let properties = &wanted.properties;
        let mut form =
            self.made_with.iter().fold(Form::new(), |form, name| form.with_some(name, properties.get(*name)));
        form = form.with("TagSpecification.1.ResourceType", self.resource);
        for (index, (key, value)) in marks::wanted(wanted, "Tags").iter().enumerate() {
            let tag = format!("TagSpecification.1.Tag.{}", index + 1);
            form = form.with(format!("{tag}.Key"), key.as_str()).with(format!("{tag}.Value"), value.as_str());
        }
        if matches!(self.resource, "route-table" | "vpc-endpoint") {
            form = form.with("ClientToken", token);
        }
        if self.resource == "vpc-endpoint" {
            for (property, parameter, ..) in ENDPOINT_LISTS {
                form = numbered(form, parameter, &strings(properties.get(property)));
            }
            form = form.with_some("PolicyDocument", policy(properties).as_ref());
        }
        let root = wire.query(EC2, &wanted.region, &format!("Create{}", self.word), &form).await?;
        let made = if self.one.is_empty() { Some(&root) } else { root.child(self.one) };
        let id = made.and_then(|made| made.text_at(self.id)).unwrap_or_default().to_owned();
        if id.is_empty() {
            let call = format!("ec2:Create{}", self.word);
            return Err(Failure::new(FailureKind::Unreachable, call, "the answer names nothing that was made"));
        }
        match self.resource {
            "internet-gateway" | "route-table" => Ok(made.map_or_else(
                || done_unread(id.as_str()),
                |made| done(Live { owner: Some(wanted.owner.clone()), ..self.live(&wanted.region, made) }),
            )),
            "vpc-endpoint" => Ok(done_unread(id)),
            _ => {
                // A new group lets everything out; the template's own rules take that away.
                let fresh = match self.resource {
                    "security-group" => rules::fresh(),
                    "vpc" => json!({ "EnableDnsSupport": true, "EnableDnsHostnames": false }),
                    _ => json!({ "MapPublicIpOnLaunch": false }),
                };
                self.further(wire, &id, &fresh, wanted).await?;
                Ok(done_unread(id))
            }
        }
    }

    async fn update(&self, wire: &Wire, live: &Live, wanted: &Wanted, changes: &[Change]) -> Result<Step, Failure> {
        self.known(wanted)?;
        let changeable = |change: &&Change| self.further.contains(&top(change)) || top(change) == "Tags";
        if let Some(change) = changes.iter().find(|change| !changeable(change) && top(change) != "PrivateDnsEnabled") {
            return Err(unchangeable(self.kind, change));
        }
        if let Some((set, gone)) = marks::difference(live, wanted, "Tags") {
            tag(wire, &wanted.region, &live.id, &set, &gone).await?;
        }
        self.further(wire, &live.id, &live.properties, wanted).await?;
        Ok(done_unread(live.id.as_str()))
    }

    async fn delete(&self, wire: &Wire, live: &Live, _: bool) -> Result<Step, Failure> {
        let (action, parameter) = match self.resource {
            "vpc-endpoint" => ("DeleteVpcEndpoints".to_owned(), "VpcEndpointId.1".to_owned()),
            _ => (format!("Delete{}", self.word), self.id_parameter.to_owned()),
        };
        let root = wire.query(EC2, &live.region, &action, &Form::new().with(parameter, live.id.as_str())).await?;
        // This one call answers 200 and says inside what it could not do.
        if let Some(error) = root.at("unsuccessful/item/error") {
            let (code, message) =
                (error.text_at("code").unwrap_or_default(), error.text_at("message").unwrap_or_default());
            return Err(crate::cloud::aws::failure::from_code(&format!("ec2:{action}"), code, message, 400));
        }
        Ok(gone())
    }
}

async fn tag(wire: &Wire, region: &str, id: &str, set: &[(String, String)], gone: &[String]) -> Result<(), Failure> {
    if !set.is_empty() {
        let form = set.iter().enumerate().fold(Form::new().with("ResourceId.1", id), |form, (index, (key, value))| {
            form.with(format!("Tag.{}.Key", index + 1), key.as_str())
                .with(format!("Tag.{}.Value", index + 1), value.as_str())
        });
        wire.query(EC2, region, "CreateTags", &form).await?;
    }
    if !gone.is_empty() {
        let form = gone.iter().enumerate().fold(Form::new().with("ResourceId.1", id), |form, (index, key)| {
            form.with(format!("Tag.{}.Key", index + 1), key.as_str())
        });
        wire.query(EC2, region, "DeleteTags", &form).await?;
    }
    Ok(())
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn numbered(form: Form, parameter: &str, values: &[String]) -> Form {
    values
        .iter()
        .enumerate()
        .fold(form, |form, (index, value)| form.with(format!("{parameter}.{}", index + 1), value.as_str()))
}

/// The policy of an endpoint as the text that the call takes.
fn policy(properties: &Value) -> Option<Value> {
    match properties.get("PolicyDocument")? {
        Value::String(text) => Some(Value::String(text.clone())),
        document => Some(Value::String(document.to_string())),
    }
}

fn read_endpoint(element: &Element, properties: &mut Map<String, Value>) {
    for (property, .., set) in ENDPOINT_LISTS {
        let one = |item: &Element| item.text_at("groupId").unwrap_or(&item.text).to_owned();
        let values: Vec<String> = element.items(set, "item").map(one).collect();
        if !values.is_empty() {
            properties.insert(property.to_owned(), Value::from(values));
        }
    }
    if let Some(document) = element.text_at("policyDocument").and_then(|text| serde_json::from_str::<Value>(text).ok())
    {
        properties.insert("PolicyDocument".to_owned(), document);
    }
}

async fn change_endpoint(wire: &Wire, region: &str, id: &str, live: &Value, wanted: &Value) -> Result<(), Failure> {
    let mut form = Form::new().with("VpcEndpointId", id);
    let mut differs = false;
    for (property, _, name, _) in ENDPOINT_LISTS {
        if wanted.get(property).is_none() {
            continue;
        }
        let set = |value: &Value| strings(value.get(property)).into_iter().collect::<BTreeSet<_>>();
        let (have, want) = (set(live), set(wanted));
        let add: Vec<String> = want.difference(&have).cloned().collect();
        let remove: Vec<String> = have.difference(&want).cloned().collect();
        differs |= !add.is_empty() || !remove.is_empty();
        form = numbered(form, &format!("Add{name}"), &add);
        form = numbered(form, &format!("Remove{name}"), &remove);
    }
    for name in ["PrivateDnsEnabled", "PolicyDocument"] {
        if wanted.get(name).is_some_and(|want| live.get(name) != Some(want)) {
            differs = true;
            let value = if name == "PolicyDocument" { policy(wanted) } else { wanted.get(name).cloned() };
            form = form.with_some(name, value.as_ref());
        }
    }
    if differs {
        wire.query(EC2, region, "ModifyVpcEndpoint", &form).await?;
    }
    Ok(())
}
