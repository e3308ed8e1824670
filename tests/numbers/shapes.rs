//! Compute-optimal sizes on published isoFLOP runs, beside the authors' own numbers.

use crate::table_projects::read;
use mixlaw::fit::isoflop::isoflops;

/// Llama 3 (arXiv:2407.21783, section 3.2.1): N_opt by parabolas through the runs of each budget, D* ∝ C^0.53, and at
/// 3.8e25 FLOPs a model of 402B parameters and 16.55T tokens.
#[test]
fn parabolas_give_the_exponents_and_the_model_of_llama_3() {
    let Some((_, observed)) = read("llama3.yaml") else { return };
    let found = isoflops(&observed.fitted[0], &[3.8e25], 0);
    let [(groups, curve)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(groups.groups.len(), 10, "budgets from 6e18 to 1e22");
    let tokens = curve.tokens_exponent.expect("an exponent");
    assert!((tokens.value - 0.53).abs() < 0.02 && tokens.range.contains(0.53), "{tokens:?}");
    let far = curve.at.last().expect("the budget asked for");
    assert!(far.params.range.contains(402e9) && far.tokens.range.contains(16.55e12), "{far:?}");
    assert!((far.params.value / 402e9 - 1.0).abs() < 0.05 && !far.covered, "{far:?}");
}
