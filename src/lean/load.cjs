// run-hook.sh: node load.cjs HOOK [ARGUMENT…]. Runs the hook's bundle with the code that V8 made of it last time: to
// compile it anew takes a hook 10 ms of 60. V8 itself refuses what another version or other flags have made; that it
// is of this very bundle is seen by the bundle's identity in front of it.
'use strict';
const {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} = require('node:fs');

const [hook] = process.argv.splice(2, 1);
const filename = `${__dirname}/${hook}.cjs`;
const keptIn = `/run/wanhook/${hook}.code`;

// Not readFileSync, of which more has to be compiled: half a millisecond.
function read(path, flags, check) {
  const file = openSync(path, flags);
  try {
    const found = fstatSync(file);
    check(found);
    const bytes = Buffer.allocUnsafeSlow(found.size);
    if (readSync(file, bytes) !== found.size) throw new Error(`${path} was not read whole`);
    return { found, bytes };
  } finally {
    closeSync(file);
  }
}

function isOwn({ uid, mode }) {
  if (uid !== process.geteuid() || (mode & 0o022) !== 0) throw new Error('a stranger’s');
}

// It is run as it is: only what nobody else can have written.
const readOwn = (path) => read(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK, isOwn).bytes;

// In front of the code: of which bundle it is, and what the runs have done that it was made of. As long as keeps it aligned:
// else V8 copies it.
const FRONT = 128;
const frontOf = (identity, runs) => `${[identity, ...runs].join(' ').padEnd(FRONT - 1)}\n`;

function keptCode(identity) {
  try {
    const kept = readOwn(keptIn);
    const front = kept.latin1Slice(0, FRONT).trimEnd();
    if (front.startsWith(`${identity} `)) return { code: kept.subarray(FRONT), runs: front.split(' ').slice(5) };
  } catch {
    // None.
  }
  return { runs: [] };
}

// With what shows that it is the same: nobody can set a ctime. Milliseconds, but with what a double holds of their parts.
function readBundle() {
  const { found, bytes } = read(filename, 'r', () => undefined);
  const { dev, ino, size, mtimeMs, ctimeMs } = found;
  return { identity: [dev, ino, size, mtimeMs, ctimeMs].join(' '), source: bytes.latin1Slice() };
}

// Said before, and nothing has changed since: the commonest word of a client. run-hook.sh has compared the first line of what
// is kept of that. (During an upgrade settled.cjs may be missing.)
function nothingToDo() {
  if (process.env.WANHOOK_SETTLED !== 'perhaps') return false;
  try {
    const call = { bundle: filename, args: process.argv.slice(2), env: process.env };
    // It stands in there as JSON in JSON: that tells without its code what cannot be.
    const args = JSON.stringify(JSON.stringify(call.args)).slice(1, -1);
    const told = readOwn('/run/wanhook/settled');
    return told.includes(`"[\\"${hook}.cjs\\",`) && told.includes(args) && require('./settled.cjs').nothingToDo(call);
  } catch {
    return false;
  }
}

function runBundle() {
  const { Script } = require('node:vm'); // half a millisecond
  const { identity, source } = readBundle();
  const { code: cachedData, runs } = keptCode(identity);
  // esbuild writes ASCII only.
  const text = `(function (exports, require, module, __filename, __dirname, keepCode) {${source}\n})`;
  const script = new Script(text, { filename, cachedData });

  // Called when the work is done: only functions that have run are compiled, now or for what is kept; and other functions run
  // where something is changed than where nothing is. Nothing is lost if it cannot be kept.
  function keepCode(run) {
    const isUsed = cachedData !== undefined && !script.cachedDataRejected;
    if (isUsed && runs.includes(run)) return;
    try {
      const temporary = `${keptIn}.${process.pid}.tmp`;
      const front = frontOf(identity, isUsed ? [...runs, run] : [run]);
      const kept = Buffer.concat([Buffer.from(front), script.createCachedData()]);
      writeFileSync(temporary, kept, { mode: 0o600, flag: 'wx' });
      renameSync(temporary, keptIn);
    } catch {
      // No room: the next one compiles, too.
    }
  }

  script.runInThisContext()(exports, require, module, filename, __dirname, keepCode);
}

// run-hook.sh goes on when it hears that all is done, and does not wait for the end of this process: that takes 4 ms.
function sayDone(status) {
  if (status !== 0) return;
  try {
    writeSync(Number(process.env.WANHOOK_ANSWER), 'done\n');
  } catch {
    // It has gone.
  }
}

if (process.env.WANHOOK_ANSWER) process.on('exit', sayDone);
if (!nothingToDo()) runBundle();
