import {
  contains6,
  isLinkLocalIpv6,
  isLocalIpv6,
  isUsableIpv6,
  overlap6,
  parsePrefix6,
  prefixOf6,
  showPrefix6,
  type Prefix6,
} from '../ipv6.ts';
import { givenToOthers, withoutGiven } from './prefixes.ts';
import { translationsOf } from './translations.ts';
import type {
  Config,
  Device,
  DeviceAddress6,
  LinkConfig,
  LinkDown,
  LinkRecord,
  LinkStatus,
  LinkUp,
  LinkVerdict,
  State,
} from '../model.ts';
import { bareStatus, isBare, isDialled, whyNot } from './bare6.ts';
import { placed, withHints, type Place } from './live.ts';

/** Default routes of others in `main`, by device: routers' advertisements, and who sets IPv6 by hand. */
export type MainDefaults = Readonly<
  Record<string, { readonly gateway?: string; readonly expires?: number /* seconds */ }>
>;

/**
 * What every link is worth to IPv6 now. Hooks only tell which device it is and what was delegated: addresses come from
 * advertisements too, of which no hook is told, so the kernel's decide. That a link has no IPv6 is nobody's trouble.
 */
export function linkStatuses6(
  config: Config,
  state: State,
  devices: readonly Device[],
  defaults: MainDefaults,
  now: number,
): LinkStatus[] {
  const known = withHints({ links: {}, verdicts: {}, ...state.v6 }, state);
  // A device that IPv4 remembers is this link's for IPv6, too.
  const places = placed(config, { ...known, verdicts: { ...state.verdicts, ...known.verdicts } }, devices);
  const records = withoutGiven(known.links, givenToOthers(config, known.links));
  const wans = places.flatMap(({ present }) => present ?? []);
  const subnets = wans.flatMap((wan) =>
    usable(wan).map(({ local, prefix }) => ({ wan, subnet: prefixOf6(local, prefix) })),
  );
  return places
    .filter(({ link }) => link.ipv6 !== false)
    .map((place) => {
      const { link } = place;
      const [verdict, record] = [known.verdicts[link.name], records[link.name]];
      if (isBare(place, record, verdict)) return bareStatus(place, record, verdict);
      const found = linkStatus6(link, record, verdict, place, { defaults, devices, subnets, now });
      const translations = translationsOf(config, found, devices, wans);
      return translations.length === 0 ? found : { ...found, translations };
    });
}

/** What a line is compared with. */
export interface Around {
  readonly defaults: MainDefaults;
  readonly devices: readonly Device[];
  /** Of all links' devices: made once, for every link is compared with every other's. */
  readonly subnets: readonly { readonly wan: Device; readonly subnet: Prefix6 }[];
  readonly now: number;
}

/** Without its translations. */
export function linkStatus6(
  link: LinkConfig,
  record: LinkRecord | undefined,
  verdict: LinkVerdict | undefined,
  { name, present: device }: Place,
  { defaults, devices, subnets, now }: Around,
): LinkStatus {
  const isPpp = isDialled(device);
  const isThere =
    (device?.addresses6 ?? []).length > 0 || (device !== undefined && !isPpp && link.gateway6 !== undefined);
  const isKnown = isThere || verdict?.address !== undefined;
  const delegated = prefixesOf(isKnown ? link : {}, record);
  const own = usable(device);
  const onDevice = device === undefined ? undefined : addressOf(device, verdict?.address);
  // A session that has brought no IPv6 carries none, whoever has an address out of the line's prefix.
  const address = onDevice ?? (isPpp && !isThere ? undefined : within(delegated, devices)?.local);
  const last = address ?? verdict?.address;
  const sources =
    own.length > 0
      ? sourcesOf(
          own,
          subnets.filter(({ wan }) => wan !== device).map(({ subnet }) => subnet),
        )
      : verdict?.sources;
  const mtu = device?.mtu ?? verdict?.mtu;
  const linkLocal = device !== undefined && isPpp && own.length === 0 ? linkLocalOf(device) : undefined;
  const common = {
    ...({ family: 6, link } as const),
    ...(sources !== undefined && { sources }),
    ...(delegated.length > 0 && { delegated }),
    ...(linkLocal !== undefined && { linkLocal }),
  };
  const down = (reason: string): LinkDown => ({
    ...{ ...common, up: false, present: device !== undefined, pointToPoint: isPpp, reason },
    ...(name !== undefined && { device: name }),
    ...(mtu !== undefined && { mtu }),
    ...(last !== undefined && { address: last }),
  });
  const why = whyNot(name, device, record);
  if (why !== undefined || device === undefined) return down(why ?? `no device ${name ?? ''}`);
  if (address === undefined) return down(`${device.name} has no IPv6 address`);
  const up: Omit<LinkUp, 'onlink'> = { ...common, up: true, device: device.name, mtu: device.mtu, address };
  const peer = peerOf(device) ?? record?.gateway;
  if (isPpp && link.gateway6 === undefined)
    return { ...up, noArp: true, onlink: false, ...(peer !== undefined && { peer }) };
  const main = defaults[device.name];
  const gateway = link.gateway6 ?? main?.gateway;
  if (gateway === undefined) return down(`no IPv6 gateway known on ${device.name}: no router advertises itself there`);
  if (
    devices.some(
      ({ addresses6 = [] }) => addresses6.some(({ local }) => local === gateway) && !isLinkLocalIpv6(gateway),
    )
  ) {
    return down(`its gateway ${gateway} is this router's own address`);
  }
  const expires = link.gateway6 === undefined && main?.expires !== undefined ? now + main.expires * 1000 : undefined;
  return { ...up, gateway, onlink: isOnlink(gateway, own), ...(expires !== undefined && { expires }) };
}

/**
 * What is the line's, by its file and by its client. Nobody tells of the former: until IPv6 is seen on the line they count
 * for nothing, so that a machine without it keeps its kernel's IPv6 as it is.
 */
const prefixesOf = ({ prefixes = [] }: Pick<LinkConfig, 'prefixes'>, record: LinkRecord | undefined): string[] => [
  ...new Set([...prefixes, ...(record?.prefixes ?? [])]),
];

/** The kernel takes no gateway outside of every prefix, unless told. */
const isOnlink = (gateway: string, own: readonly DeviceAddress6[]) =>
  !isLinkLocalIpv6(gateway) &&
  !own.some(({ local, prefix }) => contains6(prefixOf6(local, prefix), prefixOf6(gateway, 128)));

const usable = (device: Device | undefined): DeviceAddress6[] =>
  (device?.addresses6 ?? []).filter(({ local }) => isUsableIpv6(local));

/** The one it had, else one that lasts: global rather than local, of no day's privacy, not deprecated. */
function addressOf(device: Device, before: string | undefined): string | undefined {
  const rank = ({ local, deprecated, temporary }: DeviceAddress6) =>
    Number(deprecated === true) * 4 + Number(isLocalIpv6(local)) * 2 + Number(temporary === true);
  const all = usable(device).toSorted((a, b) => rank(a) - rank(b));
  const same = all.find(({ local }) => local === before);
  const [best] = all;
  return same !== undefined && best !== undefined && rank(same) <= Math.max(rank(best), 1) ? same.local : best?.local;
}

/** A line may give no address, only a prefix: then this router is who has an address out of that, wherever. */
function within(delegated: readonly string[], devices: readonly Device[]): DeviceAddress6 | undefined {
  // Most lines: then nobody's address need be read, which with 60 links took longer than all the rest.
  if (delegated.length === 0) return undefined;
  const prefixes = delegated.flatMap((text) => parsePrefix6(text) ?? []);
  const isIn = ({ local }: DeviceAddress6) => prefixes.some((prefix) => contains6(prefix, prefixOf6(local, 128)));
  return devices.flatMap(usable).find(isIn);
}

/**
 * What may leave by this link with an address of its device: whole prefixes, for temporary addresses come every day. Where
 * another link's device has the same prefix, each address by itself.
 */
function sourcesOf(own: readonly DeviceAddress6[], taken: readonly Prefix6[]): string[] {
  const found = own.map(({ local, prefix }) => {
    const subnet = prefixOf6(local, prefix);
    const isShared = taken.some((other) => overlap6(other, subnet));
    return prefix === 128 || isShared ? local : showPrefix6(subnet);
  });
  return [...new Set(found)].toSorted();
}

/** As pppd has them: with a peer, and by themselves. Any other was given by somebody who may want it left alone. */
const linkLocalOf = ({ addresses6 = [] }: Device) =>
  addresses6.find(({ local, prefix, peer }) => peer !== undefined && prefix === 128 && isLinkLocalIpv6(local));

/** pppd tells the kernel who is at the other end. */
const peerOf = ({ addresses6 = [] }: Device): string | undefined =>
  addresses6.find(({ local, peer }) => peer !== undefined && isLinkLocalIpv6(local))?.peer;
