//! The ledger of forecasts, for whoever reads it while it is written.

use crate::forecast::ledger::Ledger;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// See the [module](self). A clone is the same ledger.
#[derive(Debug, Clone, Default)]
pub struct SharedLedger(Arc<RwLock<Ledger>>);

impl SharedLedger {
    /// As it stands.
    pub fn read(&self) -> RwLockReadGuard<'_, Ledger> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// To add to it; for the component that owns it.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Ledger> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
