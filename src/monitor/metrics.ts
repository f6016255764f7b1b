import { conditionOf, healthOf, isUsable, pictureOf, seenStatuses } from '../desired/picture.ts';
import { isInUse6 } from '../desired/routing6.ts';
import type { Condition, Config, LinkHealth, LinkStatus, State } from '../model.ts';
import type { MeasuredLinks } from '../state/measured.ts';

/** What is to be told: a decision's part, and what was measured. */
export interface Gauged {
  readonly config: Config;
  readonly statuses: readonly LinkStatus[];
  readonly statuses6?: readonly LinkStatus[];
  readonly state: State;
  readonly measured: MeasuredLinks;
  readonly measured6?: MeasuredLinks;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly version: string;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | undefined];

const CONDITIONS: readonly Condition[] = ['up', 'degraded', 'dead', 'down'];

/** Prometheus' text format (exposition format 0.0.4), for node_exporter's textfile collector. Pure. */
export function metricsText(gauged: Gauged): string {
  const { config, statuses: in4, statuses6: in6 = [], state, now, version } = gauged;
  const { links } = pictureOf(config, in4, state, in6);
  const statuses = seenStatuses(config, in4, in6);
  const each = (valueOf: (seen: (typeof links)[number], status: LinkStatus) => number | undefined): Sample[] =>
    links.map((seen, n) => [{ link: seen.name }, valueOf(seen, statuses[n] as LinkStatus)]);
  const told = (status: LinkStatus) => figuresOf(status, gauged);
  const lastChange = (status: LinkStatus) => {
    const { verdicts = {} } = (status.family === 6 ? state.v6 : state) ?? {};
    const times = [verdicts[status.link.name]?.since, healthOf(status, state)?.since];
    return Math.max(...times.map((time) => time ?? -Infinity));
  };
  return [
    gauge('info', 'Always 1; the version of wanhook.', [[{ version }, 1]]),
    gauge('stopped', '1 after "wanhook stop".', [[{}, Number(state.stopped)]]),
    gauge('links_usable', 'How many links work.', [[{}, links.filter(isUsable).length]]),
    gauge(
      'link_info',
      'Always 1; what the link has now.',
      links.map(({ name, device = '', address = '' }) => [{ link: name, device, address }, 1]),
    ),
    gauge(
      'link_up',
      '1 if the link has its line: device, carrier and address.',
      each((_, { up }) => Number(up)),
    ),
    gauge(
      'link_usable',
      '1 if the link is up and not dead.',
      each((seen) => Number(isUsable(seen))),
    ),
    gauge(
      'link_condition',
      '1 for what the link is.',
      links.flatMap(({ name, condition }) =>
        CONDITIONS.map((one): Sample => [{ link: name, condition: one }, Number(one === condition)]),
      ),
    ),
    gauge(
      'link_share_ratio',
      'Share of new connections.',
      each(({ share }) => share),
    ),
    gauge(
      'link_weight',
      'WEIGHT.',
      each((_, { link }) => link.weight),
    ),
    gauge(
      'link_tier',
      'TIER.',
      each((_, { link }) => link.tier),
    ),
    gauge(
      'link_metered',
      '1 if METERED=yes.',
      each((_, { link }) => Number(link.metered)),
    ),
    gauge(
      'link_last_change_timestamp_seconds',
      'When the link last came, went, or got another verdict.',
      each((_, status) => seconds(finite(lastChange(status)))),
    ),
    gauge(
      'link_held_back',
      '1 while the link is well again, but held back after flapping.',
      each((_, status) => Number((healthOf(status, state)?.heldUntil ?? 0) > now)),
    ),
    gauge(
      'link_loss_ratio',
      'Lost share of probes.',
      each((_, status) => told(status).loss),
    ),
    gauge(
      'link_rtt_seconds',
      'Round trip of probes.',
      each((_, status) => seconds(told(status).rtt)),
    ),
    gauge(
      'link_jitter_seconds',
      'Variation of the round trip.',
      each((_, status) => seconds(told(status).jitter)),
    ),
    ...ipv6Gauges(gauged),
  ].join('');
}

/** The same about the IPv6 of links that have any, or had: it may be dead alone. */
function ipv6Gauges(gauged: Gauged): string[] {
  const { statuses6 = [], state, now } = gauged;
  const had = statuses6.filter((status) => isInUse6([status]));
  const each = (valueOf: (status: LinkStatus) => number | undefined): Sample[] =>
    had.map((status) => [{ link: status.link.name }, valueOf(status)]);
  return [
    gauge(
      'link_ipv6_condition',
      '1 for what the IPv6 of the link is.',
      had.flatMap((status) =>
        CONDITIONS.map((condition): Sample => {
          const labels = { link: status.link.name, condition };
          return [labels, Number(condition === conditionOf(status, state))];
        }),
      ),
    ),
    gauge(
      'link_ipv6_held_back',
      '1 while its IPv6 is well again, but held back after flapping.',
      each((status) => Number((healthOf(status, state)?.heldUntil ?? 0) > now)),
    ),
    gauge(
      'link_ipv6_loss_ratio',
      'Lost share of probes by IPv6.',
      each((status) => figuresOf(status, gauged).loss),
    ),
    gauge(
      'link_ipv6_rtt_seconds',
      'Round trip of probes by IPv6.',
      each((status) => seconds(figuresOf(status, gauged).rtt)),
    ),
    gauge(
      'link_ipv6_jitter_seconds',
      'Variation of the round trip by IPv6.',
      each((status) => seconds(figuresOf(status, gauged).jitter)),
    ),
  ];
}

/** As in the record; newer, if the monitor runs. */
function figuresOf(status: LinkStatus, { state, measured, measured6 = {} }: Gauged): Partial<LinkHealth> {
  const newer = (status.family === 6 ? measured6 : measured)[status.link.name];
  return { ...healthOf(status, state), ...(status.up && newer) };
}

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);

const finite = (value: number) => (Number.isFinite(value) ? value : undefined);

/** One family; nothing at all if nothing is known. */
function gauge(name: string, help: string, samples: readonly Sample[]): string {
  const lines = samples.flatMap(([labels, value]) =>
    value === undefined ? [] : [`wanhook_${name}${labelText(labels)} ${value}\n`],
  );
  if (lines.length === 0) return '';
  return `# HELP wanhook_${name} ${help}\n# TYPE wanhook_${name} gauge\n${lines.join('')}`;
}

function labelText(labels: Labels): string {
  const words = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return words.length === 0 ? '' : `{${words.join(',')}}`;
}

const escaped = (value: string) => value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
