//! Where a model will say what is in a picture.

use wildcam_core::wire::Text;

/// What a model saw.
pub(crate) struct Seen {
    /// Scientific name of what was recognised.
    pub(crate) species: Option<Text<64>>,
    /// How sure the model is, 0 to 1.
    pub(crate) confidence: Option<f32>,
    /// Which model it was; `none` when there is none.
    pub(crate) model: Text<48>,
}

/// Looks at the picture that the camera holds. There is no model in this firmware yet, and the event says so.
pub(crate) async fn look() -> Seen {
    Seen { species: None, confidence: None, model: wildcam_core::wire::clipped("none") }
}
