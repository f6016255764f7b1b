// Stands in for node:crypto and node:os under dotenv in the hooks' bundles: only encrypted vaults and a home directory need
// them, and they cost 6 ms and 1 ms.
module.exports = {};
