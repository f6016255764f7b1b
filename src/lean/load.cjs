// run-hook.sh: node load.cjs HOOK [ARGUMENT…]. Runs the hook's bundle with the code that V8 made of it last time: to
// compile it anew takes a hook 10 ms of 60. V8 itself refuses what another version or other flags have made; that it
// is of this very bundle is seen by the copy of the source in front of it.
'use strict';
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');

const [hook] = process.argv.splice(2, 1);
const filename = `${__dirname}/${hook}.cjs`;
const keptIn = `/run/wanhook/${hook}.code`;

function keptCode(source) {
  try {
    const kept = readFileSync(keptIn);
    return source.equals(kept.subarray(0, source.length)) ? kept.subarray(source.length) : undefined;
  } catch {
    return undefined;
  }
}

const source = readFileSync(filename);
const cachedData = keptCode(source);
// esbuild writes ASCII only.
const text = `(function (exports, require, module, __filename, __dirname, keepCode) {${source.toString('latin1')}\n})`;
const script = new Script(text, { filename, cachedData });

// Called when the work is done: only functions that have run are compiled. Nothing is lost if it cannot be kept.
function keepCode() {
  if (cachedData !== undefined && !script.cachedDataRejected) return;
  try {
    const temporary = `${keptIn}.${process.pid}.tmp`;
    writeFileSync(temporary, Buffer.concat([source, script.createCachedData()]), { mode: 0o600 });
    renameSync(temporary, keptIn);
  } catch {
    // No room: the next one compiles, too.
  }
}

script.runInThisContext()(exports, require, module, filename, __dirname, keepCode);
