//! Who we are to Azure, by each way of the chain.
