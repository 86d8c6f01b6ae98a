//! Which snapshot the agent of a node asks for.

use std::time::Duration;

/// Which snapshot is asked for. Answered with a snapshot or a delta: where nothing is newer
/// than `since` after `wait` with one that leads to the same, issued later. With 304 where this
/// replica has not come as far as `since` yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSnapshotQuery {
    pub environment: String,
    /// The number that is held; `None`: none is.
    pub since: Option<u64>,
    /// The [mark](crate::node_snapshot::NodeSnapshot::mark) of what is held: what a number says
    /// changes without a new one when the policy does, or when break-glass ends by itself.
    pub mark: Option<String>,
    /// How long to wait for something newer; [`Self::MAX_WAIT`] at most.
    pub wait: Duration,
}

impl NodeSnapshotQuery {
    /// The longest that an agent waits for news.
    pub const MAX_WAIT: Duration = Duration::from_secs(20);

    /// As it travels, by key.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let wait = self.wait.as_secs();
        let pairs = [
            ("environment", Some(self.environment.clone())),
            ("since", self.since.map(|it| it.to_string())),
            ("mark", self.mark.clone()),
            ("wait", (wait > 0).then(|| wait.to_string())),
        ];
        let set = pairs.into_iter();
        set.filter_map(|(key, value)| Some((key, value?)))
    }

    /// Reads what [`Self::pairs`] said.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn read<K, V>(pairs: impl Iterator<Item = (K, V)>) -> Result<Self, &'static str>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut read = Self::default();
        for (key, value) in pairs {
            let value: String = value.into();
            match key.as_ref() {
                "environment" => read.environment = value,
                "since" => read.since = Some(number(&value)?),
                "mark" => read.mark = Some(value),
                "wait" => read.wait = Duration::from_secs(number(&value)?).min(Self::MAX_WAIT),
                _ => return Err("the query has an unknown key"),
            }
        }
        match read.environment.is_empty() {
            true => Err("the environment is missing"),
            false => Ok(read),
        }
    }
}

fn number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "since and wait are whole numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<NodeSnapshotQuery, &'static str> {
        NodeSnapshotQuery::read(query.split('&').filter_map(|pair| pair.split_once('=')))
    }

    #[test]
    fn what_is_asked_is_read_as_it_was_meant() {
        let first = NodeSnapshotQuery {
            environment: "production".to_owned(),
            ..NodeSnapshotQuery::default()
        };
        let next = NodeSnapshotQuery {
            since: Some(7),
            mark: Some("sha256:0".to_owned()),
            wait: NodeSnapshotQuery::MAX_WAIT,
            ..first.clone()
        };
        for asked in [first, next] {
            assert_eq!(NodeSnapshotQuery::read(asked.pairs()), Ok(asked));
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let longest = read("environment=a&wait=86400").unwrap().wait;
        assert_eq!(longest, NodeSnapshotQuery::MAX_WAIT);
        for bad in ["wait=-1", "wait=x", "since=-7", "since=", "node=1"] {
            assert!(read(&format!("environment=a&{bad}")).is_err(), "{bad}");
        }
        assert!(read("since=7").is_err());
    }
}
