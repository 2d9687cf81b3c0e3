//! What the table of SentinelOne cannot say (sources §5).

use super::draft::Draft;
use crate::tape::TapeObject;

/// Refines what the table made of a record.
pub(crate) fn refine(_record: TapeObject<'_>, _draft: &mut Draft<'_, '_>) {}
