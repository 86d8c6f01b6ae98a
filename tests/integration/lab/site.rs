//! The situation that most tests begin with: a development and a production
//! registry behind one gateway, nothing scanned, nothing promoted.

use super::{Gateway, Image, Missing, Origin, Setup};

#[derive(Debug)]
pub struct Site {
    pub development: Origin,
    pub production: Origin,
    pub gateway: Gateway,
}

impl Site {
    pub fn open() -> Result<Self, Missing> {
        Self::open_with(|setup| setup)
    }

    pub fn open_with(change: impl FnOnce(Setup) -> Setup) -> Result<Self, Missing> {
        let (development, production) = (Origin::start()?, Origin::start()?);
        let setup = Setup::new()
            .upstream("development", development.address(), development.address())
            .upstream("production", production.address(), production.address());
        let gateway = Gateway::start(&change(setup));
        Ok(Self {
            development,
            production,
            gateway,
        })
    }

    /// An image of the development registry.
    pub fn image(&self, repository: &str) -> Image {
        self.development.image(repository, "1")
    }

    /// The name by which a client reaches it at the gateway.
    pub fn at_gateway(&self, image: &Image) -> String {
        format!("{}/development/{}", self.gateway.address(), image.by_tag())
    }

    /// The name by which people and commands know it.
    pub fn upstream_name(&self, image: &Image) -> String {
        format!("{}/{}", self.development.address(), image.by_digest())
    }

    pub fn scan(&self, image: &Image) {
        self.gateway.scan(self.development.address(), image);
    }

    pub fn promote(&self, image: &Image) {
        self.gateway.promote(self.development.address(), image);
    }

    /// Scanned with nothing found, then promoted to production.
    pub fn admit(&self, image: &Image) {
        self.gateway.admit(self.development.address(), image);
    }
}
