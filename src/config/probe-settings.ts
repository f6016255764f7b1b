import type { Band, LinkConfig, ProbeSettings, ProbeTarget, Problem, QualityBands } from '../model.ts';
import type { Assignments } from './dotenv.ts';
import { FAST_TIMES, PROBE_DEFAULTS, type PROBE_KEYS } from './probe-keys.ts';
import type { Values } from './values.ts';

type Given = Values<typeof PROBE_KEYS> & { readonly IPV4?: boolean };

/** What is asked over a link, by family; absent: nobody asks. */
type BothFamilies = Pick<LinkConfig, 'probe' | 'probe6'>;

/**
 * What a link's keys, and behind them the defaults for all, say about probes; nothing: PROBE=none. FAST=yes in the
 * link's own file is nearer to it than an interval for all.
 */
export function probeSettings(
  values: Given,
  own: Given,
  assignments: Assignments,
  file: string,
  problems: Problem[],
): BothFamilies {
  const targets = values.PROBE ?? PROBE_DEFAULTS.targets;
  if (targets.length === 0) return {};
  const { in4, in6 } = byFamily(targets, values.IPV4 === false);
  const times = values.FAST === true ? FAST_TIMES : PROBE_DEFAULTS;
  const timing = own.FAST === true ? own : values;
  const need = values.PROBE_NEED ?? PROBE_DEFAULTS.need;
  const common: Omit<ProbeSettings, 'targets' | 'need'> = {
    intervalMs: timing.PROBE_INTERVAL ?? times.intervalMs,
    timeoutMs: timing.PROBE_TIMEOUT ?? times.timeoutMs,
    downAfter: values.DOWN_AFTER ?? PROBE_DEFAULTS.downAfter,
    upAfter: values.UP_AFTER ?? PROBE_DEFAULTS.upAfter,
    degraded: bands(PROBE_DEFAULTS.degraded, values.LOSS_DEGRADED, values.LATENCY_DEGRADED, values.JITTER_DEGRADED),
    down: bands(PROBE_DEFAULTS.down, values.LOSS_DOWN, values.LATENCY_DOWN, values.JITTER_DOWN),
    flap: {
      penalty: values.FLAP_PENALTY ?? PROBE_DEFAULTS.flap.penalty,
      suppress: values.FLAP_SUPPRESS ?? PROBE_DEFAULTS.flap.suppress,
      reuse: values.FLAP_REUSE ?? PROBE_DEFAULTS.flap.reuse,
      halfLifeMs: (values.FLAP_HALF_LIFE ?? PROBE_DEFAULTS.flap.halfLifeMs / 1000) * 1000,
    },
  };
  reportProbes(need, [in4, in6], common.flap, { assignments, file, problems });
  const of = (asked: readonly ProbeTarget[]) => ({ targets: asked, need: Math.min(need, asked.length), ...common });
  return { ...(in4.length > 0 && { probe: of(in4) }), ...(in6.length > 0 && { probe6: of(in6) }) };
}

/**
 * `gateway` is IPv4's, and IPv6's where that is asked about anything else, or is all that the link has: a modem that
 * answers must not be all that speaks for IPv6 while IPv4 is known to be dead behind it.
 */
function byFamily(targets: readonly ProbeTarget[], isIpv6Only: boolean) {
  const isFar6 = (target: ProbeTarget) => target.kind !== 'gateway' && target.address.includes(':');
  const isAsked6 = isIpv6Only || targets.some(isFar6);
  return {
    in4: targets.filter((target) => !isFar6(target)),
    in6: targets.filter((target) => isFar6(target) || (isAsked6 && target.kind === 'gateway')),
  };
}

type Given1 = Band | 'off' | undefined;

function bands(otherwise: QualityBands, loss: Given1, latency: Given1, jitter: Given1): QualityBands {
  const chosen = {
    loss: loss ?? otherwise.loss,
    latency: latency ?? otherwise.latency,
    jitter: jitter ?? otherwise.jitter,
  };
  return Object.fromEntries(Object.entries(chosen).filter(([, band]) => band !== undefined && band !== 'off'));
}

/** What no key can check alone. */
function reportProbes(
  need: number,
  families: readonly (readonly ProbeTarget[])[],
  { reuse, suppress }: ProbeSettings['flap'],
  { assignments, file, problems }: { assignments: Assignments; file: string; problems: Problem[] },
): void {
  const report = (keys: readonly string[], message: string) => {
    const line = keys.map((key) => assignments.get(key)?.line).find((each) => each !== undefined);
    problems.push({ file, ...(line !== undefined && { line }), message });
  };
  const most = Math.max(...families.map(({ length }) => length));
  if (need > most) {
    const of = families.every(({ length }) => length > 0) ? ' of each family' : '';
    report(['PROBE_NEED', 'PROBE'], `PROBE_NEED=${need}, but PROBE has only ${most}${of}: no round could succeed`);
  }
  if (reuse >= suppress) {
    report(['FLAP_REUSE', 'FLAP_SUPPRESS'], `FLAP_REUSE=${reuse} must be below FLAP_SUPPRESS=${suppress}`);
  }
}
