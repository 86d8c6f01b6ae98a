//! Who may speak to a cluster: its users' tokens, its certificate, the key of its
//! service accounts, and the kubeconfigs that name them.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::KeyPair;

use crate::lab::Authority;

/// A user known by a static token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Of `system:masters`: may do everything.
    Admin,
    /// In no group: may do what the test binds it to.
    Developer,
    /// The kubelet of `node1`.
    Node,
}

impl User {
    const ALL: [Self; 3] = [Self::Admin, Self::Developer, Self::Node];

    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Developer => "developer",
            Self::Node => "system:node:node1",
        }
    }

    fn token(self) -> String {
        format!("{}-token", self.name().replace(':', "-"))
    }

    /// A line of the token file.
    fn line(self) -> String {
        let groups = match self {
            Self::Admin => ",system:masters",
            Self::Developer => "",
            Self::Node => ",system:nodes",
        };
        let name = self.name();
        format!("{},{name},{name}{groups}\n", self.token())
    }
}

#[derive(Debug)]
pub struct Identities {
    folder: PathBuf,
    authority: Authority,
    /// Certificate and key of the API server.
    pub server: (PathBuf, PathBuf),
}

impl Identities {
    /// Writes `tokens.csv`, `service-accounts.key` and `.pub` into the folder.
    pub fn create(folder: &Path) -> Self {
        let tokens: String = User::ALL.into_iter().map(User::line).collect();
        let key = KeyPair::generate().unwrap();
        for (name, text) in [
            ("tokens.csv", tokens),
            ("service-accounts.key", key.serialize_pem()),
            ("service-accounts.pub", key.public_key_pem()),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        let authority = Authority::create();
        Self {
            folder: folder.to_owned(),
            server: authority.leaf("127.0.0.1"),
            authority,
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder with the API server's certificate and the one that signed it.
    pub fn certificates(&self) -> PathBuf {
        self.authority().parent().unwrap().to_owned()
    }

    /// The certificate that signed the API server's.
    pub fn authority(&self) -> PathBuf {
        self.authority.certificate()
    }

    pub fn kubeconfig(&self, address: &str, user: User) -> PathBuf {
        self.kubeconfig_of(address, user.name(), &user.token())
    }

    /// A kubeconfig for whomever this token names, in a file of that name.
    pub fn kubeconfig_of(&self, address: &str, name: &str, token: &str) -> PathBuf {
        let authority = self.authority();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
             clusters: [{{name: lab, cluster: {{server: \"https://{address}\", certificate-authority: \"{}\"}}}}]\n\
             users: [{{name: \"{name}\", user: {{token: \"{token}\"}}}}]\n\
             contexts: [{{name: lab, context: {{cluster: lab, user: \"{name}\"}}}}]\n",
            authority.display()
        );
        let file = self.file(&format!("{}.kubeconfig", name.replace(':', "-")));
        fs::write(&file, text).unwrap();
        file
    }
}
