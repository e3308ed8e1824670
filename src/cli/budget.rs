//! Arguments that state a budget.

use super::ArgumentError;
use crate::project::Budget;
use crate::vocab::number::parse_amount;
use clap::Args;

/// What may be spent; what is left out is the project file's (`budget:`). Of several limits, the smallest binds.
#[derive(Debug, Args)]
pub(super) struct BudgetArgs {
    /// Expert counts to consider (1,8,64) [default: the project's, or those of the runs]
    #[arg(long, value_name = "E", value_delimiter = ',', value_parser = at_least_one)]
    experts: Vec<f64>,
    /// Tokens to serve, at 2·N FLOPs each from the same budget
    #[arg(long, value_name = "TOKENS", value_parser = positive)]
    serve_tokens: Option<f64>,
    /// Most parameters in all
    #[arg(long, value_name = "N", value_parser = positive)]
    max_params: Option<f64>,
    /// GPU-hours for training, by --peak-flops and --mfu or by what your runs measure
    #[arg(long, value_name = "H", value_parser = positive)]
    gpu_hours: Option<f64>,
    /// Money for training; needs --price
    #[arg(long, value_name = "MONEY", value_parser = positive)]
    cost: Option<f64>,
    /// Money for one GPU-hour
    #[arg(long, value_name = "MONEY", value_parser = positive)]
    price: Option<f64>,
    /// Wall time for training in hours; needs --gpus
    #[arg(long, value_name = "H", value_parser = positive)]
    hours: Option<f64>,
    /// GPUs
    #[arg(long, value_name = "COUNT", value_parser = positive)]
    gpus: Option<f64>,
    /// FLOP/s that one GPU is sold with (989T) [default: that of your runs' GPUs]
    #[arg(long, value_name = "FLOPS", value_parser = positive)]
    peak_flops: Option<f64>,
    /// Part of them that training uses (0.4) [default: measured from your runs]
    #[arg(long, value_name = "PART", value_parser = part)]
    mfu: Option<f64>,
    /// Bytes for serving (80G): parameters, and the KV cache with --context
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    serve_memory: Option<f64>,
    /// Bytes per parameter while serving [default: 2]
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    serve_bytes: Option<f64>,
    /// Tokens of context of each sequence that is served at once
    #[arg(long, value_name = "TOKENS", value_parser = positive)]
    context: Option<f64>,
    /// Sequences that are served at once [default: 1]
    #[arg(long, value_name = "COUNT", value_parser = positive)]
    batch: Option<f64>,
    /// Bytes for training over all devices (5T): parameters, gradients, optimiser, and activations with --micro-batch
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    train_memory: Option<f64>,
    /// Bytes per parameter in training [default: 16]
    #[arg(long, value_name = "BYTES", value_parser = positive)]
    train_bytes: Option<f64>,
    /// Tokens of one micro-batch over all devices
    #[arg(long, value_name = "TOKENS", value_parser = positive)]
    micro_batch: Option<f64>,
}

fn within(text: &str, wanted: &'static str, is: fn(f64) -> bool) -> Result<f64, ArgumentError> {
    Some(parse_amount(text)?).filter(|v| is(*v)).ok_or_else(|| ArgumentError::Outside { text: text.to_owned(), wanted })
}

fn positive(text: &str) -> Result<f64, ArgumentError> {
    within(text, "a number above zero, like 5T", |v| v > 0.0)
}

fn part(text: &str) -> Result<f64, ArgumentError> {
    within(text, "a part of 1, like 0.4", |v| v > 0.0 && v <= 1.0)
}

fn at_least_one(text: &str) -> Result<f64, ArgumentError> {
    within(text, "1 for a dense model, or more experts", |v| v >= 1.0)
}

impl BudgetArgs {
    /// The budget that they state.
    pub(super) fn budget(&self) -> Budget {
        Budget {
            compute: None,
            inference_tokens: self.serve_tokens,
            max_params: self.max_params,
            experts: self.experts.clone(),
            gpu_hours: self.gpu_hours,
            cost: self.cost,
            hours: self.hours,
            gpus: self.gpus,
            peak_flops: self.peak_flops,
            mfu: self.mfu,
            price: self.price,
            serve_memory: self.serve_memory,
            serve_bytes: self.serve_bytes,
            context: self.context,
            batch: self.batch,
            train_memory: self.train_memory,
            train_bytes: self.train_bytes,
            micro_batch: self.micro_batch,
        }
    }
}
