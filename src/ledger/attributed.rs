//! Who asked for a write, and from where: for the record of the act.

/// What the record says of an act beside the act itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActOrigin {
    /// Who, where the write does not say it by itself; `None`: the program.
    pub principal: Option<String>,
    /// Address that it was asked from; `None`: on the machine itself.
    pub client: Option<String>,
    /// The image, as it was named.
    pub image: Option<String>,
}

impl ActOrigin {
    /// With a name of the image, where none was given.
    pub(super) fn or_image(mut self, image: String) -> Self {
        self.image.get_or_insert(image);
        self
    }

    /// A write that was asked for from here.
    pub fn of<T>(self, what: T) -> Attributed<T> {
        Attributed { what, origin: self }
    }
}

/// A write, with who asked for it. One that stands alone was asked for by the program.
#[derive(Clone, Debug)]
pub struct Attributed<T> {
    pub(super) what: T,
    pub(super) origin: ActOrigin,
}

impl<T> From<T> for Attributed<T> {
    fn from(what: T) -> Self {
        ActOrigin::default().of(what)
    }
}
