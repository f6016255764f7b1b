// Stands in for node:crypto under dotenv in the hooks' bundles: only encrypted vaults need it, and it costs 6 ms.
module.exports = {};
