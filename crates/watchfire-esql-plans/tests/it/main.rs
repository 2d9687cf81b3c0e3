//! Plans of DataFusion against what the same queries give row by row.

mod random;
mod table;
