//! Asks for blobs: everywhere and in every way at once, so that whoever comes while another
//! is served is judged by itself.

use futures_util::future::join_all;
use sekisho::demo::SampleContent;

use super::doors::{Answer, ENTRANCES, Pulled};
use super::gateways::{Checked, Gateways};
use super::site::{PLACES, Place};
use super::step::Trouble;

/// A part of a blob, none of which is as short.
const PART: (&str, std::ops::Range<usize>) = ("bytes=1-2", 1..3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Head,
    Whole,
    Part,
}

/// A question about a blob: of which replica, where, and how.
#[derive(Clone, Copy, Debug)]
struct Ask {
    at: usize,
    entrance: usize,
    place: Place,
    way: Way,
}

impl Gateways {
    /// Each blob. Why one is denied may be told in several true ways. That of an image
    /// which nobody named yet is denied: so permitted ones have to be served only where all
    /// images were asked for before.
    pub(super) async fn ask_blobs(&self, is_after_images: bool) -> Checked {
        for (name, blob) in self.site.blobs() {
            let before: Vec<_> = (0..self.replicas.len()).map(|at| self.now(at)).collect();
            let asks = self.asks();
            let asked = asks.iter().map(|ask| self.ask_blob(*ask, blob));
            let pulled = join_all(asked).await;
            for (ask, pulled) in asks.into_iter().zip(pulled) {
                let what = format!("{name}: {ask:?} {:?}", ENTRANCES[ask.entrance]);
                self.hold(ask.at, before[ask.at], &what, |now| {
                    let at = (ask.place, &blob.digest);
                    let entrance = ENTRANCES[ask.entrance];
                    let permitted = self.reference.permits_blob(&self.site, entrance, at, now);
                    match (&pulled.answer, is_after_images) {
                        (Answer::Denied(_), false) => Ok(()),
                        _ => self.compare_blob(ask.way, &pulled, (blob, permitted)),
                    }
                })?;
            }
        }
        Ok(())
    }

    /// While the upstream is in trouble a whole blob may take long.
    fn asks(&self) -> Vec<Ask> {
        let ways: &[Way] = match self.trouble {
            Trouble::None => &[Way::Head, Way::Whole, Way::Part],
            _ => &[Way::Head],
        };
        let mut asks = Vec::new();
        for at in 0..self.replicas.len() {
            for (entrance, place) in (0..ENTRANCES.len()).flat_map(|it| [(it, 0), (it, 1)]) {
                let of = |way: &Way| Ask {
                    at,
                    entrance,
                    place,
                    way: *way,
                };
                asks.extend(ways.iter().map(of));
            }
        }
        asks
    }

    async fn ask_blob(&self, ask: Ask, blob: &SampleContent) -> Pulled {
        let path = format!("/v2/{}/blobs/{}", PLACES[ask.place], blob.digest);
        let (method, range) = match ask.way {
            Way::Head => ("HEAD", None),
            Way::Whole => ("GET", None),
            Way::Part => ("GET", Some(PART.0)),
        };
        self.pull_part(ask.at, ask.entrance, (method, &path), range)
            .await
    }

    fn compare_blob(
        &self,
        way: Way,
        pulled: &Pulled,
        (blob, permitted): (&SampleContent, bool),
    ) -> Checked {
        let bytes: &[u8] = match way {
            Way::Head => &[],
            Way::Whole => &blob.bytes[..],
            Way::Part => &blob.bytes[PART.1],
        };
        let is_right = match &pulled.answer {
            Answer::Allowed(_) => permitted && pulled.body == bytes,
            Answer::Denied(_) => !permitted,
            Answer::Neither(_) => self.trouble != Trouble::None,
        };
        let difference = || format!("{:?}, permitted {permitted}", pulled.answer);
        is_right.then_some(()).ok_or_else(difference)
    }
}
