//! What a run costs: FLOPs, or the GPU-hours and money that the project's budget says they take.

use crate::advise::speed::gpu_hour;
use crate::project::Budget;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{Abstention, CostUnit, Speeds};

/// Units of cost for one FLOP, and what is taken for that, as sentences. `speeds`: those of the runs; `routed`:
/// whether the target has experts.
///
/// # Errors
/// What the budget lacks.
pub(super) fn of_a_flop(
    unit: CostUnit,
    budget: Option<&Budget>,
    speeds: &Speeds,
    routed: bool,
) -> Result<(f64, Vec<String>), Abstention> {
    if unit == CostUnit::Flops {
        return Ok((1.0, Vec::new()));
    }
    let open = Budget::default();
    let budget = budget.unwrap_or(&open);
    let unknown = |key: &str, example: &str, why: &str| {
        let why = if why.is_empty() { String::new() } else { format!(" {why}") };
        let unknown = format!("What a run costs in {} is not known without `budget.{key}`.{why}", unit.name());
        // All that is missing for sure, at once.
        let price = match unit {
            CostUnit::Money if key != "price" && budget.price.is_none() => ", price: 2.5",
            _ => "",
        };
        let help = format!("Write it in the project file: budget: {{ {key}: {example}{price} }}");
        Abstention { reasons: vec![unknown], would_help: vec![help], nothing_to_mix: None }
    };
    let found = gpu_hour(budget, speeds, routed).map_err(|lacks| unknown(lacks.needs, lacks.example, &lacks.why))?;
    let flops = found.flops();
    let hour = format!(
        "A GPU-hour is taken as 3600 s × {} FLOP/s × MFU {} = {} FLOPs",
        show_amount(found.peak),
        found.show_mfu(),
        significant(flops, 3)
    );
    let (cost, hour) = match unit {
        CostUnit::Money => {
            let price = budget.price.ok_or_else(|| unknown("price", "2.5", ""))?;
            (price / flops, format!("{hour}, and costs {price}."))
        }
        _ => (1.0 / flops, format!("{hour}.")),
    };
    Ok((cost, std::iter::once(hour).chain(found.said).collect()))
}
