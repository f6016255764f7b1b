/** The recorded hook environments of captures/, as a hook's input, and an event in short words. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HookInput, ParsedHook } from '../../src/events/hook-input.ts';

const DIRECTORY = join(import.meta.dirname, 'captures');

export const captureFolders = () =>
  readdirSync(DIRECTORY, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** `ip-up.demand` for ip-up.demand.env and ip-up.demand.args. */
export const capturesIn = (folder: string) =>
  readdirSync(join(DIRECTORY, folder))
    .filter((file) => file.endsWith('.env'))
    .map((file) => file.slice(0, -'.env'.length));

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', '\\': '\\' };

/** captures/README.md: newline is \n, backslash \\, other control bytes \xNN; Node reads bytes that are not UTF-8 as U+FFFD. */
function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, hex: string | undefined, one: string) =>
    hex === undefined ? (ESCAPES[one] ?? `\\${one}`) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

export function readCapture(folder: string, name: string): HookInput {
  const path = join(DIRECTORY, folder, name);
  const lines = (file: string) => readFileSync(file, 'utf8').replace(/\n$/, '').split('\n').map(unescape);
  const pairs = lines(`${path}.env`).map((line): [string, string] => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)];
  });
  return { args: lines(`${path}.args`).slice(1), env: Object.fromEntries(pairs) };
}

/** `up ppp0 192.0.2.10/32 peer 192.0.2.1 dns 192.0.2.53 ipparam wan1`, `ignored: …`, `problem: …`. */
export function inWords(parsed: ParsedHook): string {
  if ('ignored' in parsed) return `ignored: ${parsed.ignored}`;
  if ('problems' in parsed) return parsed.problems.map((problem) => `problem: ${problem}`).join('\n');
  const { kind, device, address, prefix, peer, gateway, dns, prefixes, prefixesAre, ipparam, linkname } = parsed.event;
  return [
    kind,
    device,
    address === undefined ? undefined : prefix === undefined ? address : `${address}/${prefix}`,
    peer && `peer ${peer}`,
    gateway && `via ${gateway}`,
    dns.length > 0 ? `dns ${dns.join(',')}` : undefined,
    prefixes && `prefixes ${prefixesAre === undefined ? '' : `${prefixesAre} `}${prefixes.join(',') || 'none'}`,
    ipparam && `ipparam ${ipparam}`,
    linkname && `linkname ${linkname}`,
  ]
    .filter(Boolean)
    .join(' ');
}
