//! Where each service answers, and for which region its requests are signed.

use std::collections::BTreeMap;

use url::Url;

use crate::cloud::{
    Lookup,
    control::{Failure, FailureKind},
};

/// One service, in the several spellings that are in use for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// In wildcam.toml, and in the names of calls: `s3`.
    pub(super) word: &'static str,
    /// Behind `AWS_ENDPOINT_URL_`.
    variable: &'static str,
    /// The first label of its host.
    host: &'static str,
    /// In signatures.
    pub(super) signing: &'static str,
    /// It has one address for a whole partition.
    global: bool,
}

const fn regional(word: &'static str, variable: &'static str, host: &'static str, signing: &'static str) -> Service {
    Service { word, variable, host, signing, global: false }
}

pub(super) const S3: Service = regional("s3", "S3", "s3", "s3");
pub(super) const EC2: Service = regional("ec2", "EC2", "ec2", "ec2");
pub(super) const STS: Service = regional("sts", "STS", "sts", "sts");
pub(super) const ECR: Service = regional("ecr", "ECR", "api.ecr", "ecr");
pub(super) const CLOUD_CONTROL: Service =
    regional("cloudcontrol", "CLOUDCONTROL", "cloudcontrolapi", "cloudcontrolapi");
pub(super) const QUOTAS: Service = regional("servicequotas", "SERVICE_QUOTAS", "servicequotas", "servicequotas");
pub(super) const IAM: Service = Service { global: true, ..regional("iam", "IAM", "iam", "iam") };
pub(super) const ROUTE53: Service = Service { global: true, ..regional("route53", "ROUTE_53", "route53", "route53") };

/// All services that are called.
const ALL: [Service; 8] = [S3, EC2, STS, ECR, CLOUD_CONTROL, QUOTAS, IAM, ROUTE53];

/// A family of regions under one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partition {
    /// As in ARNs.
    pub(super) name: &'static str,
    pub(super) domain: &'static str,
    /// Where requests to services without regions are signed for.
    pub(super) home: &'static str,
}

/// The partition of a region.
pub(super) fn partition(region: &str) -> Partition {
    if region.starts_with("cn-") {
        Partition { name: "aws-cn", domain: "amazonaws.com.cn", home: "cn-northwest-1" }
    } else if region.starts_with("us-gov-") {
        Partition { name: "aws-us-gov", domain: "amazonaws.com", home: "us-gov-west-1" }
    } else if region.starts_with("eusc-") {
        Partition { name: "aws-eusc", domain: "amazonaws.eu", home: "eusc-de-east-1" }
    } else {
        Partition { name: "aws", domain: "amazonaws.com", home: "us-east-1" }
    }
}

/// The addresses of all services.
#[derive(Clone, Debug)]
pub(super) struct Endpoints {
    single: BTreeMap<&'static str, Url>,
    all: Option<Url>,
}

impl Endpoints {
    /// The addresses of wildcam.toml, then those of the environment, as Amazon's own tools read them.
    pub(super) fn new(endpoint: Option<&Url>, endpoints: &BTreeMap<String, Url>, lookup: &Lookup) -> Self {
        let ignored = lookup("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|text| text == "true");
        let variable = |name: &str| lookup(name).filter(|_| !ignored).and_then(|text| text.parse::<Url>().ok());
        let one = |service: &Service| {
            let own = endpoints.get(service.word).cloned();
            let found = own.or_else(|| match endpoint {
                Some(_) => None,
                None => variable(&format!("AWS_ENDPOINT_URL_{}", service.variable)),
            });
            found.map(|url| (service.word, url))
        };
        Self {
            single: ALL.iter().filter_map(one).collect(),
            all: endpoint.cloned().or_else(|| variable("AWS_ENDPOINT_URL")),
        }
    }

    /// The address somebody set for a service, where somebody did.
    pub(super) fn set(&self, service: Service) -> Option<&Url> {
        self.single.get(service.word).or(self.all.as_ref())
    }

    /// The address of a service in a region, without a slash at its end, and the region to sign for.
    ///
    /// # Errors
    /// [`FailureKind::Invalid`] when the region could not be part of a host's name.
    pub(super) fn of(&self, service: Service, region: &str, home: &str) -> Result<(String, String), Failure> {
        let known = if region == "global" || service.global { home } else { region };
        let fits = !known.is_empty()
            && known.len() <= 40
            && known.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !fits {
            let message = format!("`{}` is no region", known.escape_debug());
            return Err(Failure::new(FailureKind::Invalid, service.word, message));
        }
        let partition = partition(known);
        let signed = if service.global || region == "global" { partition.home } else { known };
        let address = match self.set(service) {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None if service.global && partition.name == "aws-cn" && service == IAM => {
                format!("https://iam.{}.{}", partition.home, partition.domain)
            }
            None if service.global && partition.name == "aws-us-gov" => {
                format!("https://{}.us-gov.{}", service.host, partition.domain)
            }
            None if service.global => format!("https://{}.{}", service.host, partition.domain),
            None => format!("https://{}.{signed}.{}", service.host, partition.domain),
        };
        Ok((address, signed.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn lookup(pairs: &'static [(&'static str, &'static str)]) -> Lookup {
        Arc::new(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn public_addresses_follow_the_partition() {
        let endpoints = Endpoints::new(None, &BTreeMap::new(), &lookup(&[]));
        let of = |service, region: &str| endpoints.of(service, region, region).unwrap();
        let pair = |address: &str, region: &str| (address.to_owned(), region.to_owned());
        assert_eq!(
            of(CLOUD_CONTROL, "eu-central-1"),
            pair("https://cloudcontrolapi.eu-central-1.amazonaws.com", "eu-central-1")
        );
        assert_eq!(of(IAM, "eu-central-1"), pair("https://iam.amazonaws.com", "us-east-1"));
        assert_eq!(of(EC2, "cn-north-1"), pair("https://ec2.cn-north-1.amazonaws.com.cn", "cn-north-1"));
        let strange = endpoints.of(EC2, "evil.example/", "eu-central-1").unwrap_err();
        assert_eq!(strange.kind, FailureKind::Invalid);
    }

    #[test]
    fn the_file_wins_over_the_environment_and_one_service_over_all() {
        let env = lookup(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:2")]);
        let from_env = Endpoints::new(None, &BTreeMap::new(), &env);
        assert_eq!(from_env.set(S3).unwrap().port(), Some(2));
        assert_eq!(from_env.set(EC2).unwrap().port(), Some(1));
        let all = "http://127.0.0.1:3".parse().unwrap();
        let single = BTreeMap::from([("ec2".to_owned(), "http://127.0.0.1:4".parse().unwrap())]);
        let from_file = Endpoints::new(Some(&all), &single, &env);
        assert_eq!(from_file.set(S3).unwrap().port(), Some(3));
        assert_eq!(from_file.set(EC2).unwrap().port(), Some(4));
    }
}
