use std::{net::IpAddr, str::FromStr};

use hickory_proto::{
    ProtoError,
    op::ResponseCode,
    rr::{
        LowerName, Name, RData, Record, RecordType,
        rdata::{NS, SOA, SRV, TXT},
    },
};

use super::routes::{Endpoint, Routes};
use crate::clock::Random;

/// The zone of the lab. `.test` is reserved for this (RFC 6761).
pub(super) const ZONE: &str = "wildcam.test.";

/// The names of the zone that do not depend on the routes.
#[derive(Debug)]
pub(super) struct Zone {
    origin: Name,
    nameserver: Name,
    mailbox: Name,
    public: Name,
    service: Name,
    protocol: Name,
}

/// An answer before it is put into a message.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) code: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) answers: Vec<Record>,
    pub(super) authority: Vec<Record>,
    pub(super) additionals: Vec<Record>,
}

impl Answer {
    fn failed(code: ResponseCode) -> Self {
        Self { code, ..Self::default() }
    }
}

/// The name of the service record of the public name (RFC 2782).
pub(super) fn service_name() -> Result<Name, ProtoError> {
    Name::from_str(&format!("_wildcam._tcp.api.{ZONE}"))
}

impl Zone {
    pub(super) fn new() -> Result<Self, ProtoError> {
        let below = |labels: &str| Name::from_str(&format!("{labels}.{ZONE}"));
        Ok(Self {
            origin: Name::from_str(ZONE)?,
            nameserver: below("ns")?,
            mailbox: below("hostmaster")?,
            public: below("api")?,
            service: service_name()?,
            protocol: below("_tcp.api")?,
        })
    }

    /// Answers one question of class IN. `changes` counts the tables so far, for the serial of the zone.
    pub(super) fn answer(
        &self,
        name: &LowerName,
        kind: RecordType,
        routes: &Routes,
        changes: u32,
        random: &Random,
    ) -> Answer {
        let name = Name::from(name);
        if !self.origin.zone_of(&name) || matches!(kind, RecordType::AXFR | RecordType::IXFR) {
            return Answer::failed(ResponseCode::Refused);
        }
        let soa = || self.soa(routes, changes);
        let mut answer = Answer { authoritative: true, ..Answer::default() };
        let mut exists = true;
        if name == self.origin {
            answer.answers.push(soa());
            answer.answers.push(self.record(&self.origin, routes, RData::NS(NS(self.nameserver.clone()))));
        } else if name == self.nameserver {
            answer.answers.push(self.record(&name, routes, address(IpAddr::from([127, 0, 0, 1]))));
        } else if name == self.public {
            match self.public(kind, routes, random) {
                Some(records) => answer.answers = records,
                None => return Answer::failed(ResponseCode::ServFail),
            }
        } else if name == self.service {
            match self.service(kind, routes) {
                Some((records, additionals)) => (answer.answers, answer.additionals) = (records, additionals),
                None => return Answer::failed(ResponseCode::ServFail),
            }
        } else if let Some((endpoint, target)) = self.clouds(routes).find(|(_, target)| *target == name) {
            answer.answers.push(self.record(&target, routes, address(endpoint.address)));
        } else {
            // A name with names below it exists, though it has no record (RFC 8020).
            exists = name == self.protocol;
        }
        // To ANY, one set of records is answer enough (RFC 8482, 4.1).
        let wanted = match (kind, answer.answers.first()) {
            (RecordType::ANY, Some(first)) => first.record_type(),
            _ => kind,
        };
        answer.answers.retain(|record| record.record_type() == wanted);
        if answer.answers.is_empty() {
            answer.additionals.clear();
            answer.authority.push(soa());
            answer.code = if exists { ResponseCode::NoError } else { ResponseCode::NXDomain };
        }
        answer
    }

    /// The public name: one address by weight, and who is behind it. None when there is nobody to name.
    fn public(&self, kind: RecordType, routes: &Routes, random: &Random) -> Option<Vec<Record>> {
        let answerable = routes.answerable();
        let mut records = Vec::new();
        if matches!(kind, RecordType::A | RecordType::AAAA | RecordType::ANY) {
            if answerable.is_empty() {
                return None;
            }
            let wanted = |ipv4: bool| kind == RecordType::ANY || (kind == RecordType::A) == ipv4;
            for ipv4 in [true, false].into_iter().filter(|ipv4| wanted(*ipv4)) {
                let picked = routes.pick(ipv4, random);
                records.extend(picked.map(|endpoint| self.record(&self.public, routes, address(endpoint.address))));
            }
        }
        let mut lines = vec![format!("epoch={}", routes.epoch), format!("seq={}", routes.seq)];
        lines.extend(answerable.iter().map(|endpoint| format!("cloud={}", endpoint.cloud)));
        records.push(self.record(&self.public, routes, RData::TXT(TXT::new(lines))));
        Some(records)
    }

    /// The service records, and the addresses of their targets. None when there is nobody to name.
    fn service(&self, kind: RecordType, routes: &Routes) -> Option<(Vec<Record>, Vec<Record>)> {
        if !matches!(kind, RecordType::SRV | RecordType::ANY) {
            return Some(Default::default());
        }
        let answerable = routes.answerable();
        let chosen = self.clouds(routes).filter(|(endpoint, _)| answerable.contains(endpoint));
        let (records, additionals): (Vec<_>, Vec<_>) = chosen
            .map(|(endpoint, target)| {
                let service = SRV::new(0, endpoint.weight, endpoint.port, target.clone());
                (
                    self.record(&self.service, routes, RData::SRV(service)),
                    self.record(&target, routes, address(endpoint.address)),
                )
            })
            .unzip();
        (!records.is_empty()).then_some((records, additionals))
    }

    /// Every cloud with its own name; the names were checked with the table.
    fn clouds<'a>(&'a self, routes: &'a Routes) -> impl Iterator<Item = (&'a Endpoint, Name)> {
        routes.endpoints.iter().filter_map(|endpoint| {
            self.origin.prepend_label(endpoint.cloud.as_str()).ok().map(|target| (endpoint, target))
        })
    }

    fn record(&self, name: &Name, routes: &Routes, data: RData) -> Record {
        Record::from_rdata(name.clone(), routes.ttl, data)
    }

    fn soa(&self, routes: &Routes, changes: u32) -> Record {
        // The last number limits how long "no such name" may be kept (RFC 2308).
        let data = SOA::new(self.nameserver.clone(), self.mailbox.clone(), changes, 3600, 600, 86_400, routes.ttl);
        self.record(&self.origin, routes, RData::SOA(data))
    }
}

fn address(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(address) => RData::A(address.into()),
        IpAddr::V6(address) => RData::AAAA(address.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::routes::tests::routes, *};

    fn ask(name: &str, kind: RecordType, table: &Routes) -> Answer {
        let name = LowerName::from(Name::from_str(name).unwrap());
        Zone::new().unwrap().answer(&name, kind, table, 3, &Random::seeded(1))
    }

    #[test]
    fn service_records_name_the_healthy_with_weight_port_and_address() {
        let table = routes((4, 2), &[("a", 30, true), ("b", 10, false), ("c", 10, true)]);
        let answer = ask("_wildcam._tcp.api.wildcam.test.", RecordType::SRV, &table);
        let found: Vec<_> = answer
            .answers
            .iter()
            .map(|record| match &record.data {
                RData::SRV(service) => (service.weight, service.port, service.target.to_ascii()),
                other => panic!("{other}"),
            })
            .collect();
        let expected = [(30, 8442, "a.wildcam.test.".to_owned()), (10, 8444, "c.wildcam.test.".to_owned())];
        assert_eq!(found, expected);
        assert_eq!(answer.additionals.len(), 2);
        assert!(answer.authoritative && answer.answers.iter().all(|record| record.ttl == 2));
    }

    #[test]
    fn the_text_record_tells_the_epoch_even_when_nobody_is_healthy() {
        let table = routes((4, 2), &[("a", 30, false)]);
        let answer = ask("api.wildcam.test.", RecordType::TXT, &table);
        assert_eq!(answer.code, ResponseCode::NoError);
        assert_eq!(answer.answers[0].data.to_string().matches("epoch=4").count(), 1);
    }

    #[test]
    fn nobody_healthy_is_a_failure_that_resolvers_do_not_keep() {
        for table in [routes((4, 2), &[("a", 30, false)]), Routes::default()] {
            assert_eq!(ask("api.wildcam.test.", RecordType::A, &table).code, ResponseCode::ServFail);
            let service = ask("_wildcam._tcp.api.wildcam.test.", RecordType::SRV, &table);
            assert_eq!(service.code, ResponseCode::ServFail);
        }
    }

    #[test]
    fn absence_is_told_apart_and_comes_with_the_soa() {
        let table = routes((1, 1), &[("a", 1, true)]);
        for (name, kind, code) in [
            ("x.wildcam.test.", RecordType::A, ResponseCode::NXDomain),
            ("x.api.wildcam.test.", RecordType::A, ResponseCode::NXDomain),
            ("api.wildcam.test.", RecordType::AAAA, ResponseCode::NoError),
            ("api.wildcam.test.", RecordType::MX, ResponseCode::NoError),
            ("_tcp.api.wildcam.test.", RecordType::SRV, ResponseCode::NoError),
        ] {
            let answer = ask(name, kind, &table);
            assert_eq!((answer.code, answer.answers.len()), (code, 0), "{name} {kind}");
            assert_eq!(answer.authority[0].record_type(), RecordType::SOA);
        }
        assert_eq!(ask("example.org.", RecordType::A, &table).code, ResponseCode::Refused);
        assert_eq!(ask("wildcam.test.", RecordType::AXFR, &table).code, ResponseCode::Refused);
        assert_eq!(ask("wildcam.test.", RecordType::SOA, &table).answers.len(), 1);
        assert_eq!(ask("A.Wildcam.Test.", RecordType::A, &table).answers.len(), 1);
        assert_eq!(ask("api.wildcam.test.", RecordType::ANY, &table).answers.len(), 1);
    }
}
