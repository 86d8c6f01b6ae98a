//! What a command needs to ask the admin API: where it is, and what lies beside it. All
//! else in the file may be broken.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use url::Url;

use super::diagnostics::{Diagnostics, Problem, Problems};
use super::loading::{ADMIN_TOKEN, AUTHORITY, readable_text, user_data};
use super::section::Section;
use super::{address, listeners};

/// How a configuration's own admin API is asked from its machine.
#[derive(Clone, Debug)]
pub struct AdminAccess {
    /// The public host name where the certificate comes from files, else the address,
    /// which the program's own certificate contains.
    pub url: Url,
    /// Where people reach it too, under its certificate.
    public_url: Option<Url>,
    /// `None`: it is not known.
    data_dir: Option<PathBuf>,
    /// Whether the certificate is of the program's own authority.
    pub is_auto: bool,
    /// Why not all of the file could be read: its syntax is broken there.
    pub broken: Option<Problem>,
}

/// What `admin.tls` says, as far as a client asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AdminTls {
    Absent,
    Auto,
    Files,
}

impl AdminAccess {
    /// Reads `data_dir` and `[admin]` of `file`, or the defaults. Where the syntax is
    /// broken, what can be read of it. No file that it names is opened.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or names no address.
    pub fn load(
        file: Option<&Path>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Problems> {
        let (text, broken) = readable_text(file)?;
        let diagnostics = Diagnostics::without_files(file, &text);
        let Some(mut root) = Section::root(&diagnostics) else {
            return Err(Problems { problems: broken });
        };
        let data_dir = root.path("data_dir").or_else(|| {
            let default = user_data(env);
            default.filter(|_| !root.has("data_dir"))
        });
        let _ = diagnostics.take_problems();
        let access = read(&mut root);
        let problems = diagnostics.take_problems();
        let own = Self {
            data_dir,
            broken: broken.into_iter().next(),
            ..access.ok_or(Problems { problems })?
        };
        Ok(own)
    }

    /// Whether `server` is the API that the configuration makes.
    pub fn is_at(&self, server: &Url) -> bool {
        let named = self.public_url.as_ref();
        let named = named.is_some_and(|url| url.origin() == server.origin());
        named || self.url.origin() == server.origin()
    }

    /// Where the first `serve` writes the first token.
    pub fn token_file(&self) -> Option<PathBuf> {
        self.data_dir.as_ref().map(|data| data.join(ADMIN_TOKEN))
    }

    /// Where the program keeps its own authority.
    pub fn authority_dir(&self) -> Option<PathBuf> {
        self.data_dir.as_ref().map(|data| data.join(AUTHORITY))
    }
}

/// `None`: a problem is noted.
fn read(root: &mut Section<'_, '_>) -> Option<AdminAccess> {
    let mut section = match root.optional_section("admin") {
        None if root.has("admin") => return None,
        section => section.unwrap_or_else(|| root.absent("admin")),
    };
    let written = address::address(&mut section);
    let address = match section.has("address") {
        true => written?,
        false => listeners::DEFAULT_ADMIN_ADDRESS,
    };
    let tls = match (section.says("tls", "auto"), section.holds("tls")) {
        (true, _) => AdminTls::Auto,
        (false, true) => AdminTls::Files,
        (false, false) => AdminTls::Absent,
    };
    let public_url = listeners::public_url(&mut section);
    if section.has("public_url") && tls == AdminTls::Files {
        public_url.as_ref()?;
    }
    let own = own_url(address, tls);
    let url = match tls {
        AdminTls::Files => public_url.clone().or(own),
        AdminTls::Absent | AdminTls::Auto => own,
    };
    Some(AdminAccess {
        url: url?,
        public_url: public_url.filter(|_| tls != AdminTls::Absent),
        data_dir: None,
        is_auto: tls == AdminTls::Auto,
        broken: None,
    })
}

/// Of an address as one asks it from the same machine.
fn own_url(mut address: SocketAddr, tls: AdminTls) -> Option<Url> {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    let scheme = match tls {
        AdminTls::Absent => "http",
        AdminTls::Auto | AdminTls::Files => "https",
    };
    Url::parse(&format!("{scheme}://{address}")).ok()
}
