//! What a list or a stream of decisions is narrowed to.

use std::net::IpAddr;

use super::Admin;
use super::asked_image::AskedImage;
use super::error::AdminError;
use crate::trust::{Decision, DenialReason, EnvironmentName};

/// What of a question is held against each decision.
pub(super) struct AskedDecisions {
    pub(super) image: Option<AskedImage>,
    pub(super) reason: Option<DenialReason>,
    pub(super) principal: Option<String>,
    pub(super) client: Option<IpAddr>,
}

impl AskedDecisions {
    pub(super) fn is_met_by(&self, admin: &Admin, decision: &Decision) -> bool {
        let is_image = |wanted: &AskedImage| wanted.is(admin, decision);
        let client = decision.client.as_deref();
        let client = client.and_then(|it| it.parse::<IpAddr>().ok());
        let is_client = |wanted: IpAddr| client.is_some_and(|it| it.to_canonical() == wanted);
        self.image.as_ref().is_none_or(is_image)
            && self.client.is_none_or(is_client)
            && self.reason.is_none_or(|it| decision.reasons.contains(&it))
            && self
                .principal
                .as_deref()
                .is_none_or(|it| decision.principal == it)
    }
}

/// The address of a client, in whichever form it was written.
pub(super) fn address(text: &str) -> Result<IpAddr, AdminError> {
    let read = text.parse::<IpAddr>();
    read.map(|it| it.to_canonical()).map_err(|_| {
        AdminError::bad_request(format!("client {text:?} is no address"))
            .next("write an IPv4 or IPv6 address, without a port")
    })
}

pub(super) fn asked_image(
    admin: &Admin,
    text: Option<&str>,
    environment: Option<&EnvironmentName>,
) -> Result<Option<AskedImage>, AdminError> {
    let read = |text| AskedImage::read(admin, text, environment);
    text.map(read).transpose()
}
