// Stands in for signal-exit under proper-lockfile in the bundles. Loading the real one costs a hook 4 ms (it needs
// node:assert), and it only cleans up after signals: here a dead owner's lock is recognised by everybody (src/lock.ts).
module.exports = (listener) => process.on('exit', listener);
