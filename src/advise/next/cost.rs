//! What a run costs: FLOPs, or the GPU-hours and money that the project's budget says they take.

use crate::project::Budget;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{Abstention, CostUnit};

/// Units of cost for one FLOP, and what is taken for that, as a sentence.
///
/// # Errors
/// What the budget lacks.
pub(super) fn of_a_flop(unit: CostUnit, budget: Option<&Budget>) -> Result<(f64, Option<String>), Abstention> {
    if unit == CostUnit::Flops {
        return Ok((1.0, None));
    }
    let open = Budget::default();
    let budget = budget.unwrap_or(&open);
    let need = |value: Option<f64>, key: &str, example: &str| {
        let unknown = format!("What a run costs in {} is not known without `budget.{key}`.", unit.name());
        let help = format!("Write it in the project file: budget: {{ {key}: {example} }}");
        value.ok_or_else(|| Abstention { reasons: vec![unknown], would_help: vec![help], nothing_to_mix: None })
    };
    let peak = need(budget.peak_flops, "peak_flops", "989T")?;
    let mfu = need(budget.mfu, "mfu", "0.4")?;
    let flops = 3600.0 * peak * mfu;
    let hour = format!(
        "A GPU-hour is taken as 3600 s × {} FLOP/s × MFU {mfu} = {} FLOPs",
        show_amount(peak),
        significant(flops, 3)
    );
    match unit {
        CostUnit::Money => {
            let price = need(budget.price, "price", "2.5")?;
            Ok((price / flops, Some(format!("{hour}, for {price}."))))
        }
        _ => Ok((1.0 / flops, Some(format!("{hour}.")))),
    }
}
