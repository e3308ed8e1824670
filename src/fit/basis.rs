//! Which rows a law was fitted to, and which not, as a sentence.

use crate::laws::{Columns, Law, Variable};
use crate::vocab::{Observation, Observations};
use std::collections::BTreeSet;

/// `fitted to 360 of 362 checkpoints (the others lack a loss, D, N or a mixture): 4 sizes N, 10 token counts D; it does not
/// see N, so that it takes all sizes for one`
pub(super) fn sentence(observations: &Observations, law: &dyn Law) -> String {
    let all = observations.rows.len();
    let used: Vec<&Observation> =
        Columns::usable(observations).into_iter().map(|row| &observations.rows[row]).collect();
    let which = match all - used.len() {
        0 => format!("fitted to all {}", count(all, "checkpoint")),
        _ => format!(
            "fitted to {} of {} (the others lack a positive loss, N, D or a mixture)",
            used.len(),
            count(all, "checkpoint")
        ),
    };
    let values = |variable: Variable| {
        #[allow(clippy::cast_possible_truncation)]
        let key = |row: &&Observation| (variable.of(row).ln() * 1e3).round() as i64;
        used.iter().map(key).collect::<BTreeSet<i64>>().len()
    };
    let known = |variable: Variable| used.iter().any(|row| variable.of(row) > 1.0);
    let of = [
        (Variable::Params, "size"),
        (Variable::Tokens, "token count"),
        (Variable::Experts, "expert count"),
        (Variable::ExpertsPerToken, "count of experts per token"),
        (Variable::Granularity, "granularity"),
    ];
    let mut said: Vec<String> = Vec::new();
    let mut blind: Vec<String> = Vec::new();
    for (variable, name) in of {
        if !known(variable) {
            continue;
        }
        let different = values(variable);
        said.push(format!("{} {}", count(different, name), variable.letter()));
        if different > 1 && !law.sees().contains(&variable) {
            blind.push(format!("it does not see {}, so it takes every {name} for the same", variable.letter()));
        } else if different == 1 && law.sees().contains(&variable) {
            blind.push(format!("its term in {} is a constant here", variable.letter()));
        }
    }
    let mut text = which;
    if !said.is_empty() {
        text.push_str(&format!(": {}", said.join(", ")));
    }
    if !known(Variable::Tokens) {
        text.push_str("; no run states D, so all count as equally long");
    }
    blind.iter().for_each(|sentence| text.push_str(&format!("; {sentence}")));
    text
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        n if what.ends_with('y') => format!("{n} {}ies", what.trim_end_matches('y')),
        n if what.contains(" of ") => format!("{n} {}", what.replacen("count ", "counts ", 1)),
        n => format!("{n} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;

    #[test]
    fn what_a_law_does_not_see_and_what_was_left_out_is_said() {
        let row = |params: f64, tokens: f64| Observation {
            params,
            tokens,
            mixture: vec![1.0],
            loss: 2.0,
            run: tokens as usize,
            ..Observation::default()
        };
        let mut rows = Observations {
            domains: vec!["a".to_owned()],
            rows: vec![row(1e6, 1e9), row(1e7, 1e9), row(1e7, f64::NAN)],
            ..Observations::default()
        };
        let said = |rows: &Observations, law: &str| sentence(rows, laws::get(law).unwrap());
        assert_eq!(
            said(&rows, "chinchilla"),
            "fitted to 2 of 3 checkpoints (the others lack a positive loss, N, D or a mixture): 2 sizes N, 1 token count D; \
             its term in D is a constant here"
        );
        assert_eq!(
            said(&rows, "mixing"),
            "fitted to 2 of 3 checkpoints (the others lack a positive loss, N, D or a mixture): 2 sizes N, 1 token count D; \
             it does not see N, so it takes every size for the same"
        );
        for (i, row) in rows.rows.iter_mut().enumerate() {
            (row.tokens, row.run) = (f64::NAN, i);
        }
        assert_eq!(
            said(&rows, "chinchilla"),
            "fitted to all 3 checkpoints: 2 sizes N; no run states D, so all count as equally long"
        );
    }
}
