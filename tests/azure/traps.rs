//! The traps of the issue that lie in Azure.
