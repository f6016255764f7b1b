import { showRange6 } from '../ipv6.ts';
import type { AddressRanges, Addresses, Config, PolicyRule } from '../model.ts';
import { showAddressRange, showNumberRange } from '../ranges.ts';

/** What a rule matches, as nft(8) text, for one family. */

/** Where a connection comes from: the LAN, or the router itself. */
export type Scope = 'lan' | 'own';

/** What IPv6's names have at their end. */
export type Six = '' | '6';

/** The words of a rule's match, once for each set it names; empty: it is not about packets from there. */
export function matches({ match }: PolicyRule, scope: Scope, six: Six, sets: Config['addressSets']): string[][] {
  const { from, to, protocols, sports, dports, iifs, dscps } = match;
  const devices = iifs?.filter((device) => device !== 'lo');
  if (iifs !== undefined && (scope === 'own' ? !iifs.includes('lo') : devices?.length === 0)) return [];
  const rest = [
    ...(protocols === undefined ? [] : [`meta l4proto ${oneOf(protocols.map(String))}`]),
    ...(sports === undefined ? [] : [`th sport ${oneOf(sports.map(showNumberRange))}`]),
    ...(dports === undefined ? [] : [`th dport ${oneOf(dports.map(showNumberRange))}`]),
    ...(dscps === undefined ? [] : [`ip${six} dscp ${oneOf(dscps.map(String))}`]),
  ];
  const input = scope === 'own' || devices === undefined ? [] : [`iifname ${deviceSet(devices)}`];
  const words = (field: string, of: Addresses | undefined) => addressWords(`ip${six} ${field}`, of, six, sets);
  return words('saddr', from).flatMap((source) =>
    words('daddr', to).map((destination) => [...input, ...source, ...destination, ...rest]),
  );
}

/** None: it has only addresses of the other family. */
function addressWords(
  field: string,
  addresses: Addresses | undefined,
  six: Six,
  sets: Config['addressSets'],
): string[][] {
  if (addresses === undefined) return [[]];
  const shown = rangeWords(addresses, six);
  const named = addresses.sets.filter((name) => sets?.[name] !== undefined && rangeWords(sets[name], six).length > 0);
  return [
    ...(shown.length === 0 ? [] : [[`${field} ${oneOf(shown)}`]]),
    ...named.map((name) => [`${field} @addr${six}_${name}`]),
  ];
}

const rangeWords = (ranges: AddressRanges, six: Six): string[] =>
  six === '' ? ranges.four.map(showAddressRange) : ranges.six.map(showRange6);

/** The sets that rules name, as far as they have addresses of the family. */
export function declarations({ addressSets = {} }: Config, six: Six): string[] {
  return Object.entries(addressSets).flatMap(([name, ranges]) => {
    const elements = rangeWords(ranges, six);
    if (elements.length === 0) return [];
    const type = six === '' ? 'ipv4_addr' : 'ipv6_addr';
    return [` set addr${six}_${name} { type ${type}; flags interval; elements = { ${elements.join(', ')} }; }`];
  });
}

export const oneOf = (words: readonly string[]) => (words.length === 1 ? (words[0] ?? '') : `{ ${words.join(', ')} }`);
export const deviceSet = (devices: readonly string[]) => `{ ${devices.map(text).join(', ')} }`;
export const text = (word: string) => `"${word}"`;
