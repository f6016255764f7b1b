/**
 * The lab's traffic tool: one program, bundled to dist/test/traffic.cjs and started inside a namespace.
 *
 *   traffic.cjs serve --tcp 7000 --udp 7000          first line "ready", ends with the namespace or after an hour
 *   traffic.cjs probe --to 203.0.113.10 --ms 2000    a new connection every 5 ms
 *   traffic.cjs share --to 203.0.113.10,203.0.113.11 --count 200
 *   traffic.cjs hold  --to 203.0.113.10 --count 10 --ms 5000
 *
 * Output: JSON lines, the last one {"summary": …}. SIGTERM ends a run early, with its summary.
 */
import { parseArgs } from 'node:util';
import { hold } from './traffic-hold.ts';
import { probe } from './traffic-probe.ts';
import { serve } from './traffic-serve.ts';
import { share } from './traffic-share.ts';

/** Nothing in a test lasts longer; whatever is asked for is cut to this. */
const MAX_MS = 3_600_000;
const MAX_COUNT = 100_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tcp: { type: 'string', default: '' },
    udp: { type: 'string', default: '' },
    to: { type: 'string', default: '' },
    from: { type: 'string', default: '' },
    port: { type: 'string', default: '7000' },
    proto: { type: 'string', default: 'tcp' },
    ms: { type: 'string', default: '1000' },
    every: { type: 'string' },
    timeout: { type: 'string', default: '1000' },
    count: { type: 'string', default: '100' },
    concurrency: { type: 'string', default: '10' },
  },
});

function number(text: string, max: number): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`not a number: "${text}"`);
  return Math.min(value, max);
}

const list = (text: string): string[] => text.split(',').filter((part) => part !== '');

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

const common = {
  to: list(values.to),
  from: list(values.from),
  port: number(values.port, 65_535),
  proto: values.proto === 'udp' ? ('udp' as const) : ('tcp' as const),
  timeoutMs: number(values.timeout, 60_000),
  stop: stop.signal,
};
const ms = number(values.ms, MAX_MS);
const count = number(values.count, MAX_COUNT);

switch (positionals[0]) {
  case 'serve':
    setTimeout(() => process.exit(0), MAX_MS).unref();
    stop.signal.addEventListener('abort', () => process.exit(0));
    void serve(list(values.tcp).map(Number), list(values.udp).map(Number));
    break;
  case 'probe':
    void probe({ ...common, ms, everyMs: Math.max(1, number(values.every ?? '5', MAX_MS)) });
    break;
  case 'share':
    void share({ ...common, count, concurrency: Math.max(1, number(values.concurrency, 1000)) });
    break;
  case 'hold':
    void hold({ ...common, count, ms, everyMs: Math.max(1, number(values.every ?? '100', MAX_MS)) });
    break;
  default:
    throw new Error(`no such mode: "${positionals[0] ?? ''}"`);
}
