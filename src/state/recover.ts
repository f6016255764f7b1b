import type { Config, LinkConfig, LinkRecord, LinkStatus, Route, State } from '../model.ts';

/**
 * The record of a link of which nothing is known (a lost or damaged state file), from the default that we ourselves put
 * into its table: the kernel drops that with the device or the address, so while it is there it is true.
 */
export function recoverRecords(
  config: Config,
  state: State,
  routes: readonly Route[],
  tableOf: (link: LinkConfig) => number,
): State {
  const recovered = config.links.flatMap((link) => {
    if (state.links[link.name] !== undefined || state.verdicts[link.name] !== undefined) return [];
    const route = routes.find(
      ({ table, type, destination }) => table === tableOf(link) && type === 'unicast' && destination === undefined,
    );
    return route?.device === undefined ? [] : [[link.name, recordOf(route.device, route)] as const];
  });
  return recovered.length === 0 ? state : { ...state, links: { ...state.links, ...Object.fromEntries(recovered) } };
}

function recordOf(device: string, { source, gateway }: Route): LinkRecord {
  return {
    source: 'kernel',
    device,
    ...(source !== undefined && { address: source }),
    ...(gateway !== undefined && { gateway }),
    dns: [],
  };
}

/**
 * What only `main` knew, kept: the next dial-up with `replacedefaultroute` takes that default away, and the line that had
 * it works all the same.
 */
export function keepMainGateways(
  state: State,
  statuses: readonly LinkStatus[],
  mainGateways: Readonly<Record<string, string>>,
): State {
  const learnt = statuses.flatMap((status) => {
    if (!status.up || status.gateway === undefined || mainGateways[status.device] !== status.gateway) return [];
    const { device, address, gateway, link } = status;
    const record: LinkRecord = { source: 'kernel', dns: [], ...state.links[link.name], device, address, gateway };
    return [[link.name, record] as const];
  });
  return learnt.length === 0 ? state : { ...state, links: { ...state.links, ...Object.fromEntries(learnt) } };
}
