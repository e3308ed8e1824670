//! Layers that are state spaces: Mamba (Gu & Dao 2023, arXiv:2312.00752) and Mamba-2 (Dao & Gu 2024, arXiv:2405.21060),
//! whose settings have other names in every family.

use super::families::one;
use super::keys::Keys;

/// Names of the settings of a Mamba layer.
pub struct Mamba {
    /// Width of it; so many times the model's where this has no name, or is not said.
    inner: Option<&'static str>,
    expand: &'static str,
    state: &'static str,
    kernel: &'static str,
    rank: &'static str,
    conv_bias: &'static str,
    bias: &'static str,
    /// Whether steps and both projections of the state have norms.
    norms: bool,
}

/// Of Mamba itself.
pub const MAMBA: Mamba = Mamba {
    inner: Some("intermediate_size"),
    expand: "expand",
    state: "state_size",
    kernel: "conv_kernel",
    rank: "time_step_rank",
    conv_bias: "use_conv_bias",
    bias: "use_bias",
    norms: false,
};
/// Of Jamba.
pub const JAMBA: Mamba = Mamba {
    inner: None,
    expand: "mamba_expand",
    state: "mamba_d_state",
    kernel: "mamba_d_conv",
    rank: "mamba_dt_rank",
    conv_bias: "mamba_conv_bias",
    bias: "mamba_proj_bias",
    norms: true,
};

/// Parameters of a Mamba layer in a model of width `d`.
#[must_use]
pub fn mamba(keys: &Keys<'_>, d: f64, names: &Mamba) -> Option<f64> {
    let or = |name: &str, default: f64| keys.number(&[name]).unwrap_or(default);
    let (state, kernel) = (or(names.state, 16.0), or(names.kernel, 4.0));
    let inner = names.inner.and_then(|name| keys.number(&[name])).unwrap_or_else(|| or(names.expand, 2.0) * d);
    let rank = or(names.rank, (d / 16.0).ceil());
    let biases = one(keys.flag(names.conv_bias, true)) * inner + one(keys.flag(names.bias, false)) * (2.0 * inner + d);
    let norms = one(names.norms) * (rank + 2.0 * state);
    let steps = inner * (rank + 2.0 * state) + rank * inner + inner;
    Some(3.0 * d * inner + inner * kernel + steps + inner * (state + 1.0) + biases + norms)
}

/// Names of the settings of a Mamba-2 layer.
pub struct Mamba2 {
    /// Width of it: this, or so many times the model's.
    inner: Option<&'static str>,
    expand: &'static str,
    heads: &'static str,
    groups: &'static str,
    state: &'static str,
    kernel: &'static str,
    conv_bias: &'static str,
    in_bias: &'static str,
    out_bias: &'static str,
    /// The norm behind it can be switched on.
    norm: Option<&'static str>,
}

/// Of Mamba-2 itself.
pub const MAMBA2: Mamba2 = Mamba2 {
    inner: None,
    expand: "expand",
    heads: "num_heads",
    groups: "n_groups",
    state: "state_size",
    kernel: "conv_kernel",
    conv_bias: "use_conv_bias",
    in_bias: "use_bias",
    out_bias: "use_bias",
    norm: None,
};
/// Of Bamba and Granite.
pub const BAMBA: Mamba2 = Mamba2 {
    inner: None,
    expand: "mamba_expand",
    heads: "mamba_n_heads",
    groups: "mamba_n_groups",
    state: "mamba_d_state",
    kernel: "mamba_d_conv",
    conv_bias: "mamba_conv_bias",
    in_bias: "mamba_proj_bias",
    out_bias: "mamba_proj_bias",
    norm: None,
};
/// Of Falcon-H1.
pub const FALCON_H1: Mamba2 =
    Mamba2 { inner: Some("mamba_d_ssm"), out_bias: "projectors_bias", norm: Some("mamba_rms_norm"), ..BAMBA };
/// Of Nemotron-H.
pub const NEMOTRON_H: Mamba2 =
    Mamba2 { inner: Some("mamba_head_dim"), heads: "mamba_num_heads", state: "ssm_state_size", ..MAMBA2 };
/// Of Zamba2.
pub const ZAMBA2: Mamba2 = Mamba2 {
    heads: "n_mamba_heads",
    groups: "mamba_ngroups",
    in_bias: "add_bias_linear",
    out_bias: "add_bias_linear",
    ..BAMBA
};

/// Parameters of a Mamba-2 layer in a model of width `d`; `None` where a size is missing.
#[must_use]
pub fn mamba2(keys: &Keys<'_>, d: f64, names: &Mamba2) -> Option<f64> {
    let need = |name: &str| keys.number(&[name]);
    let or = |name: &str, default: f64| need(name).unwrap_or(default);
    let heads = need(names.heads)?;
    let inner = match names.inner {
        Some("mamba_head_dim") => heads * need("mamba_head_dim")?,
        Some(name) => need(name).or_else(|| Some(need(names.expand)? * d))?,
        None => or(names.expand, 2.0) * d,
    };
    let conv = inner + 2.0 * or(names.groups, 1.0) * need(names.state)?;
    let into = inner + conv + heads;
    let biases = one(keys.flag(names.conv_bias, true)) * conv
        + one(keys.flag(names.in_bias, false)) * into
        + one(keys.flag(names.out_bias, false)) * d;
    let norm = one(names.norm.is_none_or(|name| keys.flag(name, false))) * inner;
    Some(d * (into + inner) + conv * or(names.kernel, 4.0) + 3.0 * heads + norm + biases)
}
